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
        read_row(line, columns).map_err(|reason| LinearError::Row {
            path: path.to_path_buf(),
            line: index + 1,
            reason,
        })
    };
    lines.map(row).collect()
}

fn read_row(line: &str, columns: &Columns) -> Result<Labelled, String> {
    let row: Value = serde_json::from_str(line).map_err(|error| format!("is not JSON: {error}"))?;
    let field = |key: &str| {
        row.get(key)
            .ok_or_else(|| format!("has no `{key}`; add it, or name the field that holds it"))
    };
    let text = match field(&columns.text)? {
        Value::String(text) => text.clone(),
        other => {
            let got = describe(other);
            return Err(format!("field `{}`: expected a string, got {got}", columns.text));
        }
    };
    let value = field(&columns.label)?;
    let written = match value {
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        other => {
            let got = describe(other);
            let expected = "a string, a number, true or false";
            return Err(format!("field `{}`: expected {expected}, got {got}", columns.label));
        }
    };
    let label = match &columns.positive {
        Some(positive) => written == *positive,
        None => match written.to_lowercase().as_str() {
            "true" | "1" | "yes" => true,
            "false" | "0" | "no" => false,
            _ => {
                let got = describe(value);
                return Err(format!(
                    "field `{}`: {got} is neither 1 nor 0; say which label is the positive one",
                    columns.label
                ));
            }
        },
    };
    Ok(Labelled { text, label })
}
