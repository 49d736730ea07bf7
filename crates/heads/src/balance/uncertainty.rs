//! Loss weights that are learnt with the network (Kendall, Gal and Cipolla 2018,
//! <https://arxiv.org/abs/1705.07115>).
//!
//! Each task has a noise `σ`. With `s = log σ²` the loss of all tasks is `Σ_t f_t · exp(−s_t) · L_t +
//! s_t / 2`, where `f` is ½ for a squared error, the likelihood of a Gaussian, and 1 for a
//! cross-entropy, their approximation for a softmax. A task whose loss stays large is given a large
//! `σ` and counts less; the second term keeps `σ` from growing without need.

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor};

use crate::error::{HeadsError, all_finite, class_below, require};
use crate::losses::constant;

/// The learnt `s` of every task. An optimizer steps it with the network; weight decay would pull `σ`
/// towards 1.
#[derive(Module, Debug)]
pub struct Uncertainty {
    /// `[tasks]`.
    log_variances: Param<Tensor<1>>,
}

/// The loss of one task in an update.
#[derive(Debug, Clone)]
pub struct TaskLoss {
    /// Which task it is, from 0.
    pub task: usize,
    /// Its mean loss, `[1]`.
    pub loss: Tensor<1>,
    /// The factor `f`, see [`crate::TaskKind::uncertainty_factor`].
    pub factor: f64,
}

impl Uncertainty {
    /// Every `σ` is 1.
    ///
    /// # Errors
    ///
    /// [`HeadsError::OutOfRange`] where there is no task.
    pub fn new(tasks: usize, device: &Device) -> Result<Self, HeadsError> {
        Self::from_log_variances(&vec![0.0; tasks], device)
    }

    /// With the `s` of every task, as saved.
    ///
    /// # Errors
    ///
    /// [`HeadsError`] where there is no task, or a number is not finite.
    pub fn from_log_variances(values: &[f32], device: &Device) -> Result<Self, HeadsError> {
        require(!values.is_empty(), "tasks", 0.0, "at least 1")?;
        all_finite("log_variances", values.iter().map(|s| f64::from(*s)))?;
        let values = constant(values.to_vec(), device).require_grad();
        Ok(Self { log_variances: Param::initialized(ParamId::new(), values) })
    }

    /// `s` of every task, `[tasks]`; carries the gradient.
    #[must_use]
    pub fn log_variances(&self) -> Tensor<1> {
        self.log_variances.val()
    }

    /// The loss of the tasks that are in an update, `[1]`. The `s` of a task that is not stays as it
    /// is.
    ///
    /// # Errors
    ///
    /// [`HeadsError`] where no task is given, or one is unknown.
    pub fn total(&self, losses: &[TaskLoss]) -> Result<Tensor<1>, HeadsError> {
        let all = self.log_variances();
        let [tasks] = all.dims();
        let mut total: Option<Tensor<1>> = None;
        for TaskLoss { task, loss, factor } in losses {
            class_below("task", *task, tasks)?;
            let s = all.clone().narrow(0, *task, 1);
            let part = loss.clone() * (-s.clone()).exp() * *factor + s * 0.5;
            total = Some(match total {
                Some(total) => total + part,
                None => part,
            });
        }
        total.ok_or(HeadsError::NothingCounts)
    }
}
