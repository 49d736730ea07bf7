//! The operations every family is made of, each behind one function.
//!
//! These are portable bodies of plain tensor operations. Faster ones can take their place here
//! without a change elsewhere; they must agree with these.

mod attention;
mod logprobs;

use burn::tensor::activation::{gelu, relu, sigmoid, silu};
use burn::tensor::module::layer_norm;
use burn::tensor::{Bool, Tensor};

pub use attention::{AttentionInputs, Visible, attention};
pub use logprobs::{LogprobOptions, token_logprobs};

use crate::config::{Activation, NormKind};

/// `input · weight + bias`.
///
/// # Shapes
///
/// - `input`: `[b, t, in]`, `weight`: `[in, out]`, `bias`: `[out]`
/// - output: `[b, t, out]`
///
/// One product over all `b · t` rows: a batch of small products would be slower.
#[must_use]
pub fn linear(input: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<3> {
    let [b, t, inputs] = input.dims();
    let [_, outputs] = weight.dims();
    let mut output = input.reshape([b * t, inputs]).matmul(weight);
    if let Some(bias) = bias {
        output = output + bias.unsqueeze();
    }
    output.reshape([b, t, outputs])
}

/// Normalises the last dimension; see [`NormKind`] for the formulas.
///
/// # Shapes
///
/// - `input`: `[.., n]`, `weight` and `bias`: `[n]`
#[must_use]
pub fn norm<const D: usize>(
    input: Tensor<D>,
    weight: Tensor<1>,
    bias: Option<Tensor<1>>,
    kind: NormKind,
    eps: f64,
) -> Tensor<D> {
    if kind == NormKind::Layer {
        return layer_norm(input, weight, bias, eps);
    }
    let weight = if kind == NormKind::RmsPlusOne { weight + 1.0 } else { weight };
    let mean_square = input.clone().square().mean_dim(D - 1);
    let scaled = input / (mean_square + eps).sqrt() * weight.unsqueeze();
    match bias {
        Some(bias) => scaled + bias.unsqueeze(),
        None => scaled,
    }
}

/// Applies the activation of an MLP.
#[must_use]
pub fn activate(input: Tensor<3>, activation: Activation) -> Tensor<3> {
    match activation {
        Activation::Gelu => gelu(input),
        Activation::GeluTanh => gelu_tanh(input),
        Activation::Silu => silu(input),
        Activation::Relu => relu(input),
    }
}

/// `0.5 · x · (1 + tanh u)` with `u = √(2/π) · (x + 0.044715 · x³)`, written as `x · σ(2u)`: the same
/// function, and one exponential an element instead of a power and a hyperbolic tangent.
fn gelu_tanh(input: Tensor<3>) -> Tensor<3> {
    use std::f64::consts::{FRAC_2_SQRT_PI, SQRT_2};
    let twice_root = SQRT_2 * FRAC_2_SQRT_PI;
    let factor = input.clone().square() * (0.044_715 * twice_root) + twice_root;
    let gate = sigmoid(input.clone() * factor);
    input * gate
}

/// Rotates the first `rotary_dim` entries of every head in the `rotate_half` form:
/// `x · cos + [−x₂, x₁] · sin`, where `x₁` and `x₂` are the two halves.
///
/// # Shapes
///
/// - `heads`: `[b, n, t, hd]`
/// - `cosine`, `sine`: `[b or 1, 1, t, rotary_dim]`
#[must_use]
pub fn rotary(heads: Tensor<4>, cosine: Tensor<4>, sine: Tensor<4>) -> Tensor<4> {
    let [_, _, _, head_dim] = heads.dims();
    let [_, _, _, rotary_dim] = cosine.dims();
    let half = rotary_dim / 2;
    let first = heads.clone().slice_dim(3, 0..half);
    let second = heads.clone().slice_dim(3, half..rotary_dim);
    let turned = Tensor::cat(vec![-second, first], 3);
    if rotary_dim == head_dim {
        return heads * cosine + turned * sine;
    }
    let passed = heads.clone().slice_dim(3, rotary_dim..head_dim);
    let rotated = heads.slice_dim(3, 0..rotary_dim) * cosine + turned * sine;
    Tensor::cat(vec![rotated, passed], 3)
}

/// `cap · tanh(x / cap)`: bounds `x` by `cap` smoothly (Gemma 2).
#[must_use]
pub fn softcap<const D: usize>(input: Tensor<D>, cap: f64) -> Tensor<D> {
    (input / cap).tanh() * cap
}

/// Which keys each query may see, as a tensor; true where it may not.
///
/// The polarity is the one of `mask_fill`; it never leaves this crate.
pub(crate) type Blocked = Tensor<4, Bool>;
