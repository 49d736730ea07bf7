//! What can go wrong with a run directory.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::ConfigError;

/// A run directory that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunDirError {
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
    /// Something else has the name.
    #[error("`{}` is not a folder; give the run another `output.dir`", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// A new run would overwrite something.
    #[error("`{}` {}", path.display(), if *is_run {
        "holds a run already: go on with it by `--resume`, or give this run another `output.dir`"
    } else {
        "is not empty: give the run another `output.dir`"
    })]
    NotEmpty {
        /// The folder.
        path: PathBuf,
        /// Whether it holds a run.
        is_run: bool,
    },
    /// Nothing to go on with.
    #[error(
        "`{}` is not a run directory: {reason}; to start a run there, leave out `--resume`",
        path.display()
    )]
    NotARun {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// A configuration that cannot be written or read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A damaged line of a log.
    #[error(
        "line {line} of `{}` is not an object with a `step` ({reason}): the file was changed by \
         something else; restore it, or remove the line", path.display()
    )]
    BadLine {
        /// The log.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
}

impl RunDirError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    /// True when what was given is at fault, false for the machine (disk, permissions).
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Io { .. } => false,
            Self::Config(error) => error.is_bad_input(),
            _ => true,
        }
    }
}
