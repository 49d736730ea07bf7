//! The `[sft]` table, as far as it changes the loss.

use serde::{Deserialize, Serialize};

use crate::error::SftError;

/// How demonstrations become a loss. The default is the plain negative log-likelihood.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SftConfig {
    /// Share `ε` of the target that is spread over the whole vocabulary, the right token included
    /// (Szegedy et al. 2016, <https://arxiv.org/abs/1512.00567>), as in `transformers`'
    /// `LabelSmoother` and PyTorch's `cross_entropy`. In [0, 1).
    pub label_smoothing: f64,
    /// Weight `c` of the squared log-partition function, which keeps logits from drifting
    /// (Chowdhery et al. 2022, <https://arxiv.org/abs/2204.02311>, use 1e-4). At least 0.
    pub z_loss_coef: f64,
}

impl Default for SftConfig {
    fn default() -> Self {
        Self { label_smoothing: 0.0, z_loss_coef: 0.0 }
    }
}

impl SftConfig {
    /// Checks the ranges. NaN is out of every range.
    ///
    /// # Errors
    ///
    /// [`SftError::OutOfRange`] naming the first setting out of range.
    pub fn validate(&self) -> Result<(), SftError> {
        let require = |ok: bool, field, value: f64, allowed| {
            if ok { Ok(()) } else { Err(SftError::OutOfRange { field, value, allowed }) }
        };
        let smoothing = self.label_smoothing;
        require((0.0..1.0).contains(&smoothing), "label_smoothing", smoothing, "in [0, 1)")?;
        let z_loss = self.z_loss_coef;
        // The loss is f32: what overflows there is no usable weight.
        let usable = z_loss >= 0.0 && (z_loss as f32).is_finite();
        require(usable, "z_loss_coef", z_loss, "a finite number of at least 0")
    }
}

#[cfg(test)]
mod tests;
