//! What a token was drawn from: the tokens that were left, and its probability among them.

/// The tokens that a draw could have given. Ids rise and none is there twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum KeptSet {
    /// Every token of the vocabulary.
    #[default]
    All,
    /// These tokens, at least one: what a truncation left.
    Only(Vec<u32>),
    /// Every token but these, at least one: what was forbidden.
    Without(Vec<u32>),
}

/// The distribution that drew a token, as far as a trainer needs it.
///
/// A policy that is compared with the one that sampled must be renormalised on the same set, or
/// their ratio would not be 1 where the weights are equal.
#[derive(Debug, Clone, PartialEq)]
pub struct Behaviour {
    /// Log-probability of the token under the distribution that drew it, in nats: after penalties,
    /// temperature and truncation, renormalised. 0 where the most probable token was taken.
    pub logprob: f32,
    /// What the token was drawn from.
    pub kept: KeptSet,
}

impl KeptSet {
    /// What processed logits leave: the tokens above −∞. `truncated` chooses the form that is short.
    pub(super) fn of(processed: &[f32], truncated: bool) -> Self {
        let ids = |is_kept: bool| {
            let tokens = processed.iter().zip(0_u32..);
            let chosen = tokens.filter(move |(logit, _)| (**logit > f32::NEG_INFINITY) == is_kept);
            chosen.map(|(_, id)| id).collect::<Vec<u32>>()
        };
        if processed.iter().all(|logit| *logit > f32::NEG_INFINITY) {
            Self::All
        } else if truncated {
            Self::Only(ids(true))
        } else {
            Self::Without(ids(false))
        }
    }

    /// Marks the tokens of the set in a row over the vocabulary. Ids beyond it are passed over.
    pub(crate) fn mark(&self, row: &mut [bool]) {
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
