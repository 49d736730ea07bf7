//! What can be wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file, with the 1-based line and column (in characters) where they are known.
    File {
        /// The file as the user named it.
        path: PathBuf,
        /// Line and column.
        position: Option<(usize, usize)>,
    },
    /// In an override on the command line.
    Override(String),
    /// In a value made by a program.
    Value,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, position: Some((line, column)) } => {
                write!(f, "{}:{line}:{column}: ", path.display())
            }
            Self::File { path, position: None } => write!(f, "{}: ", path.display()),
            Self::Override(text) => write!(f, "--set {text}: "),
            Self::Value => Ok(()),
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The text is no TOML, or no JSON.
    #[error("{place}this is not valid {format}: {problem}")]
    Syntax {
        /// Where reading stopped.
        place: Place,
        /// `TOML` or `JSON`.
        format: &'static str,
        /// What the parser says.
        problem: String,
    },
    /// An override that is not of the form `key=value`.
    #[error("{place}{problem}")]
    BadOverride {
        /// The override.
        place: Place,
        /// What is wrong and what is expected.
        problem: String,
    },
    /// A key that is not known, or a value that its key does not take.
    #[error("{place}{problem}")]
    Key {
        /// Where it was written.
        place: Place,
        /// The full path, as `phase[0].steps`; empty for the whole.
        key: String,
        /// What is wrong, what is expected and what to do.
        problem: String,
    },
}

impl ConfigError {
    /// A problem with the value of one key.
    pub(super) fn key(place: Place, key: &str, problem: impl Into<String>) -> Self {
        Self::Key { place, key: key.to_owned(), problem: problem.into() }
    }

    /// The full path of the key that is wrong, as `phase[0].steps`, where there is one.
    #[must_use]
    pub fn key_path(&self) -> Option<&str> {
        match self {
            Self::Key { key, .. } if !key.is_empty() => Some(key),
            _ => None,
        }
    }

    /// True when the configuration is at fault, false for the machine (a disk, a permission).
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Read { source, .. } => matches!(
                source.kind(),
                std::io::ErrorKind::NotFound
                    | std::io::ErrorKind::IsADirectory
                    | std::io::ErrorKind::InvalidData
                    | std::io::ErrorKind::InvalidFilename
                    | std::io::ErrorKind::InvalidInput
                    | std::io::ErrorKind::NotADirectory
            ),
            _ => true,
        }
    }
}
