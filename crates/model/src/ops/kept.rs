//! Log-probabilities on the tokens that truncated sampling left over.

use std::ops::Range;

use burn::tensor::{Bool, Int, Tensor, TensorData};
use hybrid_kernels::head::{self, LogprobOptions, TokenLogprobs};

/// The tokens that a step of sampling could have drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptSet {
    /// These alone (top-k, top-p, min-p, typical).
    Only(Vec<u32>),
    /// All but these.
    Without(Vec<u32>),
    /// The whole vocabulary.
    All,
}

impl KeptSet {
    /// Marks the tokens of the set in a row over the vocabulary. Ids beyond it are passed over.
    fn mark(&self, row: &mut [bool]) {
        let (ids, listed): (&[u32], bool) = match self {
            Self::Only(ids) => (ids, true),
            Self::Without(ids) => (ids, false),
            Self::All => (&[], false),
        };
        row.fill(!listed);
        for id in ids {
            if let Some(place) = row.get_mut(*id as usize) {
                *place = listed;
            }
        }
    }
}

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
