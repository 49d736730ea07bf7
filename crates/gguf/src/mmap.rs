//! Read-only memory maps: the one module of the workspace that maps files.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

/// A whole file as a read-only byte slice, paged in as it is read.
///
/// The file must not be truncated while it is mapped: the system ends a program that reads past
/// the new end. Model files are written once and replaced by renaming, which is safe.
#[derive(Debug)]
pub struct MappedFile {
    /// None for an empty file, which cannot be mapped everywhere.
    map: Option<Mmap>,
}

impl MappedFile {
    /// Maps the file at `path`.
    ///
    /// # Errors
    ///
    /// The system's error when the file cannot be opened or mapped, and
    /// [`io::ErrorKind::InvalidInput`] when `path` is a folder, a pipe or a device.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Asked before opening, because opening a pipe would wait for a writer.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Self { map: None });
        }
        #[expect(
            unsafe_code,
            reason = "mapping is unsafe because others may change the file; the map is read-only, \
                      `u8` has no invalid values, and the type's documentation forbids truncation"
        )]
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self { map: Some(map) })
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}

impl AsRef<[u8]> for MappedFile {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests;
