//! The product of a linear layer.

#[cfg(feature = "flex")]
mod fused;

use burn::tensor::Tensor;

/// `input · weight + bias`.
///
/// # Shapes
///
/// - `input`: `[n, in]`, `weight`: `[in, out]`, `bias`: `[out]`
/// - output: `[n, out]`
#[must_use]
pub fn linear(input: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    #[cfg(feature = "flex")]
    if let Some(output) = fused::linear(input.clone(), weight.clone(), bias.clone()) {
        return output;
    }
    composed(input, weight, bias)
}

fn composed(input: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let product = input.matmul(weight);
    match bias {
        Some(bias) => product + bias.unsqueeze(),
        None => product,
    }
}

#[cfg(test)]
mod tests;
