//! JSON lines that a killed program may have left half written.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::ReportError;

/// Gives every line of `bytes` to `take`, in order; says whether half a line was left out at the
/// end. Blank lines are skipped.
///
/// # Errors
///
/// [`ReportError::BadLine`] for a line that is not `expected`, unless it is the last one and has no
/// line end: then its writer was stopped in the middle of it.
pub(super) fn for_each<T: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    expected: &'static str,
    mut take: impl FnMut(T),
) -> Result<bool, ReportError> {
    for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(line) {
            Ok(value) => take(value),
            Err(_) if !line.ends_with(b"\n") => return Ok(true),
            Err(source) => {
                let path = path.to_path_buf();
                return Err(ReportError::BadLine { path, line: index + 1, expected, source });
            }
        }
    }
    Ok(false)
}

/// The line, counted from 1, in which byte `at` stands.
pub(super) fn line_of(bytes: &[u8], at: usize) -> usize {
    bytes.iter().take(at).filter(|&&byte| byte == b'\n').count() + 1
}
