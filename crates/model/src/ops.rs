//! The operations every family is made of, each behind one function.
//!
//! Those worth a kernel live in `hybrid-kernels`, which composes them of plain tensor operations
//! where it has none.

mod kept;

use burn::tensor::Tensor;
use hybrid_kernels::packed::PackedWeight;
use hybrid_kernels::{gate, linear as products, lora, norm as norms};

pub use hybrid_kernels::attention::{
    AttentionInputs, Blocked, PackedHeads, Rotation, Spans, Visible, attention, packed_attention,
};
pub use hybrid_kernels::embedding::embedding;
pub use hybrid_kernels::head::{LogprobOptions, TokenLogprobs, token_logprobs};
pub use hybrid_kernels::{is_fused, softcap};
pub use kept::kept_logprobs;

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
    products::linear(input.reshape([b * t, inputs]), weight, bias).reshape([b, t, outputs])
}

/// As [`linear`], through `packed` where it can be: the same weight laid out for few rows.
#[must_use]
pub(crate) fn linear_packed(
    input: Tensor<3>,
    weight: impl FnOnce() -> Tensor<2>,
    packed: Option<&PackedWeight>,
    bias: Option<Tensor<1>>,
) -> Tensor<3> {
    let [b, t, inputs] = input.dims();
    let product = packed.and_then(|packed| packed.product(input.clone().reshape([b * t, inputs])));
    let Some(mut output) = product else { return linear(input, weight(), bias) };
    if let Some(bias) = bias {
        output = output + bias.unsqueeze();
    }
    let [_, outputs] = output.dims();
    output.reshape([b, t, outputs])
}

/// As [`linear_packed`], with `(input · down) · up` of two thin matrices added.
///
/// # Shapes
///
/// - `thin`: `[in, r]` and `[r, out]`
#[must_use]
pub(crate) fn linear_adapted(
    input: Tensor<3>,
    weight: impl FnOnce() -> Tensor<2>,
    packed: Option<&PackedWeight>,
    bias: Option<Tensor<1>>,
    thin: [Tensor<2>; 2],
) -> Tensor<3> {
    let ([b, t, inputs], [down, up]) = (input.dims(), thin);
    let [_, outputs] = up.dims();
    if packed.is_some() {
        let added = linear(linear(input.clone(), down, None), up, None);
        return linear_packed(input, weight, packed, bias) + added;
    }
    let rows = input.reshape([b * t, inputs]);
    lora::linear(rows, weight(), bias, down, up).reshape([b, t, outputs])
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
    let (weight, kind) = match kind {
        NormKind::Layer => (weight, norms::NormKind::Layer),
        NormKind::Rms => (weight, norms::NormKind::Rms),
        NormKind::RmsPlusOne => (weight + 1.0, norms::NormKind::Rms),
    };
    norms::norm(input, weight, bias, kind, eps)
}

/// Applies the activation of an MLP.
#[must_use]
pub fn activate(input: Tensor<3>, activation: Activation) -> Tensor<3> {
    gate::activate(input, kernel_activation(activation))
}

/// `activation(gate) · up`, of gate and up side by side: `[b, t, 2·n]` to `[b, t, n]`.
#[must_use]
pub fn gated(input: Tensor<3>, activation: Activation) -> Tensor<3> {
    gate::gated(input, kernel_activation(activation))
}

fn kernel_activation(activation: Activation) -> gate::Activation {
    match activation {
        Activation::Gelu => gate::Activation::Gelu,
        Activation::GeluTanh => gate::Activation::GeluTanh,
        Activation::Silu => gate::Activation::Silu,
        Activation::Relu => gate::Activation::Relu,
    }
}
