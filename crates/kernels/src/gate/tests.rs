use burn::tensor::Device;
use proptest::prelude::*;

use super::*;
use crate::fixtures::{assert_close, cases, floats, numbers, tensor};

const ALL: [Activation; 4] =
    [Activation::Gelu, Activation::GeluTanh, Activation::Silu, Activation::Relu];

/// `Φ(x)` by Simpson's rule on the density.
fn normal(x: f64) -> f64 {
    let steps = 4000;
    let width = x / f64::from(steps);
    let density = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    let inner = (1..steps).map(|i| {
        let factor = if i % 2 == 1 { 4.0 } else { 2.0 };
        factor * density(f64::from(i) * width)
    });
    0.5 + width / 3.0 * (density(0.0) + inner.sum::<f64>() + density(x))
}

fn definition(x: f64, activation: Activation) -> f64 {
    match activation {
        Activation::Gelu => x * normal(x),
        Activation::GeluTanh => {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + u.tanh())
        }
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Relu => x.max(0.0),
    }
}

/// Values and the gradient for a fixed upstream one.
fn run(by: &dyn Fn(Tensor<3>) -> Tensor<3>, input: &[f32], shape: [usize; 3]) -> [Vec<f32>; 2] {
    let device = Device::flex().autodiff();
    let input = tensor(input, shape, &device).require_grad();
    let output = by(input.clone());
    let upstream = numbers(77, output.shape().num_elements());
    let upstream = tensor(&upstream, output.dims(), &device);
    let gradients = (output.clone() * upstream).sum().backward();
    [floats(output), floats(input.grad(&gradients).unwrap())]
}

#[test]
fn activations_and_slopes_are_the_definitions() {
    let xs: Vec<f32> = (-80..80).map(|i| i as f32 * 0.1 + 0.05).collect();
    for activation in ALL {
        let shape = [1, 2, xs.len() / 2];
        let [values, slopes] = run(&|x| activate(x, activation), &xs, shape);
        let upstream = numbers(77, xs.len());
        for (place, x) in xs.iter().map(|x| f64::from(*x)).enumerate() {
            let expected = definition(x, activation);
            let step = 1e-4;
            let slope = (definition(x + step, activation) - definition(x - step, activation))
                / (2.0 * step)
                * f64::from(upstream[place]);
            let (value, ours) = (f64::from(values[place]), f64::from(slopes[place]));
            assert!(
                (value - expected).abs() < 2e-6,
                "{activation:?}({x}): {value}, not {expected}"
            );
            assert!(
                (ours - slope).abs() < 1e-5,
                "slope of {activation:?} at {x}: {ours}, not {slope}"
            );
        }
    }
}

proptest! {
    #![proptest_config(cases(40))]
    #[test]
    fn the_gate_is_the_composed_one(
        sizes in (1_usize..4, 1_usize..6, 1_usize..50),
        seed in 0_u64..1000,
        which in 0_usize..4,
    ) {
        let shape = [sizes.0, sizes.1, 2 * sizes.2];
        let input = numbers(seed, shape.iter().product());
        let ours = run(&|x| gated(x, ALL[which]), &input, shape);
        let theirs = run(&|x| composed_gated(x, ALL[which]), &input, shape);
        assert_close("values", &ours[0], &theirs[0], 2e-6);
        assert_close("gradient", &ours[1], &theirs[1], 5e-6);
    }
}

#[test]
fn odd_inputs() {
    let device = Device::flex();
    for activation in ALL {
        let input = tensor(&[f32::NAN, 40.0, -40.0, f32::INFINITY, 0.0], [1, 1, 5], &device);
        let output = floats(activate(input, activation));
        assert!(output[0].is_nan(), "{activation:?}");
        assert_close("large", &output[1..], &[40.0, 0.0, f32::INFINITY, 0.0], 1e-7);
        assert_eq!(activate(Tensor::zeros([2, 0, 3], &device), activation).dims(), [2, 0, 3]);
        assert_eq!(gated(Tensor::zeros([2, 0, 4], &device), activation).dims(), [2, 0, 2]);
    }
}
