//! Each optimizer's own parameters with their defaults and ranges.

use serde::{Deserialize, Serialize};

use super::{require_non_negative, require_positive, require_rate, require_rates};
use crate::error::{OptimError, require};

/// Parameters of `adamw` and `adam`; the defaults are PyTorch's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamParameters {
    /// Decay rates of the running means of gradient and squared gradient, each in [0, 1).
    pub betas: [f64; 2],
    /// Added to the root of the second moment. 0 or more.
    pub eps: f64,
    /// `eps` beside the uncorrected root, as in TensorFlow 1 and the RLHF code built on it.
    pub epsilon_hat: bool,
}

impl Default for AdamParameters {
    fn default() -> Self {
        Self { betas: [0.9, 0.999], eps: 1e-8, epsilon_hat: false }
    }
}

impl AdamParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        require_rates("betas", &self.betas)?;
        require_non_negative("eps", self.eps)
    }
}

/// Parameters of `sgd`; the defaults are PyTorch's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SgdParameters {
    /// Share of the last update that is kept, in [0, 1); 0 is plain gradient descent.
    pub momentum: f64,
    /// Share of each gradient after the first that the momentum leaves out, in [0, 1].
    pub dampening: f64,
    /// Looks ahead along the momentum. Needs `momentum` above 0 and `dampening` 0.
    pub nesterov: bool,
}

impl SgdParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        require_rate("momentum", self.momentum)?;
        let field = "optim.optimizer.dampening";
        require((0.0..=1.0).contains(&self.dampening), field, self.dampening, "in [0, 1]")?;
        let ok = !self.nesterov || (self.momentum > 0.0 && self.dampening == 0.0);
        let allowed = "used with `momentum` above 0 and `dampening` 0";
        require(ok, "optim.optimizer.nesterov", self.nesterov, allowed)
    }
}

/// Parameters of `rmsprop`; the defaults are PyTorch's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RmspropParameters {
    /// Decay rate of the running mean of the squared gradient, in [0, 1).
    pub alpha: f64,
    /// Added to the root. 0 or more.
    pub eps: f64,
    /// Share of the last update that is kept, in [0, 1).
    pub momentum: f64,
    /// Divides by the standard deviation instead of the root mean square.
    pub centered: bool,
}

impl Default for RmspropParameters {
    fn default() -> Self {
        Self { alpha: 0.99, eps: 1e-8, momentum: 0.0, centered: false }
    }
}

impl RmspropParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        require_rate("alpha", self.alpha)?;
        require_non_negative("eps", self.eps)?;
        require_rate("momentum", self.momentum)
    }
}

/// Parameters of `adagrad`; the defaults are PyTorch's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdagradParameters {
    /// The learning rate of step `t` is divided by `1 + (t − 1) · lr_decay`. 0 or more.
    pub lr_decay: f64,
    /// What the sum of squared gradients starts from. 0 or more.
    pub initial_accumulator_value: f64,
    /// Added to the root. 0 or more.
    pub eps: f64,
}

impl Default for AdagradParameters {
    fn default() -> Self {
        Self { lr_decay: 0.0, initial_accumulator_value: 0.0, eps: 1e-10 }
    }
}

impl AdagradParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        require_non_negative("lr_decay", self.lr_decay)?;
        require_non_negative("initial_accumulator_value", self.initial_accumulator_value)?;
        require_non_negative("eps", self.eps)
    }
}

/// Parameters of `adafactor`, named and defaulted as in `transformers`, whose formulas these are.
/// The relative step sizes of the paper are left to the scheduler (`inverse_sqrt`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdafactorParameters {
    /// Added to the squared gradient, and the least scale of a parameter. Each above 0.
    pub eps: [f64; 2],
    /// Largest root mean square of an update before the learning rate. Above 0.
    pub clip_threshold: f64,
    /// The second moment's decay rate at step `t` is `1 − t^decay_rate`. In [-1, 0).
    pub decay_rate: f64,
    /// Decay rate of the running mean of updates, in [0, 1); 0 keeps none and saves its memory.
    pub beta1: f64,
    /// Multiplies the learning rate by the parameter's root mean square.
    pub scale_parameter: bool,
}

impl Default for AdafactorParameters {
    fn default() -> Self {
        Self {
            eps: [1e-30, 1e-3],
            clip_threshold: 1.0,
            decay_rate: -0.8,
            beta1: 0.0,
            scale_parameter: true,
        }
    }
}

impl AdafactorParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        let ok = self.eps.iter().all(|eps| eps.is_finite() && *eps > 0.0);
        let eps = format_args!("{:?}", self.eps).to_string();
        require(ok, "optim.optimizer.eps", eps, "above 0, and finite, each")?;
        require_positive("clip_threshold", self.clip_threshold)?;
        let field = "optim.optimizer.decay_rate";
        require((-1.0..0.0).contains(&self.decay_rate), field, self.decay_rate, "in [-1, 0)")?;
        require_rate("beta1", self.beta1)
    }
}

/// Parameters of `lion`; the defaults are the paper's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LionParameters {
    /// Weight of the running mean in the update's sign, and the running mean's decay rate, each in
    /// [0, 1).
    pub betas: [f64; 2],
}

impl Default for LionParameters {
    fn default() -> Self {
        Self { betas: [0.9, 0.99] }
    }
}

impl LionParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        require_rates("betas", &self.betas)
    }
}

/// Parameters of `lamb`; the defaults are the paper's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LambParameters {
    /// Decay rates of the running means of gradient and squared gradient, each in [0, 1).
    pub betas: [f64; 2],
    /// Added to the bias-corrected root. 0 or more.
    pub eps: f64,
}

impl Default for LambParameters {
    fn default() -> Self {
        Self { betas: [0.9, 0.999], eps: 1e-6 }
    }
}

impl LambParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        require_rates("betas", &self.betas)?;
        require_non_negative("eps", self.eps)
    }
}

/// Parameters of `adan`; betas as the authors' code writes them, one minus the paper's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdanParameters {
    /// Decay rates of the running means of the gradient, of its change, and of the squared
    /// extrapolated gradient, each in [0, 1).
    pub betas: [f64; 3],
    /// Added to the bias-corrected root. 0 or more.
    pub eps: f64,
}

impl Default for AdanParameters {
    fn default() -> Self {
        Self { betas: [0.98, 0.92, 0.99], eps: 1e-8 }
    }
}

impl AdanParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        require_rates("betas", &self.betas)?;
        require_non_negative("eps", self.eps)
    }
}

/// Parameters of `muon`; the defaults are PyTorch's.
///
/// Matrices of the blocks are stepped by Muon; embeddings, the output head, the value head,
/// vectors and tensors of other ranks by AdamW.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MuonParameters {
    /// Decay rate of the running mean of the gradient, in [0, 1).
    pub momentum: f64,
    /// Looks ahead along the momentum.
    pub nesterov: bool,
    /// Coefficients of the Newton–Schulz polynomial.
    pub ns_coefficients: [f64; 3],
    /// Newton–Schulz iterations, 1 to 99.
    pub ns_steps: usize,
    /// Least norm that the iteration divides by. Above 0.
    pub eps: f64,
    /// How the learning rate depends on a matrix's shape.
    pub adjust_lr: LrAdjustment,
    /// AdamW's learning rate for the rest, as a multiple of the run's. 0 or more.
    pub adamw_lr_ratio: f64,
    /// AdamW's decay rates for the rest, each in [0, 1).
    pub adamw_betas: [f64; 2],
    /// AdamW's epsilon for the rest. 0 or more.
    pub adamw_eps: f64,
}

/// How Muon's learning rate depends on the shape of a matrix from `inputs` to `outputs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LrAdjustment {
    /// `√max(1, outputs / inputs)`, the author's.
    Original,
    /// `0.2 · √max(outputs, inputs)`: updates as large as AdamW's, so that its learning rates work
    /// (<https://arxiv.org/abs/2502.16982>).
    MatchRmsAdamw,
}

impl Default for MuonParameters {
    fn default() -> Self {
        Self {
            momentum: 0.95,
            nesterov: true,
            ns_coefficients: [3.4445, -4.7750, 2.0315],
            ns_steps: 5,
            eps: 1e-7,
            adjust_lr: LrAdjustment::Original,
            adamw_lr_ratio: 1.0,
            adamw_betas: [0.9, 0.999],
            adamw_eps: 1e-8,
        }
    }
}

impl MuonParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        require_rate("momentum", self.momentum)?;
        let ok = self.ns_coefficients.iter().all(|value| value.is_finite());
        let coefficients = format_args!("{:?}", self.ns_coefficients).to_string();
        require(ok, "optim.optimizer.ns_coefficients", coefficients, "finite")?;
        let steps = (1..100).contains(&self.ns_steps);
        require(steps, "optim.optimizer.ns_steps", self.ns_steps, "1 to 99")?;
        require_positive("eps", self.eps)?;
        require_non_negative("adamw_lr_ratio", self.adamw_lr_ratio)?;
        require_rates("adamw_betas", &self.adamw_betas)?;
        require_non_negative("adamw_eps", self.adamw_eps)
    }
}

/// Parameters of `adamw_8bit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adam8BitParameters {
    /// Decay rates of the running means of gradient and squared gradient, each in [0, 1).
    pub betas: [f64; 2],
    /// Added to the root of the second moment. 0 or more.
    pub eps: f64,
    /// Parameters of fewer values keep their state in f32, as embeddings always do. At least 1.
    pub min_8bit_size: usize,
}

impl Default for Adam8BitParameters {
    fn default() -> Self {
        Self { betas: [0.9, 0.999], eps: 1e-8, min_8bit_size: 4096 }
    }
}

impl Adam8BitParameters {
    pub(super) fn validate(&self) -> Result<(), OptimError> {
        require_rates("betas", &self.betas)?;
        require_non_negative("eps", self.eps)?;
        let field = "optim.optimizer.min_8bit_size";
        require(self.min_8bit_size >= 1, field, self.min_8bit_size, "at least 1")
    }
}
