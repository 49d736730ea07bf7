//! Recurrent layers over time: LSTM and GRU.
//!
//! Rows of a batch may be of several lengths. A row that has reached its length keeps its state, so
//! that the last state of a batch is that of every row's own last step; what stands behind a row's
//! end is not read, and takes no gradient.

mod composed;
#[cfg(feature = "flex")]
mod fused;

use burn::tensor::Tensor;

/// The weights of a layer with `g` gates: four in an LSTM, three in a GRU.
///
/// The gates lie side by side in PyTorch's order, so that each matrix is the transpose of PyTorch's.
#[derive(Debug, Clone)]
pub struct RecurrentWeights {
    /// From the input, `[in, g·e]`: `weight_ih` transposed.
    pub input: Tensor<2>,
    /// From the state, `[e, g·e]`: `weight_hh` transposed.
    pub hidden: Tensor<2>,
    /// Added to the product with the input, `[g·e]`: `bias_ih`.
    pub input_bias: Tensor<1>,
    /// Added to the product with the state, `[g·e]`: `bias_hh`.
    pub hidden_bias: Tensor<1>,
}

/// What an LSTM knows between steps.
#[derive(Debug, Clone)]
pub struct LstmState {
    /// What others see of it, `[b, e]`.
    pub hidden: Tensor<2>,
    /// What it keeps to itself, `[b, e]`.
    pub cell: Tensor<2>,
}

/// What an LSTM made of a batch.
#[derive(Debug, Clone)]
pub struct LstmOutput {
    /// The hidden state after every step, `[b, t, e]`; past a row's length, its last one.
    pub states: Tensor<3>,
    /// The state after every row's last step; where it began, for a row of no steps.
    pub last: LstmState,
}

/// What a GRU made of a batch.
#[derive(Debug, Clone)]
pub struct GruOutput {
    /// The state after every step, `[b, t, e]`; past a row's length, its last one.
    pub states: Tensor<3>,
    /// The state after every row's last step, `[b, e]`; where it began, for a row of no steps.
    pub last: Tensor<2>,
}

/// A long short-term memory (Hochreiter and Schmidhuber 1997) with forget gates (Gers et al. 2000),
/// which is PyTorch's:
///
/// ```text
/// i, f, g, o = x·W + b + h·U + c        gates i, f, o by σ, g by tanh
/// cell ← f · cell + i · g
/// h    ← o · tanh(cell)
/// ```
///
/// On the CPU backend the steps of all rows are multiplied with `W` at once, and rows that have
/// ended leave the products with `U`.
///
/// # Shapes
///
/// - `input`: `[b, t, in]`
/// - `weights`: for four gates `i, f, g, o`
/// - `start`: `[b, e]` each
/// - `lengths`: `[b]`, each at most `t`
///
/// # Panics
///
/// When the sizes do not fit together.
#[must_use]
pub fn lstm(
    input: Tensor<3>,
    weights: RecurrentWeights,
    start: LstmState,
    lengths: &[usize],
) -> LstmOutput {
    check(&input, &weights, &start.hidden, 4, lengths);
    assert_eq!(start.cell.dims(), start.hidden.dims(), "both halves of a state must be [b, e]");
    if is_empty(&input, &start.hidden) {
        return LstmOutput { states: no_states(&input, &start.hidden), last: start };
    }
    #[cfg(feature = "flex")]
    if let Some(output) = fused::lstm::lstm(input.clone(), weights.clone(), start.clone(), lengths)
    {
        return output;
    }
    composed::lstm(input, weights, start, lengths)
}

/// A gated recurrent unit (Cho et al. 2014, <https://arxiv.org/abs/1406.1078>) in PyTorch's
/// variant, whose reset gate comes after the product with the state:
///
/// ```text
/// r, z = σ(x·W + b + h·U + c)
/// n    = tanh(x·W + b + r · (h·U + c))
/// h    ← (1 − z) · n + z · h
/// ```
///
/// # Shapes
///
/// - `input`: `[b, t, in]`
/// - `weights`: for three gates `r, z, n`
/// - `start`: `[b, e]`
/// - `lengths`: `[b]`, each at most `t`
///
/// # Panics
///
/// When the sizes do not fit together.
#[must_use]
pub fn gru(
    input: Tensor<3>,
    weights: RecurrentWeights,
    start: Tensor<2>,
    lengths: &[usize],
) -> GruOutput {
    check(&input, &weights, &start, 3, lengths);
    if is_empty(&input, &start) {
        return GruOutput { states: no_states(&input, &start), last: start };
    }
    #[cfg(feature = "flex")]
    if let Some(output) = fused::gru::gru(input.clone(), weights.clone(), start.clone(), lengths) {
        return output;
    }
    composed::gru(input, weights, start, lengths)
}

fn check(
    input: &Tensor<3>,
    weights: &RecurrentWeights,
    start: &Tensor<2>,
    gates: usize,
    lengths: &[usize],
) {
    let ([b, t, inputs], [rows, width]) = (input.dims(), start.dims());
    assert_eq!(rows, b, "the state must have a row for each of the input");
    assert_eq!(weights.input.dims(), [inputs, gates * width], "the input's weight: [in, g·e]");
    assert_eq!(weights.hidden.dims(), [width, gates * width], "the state's weight: [e, g·e]");
    assert_eq!(weights.input_bias.dims(), [gates * width], "the input's bias: [g·e]");
    assert_eq!(weights.hidden_bias.dims(), [gates * width], "the state's bias: [g·e]");
    assert_eq!(lengths.len(), b, "there must be a length for each row");
    assert!(lengths.iter().all(|length| *length <= t), "no length may exceed {t} steps");
}

fn is_empty(input: &Tensor<3>, start: &Tensor<2>) -> bool {
    let ([_, t, _], [b, width]) = (input.dims(), start.dims());
    b * t * width == 0
}

fn no_states(input: &Tensor<3>, start: &Tensor<2>) -> Tensor<3> {
    let ([_, t, _], [b, width]) = (input.dims(), start.dims());
    Tensor::zeros([b, t, width], &input.device())
}

#[cfg(test)]
mod tests;
