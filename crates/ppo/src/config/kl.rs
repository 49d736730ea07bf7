//! The `[ppo.kl]` table: the penalty for leaving the reference.

use serde::{Deserialize, Serialize};

use super::check::{is_weight, require, shown};
use crate::error::PpoError;

/// The penalty for leaving the reference.
///
/// With `l = log π − log π_ref` of a sampled token: k1 is `l`, k2 is `l²/2`, k3 is `e⁻ˡ − 1 + l`
/// (Schulman 2020, <http://joschu.net/blog/kl-approx.html>).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KlConfig {
    /// Where the penalty enters.
    pub placement: KlPlacement,
    /// How it is estimated; absent means k1 in the reward and k2 in the loss. In the reward only
    /// k1 is allowed, in the loss all but k1.
    pub estimator: Option<KlEstimator>,
    /// Whether the coefficient follows a target.
    pub kind: KlControl,
    /// The coefficient `β`, or where it starts. At least 0; above 0 where it adapts.
    pub coef: f64,
    /// The KL aimed at, in nats a sequence: the mean over rows of the sum of k1 over tokens. Above
    /// 0. Needed by, and only by, `kind = "adaptive"`.
    pub target: Option<f64>,
    /// Over how many episodes an error of 1 changes the coefficient by the factor e. At least 1;
    /// absent means a quarter of the run's episodes.
    pub horizon: Option<usize>,
    /// Largest relative error `|KL / target − 1|` that a step of the controller reacts to. Above
    /// 0; absent means 1. Ziegler et al. 2019 use 0.2, with which the coefficient can change by at
    /// most `e^0.8 ≈ 2.2` in a run of four horizons.
    pub error_clip: Option<f64>,
    /// Bounds the per-token penalty in the reward, before its coefficient, to ± this many nats.
    /// Above 0; absent is off.
    pub clip: Option<f64>,
}

impl Default for KlConfig {
    fn default() -> Self {
        Self {
            placement: KlPlacement::Reward,
            estimator: None,
            kind: KlControl::Fixed,
            coef: 0.05,
            target: None,
            horizon: None,
            error_clip: None,
            clip: None,
        }
    }
}

/// Where the KL penalty enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlPlacement {
    /// In the reward of each token, from the rollout's log-probabilities.
    #[default]
    Reward,
    /// In the loss, from the current log-probabilities.
    Loss,
    /// In both, each with the same coefficient: the penalty counts twice.
    Both,
}

/// How the KL of a token is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlEstimator {
    /// `l`: unbiased, may be negative.
    K1,
    /// `l²/2`: its gradient is the KL's.
    K2,
    /// `e⁻ˡ − 1 + l`: unbiased and never negative; as a loss its gradient is that of the *reverse*
    /// divergence `KL(π_ref ‖ π)`.
    K3,
    /// The value of k3 with the gradient of k2.
    K3Plus,
}

/// Whether the coefficient follows a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlControl {
    /// It stays.
    #[default]
    Fixed,
    /// It rises while the KL exceeds the target and falls while it is below.
    Adaptive,
}

impl KlPlacement {
    /// True where the penalty enters the reward.
    #[must_use]
    pub fn in_reward(self) -> bool {
        self != Self::Loss
    }

    /// True where the penalty enters the loss.
    #[must_use]
    pub fn in_loss(self) -> bool {
        self != Self::Reward
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Reward => "reward",
            Self::Loss => "loss",
            Self::Both => "both",
        }
    }
}

impl KlConfig {
    /// The estimator in the reward: k1, or TRL's k3.
    #[must_use]
    pub fn reward_estimator(&self) -> KlEstimator {
        match self.placement {
            KlPlacement::Reward => self.estimator.unwrap_or(KlEstimator::K1),
            KlPlacement::Loss | KlPlacement::Both => KlEstimator::K1,
        }
    }

    /// The estimator in the loss.
    #[must_use]
    pub fn loss_estimator(&self) -> KlEstimator {
        self.estimator.unwrap_or(KlEstimator::K2)
    }

    /// Checks every range.
    ///
    /// # Errors
    ///
    /// [`PpoError::OutOfRange`] naming the first field.
    pub fn validate(&self) -> Result<(), PpoError> {
        let positive = |value: Option<f64>| value.is_none_or(|v| v.is_finite() && v > 0.0);
        let adapts = self.kind == KlControl::Adaptive;
        require(is_weight(self.coef), "kl.coef", self.coef, "a finite number of at least 0")?;
        require(
            !adapts || self.coef > 0.0,
            "kl.coef",
            self.coef,
            "above 0 where `kl.kind = \"adaptive\"`, which multiplies it",
        )?;
        require(
            positive(self.target) && (!adapts || self.target.is_some()),
            "kl.target",
            shown(self.target),
            "a finite number above 0 (nats a sequence), and given where `kl.kind = \"adaptive\"`",
        )?;
        require(self.horizon != Some(0), "kl.horizon", 0, "at least 1 episode, or absent")?;
        require(
            positive(self.error_clip),
            "kl.error_clip",
            shown(self.error_clip),
            "a finite number above 0, or absent for 1",
        )?;
        require(
            positive(self.clip),
            "kl.clip",
            shown(self.clip),
            "a finite number above 0 (nats a token), or absent for none",
        )
    }
}
