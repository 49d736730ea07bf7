//! The rows and answers that `command` and `http` exchange with what scores them.

#[cfg(any(feature = "http", feature = "neural"))]
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::sample::Sample;

/// What an answer to a row must be, to stand in messages.
pub(super) const ANSWER: &str = "a number, null, or an object with a `score`";

/// What a request that fails for good means for its rows.
#[cfg(any(feature = "http", feature = "neural"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnError {
    /// They have no score. Of `http`, a batch of which every row is lost fails all the same.
    #[default]
    None,
    /// The batch fails.
    Fail,
}

/// A row as it is sent: its fields with `prompt`, `response` and `target`, a list, beside them.
pub(super) fn row(sample: &Sample<'_>) -> Map<String, Value> {
    let mut row: Map<String, Value> = sample.fields.clone();
    row.insert("prompt".into(), json!(sample.prompt));
    row.insert("response".into(), json!(sample.response));
    row.insert("target".into(), json!(sample.targets));
    row
}

/// The score in an answer; the outer `None` where it is no answer.
pub(super) fn score(answer: &Value) -> Option<Option<f64>> {
    match answer.get("score").unwrap_or(answer) {
        Value::Null => Some(None),
        Value::Number(number) => Some(number.as_f64()),
        _ => None,
    }
}
