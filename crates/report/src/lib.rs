//! A run directory to one page, and to TensorBoard event files.
//!
//! The crate knows the files of a run and nothing of how they came about: no tensor, no model, no
//! clock. Read it in this order:
//!
//! 1. [`definitions`] — what every metric key means; the page and `docs/metrics.md` quote it.
//! 2. [`run`] — a run directory's files to curves, phases and samples.
//! 3. [`page()`] — a run directory to one self-contained HTML page.
//! 4. [`tensorboard`] — scalars and samples to event files that TensorBoard reads.

pub mod definitions;
pub mod error;
pub mod page;
pub mod run;
pub mod tensorboard;

pub use error::ReportError;
pub use page::page;
