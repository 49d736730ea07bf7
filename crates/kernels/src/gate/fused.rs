//! Activations on the CPU backend.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::Activation;
use crate::flex::vector::{exp, sigmoid, vectorised};
use crate::flex::{self, Fused, Inputs, PIECE, Values};

pub(super) fn activate(input: Tensor<3>, activation: Activation) -> Option<Tensor<3>> {
    let shape = input.dims();
    let inputs = Inputs::new([input.into_dispatch()])?;
    let [values] = inputs.values.clone();
    let mut output = vec![0.0; values.len()];
    let pieces = output.par_chunks_mut(PIECE).zip(values.par_chunks(PIECE));
    pieces.for_each(|(output, input)| with_slope(input, activation, output, &mut []));
    Some(inputs.finish::<Activated, 3>(flex::tensor(output, shape), (values, activation)))
}

pub(super) fn gated(input: Tensor<3>, activation: Activation) -> Option<Tensor<3>> {
    let [b, t, width] = input.dims();
    let half = width / 2;
    if b * t * half == 0 {
        return None;
    }
    let inputs = Inputs::new([input.into_dispatch()])?;
    let [values] = inputs.values.clone();
    let mut output = vec![0.0; b * t * half];
    let rows = output.par_chunks_mut(half).zip(values.par_chunks(width));
    rows.for_each(|(output, row)| {
        let (gate, up) = row.split_at(half);
        with_slope(gate, activation, output, &mut []);
        output.iter_mut().zip(up).for_each(|(out, up)| *out *= up);
    });
    let saved = (values, activation, half);
    Some(inputs.finish::<Gated, 3>(flex::tensor(output, [b, t, half]), saved))
}

#[derive(Debug)]
struct Activated;

impl Fused<1> for Activated {
    type Saved = (Values, Activation);

    fn backward(saved: Self::Saved, gradient: Values, _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let (input, activation) = saved;
        let mut d_input = vec![0.0; input.len()];
        let pieces = d_input.par_chunks_mut(PIECE).zip(input.par_chunks(PIECE));
        pieces.zip(gradient.par_chunks(PIECE)).for_each(|((d_input, input), gradient)| {
            with_slope(input, activation, &mut [], d_input);
            d_input.iter_mut().zip(gradient).for_each(|(slope, g)| *slope *= g);
        });
        [Some(input.like(d_input))]
    }
}

#[derive(Debug)]
struct Gated;

impl Fused<1> for Gated {
    type Saved = (Values, Activation, usize);

    fn backward(saved: Self::Saved, gradient: Values, _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let (input, activation, half) = saved;
        let mut d_input = vec![0.0; input.len()];
        let rows = d_input.par_chunks_mut(2 * half).zip(input.par_chunks(2 * half));
        rows.zip(gradient.par_chunks(half)).for_each(|((d_row, row), gradient)| {
            let ((gate, up), (d_gate, d_up)) = (row.split_at(half), d_row.split_at_mut(half));
            with_slope(gate, activation, d_up, d_gate);
            scale(gradient, up, d_gate, d_up);
        });
        [Some(input.like(d_input))]
    }
}

vectorised! {
    /// `slope ← g · up · slope`, `value ← g · value`.
    fn scale(gradient: &[f32], up: &[f32], slopes: &mut [f32], values: &mut [f32]) {
        let outputs = slopes.iter_mut().zip(values);
        for ((slope, value), (g, up)) in outputs.zip(gradient.iter().zip(up)) {
            *slope *= g * up;
            *value *= g;
        }
    }
}

/// The activation and its derivative at every input; an empty slice is left alone.
fn with_slope(input: &[f32], activation: Activation, values: &mut [f32], slopes: &mut [f32]) {
    match activation {
        Activation::Gelu => gelu(input, values, slopes),
        Activation::GeluTanh => gelu_tanh(input, values, slopes),
        Activation::Silu => silu(input, values, slopes),
        Activation::Relu => relu(input, values, slopes),
    }
}

#[inline(always)]
fn map(input: &[f32], out: &mut [f32], f: impl Fn(f32) -> f32) {
    for (out, x) in out.iter_mut().zip(input) {
        *out = f(*x);
    }
}

vectorised! {
    fn silu(input: &[f32], values: &mut [f32], slopes: &mut [f32]) {
        map(input, values, |x| x * sigmoid(x));
        map(input, slopes, |x| {
            let gate = sigmoid(x);
            gate * (1.0 + x * (1.0 - gate))
        });
    }
}

vectorised! {
    fn relu(input: &[f32], values: &mut [f32], slopes: &mut [f32]) {
        // Written so that NaN stays NaN.
        map(input, values, |x| if x < 0.0 { 0.0 } else { x });
        map(input, slopes, |x| if x > 0.0 { 1.0 } else { 0.0 });
    }
}

vectorised! {
    fn gelu_tanh(input: &[f32], values: &mut [f32], slopes: &mut [f32]) {
        // 2·√(2/π) and its 0.044715-fold: x · σ(x · (a + b·x²)).
        const A: f32 = 1.595_769_2;
        const B: f32 = 0.071_354_82;
        map(input, values, |x| x * sigmoid(x * (A + B * x * x)));
        map(input, slopes, |x| {
            let gate = sigmoid(x * (A + B * x * x));
            gate + x * gate * (1.0 - gate) * (A + 3.0 * B * x * x)
        });
    }
}

/// `Φ(x)`, the normal distribution function, within 2e-7.
///
/// `erfc` by the Chebyshev fit of Press et al., Numerical Recipes, §6.2.
#[inline(always)]
fn normal(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * z);
    let mut fit = 0.170_872_77_f32;
    fit = fit * t - 0.822_152_23;
    fit = fit * t + 1.488_515_9;
    fit = fit * t - 1.135_204;
    fit = fit * t + 0.278_868_07;
    fit = fit * t - 0.186_288_06;
    fit = fit * t + 0.096_784_18;
    fit = fit * t + 0.374_091_96;
    fit = fit * t + 1.000_023_7;
    fit = fit * t - 1.265_512_2;
    let upper = 0.5 * t * exp(fit - z * z);
    if x > 0.0 { 1.0 - upper } else { upper }
}

vectorised! {
    fn gelu(input: &[f32], values: &mut [f32], slopes: &mut [f32]) {
        // 1/√(2π).
        const DENSITY: f32 = 0.398_942_3;
        map(input, values, |x| x * normal(x));
        map(input, slopes, |x| normal(x) + x * DENSITY * exp(-0.5 * x * x));
    }
}
