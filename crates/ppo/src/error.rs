//! What can go wrong between a rollout and a loss, one sentence each.

/// Everything the configuration, the rollout and the loss can refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PpoError {
    /// A value outside the range its definition needs.
    #[error("`{field}` is {value}, must be {allowed}")]
    OutOfRange {
        /// The key within the `[ppo]` table, such as `kl.target`.
        field: &'static str,
        /// The value as written.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },

    /// Settings that exclude each other.
    #[error("{settings} cannot be used together: {reason}; {advice}")]
    Conflict {
        /// The settings as one would write them, such as `kl.placement = "loss"` and more.
        settings: String,
        /// Why not.
        reason: &'static str,
        /// What to do.
        advice: &'static str,
    },

    /// A row of the rollout whose parts do not fit each other.
    #[error("`{field}` of row {row} of the rollout has {found} entries, expected {expected}")]
    RowLength {
        /// The row, from 0.
        row: usize,
        /// The part.
        field: &'static str,
        /// How many entries it has.
        found: usize,
        /// How many it should have, and why.
        expected: String,
    },

    /// A log-probability or a value that is no number.
    #[error(
        "`{field}` of row {row} of the rollout is not finite at token {token}; the model gives \
         NaN or infinity, so lower the learning rate or go back to an earlier checkpoint"
    )]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The part.
        field: &'static str,
        /// The completion token, from 0.
        token: usize,
    },

    /// Tensors of a loss that do not fit each other.
    #[error("`{field}` of the loss has {found} entries, expected {expected}")]
    LossShape {
        /// The part.
        field: &'static str,
        /// How many entries it has.
        found: usize,
        /// How many it should have.
        expected: usize,
    },

    /// A tensor that the configuration needs and the caller did not give.
    #[error("the loss needs `{field}`, because {reason}; give it")]
    LossInput {
        /// The part.
        field: &'static str,
        /// The setting that asks for it.
        reason: &'static str,
    },

    /// Sums that did not come back from the device as they were written.
    #[error("cannot read the sums of a loss back from the device: {reason}")]
    Readback {
        /// What was wrong.
        reason: String,
    },
}

impl PpoError {
    /// True where the input or the configuration is at fault, false where the run's numbers, the
    /// machine or a caller's programming are.
    ///
    /// A program exits with 2 for the first and 1 for the second.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        matches!(self, Self::OutOfRange { .. } | Self::Conflict { .. })
    }
}
