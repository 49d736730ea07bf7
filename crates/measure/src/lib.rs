//! How well outputs agree with what people wrote, as numbers that more than one crate reports.
//!
//! Rewards and task heads measure the same things: a share with its interval, an area under a curve,
//! two answers that mean the same. Each is defined here once. The crate knows no file, no model and
//! no tensor.
//!
//! 1. [`interval`] — a share, an AUC, a correlation, each with its 95 % interval.
//! 2. [`answer`] — short answers compared as SQuAD's evaluation does.
//! 3. [`text`] — words and white space as Python sees them.

pub mod answer;
pub mod interval;
pub mod text;

pub use interval::Interval;
