//! Log-probabilities on the tokens that truncated sampling left over.

use std::ops::Range;

use burn::tensor::{Bool, Int, Tensor, TensorData};
use hybrid_kernels::head::{self, LogprobOptions, TokenLogprobs};

use crate::sampling::KeptSet;

/// Log-probabilities of `targets` under the policy renormalised on a set of tokens in each row:
/// `z_target − log Σ exp(z_j)` over the set, with `z` after cap and temperature.
///
/// Entropy, log Z and mean log-probability, where asked for, are those of the set too. A target
/// outside its set gets about −1e30; a set of no token gives values of no meaning.
///
/// # Shapes
///
/// - `hidden`: `[n, e]`, `head`: `[v, e]`, `targets`: `[n]`; `kept` has `n` entries
///
/// # Panics
///
/// When `kept` has another length than `targets`: the caller's mistake.
#[must_use]
pub fn kept_logprobs(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
    kept: &[KeptSet],
    options: &LogprobOptions,
) -> TokenLogprobs {
    let [rows, _] = hidden.dims();
    assert_eq!(kept.len(), rows, "one kept set a row");
    if kept.iter().all(|set| *set == KeptSet::All) {
        return head::token_logprobs(hidden, head, targets, options);
    }
    let ([vocab, _], device) = (head.dims(), hidden.device());
    let allowed = |range: Range<usize>| -> Tensor<2, Bool> {
        let mut mask = vec![false; range.len() * vocab];
        let sets = kept.get(range.clone()).unwrap_or(&[]);
        for (row, set) in mask.chunks_mut(vocab.max(1)).zip(sets) {
            set.mark(row);
        }
        Tensor::from_data(TensorData::new(mask, [range.len(), vocab]), &device)
    };
    head::token_logprobs_within(hidden, head, targets, &allowed, options)
}

#[cfg(test)]
mod tests;
