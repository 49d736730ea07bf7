//! What a name becomes: files, and where they came from.

use std::path::{Path, PathBuf};

use crate::catalogue::View;

/// A name, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// What to open: the file if there is one, else the folder that holds the files.
    pub path: PathBuf,
    /// Where it came from.
    pub origin: Origin,
    /// Its files where they are known: all of a catalogue entry's, the wanted ones of a hub
    /// repository; none for a local folder.
    pub files: Vec<AssetFile>,
    /// How its records are shown, where the name is that of a view.
    pub view: Option<View>,
}

/// One file of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetFile {
    /// Where it is.
    pub path: PathBuf,
    /// Which part of a data set it is, if the catalogue says so: train, validation or test.
    pub split: Option<String>,
}

/// Where an asset came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A path that the user named.
    Local,
    /// An entry of the catalogue, in our cache.
    Catalogue,
    /// A hub repository, in the hub's cache.
    Hub,
}

impl Asset {
    /// The file of the part called `split` (train, validation, test), if the catalogue names it.
    pub fn split(&self, split: &str) -> Option<&Path> {
        let file = self.files.iter().find(|file| file.split.as_deref() == Some(split))?;
        Some(&file.path)
    }

    /// What a path names: itself.
    pub(crate) fn local(path: &Path) -> Self {
        Self { path: path.to_owned(), origin: Origin::Local, files: Vec::new(), view: None }
    }

    /// An asset whose files lie below `folder`.
    pub(crate) fn of_files(origin: Origin, folder: PathBuf, files: Vec<AssetFile>) -> Self {
        let path = match files.as_slice() {
            [only] => only.path.clone(),
            _ => folder,
        };
        Self { path, origin, files, view: None }
    }
}
