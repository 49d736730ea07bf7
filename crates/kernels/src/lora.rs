//! The product of a linear layer with low-rank matrices beside its weight.

#[cfg(feature = "flex")]
mod fused;

use burn::tensor::Tensor;

use crate::linear::linear as plain;

/// `input · weight + (input · down) · up + bias` (Hu et al. 2021,
/// <https://arxiv.org/abs/2106.09685>); what the low-rank part counts is a factor of `up`.
///
/// On the CPU backend the low-rank product is added to where the other lies, forwards and back,
/// and a frozen weight costs no gradient.
///
/// # Shapes
///
/// - `input`: `[n, in]`, `weight`: `[in, out]`, `bias`: `[out]`
/// - `down`: `[in, rank]`, `up`: `[rank, out]`
/// - output: `[n, out]`
#[must_use]
pub fn linear(
    input: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    down: Tensor<2>,
    up: Tensor<2>,
) -> Tensor<2> {
    #[cfg(feature = "flex")]
    if let Some(output) =
        fused::linear(input.clone(), weight.clone(), bias.clone(), down.clone(), up.clone())
    {
        return output;
    }
    composed(input, weight, bias, down, up)
}

fn composed(
    input: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    down: Tensor<2>,
    up: Tensor<2>,
) -> Tensor<2> {
    plain(input.clone(), weight, bias) + plain(plain(input, down, None), up, None)
}

#[cfg(test)]
mod tests;
