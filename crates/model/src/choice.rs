//! Which of a few tokens comes next: a question with a closed list of answers.

use burn::tensor::Tensor;

use crate::decoder::Decoder;
use crate::input::{Rows, TokenInput, int_tensor};

/// A sequence and the tokens of which one follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<'a> {
    /// The tokens that are read; at least one.
    pub ids: &'a [u32],
    /// The tokens to choose among; at least one.
    pub options: &'a [u32],
}

/// Probability of each option as the next token of its row, given that one of them is: in [0, 1],
/// summing to 1 over a row's options, in their order.
///
/// Rows are padded on the right to the longest; padding changes nothing. The head sees one position
/// a row.
///
/// # Panics
///
/// When a row is empty, or an option beyond the vocabulary: the caller's mistake.
#[must_use]
pub fn choose(decoder: &Decoder, rows: &[Choice<'_>]) -> Vec<Vec<f64>> {
    let width = rows.iter().map(|row| row.ids.len()).max().unwrap_or(0);
    if width == 0 {
        return vec![Vec::new(); rows.len()];
    }
    let device = decoder.device();
    let mut ids = Vec::with_capacity(rows.len() * width);
    let mut last = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        assert!(!row.ids.is_empty(), "nothing precedes the choice");
        last.push((index * width + row.ids.len() - 1) as u32);
        ids.extend_from_slice(row.ids);
        ids.resize((index + 1) * width, 0);
    }
    let input = TokenInput::new(&ids, [rows.len(), width], Rows::RightPadded, &device);
    let hidden = decoder.hidden(&input, None);
    let [_, _, size] = hidden.dims();
    let hidden: Tensor<2> = hidden.reshape([rows.len() * width, size]);
    let hidden: Tensor<2> = hidden.select(0, int_tensor(&last, [rows.len()], &device));
    let logits = decoder.logits(hidden.reshape([rows.len(), 1, size]));
    let [_, _, vocab] = logits.dims();
    let logits: Vec<f32> = logits.into_data().iter::<f32>().collect();
    let chosen = |(row, logits): (&Choice<'_>, &[f32])| {
        let logits = row.options.iter().map(|option| f64::from(logits[*option as usize]));
        softmax(&logits.collect::<Vec<_>>())
    };
    rows.iter().zip(logits.chunks(vocab)).map(chosen).collect()
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

#[cfg(test)]
mod tests;
