//! The 8-bit state: how many bytes it takes, and that it trains as well as f32.

use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::Int;
use burn::tensor::activation::gelu;

use super::*;

const VOCAB: usize = 64;
const CONTEXT: usize = 4;

/// A feed-forward language model: four tokens in, the next one out.
#[derive(Module, Debug)]
struct Lm {
    embed: Embedding,
    up: Linear,
    out: Linear,
}

impl Lm {
    fn new(seed: u64) -> Self {
        let device = device();
        device.seed(seed);
        Self {
            embed: EmbeddingConfig::new(VOCAB, 32).init(&device),
            up: LinearConfig::new(CONTEXT * 32, 96).init(&device),
            out: LinearConfig::new(96, VOCAB).init(&device),
        }
    }

    /// Mean negative log-likelihood of the token after each context, in nats.
    fn loss(&self, text: &[usize]) -> Tensor<1> {
        let rows = text.len() - CONTEXT;
        let ids =
            |range: Vec<usize>| -> Vec<i32> { range.iter().map(|&i| text[i] as i32).collect() };
        let contexts = ids((0..rows).flat_map(|r| r..r + CONTEXT).collect());
        let contexts = Tensor::<1, Int>::from_data(contexts.as_slice(), &device());
        let targets = ids((CONTEXT..text.len()).collect());
        let targets = Tensor::<1, Int>::from_data(targets.as_slice(), &device());
        let hidden = self.embed.forward(contexts.reshape([rows, CONTEXT]));
        let hidden = gelu(self.up.forward(hidden.reshape([rows, CONTEXT * 32])));
        let logits = self.out.forward(hidden);
        CrossEntropyLossConfig::new().init(&device()).forward(logits, targets)
    }
}

/// Text with structure to learn: mostly a fixed function of the last token, else noise.
fn text(seed: u64, n: usize) -> Vec<usize> {
    let mut state = seed;
    let mut text: Vec<usize> = vec![seed as usize % VOCAB];
    while text.len() < n {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let last = text[text.len() - 1];
        let learnable = (state >> 60) < 13;
        text.push(if learnable { (5 * last + 7) % VOCAB } else { (state >> 40) as usize % VOCAB });
    }
    text
}

/// Loss over unseen text after 200 steps, and the bytes of state.
fn train(optimizer: &str) -> (f64, usize) {
    let config: OptimConfig = toml::from_str(&format!(
        "optimizer = {optimizer}\nlr = 3e-3\nscheduler = 'cosine'\nwarmup_steps = 10"
    ))
    .unwrap();
    let mut stepper = Stepper::new(&config, 200).unwrap();
    let mut lm = Lm::new(3);
    for step in 0..200 {
        let loss = lm.loss(&text(step + 1, 256 + CONTEXT));
        stepper.accumulate(&lm, loss.backward());
        lm = stepper.step(lm).0;
        stepper.advance(None);
    }
    let loss = lm.loss(&text(9999, 4096)).into_scalar::<f32>();
    (f64::from(loss), stepper.state_bytes())
}

#[test]
fn two_hundred_steps_end_within_one_percent_of_f32() {
    let (full, full_bytes) = train("'adamw'");
    let (eight, eight_bytes) = train("'adamw_8bit'");
    let uniform = (VOCAB as f64).ln();
    assert!(full < 0.8 * uniform, "the f32 run must have learned: {full} of {uniform}");
    assert!((eight / full - 1.0).abs() < 0.01, "{eight} instead of {full}");
    // Embedding 64 × 32, biases and so on stay in f32: 8 bytes each.
    let (large, small) = (128 * 96 + 96 * 64, 64 * 32 + 96 + 64);
    assert_eq!(full_bytes, 8 * (large + small));
    assert!(eight_bytes <= large * 21 / 10 + 8 * small, "{eight_bytes}");
}

#[test]
fn a_large_parameter_takes_at_most_2_1_bytes_a_value() {
    for n in [4096, 4097, 100_003] {
        let net = Lone { weight: param(Some(vec![0.5; n]), [n, 1]) };
        let mut stepper = Stepper::new(&config("'adamw_8bit'"), 10).unwrap();
        stepper.accumulate(&net, (net.weight.val() * 0.1).sum().backward());
        let _ = stepper.step(net);
        let bytes = stepper.state_bytes();
        assert!(bytes as f64 <= 2.1 * n as f64, "{bytes} for {n}");
    }
}

#[test]
fn small_parameters_and_embeddings_step_as_adamw_does() {
    let (mut plain, mut eight) = (
        Stepper::new(&config("'adamw'"), 10).unwrap(),
        Stepper::new(&config("'adamw_8bit'"), 10).unwrap(),
    );
    let a = steps(&mut plain, net(), 1..6);
    let b = steps(&mut eight, net(), 1..6);
    assert_eq!(a.values(), b.values());
}

#[test]
fn the_first_step_is_that_of_f32_and_zero_gradients_keep_zero_state() {
    // The moments of step 1 are used before they are rounded.
    let n = 5000;
    let gradient = |i: usize| if i < 1000 { 0.0 } else { (i % 37) as f32 / 37.0 - 0.5 };
    let gradients: Vec<f32> = (0..n).map(gradient).collect();
    let run = |optimizer: &str| {
        let net = Lone { weight: param(Some(vec![0.5; n]), [n, 1]) };
        let mut stepper = Stepper::new(&config(optimizer), 10).unwrap();
        let data = TensorData::new(gradients.clone(), [n, 1]);
        let loss = (net.weight.val() * Tensor::from_data(data, &device())).sum();
        stepper.accumulate(&net, loss.backward());
        let net = stepper.step(net).0;
        net.weight.val().into_data().try_into_vec_as::<f32>().unwrap()
    };
    assert_eq!(run("{ type = 'adamw_8bit' }"), run("'adamw'"));
}

#[derive(Module, Debug)]
struct Lone {
    weight: Param<Tensor<2>>,
}
