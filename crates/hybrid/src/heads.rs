//! Training task heads: rows to examples, examples to steps, steps to a run, a run to predictions.
//!
//! 1. [`example`] — rows of files to token rows and targets.
//! 2. [`task`] — a task as a trained model keeps it: kind, labels, how texts become tokens.
//! 3. [`spans`] — questions and contexts, which are read in windows.
//! 4. [`trainer`] — one step: a batch of one task, or of all of them.
//! 5. [`measure`] — the metrics of a task on held-out rows.
//! 6. [`predict`] — a trained head's answers, and the scores of a reward model.
//! 7. [`run`] — steps, measurements, checkpoints and records on top of these.

pub mod example;
pub mod measure;
pub mod predict;
pub mod run;
pub mod spans;
pub mod task;
pub mod trainer;

pub(crate) mod feed;
pub(crate) mod lessons;

pub(crate) mod forward;

mod feedback;
mod loss;
mod surgery;

pub use example::{Example, Target, TaskRows, TaskSources};
pub use predict::{Prediction, Predictor};
pub use run::{HeadsParts, HeadsRun};
pub use task::Task;
pub use trainer::HeadsTrainer;

#[cfg(test)]
mod tests;
