use burn::tensor::Device;
use proptest::prelude::*;

use super::*;
use crate::fixtures::{assert_close, cases, floats, numbers, tensor};

type Outcome = (Vec<f32>, [Vec<f32>; 3]);

#[derive(Debug, Clone)]
struct Case {
    rows: usize,
    width: usize,
    kind: NormKind,
    has_bias: bool,
    seed: u64,
}

const EPS: f64 = 1e-5;

impl Case {
    fn values(&self) -> [Vec<f32>; 4] {
        let count = self.rows * self.width;
        [
            numbers(self.seed, count),
            numbers(self.seed + 1, self.width),
            numbers(self.seed + 2, self.width),
            numbers(self.seed + 3, count),
        ]
    }

    /// `Σ upstream · norm(input)` in f64, and the output.
    fn definition(&self, input: &[f64], weight: &[f64], bias: &[f64]) -> (f64, Vec<f64>) {
        let upstream = &self.values()[3];
        let mut output = Vec::new();
        for row in input.chunks(self.width) {
            let width = self.width as f64;
            let mean = row.iter().sum::<f64>() / width;
            let mean = if self.kind == NormKind::Layer { mean } else { 0.0 };
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width;
            for (place, x) in row.iter().enumerate() {
                let shift = if self.has_bias { bias[place] } else { 0.0 };
                output.push((x - mean) / (variance + EPS).sqrt() * weight[place] + shift);
            }
        }
        let loss = output.iter().zip(upstream).map(|(y, g)| y * f64::from(*g)).sum();
        (loss, output)
    }

    fn run(
        &self,
        by: fn(Tensor<2>, Tensor<1>, Option<Tensor<1>>, NormKind, f64) -> Tensor<2>,
    ) -> Outcome {
        let device = Device::flex().autodiff();
        let [input, weight, bias, upstream] = self.values();
        let shape = [self.rows, self.width];
        let input = tensor(&input, shape, &device).require_grad();
        let weight = tensor(&weight, [self.width], &device).require_grad();
        let bias = tensor(&bias, [self.width], &device).require_grad();
        let given = self.has_bias.then(|| bias.clone());
        let output = by(input.clone(), weight.clone(), given, self.kind, EPS);
        let gradients = (output.clone() * tensor(&upstream, shape, &device)).sum().backward();
        let of_bias = bias.grad(&gradients).map(floats).unwrap_or_default();
        let of_weight = floats(weight.grad(&gradients).unwrap());
        (floats(output), [floats(input.grad(&gradients).unwrap()), of_weight, of_bias])
    }
}

proptest! {
    #![proptest_config(cases(60))]
    #[test]
    fn the_kernel_is_the_definition(
        rows in 1_usize..40,
        width in 1_usize..70,
        is_layer in any::<bool>(),
        has_bias in any::<bool>(),
        seed in 0_u64..1000,
    ) {
        let kind = if is_layer { NormKind::Layer } else { NormKind::Rms };
        let case = Case { rows, width, kind, has_bias, seed };
        let wide = |values: &Vec<f32>| values.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let [input, weight, bias, _] = case.values();
        let (_, expected) = case.definition(&wide(&input), &wide(&weight), &wide(&bias));
        let expected: Vec<f32> = expected.iter().map(|x| *x as f32).collect();
        let (output, gradients) = case.run(norm);
        assert_close("output", &output, &expected, 2e-5);
        // One number normalised is 0 or ±1 whatever it is: its gradient is rounding over eps.
        prop_assume!(width > 2);
        let (_, composed) = case.run(composed);
        for (name, (ours, theirs)) in ["input", "weight", "bias"].iter().zip(gradients.iter().zip(&composed)) {
            assert_close(name, ours, theirs, 2e-4);
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for kind in [NormKind::Layer, NormKind::Rms] {
        let case = Case { rows: 19, width: 37, kind, has_bias: true, seed: 4 };
        let (_, gradients) = case.run(norm);
        let [input, weight, bias, _] = case.values();
        let inputs: [Vec<f64>; 3] =
            [input, weight, bias].map(|values| values.iter().map(|x| f64::from(*x)).collect());
        for which in 0..3 {
            let slope = |place: usize| {
                let moved = |by: f64| {
                    let mut inputs = inputs.clone();
                    inputs[which][place] += by;
                    case.definition(&inputs[0], &inputs[1], &inputs[2]).0
                };
                ((moved(1e-5) - moved(-1e-5)) / 2e-5) as f32
            };
            let expected: Vec<f32> = (0..inputs[which].len()).map(slope).collect();
            assert_close("gradient", &gradients[which], &expected, 2e-5);
        }
    }
}

#[test]
fn a_row_of_nan_or_zeros_stays_alone() {
    let device = Device::flex();
    let input = tensor(&[f32::NAN, 1.0, 0.0, 0.0, 3.0, 4.0], [3, 2], &device);
    let output =
        floats(norm(input, tensor(&[1.0, 2.0], [2], &device), None, NormKind::Rms, 0.0625));
    assert!(output[..2].iter().all(|value| value.is_nan()));
    let scale = 1.0 / (12.5_f32 + 0.0625).sqrt();
    assert_close("rows", &output[2..], &[0.0, 0.0, 3.0 * scale, 8.0 * scale], 1e-6);
}

#[test]
fn no_rows_give_nothing() {
    let device = Device::flex();
    let weight = tensor(&[1.0, 2.0], [2], &device);
    let output = norm(Tensor::<2>::zeros([0, 2], &device), weight, None, NormKind::Rms, EPS);
    assert_eq!(output.dims(), [0, 2]);
}
