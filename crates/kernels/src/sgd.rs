//! One step of stochastic gradient descent over a whole parameter in one pass over memory.

use burn::tensor::Tensor;

#[cfg(feature = "flex")]
use crate::host;

/// The numbers of one step, as PyTorch's `SGD` has them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgdStep {
    /// Learning rate.
    pub lr: f64,
    /// How much of the buffer is kept, where there is one.
    pub momentum: f64,
    /// How much of the gradient enters the buffer: 1 at the first step, then one less dampening.
    pub share: f64,
    /// Steps along the gradient and the buffer after it (Sutskever et al. 2013) instead of the
    /// buffer.
    pub nesterov: bool,
    /// Times the parameter, added to the gradient.
    pub weight_decay: f64,
    /// Factor of the gradient, such as the one that clips it.
    pub grad_scale: f64,
}

/// The same for each value.
#[derive(Debug, Clone, Copy)]
struct Coefficients {
    grad_scale: f32,
    l2: f32,
    momentum: f32,
    share: f32,
    lr: f32,
}

impl SgdStep {
    fn coefficients(&self) -> Coefficients {
        Coefficients {
            grad_scale: self.grad_scale as f32,
            l2: self.weight_decay as f32,
            momentum: self.momentum as f32,
            share: self.share as f32,
            lr: self.lr as f32,
        }
    }
}

/// A parameter and its momentum, each `[n]` and without autodiff.
#[derive(Debug)]
pub struct SgdTensors {
    /// The parameter.
    pub param: Tensor<1>,
    /// The buffer of its momentum; none without.
    pub buffer: Option<Tensor<1>>,
}

/// Steps a parameter, and its buffer where it has one.
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
pub fn update(step: &SgdStep, tensors: SgdTensors, grad: Tensor<1>) -> SgdTensors {
    let n = tensors.param.dims();
    assert_eq!(grad.dims(), n, "gradient and parameter must both be [n]");
    if let Some(buffer) = &tensors.buffer {
        assert_eq!(buffer.dims(), n, "buffer and parameter must both be [n]");
    }
    #[cfg(feature = "flex")]
    {
        let all = [Some(&tensors.param), tensors.buffer.as_ref(), Some(&grad)];
        let all: Vec<&Tensor<1>> = all.into_iter().flatten().collect();
        if host::resident(&all) {
            return on_host::update(step, tensors, grad);
        }
    }
    composed(step, tensors, grad)
}

/// The same step for any backend.
fn composed(step: &SgdStep, tensors: SgdTensors, grad: Tensor<1>) -> SgdTensors {
    let c = step.coefficients();
    let SgdTensors { param, buffer } = tensors;
    let grad = grad * c.grad_scale + param.clone() * c.l2;
    let Some(buffer) = buffer else {
        return SgdTensors { param: param - grad * c.lr, buffer: None };
    };
    let buffer = buffer * c.momentum + grad.clone() * c.share;
    let direction = if step.nesterov { grad + buffer.clone() * c.momentum } else { buffer.clone() };
    SgdTensors { param: param - direction * c.lr, buffer: Some(buffer) }
}

#[cfg(feature = "flex")]
mod on_host {
    use burn::tensor::Tensor;
    use rayon::prelude::*;

    use super::{Coefficients, SgdStep, SgdTensors};
    use crate::flex::vector::vectorised;
    use crate::host::{self, CHUNK};

    pub(super) fn update(step: &SgdStep, tensors: SgdTensors, grad: Tensor<1>) -> SgdTensors {
        let (c, device) = (step.coefficients(), tensors.param.device());
        let (mut param, grad) = (host::take(tensors.param), host::take(grad));
        let mut buffer = tensors.buffer.map(host::take);
        let values = host::slice_mut(&mut param)
            .par_chunks_mut(CHUNK)
            .zip(host::slice(&grad).par_chunks(CHUNK));
        match &mut buffer {
            None => values.for_each(|(param, grad)| plain(&c, param, grad)),
            Some(buffer) => {
                let values = values.zip(host::slice_mut(buffer).par_chunks_mut(CHUNK));
                values.for_each(|((param, grad), buffer)| {
                    if step.nesterov {
                        nesterov(&c, param, grad, buffer);
                    } else {
                        momentum(&c, param, grad, buffer);
                    }
                });
            }
        }
        let give = |data| host::give(data, &device);
        SgdTensors { param: give(param), buffer: buffer.map(give) }
    }

    vectorised! {
        fn plain(c: &Coefficients, param: &mut [f32], grad: &[f32]) {
            for (w, g) in param.iter_mut().zip(grad) {
                let g = g * c.grad_scale + *w * c.l2;
                *w -= g * c.lr;
            }
        }
    }

    vectorised! {
        fn momentum(c: &Coefficients, param: &mut [f32], grad: &[f32], buffer: &mut [f32]) {
            for ((w, g), b) in param.iter_mut().zip(grad).zip(buffer) {
                let g = g * c.grad_scale + *w * c.l2;
                *b = *b * c.momentum + g * c.share;
                *w -= *b * c.lr;
            }
        }
    }

    vectorised! {
        fn nesterov(c: &Coefficients, param: &mut [f32], grad: &[f32], buffer: &mut [f32]) {
            for ((w, g), b) in param.iter_mut().zip(grad).zip(buffer) {
                let g = g * c.grad_scale + *w * c.l2;
                *b = *b * c.momentum + g * c.share;
                *w -= (g + *b * c.momentum) * c.lr;
            }
        }
    }
}

#[cfg(test)]
mod tests;
