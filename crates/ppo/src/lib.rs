//! Proximal policy optimisation: a finished rollout to a loss and its statistics.
//!
//! The crate is pure: it reads numbers, tensors and configuration and returns numbers and tensors.
//! It never touches a file, a clock, a tokenizer, a model or a reward function. Read it in this
//! order:
//!
//! 1. [`config`]: every setting of the `[ppo]` table, its default and its range.
//! 2. [`episode`]: one prompt, its completion, and what was measured while it was sampled.
//! 3. [`score`]: what becomes of a reward function's answer before it is a reward.
//! 4. [`mod@prepare`]: episodes to advantages and returns, by [`advantages`] and [`whiten`].
//! 5. [`importance`]: weights of tokens that another policy drew.
//! 6. [`minibatch`]: which rows meet in one optimizer step.
//! 7. [`mod@loss`]: log-probabilities and values of the current model to the loss, as tensors.
//! 8. [`stats`]: the loss' sums to metrics, and when to stop or skip.
//! 9. [`controller`]: the weight of the KL penalty over the run.
//!
//! # Shapes
//!
//! Rows are ragged: a row of `n` completion tokens is a vector of length `n`, so there is no
//! padding and no mask. Arithmetic over rows is in `f64` on the host. Only [`mod@loss`] has
//! tensors; they are flat over the completion tokens of the rows at hand, `[n]`.
//!
//! `docs/algorithms/ppo.md` holds the equations, their sources and the definition of each metric.

pub mod advantages;
pub mod config;
pub mod controller;
pub mod episode;
pub mod error;
pub mod importance;
pub mod loss;
pub mod minibatch;
pub mod prepare;
pub mod score;
pub mod stats;
pub mod whiten;

pub use config::PpoConfig;
pub use controller::KlController;
pub use episode::{End, Episode, Score};
pub use error::PpoError;
pub use importance::Importance;
pub use loss::{LossInputs, Normaliser, PpoLoss, Update, ValueInputs, loss};
pub use minibatch::minibatches;
pub use prepare::{Prepared, PreparedRow, RolloutStats, prepare};
pub use score::ScoreMoments;
pub use stats::{Decision, LossSums, UpdateStats};

#[cfg(test)]
mod tests;
