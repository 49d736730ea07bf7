//! One step of Adam or AdamW over a whole parameter in one pass over memory.
//!
//! Composed of tensor operations a step makes about ten passes and as many buffers; a parameter of
//! a hundred million values then spends most of its step waiting for memory.

use burn::tensor::Tensor;

#[cfg(feature = "flex")]
use crate::host;

/// How a weight decay enters the step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decay {
    /// The parameter shrinks by `lr · weight_decay` of itself: AdamW (Loshchilov and Hutter 2019,
    /// <https://arxiv.org/abs/1711.05101>).
    Decoupled(f64),
    /// `weight_decay` times the parameter is added to the gradient: Adam with an L2 penalty.
    L2(f64),
}

/// Where epsilon stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epsilon {
    /// Beside the bias-corrected root of the second moment: the paper's algorithm and PyTorch's.
    Corrected,
    /// Beside the root that is not corrected, the paper's "epsilon hat": TensorFlow 1's.
    Hat,
}

/// The numbers of one Adam step (Kingma and Ba 2015, <https://arxiv.org/abs/1412.6980>).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// Learning rate.
    pub lr: f64,
    /// Decay rates of the first and the second moment, each in [0, 1).
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Where `eps` stands.
    pub epsilon: Epsilon,
    /// Weight decay.
    pub decay: Decay,
    /// Which step this is, counted from 1.
    pub step: u64,
    /// Factor of the gradient, such as the one that clips it.
    pub grad_scale: f64,
}

/// What a step needs of [`AdamStep`] for each value.
#[derive(Debug, Clone, Copy)]
pub struct Coefficients {
    grad_scale: f32,
    l2: f32,
    shrink: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    step_size: f32,
    root_scale: f32,
    eps: f32,
}

impl AdamStep {
    /// Derives the factors of one step, in f64.
    #[must_use]
    pub fn coefficients(&self) -> Coefficients {
        let t = i32::try_from(self.step).unwrap_or(i32::MAX);
        let [beta1, beta2] = self.betas;
        let (correction1, correction2) = (1.0 - beta1.powi(t), 1.0 - beta2.powi(t));
        let (shrink, l2) = match self.decay {
            Decay::Decoupled(decay) => (1.0 - self.lr * decay, 0.0),
            Decay::L2(decay) => (1.0, decay),
        };
        let (step_size, root_scale) = match self.epsilon {
            Epsilon::Corrected => (self.lr / correction1, 1.0 / correction2.sqrt()),
            Epsilon::Hat => (self.lr * correction2.sqrt() / correction1, 1.0),
        };
        Coefficients {
            grad_scale: self.grad_scale as f32,
            l2: l2 as f32,
            shrink: shrink as f32,
            one_minus_beta1: (1.0 - beta1) as f32,
            beta2: beta2 as f32,
            one_minus_beta2: (1.0 - beta2) as f32,
            step_size: step_size as f32,
            root_scale: root_scale as f32,
            eps: self.eps as f32,
        }
    }
}

impl Coefficients {
    /// Steps one stretch of a parameter and its moments in place. Values beyond the shortest slice
    /// stay as they are.
    pub fn apply(
        &self,
        param: &mut [f32],
        grad: &[f32],
        exp_avg: &mut [f32],
        exp_avg_sq: &mut [f32],
    ) {
        #[cfg(feature = "flex")]
        on_host::apply(self, param, grad, exp_avg, exp_avg_sq);
        #[cfg(not(feature = "flex"))]
        self.apply_each(param, grad, exp_avg, exp_avg_sq);
    }

    #[inline(always)]
    fn apply_each(
        &self,
        param: &mut [f32],
        grad: &[f32],
        exp_avg: &mut [f32],
        exp_avg_sq: &mut [f32],
    ) {
        let values = param.iter_mut().zip(grad).zip(exp_avg).zip(exp_avg_sq);
        for (((w, g), m), v) in values {
            let g = g * self.grad_scale + *w * self.l2;
            *m += (g - *m) * self.one_minus_beta1;
            *v = *v * self.beta2 + g * g * self.one_minus_beta2;
            *w = *w * self.shrink - self.step_size * (*m / (v.sqrt() * self.root_scale + self.eps));
        }
    }
}

/// A parameter with its moments, each `[n]` and without autodiff.
#[derive(Debug)]
pub struct AdamTensors {
    /// The parameter.
    pub param: Tensor<1>,
    /// The running mean of the gradient.
    pub exp_avg: Tensor<1>,
    /// The running mean of the squared gradient.
    pub exp_avg_sq: Tensor<1>,
}

/// Steps a parameter and its moments.
///
/// On the CPU backend, tensors with one owner are changed where they lie, in one pass, on all
/// threads; every value is computed alone, so their number does not show in the result. Elsewhere
/// the step is composed of tensor operations.
///
/// # Shapes
///
/// - every tensor: `[n]`
///
/// # Panics
///
/// When the lengths differ.
#[must_use]
pub fn update(step: &AdamStep, tensors: AdamTensors, grad: Tensor<1>) -> AdamTensors {
    let n = tensors.param.dims();
    assert_eq!(grad.dims(), n, "gradient and parameter must both be [n]");
    assert_eq!(tensors.exp_avg.dims(), n, "exp_avg and parameter must both be [n]");
    assert_eq!(tensors.exp_avg_sq.dims(), n, "exp_avg_sq and parameter must both be [n]");
    #[cfg(feature = "flex")]
    if host::resident(&[&tensors.param, &tensors.exp_avg, &tensors.exp_avg_sq, &grad]) {
        return on_host::update(&step.coefficients(), tensors, grad);
    }
    composed(&step.coefficients(), tensors, grad)
}

/// The same step for any backend.
fn composed(c: &Coefficients, tensors: AdamTensors, grad: Tensor<1>) -> AdamTensors {
    let AdamTensors { param, exp_avg, exp_avg_sq } = tensors;
    let grad = grad * c.grad_scale + param.clone() * c.l2;
    let exp_avg = exp_avg.clone() + (grad.clone() - exp_avg) * c.one_minus_beta1;
    let exp_avg_sq = exp_avg_sq * c.beta2 + grad.square() * c.one_minus_beta2;
    let root = exp_avg_sq.clone().sqrt() * c.root_scale + c.eps;
    let param = param * c.shrink - exp_avg.clone() / root * c.step_size;
    AdamTensors { param, exp_avg, exp_avg_sq }
}

#[cfg(feature = "flex")]
mod on_host {
    use burn::tensor::Tensor;
    use rayon::prelude::*;

    use super::{AdamTensors, Coefficients};
    use crate::flex::vector::vectorised;
    use crate::host::{self, CHUNK};

    vectorised! {
        pub(super) fn apply(
            c: &Coefficients,
            param: &mut [f32],
            grad: &[f32],
            exp_avg: &mut [f32],
            exp_avg_sq: &mut [f32],
        ) {
            c.apply_each(param, grad, exp_avg, exp_avg_sq);
        }
    }

    pub(super) fn update(c: &Coefficients, tensors: AdamTensors, grad: Tensor<1>) -> AdamTensors {
        let device = tensors.param.device();
        let (mut param, grad) = (host::take(tensors.param), host::take(grad));
        let mut exp_avg = host::take(tensors.exp_avg);
        let mut exp_avg_sq = host::take(tensors.exp_avg_sq);
        host::slice_mut(&mut param)
            .par_chunks_mut(CHUNK)
            .zip(host::slice(&grad).par_chunks(CHUNK))
            .zip(host::slice_mut(&mut exp_avg).par_chunks_mut(CHUNK))
            .zip(host::slice_mut(&mut exp_avg_sq).par_chunks_mut(CHUNK))
            .for_each(|(((param, grad), exp_avg), exp_avg_sq)| {
                c.apply(param, grad, exp_avg, exp_avg_sq);
            });
        AdamTensors {
            param: host::give(param, &device),
            exp_avg: host::give(exp_avg, &device),
            exp_avg_sq: host::give(exp_avg_sq, &device),
        }
    }
}

#[cfg(test)]
mod tests;
