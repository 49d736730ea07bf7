//! What becomes of a reward function's answer before it is a reward.

use serde::{Deserialize, Serialize};

use crate::config::ScoreAt;
use crate::error::PpoError;

/// `[ppo.scores]`: what becomes of a score before it is a reward. First normalised, then clipped;
/// the penalty for a missing end is subtracted afterwards.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScoreConfig {
    /// Whether scores are brought to a common scale.
    pub normalize: Normalize,
    /// Bounds scores to ± this. Above 0; absent is off.
    pub clip: Option<f64>,
}

/// How scores are brought to a common scale, by the moments of every finite score of the run so
/// far, the current rollout included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalize {
    /// Not at all.
    #[default]
    None,
    /// Divided by their standard deviation.
    Scale,
    /// Their mean subtracted, divided by their standard deviation.
    Standardize,
}

impl ScoreConfig {
    /// Checks every range.
    ///
    /// # Errors
    ///
    /// [`PpoError::OutOfRange`] for `clip`; [`PpoError::Conflict`] for a mean subtracted from the
    /// score of each token.
    pub fn validate(&self, score_at: ScoreAt) -> Result<(), PpoError> {
        if self.clip.is_some_and(|clip| !(clip.is_finite() && clip > 0.0)) {
            return Err(PpoError::OutOfRange {
                field: "scores.clip",
                value: self.clip.unwrap_or_default().to_string(),
                allowed: "a finite number above 0, or absent for none",
            });
        }
        if score_at == ScoreAt::PerToken && self.normalize == Normalize::Standardize {
            return Err(PpoError::Conflict {
                settings: "`scores.normalize = \"standardize\"` and `score_at = \"per_token\"`"
                    .to_owned(),
                reason: "a mean subtracted at every token pays or punishes length",
                advice: "set `scores.normalize = \"scale\"` or `score_at = \"last\"`",
            });
        }
        Ok(())
    }
}

/// Count, mean and spread of the scores of a run so far (Welford's recurrence). Part of a run's
/// saved state.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreMoments {
    count: u64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

impl ScoreMoments {
    /// Takes in one score; one that is not finite is left out.
    pub fn add(&mut self, score: f64) {
        if !score.is_finite() {
            return;
        }
        self.count += 1;
        let distance = score - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (score - self.mean);
    }

    /// Scores taken in.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; 0 before the first.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Their standard deviation, population form; 0 before the second.
    #[must_use]
    pub fn std(&self) -> f64 {
        if self.count == 0 { 0.0 } else { (self.squares / self.count as f64).sqrt() }
    }

    /// The score as `config` says. Scores that are all equal are not divided.
    #[must_use]
    pub fn apply(&self, score: f64, config: &ScoreConfig) -> f64 {
        let std = self.std();
        let scale = if std > 1e-8 { std } else { 1.0 };
        let score = match config.normalize {
            Normalize::None => score,
            Normalize::Scale => score / scale,
            Normalize::Standardize => (score - self.mean) / scale,
        };
        config.clip.map_or(score, |clip| score.clamp(-clip, clip))
    }
}

#[cfg(test)]
mod tests;
