//! Adam and AdamW, by the one-pass kernel.

use burn::tensor::Tensor;
use hybrid_kernels::adamw::{AdamStep, AdamTensors, Decay, Epsilon, update as step};

use super::Update;
use crate::groups::ParamInfo;
use crate::optimizer::AdamParameters;
use crate::state::{ParamState, Slot, like};

pub(super) fn slots(info: &ParamInfo) -> Vec<Slot> {
    vec![like("exp_avg", info), like("exp_avg_sq", info)]
}

pub(super) fn adamw(
    parameters: &AdamParameters,
    update: &Update,
    param: Tensor<1>,
    grad: Tensor<1>,
    state: &mut ParamState,
) -> Tensor<1> {
    let decay = Decay::Decoupled(update.weight_decay);
    run(numbers(parameters, update, decay, state.step), update, param, grad, state)
}

pub(super) fn adam(
    parameters: &AdamParameters,
    update: &Update,
    param: Tensor<1>,
    grad: Tensor<1>,
    state: &mut ParamState,
) -> Tensor<1> {
    let decay = Decay::L2(update.weight_decay);
    run(numbers(parameters, update, decay, state.step), update, param, grad, state)
}

/// The numbers of step `step`.
pub(super) fn numbers(
    parameters: &AdamParameters,
    update: &Update,
    decay: Decay,
    step: u64,
) -> AdamStep {
    AdamStep {
        lr: update.lr,
        betas: parameters.betas,
        eps: parameters.eps,
        epsilon: if parameters.epsilon_hat { Epsilon::Hat } else { Epsilon::Corrected },
        decay,
        step,
        grad_scale: update.grad_scale,
    }
}

pub(super) fn run(
    numbers: AdamStep,
    update: &Update,
    param: Tensor<1>,
    grad: Tensor<1>,
    state: &mut ParamState,
) -> Tensor<1> {
    let (exp_avg, exp_avg_sq) = (state.take("exp_avg"), state.take("exp_avg_sq"));
    let stepped = step(&numbers, AdamTensors { param, exp_avg, exp_avg_sq }, grad);
    state.put("exp_avg", &update.info.shape, stepped.exp_avg);
    state.put("exp_avg_sq", &update.info.shape, stepped.exp_avg_sq);
    stepped.param
}
