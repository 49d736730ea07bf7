//! One step of Lion over a whole parameter in one pass over memory.

use burn::tensor::Tensor;

#[cfg(feature = "flex")]
use crate::host;

/// The numbers of one Lion step (Chen et al. 2023, algorithm 2, <https://arxiv.org/abs/2302.06675>).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LionStep {
    /// Learning rate.
    pub lr: f64,
    /// How much of the mean the direction keeps, and how much the next mean; each in [0, 1).
    pub betas: [f64; 2],
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Factor of the gradient, such as the one that clips it.
    pub grad_scale: f64,
}

/// The same for each value.
#[derive(Debug, Clone, Copy)]
struct Coefficients {
    grad_scale: f32,
    /// Shares of mean and gradient in the direction.
    direction: [f32; 2],
    /// And in the next mean.
    mean: [f32; 2],
    shrink: f32,
    lr: f32,
}

impl LionStep {
    fn coefficients(&self) -> Coefficients {
        let [beta1, beta2] = self.betas;
        Coefficients {
            grad_scale: self.grad_scale as f32,
            direction: [beta1 as f32, (1.0 - beta1) as f32],
            mean: [beta2 as f32, (1.0 - beta2) as f32],
            shrink: (1.0 - self.lr * self.weight_decay) as f32,
            lr: self.lr as f32,
        }
    }
}

/// A parameter and the running mean of its gradient, each `[n]` and without autodiff.
#[derive(Debug)]
pub struct LionTensors {
    /// The parameter.
    pub param: Tensor<1>,
    /// The running mean.
    pub exp_avg: Tensor<1>,
}

/// Steps a parameter and its mean: by `lr` against the sign of their blend, not at all where that
/// is 0.
///
/// On the CPU backend, tensors with one owner are changed where they lie, in one pass, on all
/// threads. Elsewhere the step is composed of tensor operations.
///
/// # Shapes
///
/// - every tensor: `[n]`
///
/// # Panics
///
/// When the lengths differ.
#[must_use]
pub fn update(step: &LionStep, tensors: LionTensors, grad: Tensor<1>) -> LionTensors {
    let n = tensors.param.dims();
    assert_eq!(grad.dims(), n, "gradient and parameter must both be [n]");
    assert_eq!(tensors.exp_avg.dims(), n, "exp_avg and parameter must both be [n]");
    #[cfg(feature = "flex")]
    if host::resident(&[&tensors.param, &tensors.exp_avg, &grad]) {
        return on_host::update(step, tensors, grad);
    }
    composed(step, tensors, grad)
}

/// The same step for any backend.
fn composed(step: &LionStep, tensors: LionTensors, grad: Tensor<1>) -> LionTensors {
    let c = step.coefficients();
    let LionTensors { param, exp_avg } = tensors;
    let grad = grad * c.grad_scale;
    let blend = |[kept, fresh]: [f32; 2]| exp_avg.clone() * kept + grad.clone() * fresh;
    let direction = blend(c.direction).sign();
    LionTensors { param: param * c.shrink - direction * c.lr, exp_avg: blend(c.mean) }
}

#[cfg(feature = "flex")]
mod on_host {
    use burn::tensor::Tensor;
    use rayon::prelude::*;

    use super::{Coefficients, LionStep, LionTensors};
    use crate::flex::vector::vectorised;
    use crate::host::{self, CHUNK};

    pub(super) fn update(numbers: &LionStep, tensors: LionTensors, grad: Tensor<1>) -> LionTensors {
        let (c, device) = (numbers.coefficients(), tensors.param.device());
        let (mut param, grad) = (host::take(tensors.param), host::take(grad));
        let mut exp_avg = host::take(tensors.exp_avg);
        host::slice_mut(&mut param)
            .par_chunks_mut(CHUNK)
            .zip(host::slice(&grad).par_chunks(CHUNK))
            .zip(host::slice_mut(&mut exp_avg).par_chunks_mut(CHUNK))
            .for_each(|((param, grad), exp_avg)| step(&c, param, grad, exp_avg));
        LionTensors { param: host::give(param, &device), exp_avg: host::give(exp_avg, &device) }
    }

    vectorised! {
        fn step(c: &Coefficients, param: &mut [f32], grad: &[f32], exp_avg: &mut [f32]) {
            for ((w, g), m) in param.iter_mut().zip(grad).zip(exp_avg) {
                let g = g * c.grad_scale;
                let blend = *m * c.direction[0] + g * c.direction[1];
                let up = if blend > 0.0 { c.lr } else { 0.0 };
                let down = if blend < 0.0 { c.lr } else { 0.0 };
                *m = *m * c.mean[0] + g * c.mean[1];
                *w = *w * c.shrink - (up - down);
            }
        }
    }
}

#[cfg(test)]
mod tests;
