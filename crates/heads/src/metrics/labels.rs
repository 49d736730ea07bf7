//! Each of several labels or not.

use hybrid_measure::Interval;
use hybrid_measure::interval::proportion;

use super::Counts;
use crate::error::{HeadsError, require, same_length};

/// The counts of each label. Entries are row by row, `labels` each; where it is not known whether a
/// row has a label, that entry does not count.
///
/// # Errors
///
/// [`HeadsError`] where there is no label, the lengths differ, or the rows are not whole.
pub fn label_counts(
    predicted: &[bool],
    actual: &[Option<bool>],
    labels: usize,
) -> Result<Vec<Counts>, HeadsError> {
    check(predicted, actual, labels)?;
    let mut counts = vec![Counts::default(); labels];
    for (predicted, actual) in predicted.chunks(labels).zip(actual.chunks(labels)) {
        for (counts, (predicted, actual)) in counts.iter_mut().zip(predicted.iter().zip(actual)) {
            if let Some(actual) = actual {
                counts.observe(*predicted, *actual);
            }
        }
    }
    Ok(counts)
}

/// Share of the rows whose known labels are all right, with Wilson's 95 % interval; `None` without
/// rows. A row without a known label does not count.
///
/// # Errors
///
/// As [`label_counts`].
pub fn subset_accuracy(
    predicted: &[bool],
    actual: &[Option<bool>],
    labels: usize,
) -> Result<Option<Interval>, HeadsError> {
    check(predicted, actual, labels)?;
    let rows = predicted.chunks(labels).zip(actual.chunks(labels));
    let known: Vec<bool> = rows
        .filter(|(_, actual)| actual.iter().any(Option::is_some))
        .map(|(predicted, actual)| {
            predicted.iter().zip(actual).all(|(own, actual)| actual.is_none_or(|it| it == *own))
        })
        .collect();
    Ok(proportion(known.iter().filter(|right| **right).count(), known.len()))
}

fn check(predicted: &[bool], actual: &[Option<bool>], labels: usize) -> Result<(), HeadsError> {
    require(labels >= 1, "labels", labels as f64, "at least 1")?;
    same_length("actual", actual.len(), predicted.len())?;
    same_length("predicted", predicted.len(), predicted.len() / labels * labels)
}
