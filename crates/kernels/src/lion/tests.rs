use burn::tensor::Device;
use proptest::prelude::*;

use super::*;
use crate::fixtures::{assert_close, cases, floats, numbers, tensor};

fn settings() -> LionStep {
    LionStep { lr: 1e-2, betas: [0.9, 0.99], weight_decay: 0.1, grad_scale: 0.5 }
}

fn vector(values: &[f32]) -> Tensor<1> {
    tensor(values, [values.len()], &Device::flex())
}

type By = fn(&LionStep, LionTensors, Tensor<1>) -> LionTensors;

fn steps(step: LionStep, by: By, gradients: &[Vec<f32>]) -> [Vec<f32>; 2] {
    let n = gradients[0].len();
    let mut tensors = LionTensors { param: vector(&numbers(1, n)), exp_avg: vector(&vec![0.0; n]) };
    for gradient in gradients {
        tensors = by(&step, tensors, vector(gradient));
    }
    [floats(tensors.param), floats(tensors.exp_avg)]
}

/// Gradients in eighths, some of them 0: their signs do not hang on rounding.
fn gradients(seed: u64, n: usize, count: u64) -> Vec<Vec<f32>> {
    let coarse = |x: &f32| (x * 8.0).round() / 8.0;
    (0..count).map(|t| numbers(seed * 64 + t, n).iter().map(coarse).collect()).collect()
}

/// The paper's algorithm in f64, for one value.
fn by_definition(step: &LionStep, start: f64, gradients: &[f64]) -> f64 {
    let [beta1, beta2] = step.betas;
    let (mut w, mut m) = (start, 0.0);
    for gradient in gradients {
        let g = gradient * step.grad_scale;
        let blend = beta1 * m + (1.0 - beta1) * g;
        let sign = if blend == 0.0 { 0.0 } else { blend.signum() };
        w -= step.lr * (sign + step.weight_decay * w);
        m = beta2 * m + (1.0 - beta2) * g;
    }
    w
}

#[test]
fn two_steps_follow_the_definition() {
    let all = gradients(1, 37, 2);
    for by in [update as By, composed] {
        let [param, _] = steps(settings(), by, &all);
        let expected: Vec<f32> = numbers(1, 37)
            .iter()
            .enumerate()
            .map(|(i, start)| {
                let history: Vec<f64> = all.iter().map(|g| f64::from(g[i])).collect();
                by_definition(&settings(), f64::from(*start), &history) as f32
            })
            .collect();
        assert_close("parameter", &param, &expected, 1e-6);
    }
}

proptest! {
    #![proptest_config(cases(20))]
    #[test]
    fn the_kernel_is_the_composed_step_to_the_bit(
        n in 1_usize..40_000,
        scale in 0.1_f64..1.0,
        seed in 0_u64..1000,
    ) {
        let step = LionStep { grad_scale: scale, ..settings() };
        let all = gradients(seed, n, 3);
        let ours = steps(step, update, &all);
        let theirs = steps(step, composed, &all);
        prop_assert_eq!(ours, theirs);
    }
}

#[test]
fn a_value_without_gradient_only_shrinks() {
    let tensors = LionTensors { param: vector(&[2.0, 2.0]), exp_avg: vector(&[0.0, 0.0]) };
    let stepped = update(&settings(), tensors, vector(&[0.0, 3.0]));
    let shrunk = 2.0 * (1.0 - 1e-2 * 0.1) as f32;
    assert_close("parameter", &floats(stepped.param), &[shrunk, shrunk - 1e-2], 1e-7);
}
