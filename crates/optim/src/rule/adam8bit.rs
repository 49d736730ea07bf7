//! AdamW with its moments in 8 bits: decode a block, step it, encode it.
//!
//! State lives in host memory; parameters elsewhere are copied there and back.

use burn::tensor::{DType, Tensor};
use hybrid_kernels::adamw::{Coefficients, Decay};
use rayon::prelude::*;

use super::{Update, adam};
use crate::groups::ParamInfo;
use crate::optimizer::{Adam8BitParameters, AdamParameters};
use crate::quantize::{BLOCK, SIGNED, UNSIGNED};
use crate::state::{ParamState, Slot};

/// Blocks of one task.
const BLOCKS: usize = 32;

fn in_8_bits(parameters: &Adam8BitParameters, info: &ParamInfo) -> bool {
    info.len() >= parameters.min_8bit_size && !info.embedding
}

pub(super) fn slots(parameters: &Adam8BitParameters, info: &ParamInfo) -> Vec<Slot> {
    if !in_8_bits(parameters, info) {
        return adam::slots(info);
    }
    vec![Slot::codes("exp_avg", &info.shape, true), Slot::codes("exp_avg_sq", &info.shape, false)]
}

pub(super) fn adamw_8bit(
    parameters: &Adam8BitParameters,
    update: &Update,
    param: Tensor<1>,
    grad: Tensor<1>,
    state: &mut ParamState,
) -> Tensor<1> {
    let adamw = AdamParameters { betas: parameters.betas, eps: parameters.eps, epsilon_hat: false };
    let decay = Decay::Decoupled(update.weight_decay);
    let numbers = adam::numbers(&adamw, update, decay, state.step);
    if !in_8_bits(parameters, update.info) {
        return adam::run(numbers, update, param, grad, state);
    }
    on_host(&numbers.coefficients(), update, param, grad, state)
}

#[expect(clippy::expect_used, reason = "float tensors convert to f32")]
fn on_host(
    coefficients: &Coefficients,
    update: &Update,
    param: Tensor<1>,
    grad: Tensor<1>,
    state: &mut ParamState,
) -> Tensor<1> {
    let (device, dtype) = (param.device(), param.dtype());
    let in_f32 = |tensor: Tensor<1>| {
        tensor.into_data().try_cast(DType::F32).expect("a float tensor converts to f32")
    };
    let (mut param, grad) = (in_f32(param), in_f32(grad));
    let mut exp_avg = state.take_codes("exp_avg");
    let mut exp_avg_sq = state.take_codes("exp_avg_sq");
    let task = BLOCK * BLOCKS;
    let values = param.as_mut_slice::<f32>().expect("it was cast to f32").par_chunks_mut(task);
    let grads = grad.as_slice::<f32>().expect("it was cast to f32").par_chunks(task);
    let first = exp_avg.codes.par_chunks_mut(task).zip(exp_avg.scales.par_chunks_mut(BLOCKS));
    let second =
        exp_avg_sq.codes.par_chunks_mut(task).zip(exp_avg_sq.scales.par_chunks_mut(BLOCKS));
    values.zip(grads).zip(first).zip(second).for_each(|(((param, grad), first), second)| {
        let blocks = param.chunks_mut(BLOCK).zip(grad.chunks(BLOCK));
        let first = first.0.chunks_mut(BLOCK).zip(first.1);
        let second = second.0.chunks_mut(BLOCK).zip(second.1);
        for (((param, grad), first), second) in blocks.zip(first).zip(second) {
            step_block(coefficients, param, grad, first, second);
        }
    });
    state.put_codes("exp_avg", &update.info.shape, exp_avg);
    state.put_codes("exp_avg_sq", &update.info.shape, exp_avg_sq);
    Tensor::from_data(param, (&device, dtype))
}

/// Steps one block of at most [`BLOCK`] values, whose moments come as codes and scale.
fn step_block(
    coefficients: &Coefficients,
    param: &mut [f32],
    grad: &[f32],
    first: (&mut [u8], &mut f32),
    second: (&mut [u8], &mut f32),
) {
    let (mut exp_avg, mut exp_avg_sq) = ([0.0; BLOCK], [0.0; BLOCK]);
    SIGNED.decode(first.0, *first.1, &mut exp_avg);
    UNSIGNED.decode(second.0, *second.1, &mut exp_avg_sq);
    coefficients.apply(param, grad, &mut exp_avg, &mut exp_avg_sq);
    let n = param.len();
    *first.1 = SIGNED.encode(exp_avg.get(..n).unwrap_or(&exp_avg), first.0);
    *second.1 = UNSIGNED.encode(exp_avg_sq.get(..n).unwrap_or(&exp_avg_sq), second.0);
}
