//! Rules without a first moment of their own: SGD, RMSprop, Adagrad; PyTorch's formulas.

use burn::tensor::Tensor;
use hybrid_kernels::sgd::{SgdStep, SgdTensors, update as step};

use super::Update;
use crate::groups::ParamInfo;
use crate::optimizer::{AdagradParameters, RmspropParameters, SgdParameters};
use crate::state::{ParamState, Slot, like};

pub(super) fn sgd_slots(parameters: &SgdParameters, info: &ParamInfo) -> Vec<Slot> {
    (parameters.momentum > 0.0).then(|| like("momentum_buffer", info)).into_iter().collect()
}

pub(super) fn sgd(
    parameters: &SgdParameters,
    update: &Update,
    param: Tensor<1>,
    grad: Tensor<1>,
    state: &mut ParamState,
) -> Tensor<1> {
    let numbers = SgdStep {
        lr: update.lr,
        momentum: parameters.momentum,
        // The first gradient enters whole, whatever the dampening.
        share: if state.step == 1 { 1.0 } else { 1.0 - parameters.dampening },
        nesterov: parameters.nesterov,
        weight_decay: update.weight_decay,
        grad_scale: update.grad_scale,
    };
    let buffer = (parameters.momentum > 0.0).then(|| state.take("momentum_buffer"));
    let stepped = step(&numbers, SgdTensors { param, buffer }, grad);
    if let Some(buffer) = stepped.buffer {
        state.put("momentum_buffer", &update.info.shape, buffer);
    }
    stepped.param
}

pub(super) fn rmsprop_slots(parameters: &RmspropParameters, info: &ParamInfo) -> Vec<Slot> {
    let mut slots = vec![like("square_avg", info)];
    if parameters.centered {
        slots.push(like("grad_avg", info));
    }
    if parameters.momentum > 0.0 {
        slots.push(like("momentum_buffer", info));
    }
    slots
}

pub(super) fn rmsprop(
    parameters: &RmspropParameters,
    update: &Update,
    param: Tensor<1>,
    grad: Tensor<1>,
    state: &mut ParamState,
) -> Tensor<1> {
    let (alpha, shape) = (parameters.alpha, &update.info.shape);
    let grad = update.penalised(grad, &param);
    let square_avg = state.take("square_avg") * alpha + grad.clone().square() * (1.0 - alpha);
    state.put("square_avg", shape, square_avg.clone());
    let mut variance = square_avg;
    if parameters.centered {
        let grad_avg = state.take("grad_avg");
        let grad_avg = grad_avg.clone() + (grad.clone() - grad_avg) * (1.0 - alpha);
        state.put("grad_avg", shape, grad_avg.clone());
        variance = variance - grad_avg.square();
    }
    let scaled = grad / (variance.sqrt() + parameters.eps);
    if parameters.momentum == 0.0 {
        return param - scaled * update.lr;
    }
    let buffer = state.take("momentum_buffer") * parameters.momentum + scaled;
    state.put("momentum_buffer", shape, buffer.clone());
    param - buffer * update.lr
}

pub(super) fn adagrad_slots(parameters: &AdagradParameters, info: &ParamInfo) -> Vec<Slot> {
    vec![Slot { initial: parameters.initial_accumulator_value, ..like("sum", info) }]
}

pub(super) fn adagrad(
    parameters: &AdagradParameters,
    update: &Update,
    param: Tensor<1>,
    grad: Tensor<1>,
    state: &mut ParamState,
) -> Tensor<1> {
    let grad = update.penalised(grad, &param);
    let sum = state.take("sum") + grad.clone().square();
    state.put("sum", &update.info.shape, sum.clone());
    let lr = update.lr / (1.0 + (state.step - 1) as f64 * parameters.lr_decay);
    param - grad / (sum.sqrt() + parameters.eps) * lr
}
