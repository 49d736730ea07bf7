//! Every change that a checkpoint makes to the disk, one function each.
//!
//! A hook before each lets a test end the program there.

use std::fs;
use std::io;
use std::path::Path;

use super::CheckpointError;

/// Called with the name of a change and its path before it is made.
type Hook = Box<dyn FnMut(&'static str, &Path) + Send>;

/// The disk.
#[derive(Default)]
pub(super) struct Disk {
    hook: Option<Hook>,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").finish_non_exhaustive()
    }
}

impl Disk {
    /// A disk that tells before every change.
    #[cfg(test)]
    pub(super) fn with_hook(hook: impl FnMut(&'static str, &Path) + Send + 'static) -> Self {
        Self { hook: Some(Box::new(hook)) }
    }

    fn change(
        &mut self,
        action: &'static str,
        path: &Path,
        make: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<(), CheckpointError> {
        if let Some(hook) = &mut self.hook {
            hook(action, path);
        }
        make(path).map_err(|source| CheckpointError::io(action, path, source))
    }

    /// Makes a folder, which must not be there.
    pub(super) fn create_folder(&mut self, path: &Path) -> Result<(), CheckpointError> {
        self.change("create", path, |path| fs::create_dir(path))
    }

    /// Makes a folder and those around it, where absent.
    pub(super) fn ensure_folder(&mut self, path: &Path) -> Result<(), CheckpointError> {
        self.change("create", path, |path| fs::create_dir_all(path))
    }

    /// Writes a whole file.
    pub(super) fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
        self.change("write", path, |path| fs::write(path, bytes))
    }

    /// Waits until a file, or the names in a folder, are on the disk.
    pub(super) fn flush(&mut self, path: &Path) -> Result<(), CheckpointError> {
        // Only Unix can open a folder to flush it; elsewhere the rename itself is durable.
        if cfg!(not(unix)) && path.is_dir() {
            return Ok(());
        }
        self.change("flush", path, |path| fs::File::open(path)?.sync_all())
    }

    /// Gives a folder its new name, which must not be taken by another that holds something.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> Result<(), CheckpointError> {
        self.change("rename", from, |from| fs::rename(from, to))
    }

    /// Removes a folder and what it holds.
    pub(super) fn remove(&mut self, path: &Path) -> Result<(), CheckpointError> {
        self.change("remove", path, |path| fs::remove_dir_all(path))
    }
}
