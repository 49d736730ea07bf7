//! Lion, by the one-pass kernel.

use burn::tensor::Tensor;
use hybrid_kernels::lion::{LionStep, LionTensors, update as step};

use super::Update;
use crate::optimizer::LionParameters;
use crate::state::ParamState;

pub(super) fn lion(
    parameters: &LionParameters,
    update: &Update,
    param: Tensor<1>,
    grad: Tensor<1>,
    state: &mut ParamState,
) -> Tensor<1> {
    let numbers = LionStep {
        lr: update.lr,
        betas: parameters.betas,
        weight_decay: update.weight_decay,
        grad_scale: update.grad_scale,
    };
    let stepped = step(&numbers, LionTensors { param, exp_avg: state.take("exp_avg") }, grad);
    state.put("exp_avg", &update.info.shape, stepped.exp_avg);
    stepped.param
}
