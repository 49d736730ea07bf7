//! Norms on the CPU backend.

use std::sync::Arc;

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::NormKind;
use crate::flex::vector::{sum, sum2, vectorised};
use crate::flex::{self, Fused, Inputs, Values};

/// Rows a thread takes at a time. Gradients of the weight are summed in such groups, in order.
const ROWS: usize = 16;

pub(super) fn norm<const D: usize>(
    input: Tensor<D>,
    weight: Tensor<1>,
    bias: Option<Tensor<1>>,
    kind: NormKind,
    eps: f64,
) -> Option<Tensor<D>> {
    let shape = input.dims();
    let width = shape[D - 1];
    if shape.contains(&0) || weight.dims() != [width] {
        return None;
    }
    let operands = (input.into_dispatch(), weight.into_dispatch());
    if let Some(bias) = bias {
        let inputs = Inputs::new([operands.0, operands.1, bias.into_dispatch()])?;
        let [input, weight, bias] = inputs.values.clone();
        let (output, saved) = forward(input, weight, Some(&bias), kind, eps as f32);
        Some(inputs.finish::<Norm, D>(flex::tensor(output, shape), saved))
    } else {
        let inputs = Inputs::new([operands.0, operands.1])?;
        let [input, weight] = inputs.values.clone();
        let (output, saved) = forward(input, weight, None, kind, eps as f32);
        Some(inputs.finish::<Norm, D>(flex::tensor(output, shape), saved))
    }
}

#[derive(Debug, Clone)]
struct Saved {
    input: Values,
    weight: Values,
    kind: NormKind,
    /// Of each row, what was subtracted and what it was multiplied by.
    rows: Arc<[(f32, f32)]>,
}

fn forward(
    input: Values,
    weight: Values,
    bias: Option<&[f32]>,
    kind: NormKind,
    eps: f32,
) -> (Vec<f32>, Saved) {
    let width = weight.len();
    let mut output = vec![0.0; input.len()];
    let mut rows = vec![(0.0, 0.0); input.len() / width];
    let groups = output.par_chunks_mut(ROWS * width).zip(input.par_chunks(ROWS * width));
    groups.zip(rows.par_chunks_mut(ROWS)).for_each(|((output, input), rows)| {
        let lines = output.chunks_mut(width).zip(input.chunks(width));
        for ((output, input), row) in lines.zip(rows) {
            *row = moments(input, kind, eps);
            apply(input, *row, &weight, output);
            if let Some(bias) = bias {
                output.iter_mut().zip(bias).for_each(|(out, bias)| *out += bias);
            }
        }
    });
    (output, Saved { input, weight, kind, rows: rows.into() })
}

#[derive(Debug)]
struct Norm;

impl Fused<2> for Norm {
    type Saved = Saved;

    fn backward(saved: Saved, gradient: Values, _: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let [input, weight, _] = backward(&saved, &gradient);
        [Some(shaped(input, &saved)), Some(flat(weight))]
    }
}

impl Fused<3> for Norm {
    type Saved = Saved;

    fn backward(saved: Saved, gradient: Values, _: [bool; 3]) -> [Option<FlexTensor>; 3] {
        let [input, weight, bias] = backward(&saved, &gradient);
        [Some(shaped(input, &saved)), Some(flat(weight)), Some(flat(bias))]
    }
}

fn shaped(values: Vec<f32>, saved: &Saved) -> FlexTensor {
    saved.input.like(values)
}

fn flat(values: Vec<f32>) -> FlexTensor {
    let width = values.len();
    flex::tensor(values, [width])
}

/// Gradients of input, weight and bias.
fn backward(saved: &Saved, gradient: &[f32]) -> [Vec<f32>; 3] {
    let Saved { input, weight, kind, rows } = saved;
    let width = weight.len();
    let mut d_input = vec![0.0; input.len()];
    let groups = d_input.par_chunks_mut(ROWS * width).zip(input.par_chunks(ROWS * width));
    let groups = groups.zip(gradient.par_chunks(ROWS * width)).zip(rows.par_chunks(ROWS));
    let parts: Vec<[Vec<f32>; 2]> = groups
        .map(|(((d_input, input), gradient), rows)| {
            let mut sums = [vec![0.0; width], vec![0.0; width]];
            let mut normal = vec![0.0; width];
            let lines = d_input.chunks_mut(width).zip(input.chunks(width));
            for (((d_input, input), gradient), row) in lines.zip(gradient.chunks(width)).zip(rows) {
                normalise(input, *row, &mut normal);
                let [of_weight, of_bias] = &mut sums;
                accumulate(gradient, &normal, of_weight, of_bias);
                input_gradient(gradient, weight, &normal, (row.1, *kind), d_input);
            }
            sums
        })
        .collect();
    let mut sums = [vec![0.0; width], vec![0.0; width]];
    for part in &parts {
        for (sum, part) in sums.iter_mut().zip(part) {
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
    }
    let [d_weight, d_bias] = sums;
    [d_input, d_weight, d_bias]
}

vectorised! {
    /// What a row is shifted and scaled by.
    fn moments(row: &[f32], kind: NormKind, eps: f32) -> (f32, f32) {
        let width = row.len() as f32;
        let mean = if kind == NormKind::Layer { sum(row, |x| x) / width } else { 0.0 };
        let variance = sum(row, |x| (x - mean) * (x - mean)) / width;
        (mean, 1.0 / (variance + eps).sqrt())
    }
}

vectorised! {
    fn apply(row: &[f32], moments: (f32, f32), weight: &[f32], out: &mut [f32]) {
        let (mean, scale) = moments;
        for ((out, x), weight) in out.iter_mut().zip(row).zip(weight) {
            *out = (x - mean) * scale * weight;
        }
    }
}

vectorised! {
    fn normalise(row: &[f32], moments: (f32, f32), out: &mut [f32]) {
        let (mean, scale) = moments;
        for (out, x) in out.iter_mut().zip(row) {
            *out = (x - mean) * scale;
        }
    }
}

vectorised! {
    fn accumulate(gradient: &[f32], normal: &[f32], weight: &mut [f32], bias: &mut [f32]) {
        let sums = weight.iter_mut().zip(bias);
        for ((g, x), (weight, bias)) in gradient.iter().zip(normal).zip(sums) {
            *weight += g * x;
            *bias += g;
        }
    }
}

vectorised! {
    /// `scale · (u − mean(u) − x̂ · mean(u x̂))` with `u = gradient · weight`; an RMS norm, which
    /// subtracts no mean, has no second term.
    fn input_gradient(
        gradient: &[f32],
        weight: &[f32],
        normal: &[f32],
        about: (f32, NormKind),
        out: &mut [f32],
    ) {
        let (scale, kind) = about;
        let width = out.len() as f32;
        for ((out, g), weight) in out.iter_mut().zip(gradient).zip(weight) {
            *out = g * weight;
        }
        let mean = if kind == NormKind::Layer { sum(out, |u| u) / width } else { 0.0 };
        let along = sum2(out, normal, |u, x| u * x) / width;
        for (out, x) in out.iter_mut().zip(normal) {
            *out = scale * (*out - mean - x * along);
        }
    }
}
