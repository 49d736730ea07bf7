//! Adafactor: a second moment kept as its row and column means (Shazeer and Stern 2018), with the
//! formulas of `transformers`.

use burn::tensor::Tensor;

use super::Update;
use crate::groups::ParamInfo;
use crate::optimizer::AdafactorParameters;
use crate::state::{ParamState, Slot, like};

/// A shape as matrices: how many, rows, columns. None for vectors, which are not factored.
fn matrices(shape: &[usize]) -> Option<[usize; 3]> {
    match shape {
        [before @ .., rows, columns] => Some([before.iter().product(), *rows, *columns]),
        _ => None,
    }
}

pub(super) fn slots(parameters: &AdafactorParameters, info: &ParamInfo) -> Vec<Slot> {
    let mut slots = match matrices(&info.shape) {
        Some([count, rows, columns]) => vec![
            Slot::full("exp_avg_sq_row", &[count, rows]),
            Slot::full("exp_avg_sq_col", &[count, columns]),
        ],
        None => vec![like("exp_avg_sq", info)],
    };
    if parameters.beta1 > 0.0 {
        slots.push(like("exp_avg", info));
    }
    slots
}

pub(super) fn adafactor(
    parameters: &AdafactorParameters,
    update: &Update,
    param: Tensor<1>,
    grad: Tensor<1>,
    state: &mut ParamState,
) -> Tensor<1> {
    let grad = update.scaled(grad);
    let beta2 = 1.0 - (state.step as f64).powf(parameters.decay_rate);
    let direction = match matrices(&update.info.shape) {
        Some(shape) => factored(parameters, shape, beta2, grad, state),
        None => {
            let squared = grad.clone().square() + parameters.eps[0];
            let mean = state.take("exp_avg_sq") * beta2 + squared * (1.0 - beta2);
            state.put("exp_avg_sq", &update.info.shape, mean.clone());
            grad / mean.sqrt()
        }
    };
    let clipped = (rms(&direction) / parameters.clip_threshold).clamp_min(1.0);
    // `[1]`: the learning rate stays on the device.
    let lr = if parameters.scale_parameter {
        rms(&param).clamp_min(parameters.eps[1]) * update.lr
    } else {
        clipped.ones_like() * update.lr
    };
    let mut direction = direction / clipped * lr.clone();
    if parameters.beta1 > 0.0 {
        let mean = state.take("exp_avg") * parameters.beta1 + direction * (1.0 - parameters.beta1);
        state.put("exp_avg", &update.info.shape, mean.clone());
        direction = mean;
    }
    if update.weight_decay == 0.0 {
        return param - direction;
    }
    let decayed = param.clone() * (lr * update.weight_decay);
    param - decayed - direction
}

/// The gradient over the root of the second moment that rows and columns stand for.
fn factored(
    parameters: &AdafactorParameters,
    [count, rows, columns]: [usize; 3],
    beta2: f64,
    grad: Tensor<1>,
    state: &mut ParamState,
) -> Tensor<1> {
    let n = count * rows * columns;
    let grad: Tensor<3> = grad.reshape([count, rows, columns]);
    let squared = grad.clone().square() + parameters.eps[0];
    let mut blend = |name, fresh: Tensor<1>, shape: [usize; 2]| {
        let mean = state.take(name) * beta2 + fresh * (1.0 - beta2);
        state.put(name, &shape, mean.clone());
        mean
    };
    let row_means = squared.clone().mean_dim(2).reshape([count * rows]);
    let column_means = squared.mean_dim(1).reshape([count * columns]);
    let row = blend("exp_avg_sq_row", row_means, [count, rows]);
    let column = blend("exp_avg_sq_col", column_means, [count, columns]);
    let row: Tensor<3> = row.reshape([count, rows, 1]);
    let row = (row.clone() / row.mean_dim(1)).sqrt();
    let column: Tensor<3> = column.reshape([count, 1, columns]).sqrt();
    (grad / row / column).reshape([n])
}

fn rms(tensor: &Tensor<1>) -> Tensor<1> {
    tensor.clone().square().mean().sqrt()
}
