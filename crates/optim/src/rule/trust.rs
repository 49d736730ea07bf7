//! LAMB and Adan.

use burn::tensor::Tensor;

use super::{Update, power};
use crate::groups::ParamInfo;
use crate::optimizer::{AdanParameters, LambParameters};
use crate::state::{ParamState, Slot, like};

/// LAMB (You et al. 2020, algorithm 2) with φ the identity: Adam's direction with weight decay,
/// rescaled to the norm of the parameter. The ratio is 1 where either norm is 0.
pub(super) fn lamb(
    parameters: &LambParameters,
    update: &Update,
    param: Tensor<1>,
    grad: Tensor<1>,
    state: &mut ParamState,
) -> Tensor<1> {
    let ([beta1, beta2], shape) = (parameters.betas, &update.info.shape);
    let grad = update.scaled(grad);
    let exp_avg = state.take("exp_avg") * beta1 + grad.clone() * (1.0 - beta1);
    let exp_avg_sq = state.take("exp_avg_sq") * beta2 + grad.square() * (1.0 - beta2);
    let mean = exp_avg.clone() / (1.0 - power(beta1, state.step));
    let root = (exp_avg_sq.clone() / (1.0 - power(beta2, state.step))).sqrt() + parameters.eps;
    state.put("exp_avg", shape, exp_avg);
    state.put("exp_avg_sq", shape, exp_avg_sq);
    let direction = mean / root + param.clone() * update.weight_decay;
    let norm = |tensor: &Tensor<1>| tensor.clone().square().sum().sqrt();
    let (param_norm, direction_norm) = (norm(&param), norm(&direction));
    let undefined =
        param_norm.clone().equal_elem(0.0).bool_or(direction_norm.clone().equal_elem(0.0));
    let ratio = (param_norm / direction_norm).mask_fill(undefined, 1.0);
    param - direction * ratio * update.lr
}

pub(super) fn adan_slots(info: &ParamInfo) -> Vec<Slot> {
    ["exp_avg", "exp_avg_diff", "exp_avg_sq", "previous_grad"].map(|name| like(name, info)).into()
}

/// Adan (Xie et al. 2022, algorithm 1) with the authors' bias corrections and proximal decay. The
/// first step has no earlier gradient, hence no change of it.
pub(super) fn adan(
    parameters: &AdanParameters,
    update: &Update,
    param: Tensor<1>,
    grad: Tensor<1>,
    state: &mut ParamState,
) -> Tensor<1> {
    let ([beta1, beta2, beta3], shape) = (parameters.betas, &update.info.shape);
    let grad = update.scaled(grad);
    let previous = state.take("previous_grad");
    let change = if state.step == 1 { grad.zeros_like() } else { grad.clone() - previous };
    let ahead = grad.clone() + change.clone() * beta2;
    let exp_avg = state.take("exp_avg") * beta1 + grad.clone() * (1.0 - beta1);
    let exp_avg_diff = state.take("exp_avg_diff") * beta2 + change * (1.0 - beta2);
    let exp_avg_sq = state.take("exp_avg_sq") * beta3 + ahead.square() * (1.0 - beta3);
    let correction = |beta| 1.0 - power(beta, state.step);
    let direction =
        exp_avg.clone() / correction(beta1) + exp_avg_diff.clone() * (beta2 / correction(beta2));
    let root = exp_avg_sq.clone().sqrt() / correction(beta3).sqrt() + parameters.eps;
    state.put("previous_grad", shape, grad);
    state.put("exp_avg", shape, exp_avg);
    state.put("exp_avg_diff", shape, exp_avg_diff);
    state.put("exp_avg_sq", shape, exp_avg_sq);
    (param - direction / root * update.lr) / (1.0 + update.lr * update.weight_decay)
}
