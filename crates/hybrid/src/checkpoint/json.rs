//! Small states as JSON files.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CheckpointError;

/// Writes a value as JSON.
///
/// # Errors
///
/// [`CheckpointError::Io`] naming the file.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), CheckpointError> {
    let write = || {
        let mut text = serde_json::to_vec_pretty(value)?;
        text.push(b'\n');
        fs::write(path, text)
    };
    write().map_err(|source| CheckpointError::io("write", path, source))
}

/// Reads what [`write_json`] wrote.
///
/// # Errors
///
/// [`CheckpointError::Io`] where the file cannot be read, [`CheckpointError::Damaged`] where it is
/// of another version of the program.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, CheckpointError> {
    let text = fs::read(path).map_err(|source| CheckpointError::io("read", path, source))?;
    serde_json::from_slice(&text).map_err(|error| CheckpointError::damaged(path, error.to_string()))
}
