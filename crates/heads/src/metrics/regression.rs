//! Predicted numbers against known ones.

use hybrid_measure::Interval;
use hybrid_measure::interval::{correlation, pearson};
use serde::{Deserialize, Serialize};

use crate::error::{HeadsError, all_finite, require, same_length};

/// How far predicted numbers are from known ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RegressionScores {
    /// Mean squared error, in squared units of the target.
    pub mse: f64,
    /// Mean absolute error, in units of the target.
    pub mae: f64,
    /// Share of the targets' variance that is explained, at most 1: `1 − Σ (y − ŷ)² / Σ (y − ȳ)²`.
    /// `None` where all targets are equal.
    pub r2: Option<f64>,
    /// Pearson's correlation, in [−1, 1]; `None` where one side is constant.
    pub pearson: Option<f64>,
    /// The same with the 95 % interval of Fisher's transformation; `None` below 4 rows, too.
    pub pearson_interval: Option<Interval>,
    /// Spearman's correlation: Pearson's of the ranks, where equal numbers share their mean rank.
    pub spearman: Option<f64>,
    /// Rows.
    pub rows: usize,
}

impl RegressionScores {
    /// Of predicted and known numbers, one entry a row.
    ///
    /// # Errors
    ///
    /// [`HeadsError`] where there is no row, the lengths differ, or a number is not finite.
    pub fn new(predicted: &[f64], actual: &[f64]) -> Result<Self, HeadsError> {
        same_length("predicted", predicted.len(), actual.len())?;
        require(!actual.is_empty(), "rows", 0.0, "at least 1")?;
        all_finite("predicted", predicted.iter().copied())?;
        all_finite("actual", actual.iter().copied())?;
        let count = actual.len() as f64;
        let errors = || predicted.iter().zip(actual).map(|(own, actual)| own - actual);
        let squares: f64 = errors().map(|error| error * error).sum();
        let mean = actual.iter().sum::<f64>() / count;
        let variance: f64 = actual.iter().map(|y| (y - mean).powi(2)).sum();
        let differ = actual.windows(2).any(|pair| pair.first() != pair.last());
        Ok(Self {
            mse: squares / count,
            mae: errors().map(f64::abs).sum::<f64>() / count,
            r2: (differ && variance > 0.0).then(|| 1.0 - squares / variance),
            pearson: pearson(predicted, actual),
            pearson_interval: correlation(predicted, actual),
            spearman: pearson(&ranks(predicted), &ranks(actual)),
            rows: actual.len(),
        })
    }
}

/// Ranks from 1; equal numbers share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = |value: &f64| {
        let smaller = sorted.partition_point(|other| other < value);
        let not_larger = sorted.partition_point(|other| other <= value);
        (smaller + not_larger + 1) as f64 / 2.0
    };
    values.iter().map(rank).collect()
}
