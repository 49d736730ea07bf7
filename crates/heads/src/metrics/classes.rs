//! One of several classes: the confusion matrix, and what follows from it.

use hybrid_measure::Interval;
use hybrid_measure::interval::proportion;

use super::{Averages, Counts, ratio};
use crate::error::{HeadsError, class_below, require, same_length};

/// How many rows of each class were said to be of each class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// Row by row: actual class, then predicted class.
    cells: Vec<usize>,
}

impl Confusion {
    /// Of predicted and actual classes, one entry a row.
    ///
    /// # Errors
    ///
    /// [`HeadsError`] where there is no class, the lengths differ, or an entry is no class.
    pub fn new(predicted: &[usize], actual: &[usize], classes: usize) -> Result<Self, HeadsError> {
        require(classes >= 1, "classes", classes as f64, "at least 1")?;
        same_length("predicted", predicted.len(), actual.len())?;
        let mut cells = vec![0; classes * classes];
        for (predicted, actual) in predicted.iter().zip(actual) {
            class_below("predicted", *predicted, classes)?;
            class_below("actual", *actual, classes)?;
            if let Some(cell) = cells.get_mut(actual * classes + predicted) {
                *cell += 1;
            }
        }
        Ok(Self { classes, cells })
    }

    /// Rows of the class `actual` that were said to be of the class `predicted`; 0 past the last.
    #[must_use]
    pub fn count(&self, actual: usize, predicted: usize) -> usize {
        let within = actual < self.classes && predicted < self.classes;
        let cell = self.cells.get(actual * self.classes + predicted);
        cell.copied().filter(|_| within).unwrap_or(0)
    }

    /// All rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.cells.iter().sum()
    }

    /// The counts of each class.
    #[must_use]
    pub fn counts(&self) -> Vec<Counts> {
        let of = |class: usize| Counts {
            right: self.count(class, class),
            predicted: (0..self.classes).map(|actual| self.count(actual, class)).sum(),
            actual: (0..self.classes).map(|predicted| self.count(class, predicted)).sum(),
        };
        (0..self.classes).map(of).collect()
    }

    /// Averages over the classes that occur, as actual or as predicted ones: scikit-learn's default.
    #[must_use]
    pub fn averages(&self) -> Averages {
        let counts = self.counts();
        Averages::of(counts.iter().filter(|counts| counts.actual + counts.predicted > 0))
    }

    /// Share of the rows that are right, in [0, 1], with Wilson's 95 % interval; `None` without rows.
    #[must_use]
    pub fn accuracy(&self) -> Option<Interval> {
        let right = (0..self.classes).map(|class| self.count(class, class)).sum();
        proportion(right, self.rows())
    }

    /// Mean recall of the classes that have rows, in [0, 1]; `None` without rows.
    #[must_use]
    pub fn balanced_accuracy(&self) -> Option<f64> {
        let counts = self.counts();
        let recalls = counts.iter().filter(|counts| counts.actual > 0);
        let recalls: Vec<f64> = recalls.map(|counts| counts.scores().recall).collect();
        let total: f64 = recalls.iter().sum();
        (!recalls.is_empty()).then(|| total / recalls.len() as f64)
    }

    /// Matthews' correlation of predicted and actual class, in [−1, 1] (Gorodkin 2004 for more than
    /// two); 0 where all rows are of one class, or all are said to be.
    #[must_use]
    pub fn mcc(&self) -> f64 {
        let counts = self.counts();
        let rows = self.rows() as f64;
        let sum = |of: &dyn Fn(&Counts) -> f64| counts.iter().map(of).sum::<f64>();
        let right = sum(&|counts| counts.right as f64);
        let both = sum(&|counts| counts.predicted as f64 * counts.actual as f64);
        let predicted = rows * rows - sum(&|counts| (counts.predicted as f64).powi(2));
        let actual = rows * rows - sum(&|counts| (counts.actual as f64).powi(2));
        let size = (predicted * actual).sqrt();
        if size > 0.0 { (right * rows - both) / size } else { 0.0 }
    }

    /// Share of the rows of class `actual` that were said to be of class `predicted`; 0 without rows.
    #[must_use]
    pub fn share(&self, actual: usize, predicted: usize) -> f64 {
        let rows = (0..self.classes).map(|class| self.count(actual, class)).sum();
        ratio(self.count(actual, predicted), rows)
    }

    /// Adds the rows of another matrix.
    ///
    /// # Errors
    ///
    /// [`HeadsError::Length`] where it has other classes.
    pub fn add(&mut self, other: &Self) -> Result<(), HeadsError> {
        same_length("classes", other.classes, self.classes)?;
        for (cell, other) in self.cells.iter_mut().zip(&other.cells) {
            *cell += other;
        }
        Ok(())
    }
}
