//! A log of one JSON object a line, which a resumed run continues as if nothing had happened.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::RunDirError;

/// A log. Every line is an object with a `step`, and no line has a smaller step than the one before
/// it.
#[derive(Debug)]
pub struct JsonlLog {
    path: PathBuf,
    file: File,
}

/// What every line holds; the rest is whoever writes' own affair.
#[derive(Deserialize)]
struct Line {
    step: u64,
}

impl JsonlLog {
    /// Opens a log, made if absent. A last line without its end, as an interrupted run leaves it, is
    /// dropped; so is, from the first one on, every line of a step after `truncate_after`, the step
    /// of the checkpoint that the run goes on from.
    ///
    /// # Errors
    ///
    /// [`RunDirError::BadLine`] where a whole line is not as it was written.
    pub fn open(path: &Path, truncate_after: Option<u64>) -> Result<Self, RunDirError> {
        let io = |source| RunDirError::io("open", path, source);
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let end = kept_length(&file, path, truncate_after.unwrap_or(u64::MAX))?;
        file.set_len(end).map_err(io)?;
        file.seek(SeekFrom::Start(end)).map_err(io)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Writes one line, which is in the file when this returns.
    ///
    /// # Errors
    ///
    /// [`RunDirError::Io`] where it cannot be written, or is nothing that JSON can say.
    pub fn append(&mut self, line: &impl Serialize) -> Result<(), RunDirError> {
        let mut write = || {
            let mut text = serde_json::to_vec(line)?;
            text.push(b'\n');
            self.file.write_all(&text)
        };
        write().map_err(|source| RunDirError::io("write", &self.path, source))
    }

    /// Bytes of the log so far.
    ///
    /// # Errors
    ///
    /// [`RunDirError::Io`] where the file cannot say.
    pub fn bytes(&self) -> Result<u64, RunDirError> {
        let length = self.file.metadata().map(|metadata| metadata.len());
        length.map_err(|source| RunDirError::io("read", &self.path, source))
    }

    /// Drops what comes after `bytes`, as [`Self::bytes`] once said: lines of the step of a
    /// checkpoint that were written after it. A log that is shorter stays as it is.
    ///
    /// # Errors
    ///
    /// [`RunDirError::Io`] where the file cannot be cut.
    pub fn truncate(&mut self, bytes: u64) -> Result<(), RunDirError> {
        if self.bytes()? <= bytes {
            return Ok(());
        }
        let cut = self.file.set_len(bytes).and_then(|()| self.file.seek(SeekFrom::Start(bytes)));
        cut.map(|_| ()).map_err(|source| RunDirError::io("write", &self.path, source))
    }

    /// Waits until every line is on the disk. To be called before a checkpoint is written, so that
    /// the log is never behind it.
    ///
    /// # Errors
    ///
    /// [`RunDirError::Io`] where the disk does not take it.
    pub fn flush(&mut self) -> Result<(), RunDirError> {
        self.file.sync_data().map_err(|source| RunDirError::io("write", &self.path, source))
    }
}

/// Bytes of the lines that stay.
fn kept_length(file: &File, path: &Path, last_step: u64) -> Result<u64, RunDirError> {
    let mut reader = BufReader::new(file);
    let mut bytes = Vec::new();
    let (mut kept, mut number) = (0, 0);
    loop {
        bytes.clear();
        match reader.read_until(b'\n', &mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(source) => return Err(RunDirError::io("read", path, source)),
        }
        // The end of the file, or a line that was never finished.
        let Some(text) = bytes.strip_suffix(b"\n") else { return Ok(kept) };
        number += 1;
        let line: Line = serde_json::from_slice(text).map_err(|error| RunDirError::BadLine {
            path: path.to_owned(),
            line: number,
            reason: error.to_string(),
        })?;
        if line.step > last_step {
            return Ok(kept);
        }
        kept += bytes.len() as u64;
    }
}
