//! Which checkpoint to go on from.

use std::io;
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::{CheckpointError, FOLDER};

/// The end of the name that a checkpoint has for the moment in which another takes its place.
pub(super) const REPLACED: &str = ".replaced";

/// A complete checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its folder.
    pub path: PathBuf,
    /// What it holds.
    pub manifest: Manifest,
    /// What is wrong with newer ones, which were passed over; newest first.
    pub skipped: Vec<String>,
}

/// A folder with the name of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) step: u64,
    pub(super) is_replaced: bool,
    pub(super) path: PathBuf,
}

/// The newest checkpoint of a run directory whose files are as its manifest says. Each damaged one
/// that is passed over is warned of by `tracing`, and listed.
///
/// # Errors
///
/// [`CheckpointError::None`] where none is complete, [`CheckpointError::Io`] where one cannot be
/// read for reasons that another try may not have.
pub fn newest_complete(run_dir: &Path) -> Result<Found, CheckpointError> {
    let mut skipped = Vec::new();
    for candidate in candidates(run_dir)?.into_iter().rev() {
        match verify(&candidate.path) {
            Ok(manifest) => return Ok(Found { path: candidate.path, manifest, skipped }),
            Err(error) if error.is_bad_input() => {
                tracing::warn!("passing over a checkpoint: {error}");
                skipped.push(error.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    Err(CheckpointError::None { run_dir: run_dir.to_owned(), skipped })
}

/// Compares every file of the checkpoint in `folder` with its manifest.
///
/// # Errors
///
/// [`CheckpointError::Damaged`] naming the first file that is missing, cut off or changed,
/// [`CheckpointError::Version`] for a checkpoint of another format.
pub fn verify(folder: &Path) -> Result<Manifest, CheckpointError> {
    let manifest = Manifest::read(folder)?;
    manifest.check(folder)?;
    match step_of(folder) {
        Some((step, _)) if step != manifest.step => {
            let reason = format!("its manifest is of step {}", manifest.step);
            Err(CheckpointError::damaged(folder, reason))
        }
        _ => Ok(manifest),
    }
}

/// Every folder with the name of a checkpoint, oldest first; of one step, the replaced one first.
pub(super) fn candidates(run_dir: &Path) -> Result<Vec<Candidate>, CheckpointError> {
    let mut candidates = Vec::new();
    for path in entries(&run_dir.join(FOLDER))? {
        if let Some((step, is_replaced)) = step_of(&path) {
            candidates.push(Candidate { step, is_replaced, path });
        }
    }
    candidates.sort_by_key(|candidate| (candidate.step, !candidate.is_replaced));
    Ok(candidates)
}

/// What a folder holds; nothing where it is absent.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    let failed = |source| CheckpointError::io("read", folder, source);
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed(source)),
    };
    let paths = listing.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}

/// The step of a checkpoint by the name of its folder, and whether another was taking its place.
fn step_of(path: &Path) -> Option<(u64, bool)> {
    let name = path.file_name()?.to_str()?;
    let (name, is_replaced) = match name.strip_suffix(REPLACED) {
        Some(name) => (name, true),
        None => (name, false),
    };
    let digits = name.strip_prefix("step-")?;
    // Only the form that is written: no sign, no leading zero.
    let step: u64 = digits.parse().ok()?;
    (step.to_string() == digits).then_some((step, is_replaced))
}
