//! Each schedule's own parameters with their defaults and ranges.

use serde::{Deserialize, Serialize};

use crate::error::{OptimError, require};

/// No parameters of its own.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Unparameterised {}

/// Parameters of `cosine`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CosineParameters {
    /// Waves until `total_steps`; 0.5 falls once from 1 to the end. Above 0.
    pub num_cycles: f64,
    /// The lowest factor, in [0, 1].
    pub min_lr_ratio: f64,
}

impl Default for CosineParameters {
    fn default() -> Self {
        Self { num_cycles: 0.5, min_lr_ratio: 0.0 }
    }
}

/// Parameters of `cosine_with_restarts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RestartParameters {
    /// Falls until `total_steps`. At least 1.
    pub num_cycles: usize,
}

impl Default for RestartParameters {
    fn default() -> Self {
        Self { num_cycles: 1 }
    }
}

/// Parameters of `polynomial`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolynomialParameters {
    /// The power; 1 is a straight line. Above 0.
    pub power: f64,
    /// The learning rate at `total_steps`. 0 or more, and below `optim.lr`.
    pub lr_end: f64,
}

impl Default for PolynomialParameters {
    fn default() -> Self {
        Self { power: 1.0, lr_end: 1e-7 }
    }
}

/// Parameters of `inverse_sqrt`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InverseSqrtParameters {
    /// Steps after which the factor would be 1 on the bare curve `√(timescale / step)`; absent means
    /// the warm-up's length, or 10,000 without one. At least 1.
    pub timescale: Option<u64>,
}

/// Parameters of `exponential`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExponentialParameters {
    /// Factor of each step after the warm-up, in (0, 1].
    pub gamma: f64,
}

impl Default for ExponentialParameters {
    fn default() -> Self {
        Self { gamma: 0.999 }
    }
}

/// Parameters of `step`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StepParameters {
    /// Steps between two falls, counted from the end of the warm-up. At least 1.
    pub step_size: u64,
    /// Factor of each fall, in (0, 1].
    pub gamma: f64,
}

impl Default for StepParameters {
    fn default() -> Self {
        Self { step_size: 1000, gamma: 0.1 }
    }
}

/// Parameters of `wsd`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WsdParameters {
    /// Steps of the fall at the end; absent means a tenth of `total_steps`. What the warm-up leaves
    /// of `total_steps` bounds it.
    pub decay_steps: Option<u64>,
    /// Shape of the warm-up.
    pub warmup_type: DecayShape,
    /// Shape of the fall.
    pub decay_type: DecayShape,
    /// The factor at both ends, in [0, 1].
    pub min_lr_ratio: f64,
}

impl Default for WsdParameters {
    fn default() -> Self {
        Self {
            decay_steps: None,
            warmup_type: DecayShape::Linear,
            decay_type: DecayShape::Cosine,
            min_lr_ratio: 0.0,
        }
    }
}

/// Shape of a rise or a fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DecayShape {
    /// A straight line.
    #[serde(rename = "linear")]
    Linear,
    /// Half a wave.
    #[serde(rename = "cosine")]
    Cosine,
    /// `1 − √progress`, steep at first.
    #[serde(rename = "1-sqrt")]
    OneMinusSqrt,
}

/// Parameters of `reduce_on_plateau`, named and defaulted as in PyTorch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlateauParameters {
    /// Whether the metric should fall or rise.
    pub mode: PlateauMode,
    /// Factor of each fall, in (0, 1).
    pub factor: f64,
    /// Metrics in a row without improvement that are tolerated.
    pub patience: u64,
    /// How much better counts as better. 0 or more.
    pub threshold: f64,
    /// Whether `threshold` is a share of the best metric or a difference from it.
    pub threshold_mode: ThresholdMode,
    /// Metrics after a fall that are not counted.
    pub cooldown: u64,
    /// Lowest learning rate. 0 or more.
    pub min_lr: f64,
    /// Falls of the learning rate by no more than this are left out. 0 or more.
    pub eps: f64,
}

/// Which direction of a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlateauMode {
    /// Lower is better, as for a loss.
    Min,
    /// Higher is better, as for a reward.
    Max,
}

/// What a plateau's threshold is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThresholdMode {
    /// A share of the best metric.
    Rel,
    /// A difference from the best metric.
    Abs,
}

impl Default for PlateauParameters {
    fn default() -> Self {
        Self {
            mode: PlateauMode::Min,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            threshold_mode: ThresholdMode::Rel,
            cooldown: 0,
            min_lr: 0.0,
            eps: 1e-8,
        }
    }
}

fn key(name: &str) -> String {
    format!("optim.scheduler.{name}")
}

fn require_ratio(name: &str, value: f64) -> Result<(), OptimError> {
    require((0.0..=1.0).contains(&value), &key(name), value, "in [0, 1]")
}

fn require_positive(name: &str, value: f64) -> Result<(), OptimError> {
    require(value.is_finite() && value > 0.0, &key(name), value, "above 0, and finite")
}

fn require_non_negative(name: &str, value: f64) -> Result<(), OptimError> {
    require(value.is_finite() && value >= 0.0, &key(name), value, "0 or more, and finite")
}

fn require_gamma(value: f64) -> Result<(), OptimError> {
    require(value > 0.0 && value <= 1.0, &key("gamma"), value, "in (0, 1]")
}

impl CosineParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        require_positive("num_cycles", self.num_cycles)?;
        require_ratio("min_lr_ratio", self.min_lr_ratio)
    }
}

impl RestartParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        require(self.num_cycles >= 1, &key("num_cycles"), self.num_cycles, "at least 1")
    }
}

impl PolynomialParameters {
    pub(super) fn validate(&self, lr: f64) -> Result<(), OptimError> {
        require_positive("power", self.power)?;
        let ok = self.lr_end >= 0.0 && self.lr_end < lr;
        let allowed = format!("0 or more, and below `optim.lr` ({lr})");
        require(ok, &key("lr_end"), self.lr_end, &allowed)
    }
}

impl InverseSqrtParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        let timescale = self.timescale.unwrap_or(1);
        require(timescale >= 1, &key("timescale"), timescale, "at least 1")
    }
}

impl ExponentialParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        require_gamma(self.gamma)
    }
}

impl StepParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        require(self.step_size >= 1, &key("step_size"), self.step_size, "at least 1")?;
        require_gamma(self.gamma)
    }
}

impl WsdParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        require_ratio("min_lr_ratio", self.min_lr_ratio)
    }
}

impl PlateauParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        let ok = self.factor > 0.0 && self.factor < 1.0;
        require(ok, &key("factor"), self.factor, "in (0, 1)")?;
        require_non_negative("threshold", self.threshold)?;
        require_non_negative("min_lr", self.min_lr)?;
        require_non_negative("eps", self.eps)
    }
}
