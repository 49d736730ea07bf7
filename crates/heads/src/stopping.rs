//! When more training gains nothing.

use serde::{Deserialize, Serialize};

use crate::error::{HeadsError, require};

/// Whether more or less of a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// More is better, as of an accuracy.
    #[default]
    Max,
    /// Less is better, as of a loss.
    Min,
}

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StopOptions {
    /// Stop after this many measurements in a row without progress. At least 1.
    pub patience: usize,
    /// Progress is to be better than the best so far by more than this. At least 0.
    pub min_delta: f64,
    /// Which way is better.
    pub mode: Mode,
}

impl Default for StopOptions {
    fn default() -> Self {
        Self { patience: 3, min_delta: 0.0, mode: Mode::Max }
    }
}

/// What a measurement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The best so far: worth keeping.
    Best,
    /// No progress, but patience is left.
    Wait,
    /// No progress for as long as there was patience.
    Stop,
}

/// Follows a metric. All of it is saved in a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStop {
    options: StopOptions,
    best: Option<f64>,
    waited: usize,
}

impl EarlyStop {
    /// Before the first measurement.
    ///
    /// # Errors
    ///
    /// [`HeadsError::OutOfRange`] for the first option outside its range.
    pub fn new(options: StopOptions) -> Result<Self, HeadsError> {
        require(options.patience >= 1, "patience", options.patience as f64, "at least 1")?;
        let delta = options.min_delta;
        let allowed = "a finite number of at least 0";
        require(delta >= 0.0 && delta.is_finite(), "min_delta", delta, allowed)?;
        Ok(Self { options, best: None, waited: 0 })
    }

    /// Takes the next value. One that is not finite is no progress.
    pub fn observe(&mut self, value: f64) -> Verdict {
        let gain = self.best.map_or(f64::INFINITY, |best| match self.options.mode {
            Mode::Max => value - best,
            Mode::Min => best - value,
        });
        if value.is_finite() && gain > self.options.min_delta {
            self.best = Some(value);
            self.waited = 0;
            return Verdict::Best;
        }
        self.waited = self.waited.saturating_add(1);
        if self.waited >= self.options.patience { Verdict::Stop } else { Verdict::Wait }
    }

    /// The best value so far.
    #[must_use]
    pub fn best(&self) -> Option<f64> {
        self.best
    }
}

#[cfg(test)]
mod tests;
