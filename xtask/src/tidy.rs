//! Rules that no compiler checks: `cargo xtask tidy`.
//!
//! Every rule is a function from what it reads to a list of [`Finding`]s, so each is tested on
//! text; only [`run`] touches the disk.
//!
//! 1. [`graph`] — arrows between crates, burn-free crates, pinned versions, inherited lints.
//! 2. [`rust`] — module docs, file length, unsafe code, ignored tests, unfinished code, backends.
//! 3. [`tree`] — file sizes, paths of one machine, names of package hosts.

mod graph;
mod rust;
mod tree;

use std::fmt;

use anyhow::{Context, Result, bail};

use self::tree::TrackedFile;
use crate::workspace::Workspace;

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    /// The file, relative to the root, with `/`.
    path: String,
    /// The line, counted from 1, where one line is to blame.
    line: Option<usize>,
    /// What is wrong and what to do.
    message: String,
}

impl Finding {
    fn file(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, message: message.into() }
    }

    fn line(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: Some(line), message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.message),
            None => write!(f, "{}: {}", self.path, self.message),
        }
    }
}

/// Checks every rule and prints each finding.
///
/// # Errors
///
/// When there is a finding, or when a file cannot be read.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let files = read_files(workspace)?;
    let text_of = |path: &str| {
        let found = files.iter().find(|file| file.path == path);
        found.and_then(|file| file.text.as_deref())
    };

    let mut findings = graph::check(&workspace.metadata, &text_of)?;
    findings.extend(tree::check(&files));
    findings.extend(rust::check(&files));
    print_unsafe(&files);

    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy has {} finding(s), listed above", findings.len());
    }
    println!("tidy: {} files, no finding", files.len());
    Ok(())
}

fn print_unsafe(files: &[TrackedFile]) {
    let places: Vec<String> = files
        .iter()
        .flat_map(|file| rust::unsafe_lines(file).into_iter().map(|n| format!("{}:{n}", file.path)))
        .collect();
    let list = if places.is_empty() { "none".to_owned() } else { places.join(", ") };
    println!("unsafe code is permitted at: {list}");
}

fn read_files(workspace: &Workspace) -> Result<Vec<TrackedFile>> {
    let read = |path: String| {
        let bytes = std::fs::read(workspace.root().join(&path))
            .with_context(|| format!("cannot read `{path}`"))?;
        Ok(TrackedFile::new(path, bytes))
    };
    workspace.files()?.into_iter().map(read).collect()
}
