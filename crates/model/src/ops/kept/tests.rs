use burn::tensor::Device;

use super::*;

const ROWS: usize = 3;
const VOCAB: usize = 5;
const WIDTH: usize = 2;

const HIDDEN: [f32; ROWS * WIDTH] = [0.5, -1.0, 2.0, 0.25, -0.75, 1.5];
const HEAD: [f32; VOCAB * WIDTH] = [1.0, 0.5, -0.5, 2.0, 0.0, -1.0, 1.5, 1.5, -2.0, 0.3];

fn tensors(device: &Device) -> (Tensor<2>, Tensor<2>) {
    let hidden = Tensor::from_data(TensorData::new(HIDDEN.to_vec(), [ROWS, WIDTH]), device);
    let head = Tensor::from_data(TensorData::new(HEAD.to_vec(), [VOCAB, WIDTH]), device);
    (hidden, head)
}

fn targets(device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(vec![1_i32, 3, 4], [ROWS]), device)
}

/// Log-probability, entropy, log Z and mean log-probability over a set, from the definitions.
fn definition(row: usize, target: usize, set: &[usize], temperature: f64) -> [f64; 4] {
    let logit = |token: usize| -> f64 {
        let pairs = (0..WIDTH)
            .map(|i| f64::from(HIDDEN[row * WIDTH + i]) * f64::from(HEAD[token * WIDTH + i]));
        pairs.sum::<f64>() / temperature
    };
    let log_z = set.iter().map(|token| logit(*token).exp()).sum::<f64>().ln();
    let logprobs: Vec<f64> = set.iter().map(|token| logit(*token) - log_z).collect();
    let entropy = -logprobs.iter().map(|logprob| logprob.exp() * logprob).sum::<f64>();
    let mean = logprobs.iter().sum::<f64>() / logprobs.len() as f64;
    [logit(target) - log_z, entropy, log_z, mean]
}

fn floats(tensor: Option<Tensor<1>>) -> Vec<f32> {
    tensor.unwrap().into_data().iter::<f32>().collect()
}

#[test]
fn a_kept_set_renormalises_the_policy() {
    let device = Device::flex();
    let kept = [KeptSet::Only(vec![4, 1]), KeptSet::Without(vec![0, 9]), KeptSet::All];
    let sets: [&[usize]; ROWS] = [&[1, 4], &[1, 2, 3, 4], &[0, 1, 2, 3, 4]];
    let (hidden, head) = tensors(&device);
    // A budget of one row: the masks follow the chunks.
    let options = LogprobOptions {
        temperature: 0.7,
        entropy: true,
        log_z: true,
        mean_logprob: true,
        budget: 1,
        ..LogprobOptions::default()
    };
    let told = kept_logprobs(hidden, head, targets(&device), &kept, &options);
    let ours = [Some(told.logprobs), told.entropy, told.log_z, told.mean_logprob].map(floats);
    for (row, (set, target)) in sets.iter().zip([1, 3, 4]).enumerate() {
        let expected = definition(row, target, set, 0.7);
        for (ours, expected) in ours.iter().zip(expected) {
            assert!((f64::from(ours[row]) - expected).abs() < 1e-5, "{} {expected}", ours[row]);
        }
    }
}

#[test]
fn tokens_outside_the_set_get_no_gradient() {
    let device = Device::flex().autodiff();
    let (hidden, head) = tensors(&device);
    let (hidden, head) = (hidden.require_grad(), head.require_grad());
    let kept = vec![KeptSet::Only(vec![1, 3, 4]); ROWS];
    let options = LogprobOptions { entropy: true, ..LogprobOptions::default() };
    let told = kept_logprobs(hidden, head.clone(), targets(&device), &kept, &options);
    let sum = told.logprobs.sum() + told.entropy.unwrap().sum();
    let gradient = head.grad(&sum.backward()).unwrap();
    let gradient: Vec<f32> = gradient.into_data().iter::<f32>().collect();
    for (token, row) in gradient.chunks(WIDTH).enumerate() {
        let is_zero = row.iter().all(|value| *value == 0.0);
        assert_eq!(is_zero, [0, 2].contains(&token), "token {token}: {row:?}");
    }
}

#[test]
fn sets_of_everything_are_the_plain_policy() {
    let device = Device::flex();
    let (hidden, head) = tensors(&device);
    let options = LogprobOptions::default();
    let all = vec![KeptSet::Without(Vec::new()); ROWS];
    let kept = kept_logprobs(hidden.clone(), head.clone(), targets(&device), &all, &options);
    let plain = head::token_logprobs(hidden, head, targets(&device), &options);
    let difference = (kept.logprobs - plain.logprobs).abs().max().into_scalar::<f32>();
    assert!(difference < 1e-6, "{difference}");
}
