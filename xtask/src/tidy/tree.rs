//! What the files of the repository must hold: sizes, and no path of one machine.

use super::Finding;

#[cfg(test)]
mod tests;

/// A file under version control, read.
#[derive(Debug)]
pub(super) struct TrackedFile {
    /// Relative to the root, with `/`.
    pub(super) path: String,
    /// Size in bytes.
    pub(super) size: usize,
    /// The content, unless it is binary.
    pub(super) text: Option<String>,
}

impl TrackedFile {
    /// Wraps what was read from `path`.
    pub(super) fn new(path: String, bytes: Vec<u8>) -> Self {
        Self { path, size: bytes.len(), text: String::from_utf8(bytes).ok() }
    }

    /// Whether cargo builds the file only for tests.
    pub(super) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }
}

/// The largest file outside `golden/`, in bytes.
const MAX_FILE: usize = 300_000;

/// The most that all of `golden/` may take, in bytes.
const MAX_GOLDEN: usize = 8_000_000;

/// Where compressed word tables that metrics need from a fresh clone lie, and the most they may
/// take, in bytes.
const TABLES: (&str, usize) = ("crates/rewards/tables/", 1_500_000);

/// Top folders in which a path can only be right on one machine.
const PRIVATE_FOLDERS: &[&str] = &["root", "home", "Users"];

/// Where temporary files go on some systems; a test may use the name for a file that is not there.
const TEMPORARY_FOLDER: &str = "tmp";

/// Checks every file's size and text.
pub(super) fn check(files: &[TrackedFile]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = files.iter().filter_map(too_large).collect();
    findings.extend(golden_too_large(files));
    findings.extend(tables_too_large(files));
    findings.extend(files.iter().flat_map(private_names));
    findings
}

fn is_golden(file: &TrackedFile) -> bool {
    file.path.starts_with("golden/")
}

fn is_table(file: &TrackedFile) -> bool {
    file.path.starts_with(TABLES.0)
}

fn tables_too_large(files: &[TrackedFile]) -> Option<Finding> {
    let (folder, most) = TABLES;
    let size: usize = files.iter().filter(|file| is_table(file)).map(|file| file.size).sum();
    let message = format!("the word tables take {size} bytes together, more than {most}");
    (size > most).then(|| Finding::file(folder, message))
}

fn too_large(file: &TrackedFile) -> Option<Finding> {
    let exempt = is_golden(file) || file.path == "Cargo.lock" || is_table(file);
    let message = format!(
        "has {} bytes, more than {MAX_FILE}; data and weights are fetched, never committed",
        file.size
    );
    (!exempt && file.size > MAX_FILE).then(|| Finding::file(&file.path, message))
}

fn golden_too_large(files: &[TrackedFile]) -> Option<Finding> {
    let total: usize = files.iter().filter(|file| is_golden(file)).map(|file| file.size).sum();
    let message =
        format!("has {total} bytes in all, more than {MAX_GOLDEN}; make fixtures smaller");
    (total > MAX_GOLDEN).then(|| Finding::file("golden/", message))
}

fn private_names(file: &TrackedFile) -> Vec<Finding> {
    if file.path == "Cargo.lock" {
        return Vec::new();
    }
    let lines = file.text.as_deref().unwrap_or_default().lines().enumerate();
    lines
        .filter_map(|(index, line)| {
            let message = private_name(line, file.is_test())?;
            Some(Finding::line(&file.path, index + 1, message))
        })
        .collect()
}

fn private_name(line: &str, is_test: bool) -> Option<String> {
    let mut folders = PRIVATE_FOLDERS.iter().chain((!is_test).then_some(&TEMPORARY_FOLDER));
    let is_named = |folder: &&&str| {
        let path = format!("/{folder}/");
        line.match_indices(&path).any(|(at, _)| starts_a_path(line, at))
    };
    let folder = folders.find(is_named)?;
    Some(format!("names a path under /{folder}/, which exists on one machine only"))
}

/// Whether the `/` at byte `at` begins an absolute path, and does not go on a relative one or a URL.
fn starts_a_path(line: &str, at: usize) -> bool {
    let before = line.get(..at).and_then(|head| head.chars().next_back());
    before.is_none_or(|c| !(c.is_alphanumeric() || "_-.~}/$>".contains(c)))
}
