//! What can go wrong with a checkpoint.

use std::io;
use std::path::{Path, PathBuf};

use super::PartsError;

/// A checkpoint that cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file or folder that cannot be read or written.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried, as `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A part of the state could not be written.
    #[error("the checkpoint of step {step} could not be written; the ones before it are untouched")]
    Part {
        /// The step.
        step: u64,
        /// Why.
        #[source]
        source: PartsError,
    },
    /// A part left something that is no file, or under a name that cannot be listed.
    #[error("`{}` cannot be part of a checkpoint: {reason}", path.display())]
    NotAFile {
        /// What stands there.
        path: PathBuf,
        /// Why it is refused.
        reason: &'static str,
    },
    /// A checkpoint that is not as its manifest says.
    #[error("the checkpoint `{}` is damaged: {reason}", path.display())]
    Damaged {
        /// The checkpoint's folder, or the file in it.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A checkpoint of another version of the program.
    #[error(
        "the checkpoint `{}` has format version {found}, and this program reads version \
         {expected}; use the program that wrote it", path.display()
    )]
    Version {
        /// The checkpoint's folder.
        path: PathBuf,
        /// What its manifest says.
        found: u32,
        /// What can be read.
        expected: u32,
    },
    /// No complete checkpoint in a run directory.
    #[error(
        "`{}` has no complete checkpoint{}", run_dir.display(), passed_over(skipped)
    )]
    None {
        /// The run directory.
        run_dir: PathBuf,
        /// What is wrong with those that are there, newest first.
        skipped: Vec<String>,
    },
}

fn passed_over(skipped: &[String]) -> String {
    match skipped {
        [] => ": nothing was saved yet; start the run anew".to_owned(),
        _ => format!("; those that are there cannot be used: {}", skipped.join("; ")),
    }
}

impl CheckpointError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.into() }
    }

    /// True when what was given is at fault, false for the machine (disk, permissions).
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::Part { .. } | Self::NotAFile { .. } => false,
            Self::Damaged { .. } | Self::Version { .. } | Self::None { .. } => true,
        }
    }
}
