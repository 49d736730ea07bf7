//! Negative log-likelihood of texts, in windows where a text is longer than the context.

use std::ops::Range;

use burn::tensor::Tensor;

use crate::decoder::Decoder;
use crate::input::{Rows, TokenInput, int_tensor};

/// A stretch of tokens that one forward pass reads, and those of them that it predicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// What is read.
    pub tokens: Range<usize>,
    /// What is predicted, each from the tokens before it in the window.
    pub predicted: Range<usize>,
}

/// Cuts `len` tokens into windows of at most `max_length` that start every `stride` tokens.
///
/// A window predicts the tokens that no window before it covered, but never its own first one. So
/// without overlap the first token of each window is predicted by none, as in the perplexity guide
/// of `transformers`. Tokens before `first` are read, but not predicted.
#[must_use]
pub fn windows(len: usize, first: usize, max_length: usize, stride: usize) -> Vec<Window> {
    let (max_length, stride) = (max_length.max(2), stride.max(1));
    let mut windows = Vec::new();
    let mut covered = first;
    for begin in (0..len).step_by(stride) {
        let end = (begin + max_length).min(len);
        let predicted = covered.max(begin + 1)..end;
        if !predicted.is_empty() {
            windows.push(Window { tokens: begin..end, predicted });
        }
        covered = covered.max(end);
        if end == len {
            break;
        }
    }
    windows
}

/// A sequence and which of its tokens are predicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scored<'a> {
    /// The tokens that are read.
    pub ids: &'a [u32],
    /// Those that are predicted; starts at 1 or later.
    pub predicted: Range<usize>,
}

/// Sum of `−log p(token | tokens before)` over the predicted tokens of each row, in nats.
///
/// Rows are padded on the right to the longest; padding changes nothing. The head sees only the
/// predicted positions.
///
/// # Panics
///
/// When a row predicts its first token or beyond its end: the caller's mistake.
#[must_use]
pub fn nll_sums(decoder: &Decoder, rows: &[Scored<'_>]) -> Vec<f64> {
    let width = rows.iter().map(|row| row.ids.len()).max().unwrap_or(0);
    if width == 0 {
        return vec![0.0; rows.len()];
    }
    let device = decoder.device();
    let mut ids = Vec::with_capacity(rows.len() * width);
    let (mut positions, mut targets) = (Vec::new(), Vec::new());
    for (index, row) in rows.iter().enumerate() {
        assert!(row.predicted.is_empty() || row.predicted.start > 0, "nothing precedes token 0");
        positions.extend(row.predicted.clone().map(|token| (index * width + token - 1) as u32));
        targets.extend_from_slice(&row.ids[row.predicted.clone()]);
        ids.extend_from_slice(row.ids);
        ids.resize((index + 1) * width, 0);
    }
    let count = targets.len();
    if count == 0 {
        return vec![0.0; rows.len()];
    }
    let input = TokenInput::new(&ids, [rows.len(), width], Rows::RightPadded, &device);
    let hidden = decoder.hidden(&input, None);
    let [_, _, size] = hidden.dims();
    let hidden: Tensor<2> = hidden.reshape([rows.len() * width, size]);
    let hidden = hidden.select(0, int_tensor(&positions, [count], &device));
    let logprobs = decoder.token_logprobs(hidden, int_tensor(&targets, [count], &device), 1.0);
    let logprobs: Vec<f32> = logprobs.into_data().iter::<f32>().collect();
    let mut rest = logprobs.as_slice();
    let sum = |row: &Scored<'_>| {
        let (own, others) = rest.split_at(row.predicted.len());
        rest = others;
        -own.iter().map(|logprob| f64::from(*logprob)).sum::<f64>()
    };
    rows.iter().map(sum).collect()
}

#[cfg(test)]
mod tests;
