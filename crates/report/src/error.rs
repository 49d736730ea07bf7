//! What can go wrong between a run directory and its pictures, one sentence each.
//!
//! `Display` never repeats its source, so the whole chain can be printed.

use std::io;
use std::path::{Path, PathBuf};

/// Everything that reading a run and writing event files can refuse.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The folder is not there, or holds no run.
    #[error(
        "`{path}` is not a run directory: it has no `metrics.jsonl`; name the folder that `hybrid \
         train` wrote, which is `[output] dir` of its configuration"
    )]
    NotARun {
        /// The folder that was named.
        path: PathBuf,
    },

    /// A line of a JSONL file that is not what the file promises.
    #[error(
        "line {line} of `{path}` is not {expected}; a run appends whole lines and only its last \
         may be cut off, so delete this line, or restore the file from a copy"
    )]
    BadLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What such a line must be.
        expected: &'static str,
        /// What the parser met.
        #[source]
        source: serde_json::Error,
    },

    /// A file that holds no valid UTF-8.
    #[error("line {line} of `{path}` is not UTF-8 text; restore the file from a copy")]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },

    /// `env.json` that is not JSON, or not an object.
    #[error("`{path}` is not one JSON object; restore it from a copy, or delete it")]
    BadEnv {
        /// The file.
        path: PathBuf,
        /// What the parser met.
        #[source]
        source: serde_json::Error,
    },

    /// `config.toml` that is not TOML.
    #[error("line {line} of `{path}` is not TOML; restore it from a copy, or delete it")]
    BadConfig {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What the parser met.
        #[source]
        source: toml::de::Error,
    },

    /// A host name that cannot be part of a file name.
    #[error(
        "`{host}` cannot be the host part of an event file's name; give letters, digits, `-`, `_` \
         and `.` only"
    )]
    BadHost {
        /// The name that was given.
        host: String,
    },

    /// A file that should be continued but was not written by this program.
    #[error("`{path}` exists and is not an event file; move it away, it will not be overwritten")]
    NotEvents {
        /// The file.
        path: PathBuf,
    },

    /// The machine would not read or write.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried: "read", "write", "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
}

impl ReportError {
    /// True where the input is at fault, false where the machine is.
    ///
    /// A program exits with 2 for the first and 1 for the second.
    pub fn is_bad_input(&self) -> bool {
        !matches!(self, Self::Io { .. })
    }

    /// A failed `action` on `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}
