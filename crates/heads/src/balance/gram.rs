//! Inner products of the tasks' gradients.

use crate::error::{HeadsError, all_finite, require, same_length};

/// The matrix of all inner products `g_i · g_j` of the tasks' gradients of the shared trunk.
///
/// Whatever is a linear combination of the gradients has its norm and its inner products here, so
/// surgery needs no copy of any gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct Gram {
    tasks: usize,
    /// Row by row; symmetric.
    dots: Vec<f64>,
}

impl Gram {
    /// Of flat gradients, one a task, summed in f64.
    ///
    /// # Errors
    ///
    /// [`HeadsError`] where there is none, their lengths differ, or a product is not finite.
    pub fn of(gradients: &[impl AsRef<[f32]>]) -> Result<Self, HeadsError> {
        let length = gradients.first().map_or(0, |gradient| gradient.as_ref().len());
        for gradient in gradients {
            same_length("gradients", gradient.as_ref().len(), length)?;
        }
        Self::from_dots(gradients.len(), |i, j| {
            let pair = gradients.get(i).zip(gradients.get(j));
            pair.map_or(0.0, |(a, b)| dot(a.as_ref(), b.as_ref()))
        })
    }

    /// Of whatever holds the gradients: `dot(i, j)` is asked once for each `j ≤ i < tasks`.
    ///
    /// # Errors
    ///
    /// [`HeadsError`] where there is no task, or a product is not finite.
    pub fn from_dots(
        tasks: usize,
        mut dot: impl FnMut(usize, usize) -> f64,
    ) -> Result<Self, HeadsError> {
        require(tasks >= 1, "tasks", tasks as f64, "at least 1")?;
        let lower: Vec<Vec<f64>> =
            (0..tasks).map(|i| (0..=i).map(|j| dot(i, j)).collect()).collect();
        let entry = |i: usize, j: usize| {
            let row = lower.get(i.max(j));
            row.and_then(|row| row.get(i.min(j))).copied().unwrap_or(0.0)
        };
        let dots: Vec<f64> = (0..tasks)
            .flat_map(|i| (0..tasks).map(move |j| (i, j)))
            .map(|(i, j)| entry(i, j))
            .collect();
        all_finite("gradients", dots.iter().copied())?;
        Ok(Self { tasks, dots })
    }

    /// How many tasks there are; at least 1.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks
    }

    /// `g_i · g_j`; 0 past the last task.
    #[must_use]
    pub fn dot(&self, i: usize, j: usize) -> f64 {
        let within = i < self.tasks && j < self.tasks;
        self.dots.get(i * self.tasks + j).copied().filter(|_| within).unwrap_or(0.0)
    }

    /// `g_i · Σ_t c_t · g_t`. Where it is below 0, a small step along the combination makes task `i`
    /// worse.
    #[must_use]
    pub fn along(&self, i: usize, coefficients: &[f64]) -> f64 {
        coefficients.iter().enumerate().map(|(t, c)| c * self.dot(i, t)).sum()
    }

    /// `‖Σ_t c_t · g_t‖²`, never below 0.
    #[must_use]
    pub fn norm_squared(&self, coefficients: &[f64]) -> f64 {
        let terms = coefficients.iter().enumerate().map(|(i, c)| c * self.along(i, coefficients));
        terms.sum::<f64>().max(0.0)
    }

    /// The cosine of two gradients, in [−1, 1]; `None` where one is 0.
    #[must_use]
    pub fn cosine(&self, i: usize, j: usize) -> Option<f64> {
        let size = (self.dot(i, i) * self.dot(j, j)).sqrt();
        (size > 0.0).then(|| (self.dot(i, j) / size).clamp(-1.0, 1.0))
    }

    /// Of the gradients times `weights`. Coefficients for it are, times the weights, coefficients for
    /// the plain gradients.
    ///
    /// # Errors
    ///
    /// [`HeadsError`] where their number is another, or a product is not finite.
    pub fn scaled(&self, weights: &[f64]) -> Result<Self, HeadsError> {
        same_length("weights", weights.len(), self.tasks)?;
        let weight = |t: usize| weights.get(t).copied().unwrap_or(0.0);
        Self::from_dots(self.tasks, |i, j| weight(i) * self.dot(i, j) * weight(j))
    }

    /// Weights that give every gradient norm 1; 1 where a gradient is 0.
    #[must_use]
    pub fn unit_weights(&self) -> Vec<f64> {
        let weight = |t: usize| {
            let norm = self.dot(t, t).sqrt();
            if norm > 0.0 { 1.0 / norm } else { 1.0 }
        };
        (0..self.tasks).map(weight).collect()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}
