//! Gradient surgery by projection (Yu et al. 2020, <https://arxiv.org/abs/2001.06782>).

use super::Gram;
use crate::error::{HeadsError, class_below};
use crate::stream::{Purpose, permutation, stream};

/// The coefficients of `Σ_i g_i^PC`: each task's gradient without its components against other
/// tasks' gradients, summed. Where no two gradients conflict all are 1, the plain sum.
///
/// Each task meets the others in a random order of its own, a function of seed and step.
#[must_use]
pub fn pcgrad(gram: &Gram, seed: u64, step: u64) -> Vec<f64> {
    let tasks = gram.tasks();
    let mut rng = stream(seed, Purpose::Surgery, step);
    let mut total = vec![0.0; tasks];
    for task in 0..tasks {
        let order = permutation(&mut rng, tasks);
        for (total, part) in total.iter_mut().zip(projected(gram, task, &order)) {
            *total += part;
        }
    }
    total
}

/// One task's gradient after the projections, as coefficients of all gradients: for each task `j` of
/// `order` but itself, where `g · g_j < 0`, `g` becomes `g − (g · g_j) / ‖g_j‖² · g_j`.
///
/// # Errors
///
/// [`HeadsError::OutOfRange`] where `task` or an entry of `order` is no task.
pub fn project_in_order(gram: &Gram, task: usize, order: &[usize]) -> Result<Vec<f64>, HeadsError> {
    class_below("task", task, gram.tasks())?;
    order.iter().try_for_each(|other| class_below("order", *other, gram.tasks()))?;
    Ok(projected(gram, task, order))
}

fn projected(gram: &Gram, task: usize, order: &[usize]) -> Vec<f64> {
    let mut coefficients = vec![0.0; gram.tasks()];
    if let Some(own) = coefficients.get_mut(task) {
        *own = 1.0;
    }
    for &other in order.iter().filter(|other| **other != task) {
        let (conflict, size) = (gram.along(other, &coefficients), gram.dot(other, other));
        if conflict < 0.0
            && size > 0.0
            && let Some(coefficient) = coefficients.get_mut(other)
        {
            *coefficient -= conflict / size;
        }
    }
    coefficients
}
