//! The list of files that completes an asset's folder.

use serde::{Deserialize, Serialize};

use crate::Entry;

/// Name of the file that lists what an asset's folder holds.
pub(crate) const MANIFEST: &str = "manifest.json";

/// What `manifest.json` says: written last, and compared with the catalogue.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    package: String,
    files: Vec<ManifestFile>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ManifestFile {
    path: String,
    size: u64,
    sha256: String,
}

impl Manifest {
    /// What the catalogue wants to see in the folder of `entry`.
    pub(crate) fn of(entry: &Entry) -> Self {
        let files = entry.files.iter().map(|file| ManifestFile {
            path: file.path().to_owned(),
            size: file.kept_size(),
            sha256: file.kept_sha256().clone(),
        });
        Self { package: entry.package.clone(), files: files.collect() }
    }
}
