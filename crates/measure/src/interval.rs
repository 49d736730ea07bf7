//! How well scores agree with labels, with the uncertainty of it.

use serde::{Deserialize, Serialize};

/// The normal distribution's 97.5 % point: two-sided 95 % intervals are this many deviations wide.
pub const Z: f64 = 1.959_963_984_540_054;

/// An estimate with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// The area under the ROC curve of `scores` for `labels`, in [0, 1]: the chance that a positive row
/// scores above a negative one, ties counting half. The interval is DeLong's (1988).
///
/// `None` where the lengths differ, a score is not finite, or a class is empty.
pub fn auc(scores: &[f64], labels: &[bool]) -> Option<Interval> {
    if scores.len() != labels.len() || scores.iter().any(|score| !score.is_finite()) {
        return None;
    }
    let of = |label: bool| -> Vec<f64> {
        let rows = scores.iter().zip(labels).filter(|(_, own)| **own == label);
        rows.map(|(score, _)| *score).collect()
    };
    let (positive, negative) = (of(true), of(false));
    if positive.is_empty() || negative.is_empty() {
        return None;
    }
    // How often each positive wins against the negatives, and each negative loses.
    let wins = below(&positive, &negative);
    let losses: Vec<f64> = below(&negative, &positive).iter().map(|share| 1.0 - share).collect();
    let value = wins.iter().sum::<f64>() / wins.len() as f64;
    let variance = |shares: &[f64]| {
        let squares: f64 = shares.iter().map(|share| (share - value).powi(2)).sum();
        squares / (shares.len() as f64 - 1.0).max(1.0) / shares.len() as f64
    };
    let half = Z * (variance(&wins) + variance(&losses)).sqrt();
    Some(Interval { value, low: (value - half).max(0.0), high: (value + half).min(1.0) })
}

/// Pearson's correlation of `scores` with people's `ratings`, in [−1, 1], with the interval of Fisher's
/// transformation.
///
/// `None` where the lengths differ, there are fewer than 4 rows, a number is not finite, or one side is
/// constant.
pub fn correlation(scores: &[f64], ratings: &[f64]) -> Option<Interval> {
    let value = pearson(scores, ratings).filter(|_| scores.len() >= 4)?;
    let half = Z / (scores.len() as f64 - 3.0).sqrt();
    let (low, high) = ((value.atanh() - half).tanh(), (value.atanh() + half).tanh());
    Some(Interval { value, low, high })
}

/// Pearson's correlation, in [−1, 1], of as few as two rows and without an interval.
///
/// `None` where the lengths differ, a number is not finite, or one side is constant, as one row is.
pub fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
    if a.len() != b.len() || !finite(a) || !finite(b) {
        return None;
    }
    // A mean that is rounded would give a constant side a little variance.
    let constant = |values: &[f64]| values.windows(2).all(|pair| pair.first() == pair.last());
    if constant(a) || constant(b) {
        return None;
    }
    let centred = |values: &[f64]| -> Vec<f64> {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|value| value - mean).collect()
    };
    let (a, b) = (centred(a), centred(b));
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let size = (dot(&a, &a) * dot(&b, &b)).sqrt();
    // Below the smallest f64, or above the largest, the squares say nothing.
    (size > 0.0 && size.is_finite()).then(|| (dot(&a, &b) / size).clamp(-1.0, 1.0))
}

/// For each of `scores` the share of `others` that are smaller, equal ones counting half.
fn below(scores: &[f64], others: &[f64]) -> Vec<f64> {
    let mut sorted = others.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let share = |score: &f64| {
        let smaller = sorted.partition_point(|other| other < score);
        let not_larger = sorted.partition_point(|other| other <= score);
        (smaller + not_larger) as f64 / 2.0 / sorted.len() as f64
    };
    scores.iter().map(share).collect()
}

/// `right` of `all` as a share, with Wilson's interval; `None` of nothing.
pub fn proportion(right: usize, all: usize) -> Option<Interval> {
    if all == 0 || right > all {
        return None;
    }
    let (n, value) = (all as f64, right as f64 / all as f64);
    let scale = 1.0 + Z * Z / n;
    let centre = (value + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (value * (1.0 - value) / n + Z * Z / (4.0 * n * n)).sqrt();
    Some(Interval { value, low: (centre - half).max(0.0), high: (centre + half).min(1.0) })
}

#[cfg(test)]
mod tests;
