use burn::tensor::Device;
use proptest::prelude::*;

use super::*;
use crate::fixtures::{assert_close, cases, floats, numbers, tensor};

fn vector(values: &[f32]) -> Tensor<1> {
    tensor(values, [values.len()], &Device::flex())
}

fn settings() -> SgdStep {
    SgdStep {
        lr: 1e-2,
        momentum: 0.9,
        share: 0.75,
        nesterov: false,
        weight_decay: 0.1,
        grad_scale: 0.5,
    }
}

type By = fn(&SgdStep, SgdTensors, Tensor<1>) -> SgdTensors;

/// Five steps from the same start; the parameter and, where there is one, the buffer.
fn steps(step: SgdStep, by: By, has_buffer: bool, n: usize, seed: u64) -> [Vec<f32>; 2] {
    let buffer = has_buffer.then(|| vector(&vec![0.0; n]));
    let mut tensors = SgdTensors { param: vector(&numbers(seed, n)), buffer };
    for t in 1..6 {
        tensors = by(&step, tensors, vector(&numbers(seed + t, n)));
    }
    [floats(tensors.param), tensors.buffer.map(floats).unwrap_or_default()]
}

/// PyTorch's documented algorithm in f64.
fn by_definition(step: SgdStep, has_buffer: bool, n: usize, seed: u64) -> Vec<f32> {
    let value = |i: usize| {
        let (mut w, mut b) = (f64::from(numbers(seed, n)[i]), 0.0);
        for t in 1..6 {
            let g = f64::from(numbers(seed + t, n)[i]) * step.grad_scale + step.weight_decay * w;
            b = step.momentum * b + step.share * g;
            w -= step.lr
                * match (has_buffer, step.nesterov) {
                    (false, _) => g,
                    (true, false) => b,
                    (true, true) => g + step.momentum * b,
                };
        }
        w as f32
    };
    (0..n).map(value).collect()
}

#[test]
fn five_steps_follow_the_definition() {
    for (has_buffer, nesterov) in [(false, false), (true, false), (true, true)] {
        let step = SgdStep { nesterov, ..settings() };
        let expected = by_definition(step, has_buffer, 37, 5);
        for by in [update as By, composed] {
            let [param, buffer] = steps(step, by, has_buffer, 37, 5);
            assert_close("parameter", &param, &expected, 1e-6);
            assert_eq!(buffer.len(), if has_buffer { 37 } else { 0 });
        }
    }
}

proptest! {
    #![proptest_config(cases(20))]
    #[test]
    fn the_kernel_is_the_composed_step_to_the_bit(
        n in 1_usize..40_000,
        has_buffer in any::<bool>(),
        nesterov in any::<bool>(),
        seed in 0_u64..1000,
    ) {
        let step = SgdStep { nesterov, ..settings() };
        let ours = steps(step, update, has_buffer, n, seed);
        let theirs = steps(step, composed, has_buffer, n, seed);
        prop_assert_eq!(ours, theirs);
    }
}
