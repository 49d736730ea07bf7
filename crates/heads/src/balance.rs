//! How several tasks share one trunk: the weights of their losses, what is done where their
//! gradients disagree, which task a step trains, and in which order tasks come in.
//!
//! 1. [`Weighting`] — the choice as a setting.
//! 2. [`uncertainty`] — weights that are learnt with the network.
//! 3. [`gram`] — inner products of the tasks' gradients; all that the next two read of them.
//! 4. [`pcgrad()`] — each gradient without what works against another.
//! 5. [`mgda()`] — the direction in which no task gets worse.
//! 6. [`mixing`] — which task a step trains.
//! 7. [`hierarchy`] — tasks at lower layers first.
//!
//! Gradient surgery gives one coefficient a task: the trunk's update is `Σ_t c_t · g_t`. So the
//! gradients stay where they are, and a head of its own keeps its task's plain gradient.

pub mod gram;
pub mod hierarchy;
mod mgda;
pub mod mixing;
mod pcgrad;
pub mod uncertainty;

pub use gram::Gram;
pub use hierarchy::{Hierarchy, LevelOrder};
pub use mgda::{MinNorm, mgda};
pub use mixing::{Mixing, TaskSampler, task_seed};
pub use pcgrad::{pcgrad, project_in_order};
pub use uncertainty::{TaskLoss, Uncertainty};

use serde::{Deserialize, Serialize};

use crate::error::{HeadsError, require, same_length};

/// What decides how much each task moves the trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighting {
    /// The tasks' weights as they are set.
    #[default]
    Fixed,
    /// Learnt from the tasks' noise, see [`uncertainty`].
    Uncertainty,
    /// Conflicts are projected away, see [`pcgrad()`].
    Pcgrad,
    /// The direction of the least norm, see [`mgda()`].
    Mgda,
}

impl Weighting {
    /// Whether each task's gradient is needed on its own, which takes a backward pass a task.
    #[must_use]
    pub fn needs_gradients(self) -> bool {
        matches!(self, Self::Pcgrad | Self::Mgda)
    }
}

/// Checks the weights of `tasks` tasks: finite, at least 0, not all 0.
///
/// # Errors
///
/// [`HeadsError`] where their number is another, or one is out of range.
pub fn check_weights(weights: &[f64], tasks: usize) -> Result<(), HeadsError> {
    same_length("weights", weights.len(), tasks)?;
    for weight in weights {
        let usable = *weight >= 0.0 && (*weight as f32).is_finite();
        require(usable, "weights", *weight, "a finite number of at least 0")?;
    }
    let total: f64 = weights.iter().sum();
    require(total > 0.0, "weights", total, "above 0 for some task")
}

#[cfg(test)]
mod tests;
