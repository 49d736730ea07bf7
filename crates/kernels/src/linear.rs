//! The product of a linear layer.

#[cfg(feature = "flex")]
mod fused;

use burn::tensor::Tensor;

/// `input · weight`.
///
/// # Shapes
///
/// - `input`: `[n, in]`, `weight`: `[in, out]`
/// - output: `[n, out]`
#[must_use]
pub fn linear(input: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "flex")]
    if let Some(output) = fused::linear(input.clone(), weight.clone()) {
        return output;
    }
    input.matmul(weight)
}

#[cfg(test)]
mod tests;
