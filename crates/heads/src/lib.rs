//! What task heads need apart from the network: labels, losses, task balance, feedback, metrics.
//!
//! The crate is pure: logits, labels and settings in, losses with a gradient and numbers out. It
//! knows no model, no tokenizer and no file, steps no optimizer and keeps no source of chance: what
//! is drawn is a function of a seed and a step. Read it in this order:
//!
//! 1. [`task`] — the kinds of task as data.
//! 2. [`labels`] — names of classes and their ids.
//! 3. [`tagging`] — labels of words to labels of tokens and back, tags to entities.
//! 4. [`span`] — an answer in a text to tokens and back.
//! 5. [`losses`] — logits and targets to a sum and what it is divided by.
//! 6. [`reinforce`] — a head's own predictions and their rewards to a loss.
//! 7. [`balance`] — how several tasks share an update: weights, gradients, batches, order.
//! 8. [`metrics`] — what a head is worth on rows it has not seen.
//! 9. [`stopping`] — when more training gains nothing.
//! 10. [`error`] — what can be wrong with all these.
//!
//! A target is `Option`: `None` does not count, and what does not count never enters a loss.

pub mod balance;
pub mod error;
pub mod labels;
pub mod losses;
pub mod metrics;
pub mod reinforce;
pub mod span;
pub mod stopping;
pub mod tagging;
pub mod task;

mod stream;

#[cfg(test)]
mod tests;

pub use error::HeadsError;
pub use labels::LabelSet;
pub use task::TaskKind;
