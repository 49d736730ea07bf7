//! Falling when a metric stops improving, as PyTorch's `ReduceLROnPlateau` does.

use serde_json::{Value, json};

use super::parameters::{PlateauMode, PlateauParameters, ThresholdMode};

/// What is remembered between metrics.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plateau {
    /// What the learning rate is multiplied by.
    pub(super) factor: f64,
    /// The best metric; none before the first.
    best: Option<f64>,
    /// Metrics in a row that were no better.
    bad: u64,
    /// Metrics that are still not counted.
    cooldown: u64,
}

impl Default for Plateau {
    fn default() -> Self {
        Self { factor: 1.0, best: None, bad: 0, cooldown: 0 }
    }
}

impl Plateau {
    /// Takes one metric into account; `lr` is the learning rate at factor 1. A metric that is NaN
    /// is no improvement.
    pub(super) fn observe(&mut self, parameters: &PlateauParameters, metric: f64, lr: f64) {
        if is_better(parameters, metric, self.best) {
            self.best = Some(metric);
            self.bad = 0;
        } else {
            self.bad += 1;
        }
        if self.cooldown > 0 {
            self.cooldown -= 1;
            self.bad = 0;
        }
        if self.bad > parameters.patience {
            let now = lr * self.factor;
            let next = (now * parameters.factor).max(parameters.min_lr);
            if now - next > parameters.eps {
                self.factor = next / lr;
            }
            self.cooldown = parameters.cooldown;
            self.bad = 0;
        }
    }

    pub(super) fn state(&self) -> Value {
        json!({
            "factor": self.factor, "best": self.best, "bad": self.bad, "cooldown": self.cooldown,
        })
    }

    pub(super) fn from_state(state: &Value) -> Option<Self> {
        let best = match state.get("best")? {
            Value::Null => None,
            best => Some(best.as_f64()?),
        };
        Some(Self {
            factor: state.get("factor")?.as_f64()?,
            best,
            bad: state.get("bad")?.as_u64()?,
            cooldown: state.get("cooldown")?.as_u64()?,
        })
    }
}

fn is_better(parameters: &PlateauParameters, metric: f64, best: Option<f64>) -> bool {
    // Infinities would be lost in JSON; as the best of all they would also end all improvement.
    let Some(best) = best else { return metric.is_finite() };
    let threshold = parameters.threshold;
    metric.is_finite()
        && match (parameters.mode, parameters.threshold_mode) {
            (PlateauMode::Min, ThresholdMode::Rel) => metric < best * (1.0 - threshold),
            (PlateauMode::Min, ThresholdMode::Abs) => metric < best - threshold,
            (PlateauMode::Max, ThresholdMode::Rel) => metric > best * (1.0 + threshold),
            (PlateauMode::Max, ThresholdMode::Abs) => metric > best + threshold,
        }
}
