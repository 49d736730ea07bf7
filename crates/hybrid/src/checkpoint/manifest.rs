//! `manifest.json`: which files a checkpoint has, and what is in them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::CheckpointError;

/// The manifest's file name.
pub const MANIFEST: &str = "manifest.json";

/// What this program writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// What a whole checkpoint holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub format_version: u32,
    /// Steps of the run that are in it.
    pub step: u64,
    /// Value of the metric by which the best checkpoint is kept, where there was one.
    pub metric: Option<f64>,
    /// Every file but the manifest, by its path in the checkpoint, with `/`.
    pub files: BTreeMap<String, FileEntry>,
}

/// A file of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its length in bytes.
    pub size: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

impl FileEntry {
    /// Reads a file once.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut buffer = vec![0; 1 << 17];
        let mut hash = Sha256::new();
        let mut size = 0;
        loop {
            let count = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hash.update(buffer.get(..count).unwrap_or_default());
            size += count as u64;
        }
        let mut sha256 = String::with_capacity(64);
        for byte in hash.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(sha256, "{byte:02x}");
        }
        Ok(Self { size, sha256 })
    }
}

impl Manifest {
    /// Reads the manifest of the checkpoint in `folder`, which must be of this format and name plain
    /// files only.
    pub(super) fn read(folder: &Path) -> Result<Self, CheckpointError> {
        let path = folder.join(MANIFEST);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                let reason = format!("it has no `{MANIFEST}`, so it was never finished");
                return Err(CheckpointError::damaged(folder, reason));
            }
            Err(source) if source.kind() == io::ErrorKind::InvalidData => {
                return Err(CheckpointError::damaged(&path, "it is no text"));
            }
            Err(source) => return Err(CheckpointError::io("read", &path, source)),
        };
        /// The one key that every version has.
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let damaged = |error: serde_json::Error| CheckpointError::damaged(&path, error.to_string());
        let Version { format_version: found } = serde_json::from_str(&text).map_err(damaged)?;
        if found != FORMAT_VERSION {
            let (path, expected) = (folder.to_owned(), FORMAT_VERSION);
            return Err(CheckpointError::Version { path, found, expected });
        }
        let manifest: Self = serde_json::from_str(&text).map_err(damaged)?;
        match manifest.files.keys().find(|name| !is_inside(name)) {
            Some(name) => {
                let reason = format!("it lists `{name}`, which is outside the checkpoint");
                Err(CheckpointError::damaged(&path, reason))
            }
            None => Ok(manifest),
        }
    }

    /// The text of `manifest.json`.
    pub(super) fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Compares sizes, then hashes, of all files.
    pub(super) fn check(&self, folder: &Path) -> Result<(), CheckpointError> {
        // Sizes first: they show what was cut off without reading gigabytes.
        for (name, entry) in &self.files {
            let path = folder.join(name);
            let size = match std::fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => metadata.len(),
                Ok(_) => return Err(CheckpointError::damaged(&path, "it is no file")),
                Err(source) if source.kind() == io::ErrorKind::NotFound => {
                    return Err(CheckpointError::damaged(&path, "the file is missing"));
                }
                Err(source) => return Err(CheckpointError::io("read", &path, source)),
            };
            if size != entry.size {
                let reason = format!("it has {size} bytes, the manifest says {}", entry.size);
                return Err(CheckpointError::damaged(&path, reason));
            }
        }
        for (name, entry) in &self.files {
            let path = folder.join(name);
            let found = FileEntry::of(&path)
                .map_err(|source| CheckpointError::io("read", &path, source))?;
            if found != *entry {
                let reason =
                    format!("its SHA-256 is {}, the manifest says {}", found.sha256, entry.sha256);
                return Err(CheckpointError::damaged(&path, reason));
            }
        }
        Ok(())
    }
}

/// Whether a listed name stays inside the checkpoint.
fn is_inside(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    !name.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}
