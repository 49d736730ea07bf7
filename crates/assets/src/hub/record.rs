//! What is known about a commit of a hub repository without asking the hub again.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use hf_hub::Repo;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::AssetError;

/// The files of one commit, and the sizes of those that were fetched and checked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// All paths in the repository.
    pub(crate) files: Vec<String>,
    /// Size in bytes of each file that was fetched.
    pub(crate) sizes: BTreeMap<String, u64>,
}

impl Record {
    /// The record of `commit`, if there is a readable one: it saves requests, and is never needed.
    pub(crate) fn load(home: &Path, repo: &Repo, commit: &str) -> Option<Self> {
        serde_json::from_slice(&fs::read(path(home, repo, commit)).ok()?).ok()
    }

    /// The files that another client put into the snapshot `folder`, all taken as they are.
    pub(crate) fn of_folder(folder: &Path) -> Option<Self> {
        let mut record = Self::default();
        record.collect(folder, "");
        (!record.files.is_empty()).then_some(record)
    }

    fn collect(&mut self, folder: &Path, prefix: &str) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let name = format!("{prefix}{name}");
            match fs::metadata(entry.path()) {
                Ok(metadata) if metadata.is_dir() => {
                    self.collect(&entry.path(), &format!("{name}/"));
                }
                Ok(metadata) => {
                    self.sizes.insert(name.clone(), metadata.len());
                    self.files.push(name);
                }
                // A link to a file that is not there: the download was interrupted.
                Err(_) => {}
            }
        }
    }

    /// True if `file` was fetched and is still in `folder` in its size.
    pub(crate) fn has(&self, file: &str, folder: &Path) -> bool {
        let size = fs::metadata(folder.join(file)).map(|metadata| metadata.len());
        size.is_ok_and(|size| self.sizes.get(file) == Some(&size))
    }

    /// Writes the record of `commit`, at once or not at all.
    pub(crate) fn save(&self, home: &Path, repo: &Repo, commit: &str) -> Result<(), AssetError> {
        let path = path(home, repo, commit);
        let folder = path.parent().unwrap_or(home);
        let write = || {
            fs::create_dir_all(folder)?;
            let mut file = NamedTempFile::new_in(folder)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(AssetError::cache("write", &path))
    }
}

fn path(home: &Path, repo: &Repo, commit: &str) -> PathBuf {
    home.join("hub").join(repo.folder_name()).join(format!("{commit}.json"))
}
