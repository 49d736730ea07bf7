//! Labelled rows, and how they are read out of JSON lines.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::LinearError;
use crate::error::FileError;
use crate::spec::params::describe;

/// A text with what people said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// The text.
    pub text: String,
    /// True for the positive class.
    pub label: bool,
}

/// Which fields of a row hold text and label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The text's field. Default `text`.
    pub text: String,
    /// The label's field. Default `label`.
    pub label: String,
    /// The label of the positive class as text (`1`, `true`, `spam`); every other label is
    /// negative. `None`: true, 1, `"1"`, `"true"` and `"yes"` are positive; false, 0, `"0"`,
    /// `"false"` and `"no"` negative; anything else is an error. Default `None`.
    pub positive: Option<String>,
}

impl Default for Columns {
    fn default() -> Self {
        Self { text: "text".into(), label: "label".into(), positive: None }
    }
}

/// Reads the rows of a JSON-lines file; blank lines are passed over.
///
/// # Errors
///
/// [`LinearError`] where the file cannot be read, or for the first row without text or label.
pub fn read_rows(path: &Path, columns: &Columns) -> Result<Vec<Labelled>, LinearError> {
    let text = fs::read_to_string(path)
        .map_err(|source| FileError::Io { path: path.to_path_buf(), source })?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let row = |(index, line): (usize, &str)| {
        let row = serde_json::from_str(line)
            .map_err(|error| NotLabelled(format!("is not JSON: {error}")))
            .and_then(|row: Value| Labelled::from_json(&row, columns));
        row.map_err(|NotLabelled(reason)| LinearError::Row {
            path: path.to_path_buf(),
            line: index + 1,
            reason,
        })
    };
    lines.map(row).collect()
}

/// Why a row is no labelled one; to stand after the row's place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotLabelled(String);

impl Labelled {
    /// Takes text and label out of a row. The text may also be a list of chat messages, of which the
    /// last one's `content` counts.
    ///
    /// # Errors
    ///
    /// [`NotLabelled`] where one of them is absent or of the wrong kind.
    pub fn from_json(row: &Value, columns: &Columns) -> Result<Self, NotLabelled> {
        let field = |key: &str| {
            let advice = "add it, or name the field that holds it";
            row.get(key).ok_or_else(|| NotLabelled(format!("has no `{key}`; {advice}")))
        };
        let value = field(&columns.text)?;
        let said = match value {
            Value::Array(messages) => messages.last().and_then(|last| last.get("content")),
            other => Some(other),
        };
        let Some(Value::String(text)) = said else {
            let expected = "a string, or chat messages whose last has a `content`";
            return Err(wrong(&columns.text, expected, value));
        };
        let label = columns.is_positive(field(&columns.label)?)?;
        Ok(Self { text: text.clone(), label })
    }
}

impl Columns {
    fn is_positive(&self, value: &Value) -> Result<bool, NotLabelled> {
        let written = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            other => {
                return Err(wrong(&self.label, "a string, a number, true or false", other));
            }
        };
        if let Some(positive) = &self.positive {
            return Ok(written == *positive);
        }
        match written.to_lowercase().as_str() {
            "true" | "1" | "yes" => Ok(true),
            "false" | "0" | "no" => Ok(false),
            _ => Err(NotLabelled(format!(
                "field `{}`: {} is neither 1 nor 0; say which label is the positive one",
                self.label,
                describe(value)
            ))),
        }
    }
}

fn wrong(field: &str, expected: &str, got: &Value) -> NotLabelled {
    NotLabelled(format!("field `{field}`: expected {expected}, got {}", describe(got)))
}
