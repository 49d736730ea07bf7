//! Checkpoints that are whole or not there: `checkpoints/step-N/` in a run directory.
//!
//! A checkpoint is written under a temporary name, flushed file by file, described by a manifest
//! with sizes and SHA-256, flushed again, and only then renamed. Whoever reads after a crash at any
//! moment finds the old set or the new one, and a damaged newest checkpoint is passed over for the
//! one before it.

mod error;
mod find;
mod json;
mod manifest;
mod steps;
mod tensors;
mod writer;

pub use error::CheckpointError;
pub use find::{Found, newest_complete, verify};
pub use json::{read_json, write_json};
pub use manifest::{FORMAT_VERSION, FileEntry, MANIFEST, Manifest};
pub use tensors::{SavedData, SavedTensor, read_tensors, write_tensors};
pub use writer::{Keep, PartsError, Writer};

use std::path::{Path, PathBuf};

/// The folder of a run directory that holds its checkpoints.
pub const FOLDER: &str = "checkpoints";

/// Where the checkpoint of a step stands in a run directory.
#[must_use]
pub fn path_of(run_dir: &Path, step: u64) -> PathBuf {
    run_dir.join(FOLDER).join(format!("step-{step}"))
}

#[cfg(test)]
mod tests;
