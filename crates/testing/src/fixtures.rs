//! Files under `golden/`, written by the scripts in `reference/`.

use std::path::PathBuf;

use serde_json::Value;

/// The path of a golden file or folder.
#[must_use]
pub fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../golden").join(name)
}

/// A golden JSON file.
///
/// # Panics
///
/// When it is absent or no JSON: the checkout is broken.
#[must_use]
#[expect(clippy::panic, reason = "a broken checkout fails the test that asked")]
pub fn golden_json(name: &str) -> Value {
    let path = golden(name);
    let text = std::fs::read(&path);
    let text = text.unwrap_or_else(|error| panic!("cannot read `{}`: {error}", path.display()));
    serde_json::from_slice(&text)
        .unwrap_or_else(|error| panic!("`{}` is no JSON: {error}", path.display()))
}
