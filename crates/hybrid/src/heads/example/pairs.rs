//! Pairs of a better and a worse text out of labelled texts.

use super::columns::{Raw, RawTarget};
use crate::config::TaskConfig;
use crate::error::HybridError;

/// The rows as pairs, where the task makes them by `data.pairs`; else the rows as they are. The n-th
/// of the better texts meets the n-th of the worse ones; what is left over of either stays out.
///
/// # Errors
///
/// [`HybridError`] where there is no row of one of the two labels.
pub(super) fn make(config: &TaskConfig, rows: Vec<Raw>) -> Result<Vec<Raw>, HybridError> {
    let Some(pairs) = &config.data.pairs else { return Ok(rows) };
    let (mut better, mut worse) = (Vec::new(), Vec::new());
    for row in rows {
        let has = |wanted: &str| row.labels().any(|label| label == wanted);
        if has(&pairs.chosen) {
            better.push(row);
        } else if has(&pairs.rejected) {
            worse.push(row);
        }
    }
    for (label, found) in [(&pairs.chosen, &better), (&pairs.rejected, &worse)] {
        if found.is_empty() {
            return Err(HybridError::Missing(format!(
                "the head `{}` makes pairs of labelled texts, but no row has the label `{label}` in \
                 `{}`",
                config.task, config.data.label
            )));
        }
    }
    let pair = |(mut better, worse): (Raw, Raw)| {
        better.texts.extend(worse.texts);
        better.target = RawTarget::Preferred(0.0);
        better
    };
    Ok(better.into_iter().zip(worse).map(pair).collect())
}
