//! Log-probabilities of given tokens, without the logits of all rows at once.

mod composed;
#[cfg(feature = "flex")]
mod fused;

use std::ops::Range;

use burn::tensor::{Bool, Int, Tensor};

/// How hidden states become log-probabilities, and what is told besides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogprobOptions {
    /// Logits are divided by it before the softmax. Above 0.
    pub temperature: f64,
    /// The model's soft cap on logits, applied before the temperature.
    pub softcap: Option<f64>,
    /// Whether [`TokenLogprobs::entropy`] is wanted.
    pub entropy: bool,
    /// Whether [`TokenLogprobs::log_z`] is wanted.
    pub log_z: bool,
    /// Whether [`TokenLogprobs::mean_logprob`] is wanted.
    pub mean_logprob: bool,
    /// Bytes of logits held at once. Where those of all rows fit, they are kept for the backward
    /// pass; otherwise rows are taken in chunks (of at least one), and computed again.
    pub budget: usize,
}

impl Default for LogprobOptions {
    /// Temperature 1, no cap, log-probabilities only, 128 MiB: 512 rows of GPT-2's vocabulary.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            softcap: None,
            entropy: false,
            log_z: false,
            mean_logprob: false,
            budget: 128 << 20,
        }
    }
}

impl LogprobOptions {
    /// Rows whose logits fit the budget, at least 1.
    fn rows_at_once(&self, vocab: usize) -> usize {
        (self.budget / (4 * vocab.max(1))).max(1)
    }
}

/// What the head says about each row, `[n]` each, in nats. All carry gradients.
#[derive(Debug, Clone)]
pub struct TokenLogprobs {
    /// `log p(target)`.
    pub logprobs: Tensor<1>,
    /// `−Σ p log p` over the vocabulary.
    pub entropy: Option<Tensor<1>>,
    /// `log Σ exp(z)` of the logits `z` after cap and temperature: what a z-loss penalises.
    pub log_z: Option<Tensor<1>>,
    /// Mean of `log p` over the vocabulary: what label smoothing adds.
    pub mean_logprob: Option<Tensor<1>>,
}

/// Returns `log softmax(hidden · headᵀ / temperature)[target]` of every row, and what the options
/// ask for besides.
///
/// A row whose upstream gradient is zero takes no part in the backward pass on the CPU backend, so
/// that a NaN in padding stays there.
///
/// # Shapes
///
/// - `hidden`: `[n, e]`; row `i` predicts `targets[i]`
/// - `head`: `[v, e]`
/// - `targets`: `[n]`, each below `v`
#[must_use]
pub fn token_logprobs(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
    options: &LogprobOptions,
) -> TokenLogprobs {
    #[cfg(feature = "flex")]
    if let Some(output) =
        fused::token_logprobs(hidden.clone(), head.clone(), targets.clone(), options)
    {
        return output;
    }
    composed::token_logprobs(hidden, head, targets, options, None)
}

/// As [`token_logprobs`], of the distribution renormalised on a set of tokens in each row.
///
/// `allowed` gives the mask of a range of rows, `[rows, v]`, true where a token counts; each row
/// needs one. A target outside its set gets about −1e30, and no gradient.
#[must_use]
pub fn token_logprobs_within(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
    allowed: &dyn Fn(Range<usize>) -> Tensor<2, Bool>,
    options: &LogprobOptions,
) -> TokenLogprobs {
    composed::token_logprobs(hidden, head, targets, options, Some(allowed))
}

#[cfg(test)]
mod tests;
