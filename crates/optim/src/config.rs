//! The `[optim]` table.

use serde::{Deserialize, Serialize};

use crate::error::{OptimError, require};
use crate::optimizer::OptimizerSpec;
use crate::scheduler::SchedulerSpec;

/// How parameters are stepped. The defaults suit fine-tuning a small model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimConfig {
    /// The optimizer: a name such as `"adamw"`, or a table such as `{ type = "adamw", eps = 1e-6 }`.
    pub optimizer: OptimizerSpec,
    /// Learning rate at the schedule's peak. Above 0.
    pub lr: f64,
    /// Weight decay; absent means the optimizer's own default. 0 or more. How it enters the step
    /// (decoupled, or as an L2 penalty) belongs to the optimizer.
    pub weight_decay: Option<f64>,
    /// Decay norms, biases and embeddings too.
    pub decay_all: bool,
    /// The schedule: a name such as `"linear"`, or a table with its `type` and parameters.
    pub scheduler: SchedulerSpec,
    /// Steps over which the learning rate rises from 0.
    pub warmup_steps: usize,
    /// Steps until the schedule's end; absent means the run's. At least 1, and not below
    /// `warmup_steps`.
    pub total_steps: Option<usize>,
    /// Largest global norm of the gradient: all parameters' gradients, taken as one vector, are
    /// scaled down to it. 0 never clips. 0 or more.
    pub max_grad_norm: f64,
    /// Learning rate of the value head, critic or task heads at the schedule's peak; absent means
    /// `lr`.
    /// 0 or more.
    pub value_head_lr: Option<f64>,
}

impl Default for OptimConfig {
    fn default() -> Self {
        Self {
            optimizer: OptimizerSpec::default(),
            lr: 2e-5,
            weight_decay: None,
            decay_all: false,
            scheduler: SchedulerSpec::default(),
            warmup_steps: 0,
            total_steps: None,
            max_grad_norm: 1.0,
            value_head_lr: None,
        }
    }
}

impl OptimConfig {
    /// Checks every range that the types cannot express.
    ///
    /// # Errors
    ///
    /// [`OptimError::OutOfRange`] naming the first field out of range. NaN is out of every range.
    pub fn validate(&self) -> Result<(), OptimError> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let non_negative = |x: f64| x.is_finite() && x >= 0.0;
        require(positive(self.lr), "optim.lr", self.lr, "above 0, and finite")?;
        if let Some(decay) = self.weight_decay {
            require(non_negative(decay), "optim.weight_decay", decay, "0 or more, and finite")?;
        }
        if let Some(total) = self.total_steps {
            require(total >= 1, "optim.total_steps", total, "at least 1")?;
            let allowed = format!("at least `optim.warmup_steps` ({})", self.warmup_steps);
            require(total >= self.warmup_steps, "optim.total_steps", total, &allowed)?;
        }
        let norm = self.max_grad_norm;
        let allowed = "0 or more, and finite; 0 never clips";
        require(non_negative(norm), "optim.max_grad_norm", norm, allowed)?;
        if let Some(lr) = self.value_head_lr {
            require(non_negative(lr), "optim.value_head_lr", lr, "0 or more, and finite")?;
        }
        self.optimizer.validate()?;
        self.scheduler.validate(self.lr)
    }
}

#[cfg(test)]
mod tests;
