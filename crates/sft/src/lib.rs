//! Supervised fine-tuning: from a batch of demonstrations to a loss.
//!
//! The crate is pure: tensors, ids and settings in, a loss with a gradient and a few sums out. It
//! steps no optimizer, reads no file and no clock, and draws no random number. Read it in this
//! order:
//!
//! 1. [`config`] — label smoothing and z-loss.
//! 2. [`batch`] — right-padded or packed examples as the model reads them, and which tokens count.
//! 3. [`loss()`] — the loss of a micro-batch, divided by the token count of the whole step;
//!    [`traced_loss`] where memory is short.
//! 4. [`evaluate()`] — mean loss and perplexity of held-out examples, without gradients.
//! 5. [`error`] — what can be wrong with a batch.
//!
//! # The loss
//!
//! Over the counted tokens `y`, each with the logits `z` of the tokens before it, `v` of them:
//!
//! ```text
//! nll    = −log softmax(z)[y]
//! smooth = −(1/v) · Σ_j log softmax(z)[j]
//! loss   = (1/N) · Σ_y (1 − ε) · nll + ε · smooth + c · (log Σ_j exp z_j)²
//! ```
//!
//! `ε` is [`SftConfig::label_smoothing`], `c` is [`SftConfig::z_loss_coef`], and `N` is given by the
//! caller: all counted tokens of the optimizer step, however it is cut into micro-batches.

pub mod batch;
pub mod config;
pub mod error;
mod evaluate;
mod head;
mod loss;

pub use batch::SftBatch;
pub use config::SftConfig;
pub use error::SftError;
pub use evaluate::{Evaluation, evaluate};
pub use loss::{SftLoss, SftStats, loss, traced_loss};
