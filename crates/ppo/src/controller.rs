//! The weight of the KL penalty over the run.

use serde::{Deserialize, Serialize};

use crate::config::{KlConfig, KlControl};

/// The coefficient of the KL penalty, fixed or following a target (Ziegler et al. 2019,
/// <https://arxiv.org/abs/1909.08593>, section 2.2). Part of a run's saved state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KlController {
    coef: f64,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rule {
    Fixed,
    Adaptive { target: f64, horizon: f64, error_clip: f64 },
}

impl KlController {
    /// The controller at the start of a run of `total_episodes` completions.
    #[must_use]
    pub fn new(config: &KlConfig, total_episodes: usize) -> Self {
        let horizon = config.horizon.unwrap_or(total_episodes / 4).max(1) as f64;
        let rule = match (config.kind, config.target) {
            (KlControl::Adaptive, Some(target)) => {
                let error_clip = config.error_clip.unwrap_or(1.0);
                Rule::Adaptive { target, horizon, error_clip }
            }
            _ => Rule::Fixed,
        };
        Self { coef: config.coef, rule }
    }

    /// The coefficient for the next rollout, or its loss.
    #[must_use]
    pub fn coef(&self) -> f64 {
        self.coef
    }

    /// Takes in the KL of a rollout of `episodes` rows, in nats a sequence
    /// ([`RolloutStats::ref_kl`](crate::RolloutStats)):
    /// `β ← β · (1 + clip(KL / target − 1, ± error_clip) · episodes / horizon)`.
    ///
    /// A KL that is not finite changes nothing. A rollout larger than the horizon counts as one
    /// horizon, and no step divides the coefficient by more than ten.
    pub fn update(&mut self, ref_kl: f64, episodes: usize) {
        let Rule::Adaptive { target, horizon, error_clip } = self.rule else {
            return;
        };
        if !ref_kl.is_finite() {
            return;
        }
        let error = (ref_kl / target - 1.0).clamp(-error_clip, error_clip);
        let share = (episodes as f64 / horizon).min(1.0);
        self.coef *= (1.0 + error * share).max(0.1);
    }
}

#[cfg(test)]
mod tests;
