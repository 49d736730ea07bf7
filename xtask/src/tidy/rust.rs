//! What every Rust file must hold: a first sentence, a length, and nothing unfinished or unsafe.

use self::mask::is_word;
use super::Finding;
use super::tree::TrackedFile;

mod mask;

#[cfg(test)]
mod tests;

/// The most lines a source file has without a row in [`LONG_FILES`].
const MAX_LINES: usize = 600;

/// Longer files, each with the reason why splitting it would make it worse.
const LONG_FILES: &[(&str, &str)] = &[];

/// Where unsafe code may be permitted: files, and folders that end in `/`.
const UNSAFE_ALLOWED: &[&str] =
    &["crates/gguf/src/mmap.rs", "crates/cli/src/allocator.rs", "crates/kernels/"];

/// The lint that guards unsafe code.
const UNSAFE_LINT: &str = "unsafe_code";

/// Code that must not be there, and why.
const UNFINISHED: &[(&str, &str)] = &[
    ("#[ignore", "a test that does not run says nothing; fix it or delete it"),
    ("todo!", "finish it; a program must not panic on a path a user can reach"),
    ("unimplemented!", "finish it, or return an error that says what is not supported"),
];

/// Constructors of burn devices; who calls one names a backend.
const BACKENDS: &[&str] =
    &["flex(", "ndarray(", "wgpu(", "vulkan(", "webgpu(", "metal(", "cuda(", "rocm(", "libtorch("];

/// Crates that may name a backend outside tests and benchmarks.
const BACKEND_CRATES: &[&str] = &["crates/cli/", "crates/kernels/", "crates/testing/"];

/// Checks every Rust file, and the length of every script.
pub(super) fn check(files: &[TrackedFile]) -> Vec<Finding> {
    let mut findings = stale_exceptions(files);
    for file in files {
        let Some(text) = file.text.as_deref() else { continue };
        if file.path.ends_with(".rs") || file.path.ends_with(".py") {
            findings.extend(too_long(&file.path, text));
        }
        if file.path.ends_with(".rs") {
            let code = mask::code_only(text);
            findings.extend(no_first_sentence(file, text));
            findings.extend(unfinished(&file.path, &code));
            findings.extend(unsafe_places(&file.path, &code));
            findings.extend(names_a_backend(file, &code));
        }
    }
    findings
}

/// The lines, counted from 1, on which a Rust file permits unsafe code.
pub(super) fn unsafe_lines(file: &TrackedFile) -> Vec<usize> {
    let Some(text) = file.text.as_deref().filter(|_| file.path.ends_with(".rs")) else {
        return Vec::new();
    };
    lines_with(&mask::code_only(text), UNSAFE_LINT)
}

/// The lines, counted from 1, that hold `needle` as a word of its own.
fn lines_with(code: &str, needle: &str) -> Vec<usize> {
    let hits = code.lines().enumerate().filter(|(_, line)| has_word(line, needle));
    hits.map(|(index, _)| index + 1).collect()
}

/// Whether `line` holds `needle`, and not as a part of a longer name.
fn has_word(line: &str, needle: &str) -> bool {
    let goes_on =
        |a: Option<char>, b: Option<char>| a.is_some_and(is_word) && b.is_some_and(is_word);
    line.match_indices(needle).any(|(at, _)| {
        let before = line.get(..at).and_then(|head| head.chars().next_back());
        let after = line.get(at + needle.len()..).and_then(|tail| tail.chars().next());
        !goes_on(before, needle.chars().next()) && !goes_on(needle.chars().next_back(), after)
    })
}

fn no_first_sentence(file: &TrackedFile, text: &str) -> Option<Finding> {
    let is_tests = file.path.rsplit('/').next() == Some("tests.rs");
    let says = text.strip_prefix("//!").is_some_and(|rest| {
        rest.lines().next().is_some_and(|sentence| !sentence.trim().is_empty())
    });
    let message = "does not start with `//!` and a sentence that says what the file is for";
    (!says && !is_tests).then(|| Finding::line(&file.path, 1, message))
}

fn too_long(path: &str, text: &str) -> Option<Finding> {
    let n_lines = text.lines().count();
    let excused = LONG_FILES.iter().any(|(file, _)| *file == path);
    let message = format!(
        "has {n_lines} lines, more than {MAX_LINES}; split it, or give a reason in LONG_FILES of \
         xtask/src/tidy/rust.rs"
    );
    (n_lines > MAX_LINES && !excused).then(|| Finding::file(path, message))
}

/// A row of [`LONG_FILES`] whose file became short, or went away, has to go too.
fn stale_exceptions(files: &[TrackedFile]) -> Vec<Finding> {
    let is_long = |path: &str| {
        let text = files.iter().find(|file| file.path == path).and_then(|f| f.text.as_deref());
        text.is_some_and(|text| text.lines().count() > MAX_LINES)
    };
    let stale = LONG_FILES.iter().filter(|(path, _)| !is_long(path));
    stale.map(|(path, _)| Finding::file(path, "needs its row in LONG_FILES no more")).collect()
}

fn unfinished(path: &str, code: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (needle, why) in UNFINISHED {
        for line in lines_with(code, needle) {
            findings.push(Finding::line(path, line, format!("`{needle}`: {why}")));
        }
    }
    findings
}

fn unsafe_places(path: &str, code: &str) -> Vec<Finding> {
    let allowed = UNSAFE_ALLOWED
        .iter()
        .any(|place| *place == path || (place.ends_with('/') && path.starts_with(place)));
    if allowed {
        return Vec::new();
    }
    let message = format!("permits unsafe code outside {}", UNSAFE_ALLOWED.join(", "));
    lines_with(code, UNSAFE_LINT)
        .into_iter()
        .map(|line| Finding::line(path, line, message.clone()))
        .collect()
}

/// Everything else takes its device from its tensors or as an argument.
fn names_a_backend(file: &TrackedFile, code: &str) -> Vec<Finding> {
    let product = file.path.starts_with("crates/") && file.path.contains("/src/");
    let may = BACKEND_CRATES.iter().any(|place| file.path.starts_with(place));
    if !product || may || file.is_test() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for backend in BACKENDS {
        for line in lines_with(code, &format!("Device::{backend}")) {
            let message =
                format!("`Device::{backend}…)` names a backend; take the device as an argument");
            findings.push(Finding::line(&file.path, line, message));
        }
    }
    findings
}
