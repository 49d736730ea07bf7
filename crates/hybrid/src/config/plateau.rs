//! When a phase has achieved what it can: a goal reached, or no progress any more.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::check::Problem;
use super::output::Mode;

/// Ends a phase before its last step, by a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UntilConfig {
    /// The metric, as `rollout/score_mean` or `eval/sft_loss`.
    pub metric: String,
    /// Whether more or less of it is better.
    #[serde(default)]
    pub mode: Mode,
    /// The phase ends after this many values of the metric without progress. At least 1; absent
    /// means that only `goal` ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// What counts as progress: better than the best so far by more than this. At least 0.
    #[serde(default)]
    pub min_delta: f64,
    /// The mean of so many newest values is looked at. At least 1.
    #[serde(default = "one")]
    pub window: usize,
    /// The phase ends where the metric is this good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<f64>,
}

fn one() -> usize {
    1
}

impl UntilConfig {
    pub(super) fn validate(&self, key: &str) -> Result<(), Problem> {
        let name = |name: &str| format!("{key}.{name}");
        if self.patience.is_none() && self.goal.is_none() {
            let text = format!("`{key}` needs `patience` or `goal`, else it never ends the phase");
            return Err(Problem::new(key, text));
        }
        for (field, count) in [("patience", self.patience), ("window", Some(self.window))] {
            if count == Some(0) {
                return Err(Problem::range(&name(field), "0", "at least 1"));
            }
        }
        if !(self.min_delta >= 0.0 && self.min_delta.is_finite()) {
            let allowed = "a finite number of at least 0";
            return Err(Problem::range(&name("min_delta"), &self.min_delta.to_string(), allowed));
        }
        match self.goal {
            Some(goal) if !goal.is_finite() => {
                Err(Problem::range(&name("goal"), &goal.to_string(), "a finite number"))
            }
            _ => Ok(()),
        }
    }
}

/// What a new value means for the phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Continue,
    /// It ends: the goal is reached.
    Reached,
    /// It ends: no progress for `patience` values.
    Stalled,
}

/// The values of a metric so far, as far as they matter; part of a checkpoint.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plateau {
    newest: VecDeque<f64>,
    best: Option<f64>,
    stale: usize,
}

impl Plateau {
    /// Takes in one value. Nothing is decided before the window is full, and a value that is NaN or
    /// infinite is left out.
    pub fn observe(&mut self, value: f64, config: &UntilConfig) -> Verdict {
        if !value.is_finite() {
            return Verdict::Continue;
        }
        self.newest.push_back(value);
        while self.newest.len() > config.window {
            self.newest.pop_front();
        }
        if self.newest.len() < config.window {
            return Verdict::Continue;
        }
        let mean = self.newest.iter().sum::<f64>() / self.newest.len() as f64;
        if config.goal.is_some_and(|goal| !config.mode.is_better(goal, mean)) {
            return Verdict::Reached;
        }
        let progress = self.best.is_none_or(|best| {
            let to_beat = match config.mode {
                Mode::Max => best + config.min_delta,
                Mode::Min => best - config.min_delta,
            };
            config.mode.is_better(mean, to_beat)
        });
        if progress {
            self.best = Some(mean);
            self.stale = 0;
        } else {
            self.stale = self.stale.saturating_add(1);
        }
        match config.patience {
            Some(patience) if self.stale >= patience => Verdict::Stalled,
            _ => Verdict::Continue,
        }
    }
}

#[cfg(test)]
mod tests;
