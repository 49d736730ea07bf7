use burn::tensor::{Device, TensorData};
use proptest::prelude::*;

use super::*;
use crate::fixtures::{assert_close, cases, floats, numbers, tensor};

/// Sizes, inputs and options of one problem.
#[derive(Debug, Clone)]
struct Case {
    rows: usize,
    width: usize,
    vocab: usize,
    hidden: Vec<f32>,
    head: Vec<f32>,
    targets: Vec<i32>,
    options: LogprobOptions,
}

impl Case {
    fn new([rows, width, vocab]: [usize; 3], seed: u64, options: LogprobOptions) -> Self {
        let targets = (0..rows).map(|row| ((row * 7 + seed as usize) % vocab) as i32).collect();
        Self {
            rows,
            width,
            vocab,
            hidden: numbers(seed, rows * width),
            head: numbers(seed + 1, vocab * width),
            targets,
            options: LogprobOptions { entropy: true, log_z: true, mean_logprob: true, ..options },
        }
    }

    fn tensors(&self, device: &Device) -> (Tensor<2>, Tensor<2>, Tensor<1, Int>) {
        let hidden = tensor(&self.hidden, [self.rows, self.width], device);
        let head = tensor(&self.head, [self.vocab, self.width], device);
        let targets = TensorData::new(self.targets.clone(), [self.rows]);
        (hidden, head, Tensor::from_data(targets, device))
    }

    /// The four outputs, from the definition in f64.
    fn definition(&self, hidden: &[f64], head: &[f64]) -> [Vec<f64>; 4] {
        let mut outputs = [(); 4].map(|()| Vec::new());
        for row in 0..self.rows {
            let x = &hidden[row * self.width..][..self.width];
            let logits: Vec<f64> = (0..self.vocab)
                .map(|token| {
                    let w = &head[token * self.width..][..self.width];
                    let logit: f64 = x.iter().zip(w).map(|(x, w)| x * w).sum();
                    let cap = self.options.softcap;
                    cap.map_or(logit, |cap| cap * (logit / cap).tanh()) / self.options.temperature
                })
                .collect();
            let log_z = logits.iter().map(|logit| logit.exp()).sum::<f64>().ln();
            let entropy = -logits.iter().map(|z| (z - log_z).exp() * (z - log_z)).sum::<f64>();
            let mean = logits.iter().map(|z| z - log_z).sum::<f64>() / self.vocab as f64;
            let target = self.targets[row] as usize;
            let values = [logits[target] - log_z, entropy, log_z, mean];
            outputs.iter_mut().zip(values).for_each(|(output, value)| output.push(value));
        }
        outputs
    }

    /// A sum of all outputs with a factor of its own for each.
    fn loss(&self, hidden: &[f64], head: &[f64]) -> f64 {
        let outputs = self.definition(hidden, head);
        let weighted = outputs.iter().enumerate().map(|(kind, output)| {
            output.iter().enumerate().map(|(row, value)| factor(kind, row) * value).sum::<f64>()
        });
        weighted.sum()
    }
}

fn factor(kind: usize, row: usize) -> f64 {
    [1.0, -0.5, 0.25, 2.0][kind] * (1.0 + row as f64 * 0.5)
}

type Head = fn(&Case, Tensor<2>, Tensor<2>, Tensor<1, Int>) -> TokenLogprobs;

fn plain(
    case: &Case,
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
) -> TokenLogprobs {
    token_logprobs(hidden, head, targets, &case.options)
}

fn portable(
    case: &Case,
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
) -> TokenLogprobs {
    composed::token_logprobs(hidden, head, targets, &case.options, None)
}

fn outputs(told: TokenLogprobs) -> [Tensor<1>; 4] {
    [told.logprobs, told.entropy.unwrap(), told.log_z.unwrap(), told.mean_logprob.unwrap()]
}

/// The outputs, and the gradients of [`Case::loss`] for hidden states and head.
fn run(case: &Case, by: Head) -> ([Vec<f32>; 4], [Vec<f32>; 2]) {
    let device = Device::flex().autodiff();
    let (hidden, head, targets) = case.tensors(&device);
    let (hidden, head) = (hidden.require_grad(), head.require_grad());
    let outputs = outputs(by(case, hidden.clone(), head.clone(), targets));
    let mut loss = Tensor::<1>::zeros([1], &device);
    for (kind, output) in outputs.iter().enumerate() {
        let factors: Vec<f32> = (0..case.rows).map(|row| factor(kind, row) as f32).collect();
        loss = loss + (output.clone() * tensor(&factors, [case.rows], &device)).sum();
    }
    let gradients = loss.backward();
    let gradient = |of: &Tensor<2>| of.grad(&gradients).map(floats).unwrap_or_default();
    let gradients = [gradient(&hidden), gradient(&head)];
    (outputs.map(floats), gradients)
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

fn check(case: &Case) {
    let expected = case.definition(&wide(&case.hidden), &wide(&case.head));
    let (ours, gradients) = run(case, plain);
    let (composed, composed_gradients) = run(case, portable);
    for (kind, name) in ["logprobs", "entropy", "log_z", "mean_logprob"].iter().enumerate() {
        let expected: Vec<f32> = expected[kind].iter().map(|value| *value as f32).collect();
        assert_close(name, &ours[kind], &expected, 2e-5);
        assert_close(&format!("composed {name}"), &composed[kind], &expected, 2e-5);
    }
    for (which, name) in ["hidden", "head"].iter().enumerate() {
        assert_close(name, &gradients[which], &composed_gradients[which], 5e-5);
    }
}

proptest! {
    #![proptest_config(cases(60))]
    #[test]
    fn the_kernel_is_the_definition(
        sizes in (1_usize..7, 1_usize..9, 1_usize..80),
        seed in 0_u64..1000,
        temperature in 0.3_f64..2.0,
        cap in proptest::option::of(1.0_f64..30.0),
        budget in prop_oneof![Just(1_usize), Just(700), Just(1 << 20)],
    ) {
        let options = LogprobOptions { temperature, softcap: cap, budget, ..LogprobOptions::default() };
        check(&Case::new([sizes.0, sizes.1, sizes.2], seed, options));
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let options =
        LogprobOptions { temperature: 0.8, softcap: Some(3.0), ..LogprobOptions::default() };
    let case = Case::new([3, 4, 37], 5, options);
    let (_, gradients) = run(&case, plain);
    let (hidden, head) = (wide(&case.hidden), wide(&case.head));
    let step = 1e-5;
    let slope = |place: usize, of_head: bool| {
        let moved = |by: f64| {
            let (mut hidden, mut head) = (hidden.clone(), head.clone());
            if of_head {
                head[place] += by;
            } else {
                hidden[place] += by;
            }
            case.loss(&hidden, &head)
        };
        ((moved(step) - moved(-step)) / (2.0 * step)) as f32
    };
    let expected: Vec<f32> = (0..hidden.len()).map(|place| slope(place, false)).collect();
    assert_close("hidden", &gradients[0], &expected, 2e-5);
    let expected: Vec<f32> = (0..head.len()).map(|place| slope(place, true)).collect();
    assert_close("head", &gradients[1], &expected, 2e-5);
}

#[test]
fn no_rows_give_nothing() {
    let case = Case::new([0, 3, 5], 1, LogprobOptions::default());
    let (hidden, head, targets) = case.tensors(&Device::flex());
    for output in outputs(plain(&case, hidden, head, targets)) {
        assert_eq!(output.dims(), [0]);
    }
}

#[test]
fn what_is_not_asked_for_is_absent() {
    let case = Case::new([2, 3, 5], 1, LogprobOptions::default());
    let (hidden, head, targets) = case.tensors(&Device::flex());
    let told = token_logprobs(hidden, head, targets, &LogprobOptions::default());
    assert!(told.entropy.is_none() && told.log_z.is_none() && told.mean_logprob.is_none());
}

#[test]
fn a_padding_row_of_nan_stays_alone() {
    for budget in [1, 1 << 20] {
        let options = LogprobOptions { budget, ..LogprobOptions::default() };
        let mut case = Case::new([4, 3, 40], 9, options);
        let counts = [0_usize, 2, 3];
        let clean = case.clone();
        case.hidden[3..6].fill(f32::NAN);
        let gradients = |case: &Case| {
            let device = Device::flex().autodiff();
            let (hidden, head, targets) = case.tensors(&device);
            let (hidden, head) = (hidden.require_grad(), head.require_grad());
            let [logprobs, entropy, ..] =
                outputs(plain(case, hidden.clone(), head.clone(), targets));
            let rows = Tensor::<1, Int>::from_data(
                TensorData::from(counts.map(|row| row as i32)),
                &device,
            );
            let loss = (logprobs.clone() + entropy).select(0, rows).sum();
            let gradients = loss.backward();
            let of_hidden = floats(hidden.grad(&gradients).unwrap());
            (floats(logprobs), of_hidden, floats(head.grad(&gradients).unwrap()))
        };
        let (logprobs, of_hidden, of_head) = gradients(&case);
        let (clean_logprobs, clean_hidden, clean_head) = gradients(&clean);
        assert!(logprobs[1].is_nan());
        for row in counts {
            assert_eq!(logprobs[row].to_bits(), clean_logprobs[row].to_bits());
        }
        assert_eq!(of_hidden, clean_hidden, "the padding row's own gradient is zero");
        assert_eq!(of_head, clean_head);
    }
}

#[test]
fn infinite_logits() {
    // Row 0 gives token 0 the logit −∞, row 1 gives it +∞, row 2 is all −∞.
    let huge = f32::MAX;
    let case = Case {
        rows: 3,
        width: 2,
        vocab: 3,
        hidden: vec![-huge, 0.0, huge, 0.0, -huge, -huge],
        head: vec![2.0, 2.0, 0.0, 3.0, 0.0, 5.0],
        targets: vec![1, 1, 1],
        options: LogprobOptions { entropy: true, log_z: true, ..LogprobOptions::default() },
    };
    let (hidden, head, targets) = case.tensors(&Device::flex());
    let told = plain(&case, hidden, head, targets);
    let (logprobs, entropy) = (floats(told.logprobs), floats(told.entropy.unwrap()));
    let half = std::f32::consts::LN_2;
    assert_close("logprob", &logprobs[..1], &[-half], 1e-6);
    assert_close("entropy", &entropy[..1], &[half], 1e-6);
    assert!(logprobs[1..].iter().chain(&entropy[1..]).all(|value| value.is_nan()));
}

#[test]
fn the_same_bits_every_time() {
    let case = Case::new(
        [33, 16, 1000],
        3,
        LogprobOptions { budget: 40_000, ..LogprobOptions::default() },
    );
    let (outputs, gradients) = run(&case, plain);
    for _ in 0..3 {
        let (again, gradients_again) = run(&case, plain);
        assert_eq!(outputs, again);
        assert_eq!(gradients, gradients_again);
    }
}
