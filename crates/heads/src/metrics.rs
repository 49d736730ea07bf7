//! What a head is worth on rows it has not seen.
//!
//! | metric | where | undefined |
//! |---|---|---|
//! | accuracy with Wilson's interval | [`Confusion::accuracy`] | `None` without rows |
//! | balanced accuracy | [`Confusion::balanced_accuracy`] | classes without rows are left out |
//! | Matthews correlation | [`Confusion::mcc`] | 0 where all rows are of, or said to be of, one class |
//! | precision, recall, F1 | [`Counts::scores`], [`Averages`] | 0 of 0 is 0 |
//! | subset accuracy of several labels | [`subset_accuracy`] | `None` without rows |
//! | area under the ROC curve | [`auc`], [`auc_one_vs_rest`] | `None` where a class has no rows |
//! | average precision | [`average_precision`] | `None` without positive rows |
//! | errors of numbers, R² | [`RegressionScores`] | R² is `None` where all targets are equal |
//! | Pearson, Spearman | [`RegressionScores`] | `None` where one side is constant |
//! | entities | [`entity_counts`] | as F1 |
//! | answers | [`AnswerScores`], [`NoneThreshold`] | `None` without rows |
//! | calibration | [`Calibration`] | `None` without rows |
//! | preferences | [`preference_accuracy`] | `None` without pairs |
//!
//! Numbers that are not finite are refused: no metric is NaN, and none is made of one.

mod answers;
mod calibration;
mod classes;
mod entities;
mod labels;
mod ranking;
mod regression;

pub use answers::{AnswerScores, Doubt, NoneThreshold, Share, score_answer};
pub use calibration::{Bin, Calibration};
pub use classes::Confusion;
pub use entities::entity_counts;
pub use hybrid_measure::Interval;
pub use hybrid_measure::interval::auc;
pub use labels::{label_counts, subset_accuracy};
pub use ranking::{auc_one_vs_rest, average_precision, preference_accuracy};
pub use regression::RegressionScores;

use serde::{Deserialize, Serialize};

/// How often a class was predicted, and rightly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Predictions of the class that are right.
    pub right: usize,
    /// Predictions of the class.
    pub predicted: usize,
    /// Rows of the class.
    pub actual: usize,
}

/// Precision, recall and F1, each in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Scores {
    /// Share of the predictions that are right; 0 without predictions.
    pub precision: f64,
    /// Share of the rows that were found; 0 without rows.
    pub recall: f64,
    /// Their harmonic mean, `2 · right / (predicted + actual)`; 0 where nothing is right.
    pub f1: f64,
    /// Rows of the class.
    pub support: usize,
}

/// Scores of several classes as one.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Averages {
    /// The mean over classes; 0 without classes.
    #[serde(rename = "macro")]
    pub by_class: Scores,
    /// The scores of all counts together.
    #[serde(rename = "micro")]
    pub pooled: Scores,
    /// The mean over classes weighted by their rows; 0 without rows.
    pub weighted: Scores,
}

impl Counts {
    /// Adds the counts of other rows.
    pub fn add(&mut self, other: &Self) {
        self.right += other.right;
        self.predicted += other.predicted;
        self.actual += other.actual;
    }

    /// Counts one row of which it is known whether it is of the class and was said to be.
    pub fn observe(&mut self, predicted: bool, actual: bool) {
        self.right += usize::from(predicted && actual);
        self.predicted += usize::from(predicted);
        self.actual += usize::from(actual);
    }

    /// Precision, recall and F1.
    #[must_use]
    pub fn scores(&self) -> Scores {
        Scores {
            precision: ratio(self.right, self.predicted),
            recall: ratio(self.right, self.actual),
            f1: ratio(2 * self.right, self.predicted + self.actual),
            support: self.actual,
        }
    }
}

impl Averages {
    /// Of the counts of each class.
    #[must_use]
    pub fn of<'a>(counts: impl IntoIterator<Item = &'a Counts>) -> Self {
        let (mut all, mut classes) = (Counts::default(), Vec::new());
        for counts in counts {
            all.add(counts);
            classes.push(counts.scores());
        }
        let mean = |weight: &dyn Fn(&Scores) -> f64| {
            let total: f64 = classes.iter().map(weight).sum();
            let sum = |of: fn(&Scores) -> f64| {
                let sum: f64 = classes.iter().map(|scores| weight(scores) * of(scores)).sum();
                if total > 0.0 { sum / total } else { 0.0 }
            };
            Scores {
                precision: sum(|scores| scores.precision),
                recall: sum(|scores| scores.recall),
                f1: sum(|scores| scores.f1),
                support: all.actual,
            }
        };
        Self {
            by_class: mean(&|_| 1.0),
            pooled: all.scores(),
            weighted: mean(&|scores| scores.support as f64),
        }
    }
}

/// 0 of 0 is 0.
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests;
