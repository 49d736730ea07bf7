//! The activation of an MLP, gated or not.

#[cfg(feature = "flex")]
mod fused;

use burn::tensor::Tensor;
use burn::tensor::activation::{relu, sigmoid, silu};

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · Φ(x)`, with the error function.
    Gelu,
    /// The tanh approximation of GELU (`gelu_new`, `gelu_pytorch_tanh`).
    GeluTanh,
    /// `x · σ(x)`.
    Silu,
    /// `max(x, 0)`.
    Relu,
}

/// Applies the activation to every entry.
#[must_use]
pub fn activate(input: Tensor<3>, activation: Activation) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if let Some(output) = fused::activate(input.clone(), activation) {
        return output;
    }
    composed(input, activation)
}

/// `activation(gate) · up`, where each row holds the gate and then the factor.
///
/// # Shapes
///
/// - `input`: `[b, t, 2·n]`
/// - output: `[b, t, n]`
#[must_use]
pub fn gated(input: Tensor<3>, activation: Activation) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if let Some(output) = fused::gated(input.clone(), activation) {
        return output;
    }
    composed_gated(input, activation)
}

fn composed_gated(input: Tensor<3>, activation: Activation) -> Tensor<3> {
    let [_, _, width] = input.dims();
    let gate = composed(input.clone().slice_dim(2, 0..width / 2), activation);
    gate * input.slice_dim(2, width / 2..width)
}

fn composed(input: Tensor<3>, activation: Activation) -> Tensor<3> {
    match activation {
        Activation::Gelu => gelu_erf(input),
        Activation::GeluTanh => gelu_tanh(input),
        Activation::Silu => silu(input),
        Activation::Relu => relu(input),
    }
}

/// `0.5 · x · (1 + erf(x / √2))`, written out: the gradient of burn's own operation is that of the tanh
/// approximation on most backends.
fn gelu_erf(input: Tensor<3>) -> Tensor<3> {
    let gate = (input.clone() * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0;
    input * gate * 0.5
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

#[cfg(test)]
mod tests;
