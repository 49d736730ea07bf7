//! Whether a head that says 80 % is right 80 % of the time (Guo et al. 2017,
//! <https://arxiv.org/abs/1706.04599>).

use serde::{Deserialize, Serialize};

use crate::error::{HeadsError, require, same_length};

/// Predictions of like confidence.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Bin {
    /// Predictions in the bin.
    pub rows: usize,
    /// Their mean confidence, in [0, 1]; 0 without predictions.
    pub confidence: f64,
    /// Share of them that are right; 0 without predictions.
    pub accuracy: f64,
}

/// Confidence against accuracy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Bins of equal width, from the lowest confidence: bin `k` of `n` holds `(k / n, (k + 1) / n]`,
    /// the first one 0 as well.
    pub bins: Vec<Bin>,
}

impl Calibration {
    /// Of the confidence of each prediction, the probability that the head gives it, and whether it
    /// is right. The errors depend on the number of `bins`, so it is named beside them; 15 is usual.
    ///
    /// # Errors
    ///
    /// [`HeadsError`] where there is no bin, the lengths differ, or a confidence is not in [0, 1].
    pub fn new(confidence: &[f64], right: &[bool], bins: usize) -> Result<Self, HeadsError> {
        require(bins >= 1, "bins", bins as f64, "at least 1")?;
        same_length("right", right.len(), confidence.len())?;
        let mut sums = vec![Bin::default(); bins];
        for (p, right) in confidence.iter().zip(right) {
            require((0.0..=1.0).contains(p), "confidence", *p, "in [0, 1]")?;
            let place = ((p * bins as f64).ceil() as usize).max(1) - 1;
            if let Some(bin) = sums.get_mut(place.min(bins - 1)) {
                bin.rows += 1;
                bin.confidence += p;
                bin.accuracy += if *right { 1.0 } else { 0.0 };
            }
        }
        for bin in sums.iter_mut().filter(|bin| bin.rows > 0) {
            bin.confidence /= bin.rows as f64;
            bin.accuracy /= bin.rows as f64;
        }
        Ok(Self { bins: sums })
    }

    /// The expected calibration error, in [0, 1]: the mean over predictions of the distance between
    /// confidence and accuracy of their bin. `None` without predictions.
    #[must_use]
    pub fn expected_error(&self) -> Option<f64> {
        let rows: usize = self.bins.iter().map(|bin| bin.rows).sum();
        let sum: f64 = self.bins.iter().map(|bin| bin.rows as f64 * bin.error()).sum();
        (rows > 0).then(|| sum / rows as f64)
    }

    /// The largest such distance of a bin that has predictions, in [0, 1]; `None` without any.
    #[must_use]
    pub fn largest_error(&self) -> Option<f64> {
        self.bins.iter().filter(|bin| bin.rows > 0).map(Bin::error).reduce(f64::max)
    }
}

impl Bin {
    /// The distance between confidence and accuracy.
    fn error(&self) -> f64 {
        (self.confidence - self.accuracy).abs()
    }
}
