//! JSON: an array of objects, or an object that holds such an array under `data`.
//!
//! The file is held in memory, but only one row at a time is parsed into values.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::Row;
use super::lines::{count_lines, read_text};
use crate::error::{DataError, RowLocation, describe, quoted_list};

const EXPECTED: &str = "an array of objects, or an object with such an array under `data`";

pub(super) fn rows(
    input: impl BufRead,
    path: Arc<Path>,
) -> Result<impl Iterator<Item = Result<Row, DataError>> + Send, DataError> {
    let text = read_text(input, &path)?;
    let spans = row_spans(&text, &path)?;
    let mut line = 1;
    let mut seen = 0;
    Ok(spans.into_iter().map(move |span| {
        line += line_ends(&text, seen..span.start);
        seen = span.start;
        row(RowLocation::line(Arc::clone(&path), line), text.get(span).unwrap_or_default())
    }))
}

/// What the parser said, without its own line and column.
pub(super) fn syntax_message(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what).to_owned()
}

fn row(at: RowLocation, text: &str) -> Result<Row, DataError> {
    match serde_json::from_str(text) {
        Ok(Value::Object(columns)) => Ok(Row { at, columns }),
        Ok(other) => {
            let expected = "a JSON object in the array".into();
            Err(DataError::BadRow { at, expected, got: describe(&other) })
        }
        Err(error) => {
            Err(DataError::Syntax { at, format: "JSON", message: syntax_message(&error) })
        }
    }
}

/// The byte ranges of the rows in `text`; none for a blank text.
fn row_spans(text: &str, path: &Arc<Path>) -> Result<Vec<Range<usize>>, DataError> {
    let body = text.trim_ascii_start();
    if body.is_empty() {
        return Ok(Vec::new());
    }
    let array = if body.starts_with('{') { array_of_object(text, path)? } else { text };
    if !array.trim_ascii_start().starts_with('[') {
        let value: Value = serde_json::from_str(text).map_err(|error| unreadable(path, &error))?;
        return Err(not_rows(text, path, describe(&value)));
    }
    let items: Vec<&RawValue> =
        serde_json::from_str(array).map_err(|error| unreadable(path, &error))?;
    let span = |item: &RawValue| {
        let start = item.get().as_ptr().addr() - text.as_ptr().addr();
        start..start + item.get().len()
    };
    Ok(items.into_iter().map(span).collect())
}

/// The array under `data` in the object that `text` is.
fn array_of_object<'a>(text: &'a str, path: &Arc<Path>) -> Result<&'a str, DataError> {
    let fields: BTreeMap<String, &RawValue> = match serde_json::from_str(text) {
        Ok(fields) => fields,
        Err(error) if syntax_message(&error) == "trailing characters" => {
            let got = "several values; if each line is an object, set `format = \"jsonl\"`";
            return Err(not_rows(text, path, got.into()));
        }
        Err(error) => return Err(unreadable(path, &error)),
    };
    match fields.get("data") {
        Some(data) if data.get().starts_with('[') => Ok(data.get()),
        _ => Err(not_rows(text, path, format!("an object with {}", quoted_list(fields.keys())))),
    }
}

fn unreadable(path: &Arc<Path>, error: &serde_json::Error) -> DataError {
    let at = RowLocation::line(Arc::clone(path), error.line().max(1) as u64);
    let message = format!("{} at column {}", syntax_message(error), error.column());
    DataError::Syntax { at, format: "JSON", message }
}

fn not_rows(text: &str, path: &Arc<Path>, got: String) -> DataError {
    let line = 1 + line_ends(text, 0..text.len() - text.trim_ascii_start().len());
    let at = RowLocation::line(Arc::clone(path), line);
    DataError::BadRow { at, expected: EXPECTED.into(), got }
}

fn line_ends(text: &str, range: Range<usize>) -> u64 {
    count_lines(text.as_bytes().get(range).unwrap_or_default()) - 1
}
