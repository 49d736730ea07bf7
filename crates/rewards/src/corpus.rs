//! The texts of a file that a spec names.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::error::{FileError, ParamError};

/// Keys under which a JSON row may hold its text, the first that is there.
const TEXT_KEYS: [&str; 4] = ["text", "response", "completion", "target"];

/// The file `path`, or that the parameter `key` names one that cannot be read.
pub(crate) fn read(key: &str, path: &Path) -> Result<String, ParamError> {
    fs::read_to_string(path).map_err(|source| {
        let error = FileError::Io { path: path.to_path_buf(), source };
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        ParamError::new(key, format!("{error}{}", cause.unwrap_or_default()))
    })
}

/// The lines of `text` that are not blank and no comment, each with its 1-based number.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// The error for line `line` of `path`, which must be `expected`.
pub(crate) fn bad_line(key: &str, path: &Path, line: usize, expected: &'static str) -> ParamError {
    let error = FileError::Line { path: path.to_path_buf(), line, expected };
    ParamError::new(key, error.to_string())
}

/// The path of `path`, or that `key` is required.
pub(crate) fn required<'p>(
    key: &str,
    path: Option<&'p Path>,
    what: &str,
) -> Result<&'p Path, ParamError> {
    path.ok_or_else(|| ParamError::new(key, format!("is absent, must be the path of {what}")))
}

/// The texts of a file: of a `.jsonl` file each row, a string or an object with a `text`,
/// `response`, `completion` or `target`; of any other file each line that is not blank.
///
/// # Errors
///
/// [`ParamError`] of `key` where the file cannot be read, a row has no text or there is no row.
pub(crate) fn texts(key: &str, path: &Path) -> Result<Vec<String>, ParamError> {
    const EXPECTED: &str = "a JSON string, or an object with a string `text`";
    let file = read(key, path)?;
    let json = path.extension().is_some_and(|extension| extension == "jsonl");
    let mut texts = Vec::new();
    for (index, line) in file.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        if !json {
            texts.push(line.to_owned());
            continue;
        }
        let text = match serde_json::from_str(line) {
            Ok(Value::String(text)) => Some(text),
            Ok(Value::Object(row)) => {
                let found = TEXT_KEYS.iter().find_map(|key| row.get(*key));
                found.and_then(Value::as_str).map(str::to_owned)
            }
            _ => None,
        };
        texts.push(text.ok_or_else(|| bad_line(key, path, index + 1, EXPECTED))?);
    }
    if texts.is_empty() {
        return Err(ParamError::new(key, format!("`{}` holds no text", path.display())));
    }
    Ok(texts)
}
