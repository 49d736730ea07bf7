//! The multiple-gradient descent algorithm (Désidéri 2012; Sener and Koltun 2018,
//! <https://arxiv.org/abs/1810.04650>).
//!
//! Among the convex combinations of the tasks' gradients the one of the least norm, `d`, has
//! `g_t · d ≥ ‖d‖²` for every task: a small step against it makes none worse. Where it is 0 no
//! direction improves one task without making another worse: the point is Pareto-stationary.

use super::Gram;
use crate::error::{HeadsError, require};

/// More rounds than a handful of tasks needs; see [`MinNorm::gap`] for what is left.
const MAX_ROUNDS: usize = 10_000;

/// The combination of the least norm.
#[derive(Debug, Clone, PartialEq)]
pub struct MinNorm {
    /// One coefficient a task, at least 0, of sum 1.
    pub coefficients: Vec<f64>,
    /// `‖d‖²`.
    pub norm_squared: f64,
    /// `‖d‖² − min_t g_t · d`, at least 0 but for rounding, and 0 at the minimum: the squared norm
    /// is above the least one by at most twice this.
    pub gap: f64,
}

/// The convex combination of the least norm, until the gap is at most `tolerance` times the largest
/// squared norm of a gradient. Two tasks are solved in closed form.
///
/// # Method
///
/// Frank–Wolfe from equal coefficients, in pairs (Lacoste-Julien and Jaggi 2015,
/// <https://arxiv.org/abs/1511.05932>): a round moves coefficient from the task with the largest
/// `g_t · d` among those that have any to the task with the smallest, as far as the norm falls. The
/// plain method, which takes from all tasks alike, closes the gap only as 1 / rounds.
///
/// # Errors
///
/// [`HeadsError::OutOfRange`] where `tolerance` is not finite and above 0.
pub fn mgda(gram: &Gram, tolerance: f64) -> Result<MinNorm, HeadsError> {
    let usable = tolerance > 0.0 && tolerance.is_finite();
    require(usable, "tolerance", tolerance, "a finite number above 0")?;
    let tasks = gram.tasks();
    if tasks == 2 {
        let share = first_share(gram);
        return Ok(MinNorm::at(gram, vec![share, 1.0 - share]));
    }
    let largest = (0..tasks).map(|t| gram.dot(t, t)).fold(0.0, f64::max);
    let mut point = vec![1.0 / tasks as f64; tasks];
    for _ in 0..MAX_ROUNDS {
        let slopes: Vec<f64> = (0..tasks).map(|t| gram.along(t, &point)).collect();
        let norm_squared: f64 = point.iter().zip(&slopes).map(|(c, slope)| c * slope).sum();
        let (Some(to), Some(from)) = (lowest(&slopes), highest(&slopes, &point)) else { break };
        if norm_squared - at(&slopes, to) <= tolerance * largest {
            break;
        }
        let curvature = gram.dot(to, to) + gram.dot(from, from) - 2.0 * gram.dot(to, from);
        let descent = at(&slopes, from) - at(&slopes, to);
        if descent <= 0.0 {
            break;
        }
        let most = at(&point, from);
        let step = if curvature > 0.0 { (descent / curvature).min(most) } else { most };
        // What is moved whole leaves exactly 0 behind.
        let left = if step < most { most - step } else { 0.0 };
        set(&mut point, from, left);
        let grown = at(&point, to) + step;
        set(&mut point, to, grown);
    }
    Ok(MinNorm::at(gram, point))
}

impl MinNorm {
    fn at(gram: &Gram, coefficients: Vec<f64>) -> Self {
        let slopes = (0..gram.tasks()).map(|t| gram.along(t, &coefficients));
        let least = slopes.fold(f64::INFINITY, f64::min);
        let norm_squared = gram.norm_squared(&coefficients);
        Self { gap: norm_squared - least, norm_squared, coefficients }
    }

    /// Whether no direction improves one task without making another worse, as far as `‖d‖` tells.
    #[must_use]
    pub fn is_pareto_stationary(&self, norm: f64) -> bool {
        self.norm_squared.sqrt() <= norm
    }
}

/// The first of two tasks' coefficient: `(g₂ − g₁) · g₂ / ‖g₁ − g₂‖²`, kept in [0, 1]; ½ where the
/// gradients are equal.
fn first_share(gram: &Gram) -> f64 {
    let (a, b, ab) = (gram.dot(0, 0), gram.dot(1, 1), gram.dot(0, 1));
    let distance = a + b - 2.0 * ab;
    if distance > 0.0 { ((b - ab) / distance).clamp(0.0, 1.0) } else { 0.5 }
}

fn lowest(slopes: &[f64]) -> Option<usize> {
    (0..slopes.len()).min_by(|a, b| at(slopes, *a).total_cmp(&at(slopes, *b)))
}

/// The task of the largest slope among those with a coefficient above 0.
fn highest(slopes: &[f64], point: &[f64]) -> Option<usize> {
    let support = (0..slopes.len()).filter(|t| at(point, *t) > 0.0);
    support.max_by(|a, b| at(slopes, *a).total_cmp(&at(slopes, *b)))
}

fn at(values: &[f64], place: usize) -> f64 {
    values.get(place).copied().unwrap_or(0.0)
}

fn set(values: &mut [f64], place: usize, value: f64) {
    if let Some(entry) = values.get_mut(place) {
        *entry = value;
    }
}
