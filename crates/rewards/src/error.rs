//! What can go wrong with a spec, a batch or a saved state, one sentence each.

use std::fmt;
use std::path::PathBuf;

use crate::spec::tree::Lack;

/// Why a batch could not be scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewardError {
    /// A row lacks what a component reads.
    #[error("row {row} {}", Lack { what, path })]
    Missing {
        /// The row's number.
        row: u64,
        /// The missing field.
        what: String,
        /// The component, by its path of names.
        path: String,
    },

    /// A reward returned another number of scores than there are rows.
    #[error("the reward `{path}` returned {got} scores for {want} rows; it must return one a row")]
    Length {
        /// The component.
        path: String,
        /// Scores returned.
        got: usize,
        /// Rows given.
        want: usize,
    },

    /// A reward gave up on the whole batch.
    #[error("the reward `{path}` failed: {message}")]
    Failed {
        /// The component; empty until the tree fills it in.
        path: String,
        /// What it said.
        message: String,
    },
}

impl RewardError {
    /// A failure in the reward's own words; the tree adds which component it was.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed { path: String::new(), message: message.into() }
    }

    /// True where the rows or the spec are at fault, false where the reward or the machine is.
    pub fn is_bad_input(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// The same error of the component `name`, seen from one level up.
    pub(crate) fn below(mut self, name: &str) -> Self {
        let (Self::Missing { path, .. } | Self::Length { path, .. } | Self::Failed { path, .. }) =
            &mut self;
        *path = join_names(name, path);
        self
    }
}

/// `outer/inner`, or the one that is not empty.
pub(crate) fn join_names(outer: &str, inner: &str) -> String {
    match (outer.is_empty(), inner.is_empty()) {
        (true, _) => inner.to_owned(),
        (_, true) => outer.to_owned(),
        _ => format!("{outer}/{inner}"),
    }
}

/// One mistake in a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    /// Where: `components[0].type`; empty for the spec itself.
    pub path: String,
    /// What is wrong and what was expected.
    pub reason: String,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "its top level: {}", self.reason),
            path => write!(f, "`{path}`: {}", self.reason),
        }
    }
}

/// Every mistake that was found in a spec, in the spec's order; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SpecErrors(pub Vec<SpecError>);

impl SpecErrors {
    /// A spec is always the user's own input.
    pub fn is_bad_input(&self) -> bool {
        true
    }
}

impl fmt::Display for SpecErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => write!(f, "the reward spec has a mistake at {only}"),
            many => {
                write!(f, "the reward spec has {} mistakes:", many.len())?;
                many.iter().try_for_each(|error| write!(f, "\n  {error}"))
            }
        }
    }
}

/// A parameter that the types allow and its definition does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ParamError {
    /// The parameter's name, or a path from it; empty where several together are at fault.
    pub key: String,
    /// What is wrong and what was expected.
    pub reason: String,
}

impl ParamError {
    /// `key` is wrong because of `reason`.
    pub fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { key: key.into(), reason: reason.into() }
    }
}

/// `Ok` where `holds`, else that `key` is `value` but must be `allowed`.
pub(crate) fn require(
    holds: bool,
    key: &str,
    value: impl fmt::Display,
    allowed: &str,
) -> Result<(), ParamError> {
    if holds { Ok(()) } else { Err(ParamError::new(key, format!("is {value}, must be {allowed}"))) }
}

/// A saved state that does not belong to this reward.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the saved reward state{} is not {expected}; resume with the reward spec it was saved with",
    at(path)
)]
pub struct StateError {
    /// The component, by its path of names; empty for the root.
    pub path: String,
    /// What was expected there.
    pub expected: String,
}

fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" of `{path}`") }
}

impl StateError {
    /// The state is not that of `expected`.
    pub fn unexpected(expected: impl Into<String>) -> Self {
        Self { path: String::new(), expected: expected.into() }
    }

    /// A state and the spec always come from files.
    pub fn is_bad_input(&self) -> bool {
        true
    }

    pub(crate) fn below(mut self, name: &str) -> Self {
        self.path = join_names(name, &self.path);
        self
    }
}

/// A file that a reward reads, such as a lexicon.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system refused.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },

    /// A line that does not follow the file's form.
    #[error("line {line} of `{}` is not {expected}; correct it or remove it", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The 1-based line.
        line: usize,
        /// What a line must be.
        expected: &'static str,
    },
}
