//! Whether scores put the right rows first.

use hybrid_measure::Interval;
use hybrid_measure::interval::{auc, proportion};

/// The mean over classes of the area under the ROC curve of the class against all others, in [0, 1].
///
/// `scores` are row by row, `classes` each; `actual` holds each row's class. `None` where the lengths
/// do not fit, a score is not finite, or a class has no rows or has all.
#[must_use]
pub fn auc_one_vs_rest(scores: &[f64], actual: &[usize], classes: usize) -> Option<f64> {
    if classes == 0 || scores.len() != actual.len() * classes {
        return None;
    }
    let of = |class: usize| {
        let scores: Vec<f64> = scores.iter().skip(class).step_by(classes).copied().collect();
        let labels: Vec<bool> = actual.iter().map(|actual| *actual == class).collect();
        auc(&scores, &labels).map(|area| area.value)
    };
    let areas: Vec<f64> = (0..classes).map(of).collect::<Option<_>>()?;
    Some(areas.iter().sum::<f64>() / classes as f64)
}

/// The mean precision over the positive rows, in (0, 1]: `Σ_n (R_n − R_{n−1}) · P_n` over the
/// thresholds from the highest, without interpolation. Rows of equal score cross a threshold together.
///
/// `None` where the lengths differ, a score is not finite, or no row is positive.
#[must_use]
pub fn average_precision(scores: &[f64], labels: &[bool]) -> Option<f64> {
    if scores.len() != labels.len() || scores.iter().any(|score| !score.is_finite()) {
        return None;
    }
    // Adding 0 makes −0 a 0, so that the two tie.
    let rows = scores.iter().map(|score| score + 0.0).zip(labels.iter().copied());
    let mut rows: Vec<(f64, bool)> = rows.collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positive = labels.iter().filter(|label| **label).count();
    let (mut seen, mut found, mut sum) = (0, 0, 0.0);
    for tied in rows.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let new = tied.iter().filter(|(_, label)| *label).count();
        seen += tied.len();
        found += new;
        sum += new as f64 * (found as f64 / seen as f64);
    }
    (positive > 0).then(|| sum / positive as f64)
}

/// Share of the pairs whose better text has the higher reward, with Wilson's 95 % interval. A tie is
/// wrong: the rewards do not tell the two apart.
///
/// `None` where the lengths differ, there is no pair, or a reward is not finite.
#[must_use]
pub fn preference_accuracy(chosen: &[f64], rejected: &[f64]) -> Option<Interval> {
    let mut all = chosen.iter().chain(rejected);
    if chosen.len() != rejected.len() || all.any(|reward| !reward.is_finite()) {
        return None;
    }
    let right = chosen.iter().zip(rejected).filter(|(chosen, rejected)| chosen > rejected).count();
    proportion(right, chosen.len())
}
