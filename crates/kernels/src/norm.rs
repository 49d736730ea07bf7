//! Normalisation of the last dimension.

#[cfg(feature = "flex")]
mod fused;

use burn::tensor::Tensor;
use burn::tensor::module::layer_norm;

/// What a norm subtracts and divides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// `(x − mean) / sqrt(var + eps)` (Ba et al. 2016, arXiv 1607.06450).
    Layer,
    /// `x / sqrt(mean(x²) + eps)` (Zhang and Sennrich 2019, arXiv 1910.07467).
    Rms,
}

/// `normalised(input) · weight + bias`.
///
/// # Shapes
///
/// - `input`: `[.., d]`, `weight` and `bias`: `[d]`
#[must_use]
pub fn norm<const D: usize>(
    input: Tensor<D>,
    weight: Tensor<1>,
    bias: Option<Tensor<1>>,
    kind: NormKind,
    eps: f64,
) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if let Some(output) = fused::norm(input.clone(), weight.clone(), bias.clone(), kind, eps) {
        return output;
    }
    composed(input, weight, bias, kind, eps)
}

fn composed<const D: usize>(
    input: Tensor<D>,
    weight: Tensor<1>,
    bias: Option<Tensor<1>>,
    kind: NormKind,
    eps: f64,
) -> Tensor<D> {
    if kind == NormKind::Layer {
        return layer_norm(input, weight, bias, eps);
    }
    let mean_square = input.clone().square().mean_dim(D - 1);
    let scaled = input / (mean_square + eps).sqrt() * weight.unsqueeze();
    match bias {
        Some(bias) => scaled + bias.unsqueeze(),
        None => scaled,
    }
}

#[cfg(test)]
mod tests;
