//! Log-probabilities of given tokens, without the logits of all rows at once.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

use super::softcap;

/// How hidden states become log-probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogprobOptions {
    /// Logits are divided by it before the softmax.
    pub temperature: f64,
    /// The model's soft cap on logits, applied before the temperature.
    pub softcap: Option<f64>,
    /// Rows whose logits are held at once, at least 1.
    pub chunk: usize,
}

impl Default for LogprobOptions {
    /// Temperature 1, no cap, 256 rows at once: 50 MB of logits for a vocabulary of 50,000.
    fn default() -> Self {
        Self { temperature: 1.0, softcap: None, chunk: 256 }
    }
}

/// Returns `log softmax(hidden · headᵀ / temperature)[target]` of every row, in nats.
///
/// # Shapes
///
/// - `hidden`: `[n, d]`; row `i` predicts `targets[i]`
/// - `head`: `[v, d]`
/// - `targets`: `[n]`, each below `v`
/// - output: `[n]`
#[must_use]
pub fn token_logprobs(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
    options: LogprobOptions,
) -> Tensor<1> {
    let [rows, _] = hidden.dims();
    let head = head.transpose();
    let chunk = |start: usize| {
        let range = start..(start + options.chunk.max(1)).min(rows);
        let mut logits = hidden.clone().slice_dim(0, range.clone()).matmul(head.clone());
        if let Some(cap) = options.softcap {
            logits = softcap(logits, cap);
        }
        let logprobs = log_softmax(logits / options.temperature, 1);
        let index = targets.clone().slice_dim(0, range).unsqueeze_dim::<2>(1);
        logprobs.gather(1, index).squeeze_dim::<1>(1)
    };
    let chunks: Vec<Tensor<1>> = (0..rows).step_by(options.chunk.max(1)).map(chunk).collect();
    if chunks.is_empty() {
        return Tensor::empty([0], &hidden.device());
    }
    Tensor::cat(chunks, 0)
}
