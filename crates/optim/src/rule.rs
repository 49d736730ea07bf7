//! The update rules: one parameter, its gradient and its state in, the parameter out.
//!
//! A rule sees every parameter as `[n]`, without autodiff, and lists the tensors it remembers.
//! Gradients arrive unscaled with the factor that clips them, so that rules which make one pass can
//! apply it in that pass.

mod adafactor;
mod adam;
mod adam8bit;
mod gradient;
mod muon;
mod sign;
mod trust;

use burn::tensor::Tensor;

use crate::groups::ParamInfo;
use crate::optimizer::OptimizerSpec;
use crate::state::{ParamState, Slot, like};

/// What a step of one parameter needs besides its tensors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Update<'a> {
    /// Learning rate of its group, now.
    pub(crate) lr: f64,
    /// Weight decay of its group.
    pub(crate) weight_decay: f64,
    /// What the gradient is multiplied by; 1 or less.
    pub(crate) grad_scale: f64,
    /// What the parameter is.
    pub(crate) info: &'a ParamInfo,
}

impl Update<'_> {
    /// The gradient as it counts.
    fn scaled(&self, grad: Tensor<1>) -> Tensor<1> {
        if self.grad_scale < 1.0 { grad * self.grad_scale } else { grad }
    }

    /// The same with the L2 penalty's gradient.
    fn penalised(&self, grad: Tensor<1>, param: &Tensor<1>) -> Tensor<1> {
        let grad = self.scaled(grad);
        if self.weight_decay == 0.0 { grad } else { grad + param.clone() * self.weight_decay }
    }

    /// What decoupled weight decay leaves of a parameter.
    fn shrink(&self) -> f64 {
        1.0 - self.lr * self.weight_decay
    }
}

impl OptimizerSpec {
    /// The tensors that are remembered of a parameter.
    pub(crate) fn slots(&self, info: &ParamInfo) -> Vec<Slot> {
        match self {
            Self::AdamW(_) | Self::Adam(_) | Self::Lamb(_) => adam::slots(info),
            Self::Sgd(p) => gradient::sgd_slots(p, info),
            Self::Rmsprop(p) => gradient::rmsprop_slots(p, info),
            Self::Adagrad(p) => gradient::adagrad_slots(p, info),
            Self::Adafactor(p) => adafactor::slots(p, info),
            Self::Lion(_) => vec![like("exp_avg", info)],
            Self::Adan(_) => trust::adan_slots(info),
            Self::Muon(_) => muon::slots(info),
            Self::AdamW8Bit(p) => adam8bit::slots(p, info),
        }
    }

    /// One step of one parameter, `[n]`; `state` holds the [`Self::slots`].
    pub(crate) fn update(
        &self,
        update: &Update,
        param: Tensor<1>,
        grad: Tensor<1>,
        state: &mut ParamState,
    ) -> Tensor<1> {
        state.step += 1;
        match self {
            Self::AdamW(p) => adam::adamw(p, update, param, grad, state),
            Self::Adam(p) => adam::adam(p, update, param, grad, state),
            Self::Sgd(p) => gradient::sgd(p, update, param, grad, state),
            Self::Rmsprop(p) => gradient::rmsprop(p, update, param, grad, state),
            Self::Adagrad(p) => gradient::adagrad(p, update, param, grad, state),
            Self::Adafactor(p) => adafactor::adafactor(p, update, param, grad, state),
            Self::Lion(p) => sign::lion(p, update, param, grad, state),
            Self::Lamb(p) => trust::lamb(p, update, param, grad, state),
            Self::Adan(p) => trust::adan(p, update, param, grad, state),
            Self::Muon(p) => muon::muon(p, update, param, grad, state),
            Self::AdamW8Bit(p) => adam8bit::adamw_8bit(p, update, param, grad, state),
        }
    }
}

/// `rate^steps`.
fn power(rate: f64, steps: u64) -> f64 {
    rate.powf(steps as f64)
}
