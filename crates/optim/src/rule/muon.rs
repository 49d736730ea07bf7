//! Muon: momentum made orthogonal by Newton–Schulz iterations, for hidden matrices.
//!
//! PyTorch iterates in bfloat16; this iterates in the parameter's own type. A matrix that packs
//! several projections (query, key and value) is made orthogonal as a whole.

use burn::tensor::Tensor;
use hybrid_kernels::adamw::Decay;

use super::{Update, adam};
use crate::groups::ParamInfo;
use crate::optimizer::{AdamParameters, LrAdjustment, MuonParameters};
use crate::state::{ParamState, Slot, like};

pub(super) fn slots(info: &ParamInfo) -> Vec<Slot> {
    if info.hidden_matrix() { vec![like("momentum_buffer", info)] } else { adam::slots(info) }
}

pub(super) fn muon(
    parameters: &MuonParameters,
    update: &Update,
    param: Tensor<1>,
    grad: Tensor<1>,
    state: &mut ParamState,
) -> Tensor<1> {
    let ([inputs, outputs], true) = (matrix(&update.info.shape), update.info.hidden_matrix())
    else {
        return rest(parameters, update, param, grad, state);
    };
    let momentum = parameters.momentum;
    let (grad, buffer) = (update.scaled(grad), state.take("momentum_buffer"));
    let buffer = buffer.clone() + (grad.clone() - buffer) * (1.0 - momentum);
    state.put("momentum_buffer", &update.info.shape, buffer.clone());
    let ahead =
        if parameters.nesterov { grad.clone() + (buffer - grad) * momentum } else { buffer };
    let direction = orthogonal(parameters, ahead.reshape([inputs, outputs]));
    let lr = update.lr * adjustment(parameters.adjust_lr, inputs as f64, outputs as f64);
    param * update.shrink() - direction.reshape([inputs * outputs]) * lr
}

/// A matrix's shape; anything else has no place here.
fn matrix(shape: &[usize]) -> [usize; 2] {
    match shape {
        [inputs, outputs] => [*inputs, *outputs],
        _ => [0, 0],
    }
}

/// AdamW for what is no hidden matrix.
fn rest(
    parameters: &MuonParameters,
    update: &Update,
    param: Tensor<1>,
    grad: Tensor<1>,
    state: &mut ParamState,
) -> Tensor<1> {
    let update = Update { lr: update.lr * parameters.adamw_lr_ratio, ..*update };
    let adamw = AdamParameters {
        betas: parameters.adamw_betas,
        eps: parameters.adamw_eps,
        epsilon_hat: false,
    };
    let decay = Decay::Decoupled(update.weight_decay);
    let numbers = adam::numbers(&adamw, &update, decay, state.step);
    adam::run(numbers, &update, param, grad, state)
}

fn adjustment(kind: LrAdjustment, inputs: f64, outputs: f64) -> f64 {
    match kind {
        LrAdjustment::Original => (outputs / inputs).max(1.0).sqrt(),
        LrAdjustment::MatchRmsAdamw => 0.2 * outputs.max(inputs).sqrt(),
    }
}

/// The quintic Newton–Schulz iteration towards `U·Vᵀ` of `matrix = U·S·Vᵀ`.
fn orthogonal(parameters: &MuonParameters, matrix: Tensor<2>) -> Tensor<2> {
    let [a, b, c] = parameters.ns_coefficients;
    let [rows, columns] = matrix.dims();
    // The Gram matrix of the shorter side is the smaller one.
    let tall = rows > columns;
    let matrix = if tall { matrix.transpose() } else { matrix };
    let norm = matrix.clone().square().sum().sqrt().clamp_min(parameters.eps);
    let mut x = matrix / norm.reshape([1, 1]);
    for _ in 0..parameters.ns_steps {
        let gram = x.clone().matmul(x.clone().transpose());
        let polynomial = gram.clone() * b + gram.clone().matmul(gram) * c;
        x = x.clone() * a + polynomial.matmul(x);
    }
    if tall { x.transpose() } else { x }
}
