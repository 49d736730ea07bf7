//! Copying and reading with a SHA-256 on the way.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Length and content hash of what went by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// Number of bytes.
    pub(crate) size: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub(crate) sha256: String,
}

/// Which side of a copy failed: the two need different advice.
#[derive(Debug)]
pub(crate) enum CopyError {
    /// The source could not be read or decoded.
    Read(io::Error),
    /// The destination could not be written.
    Write(io::Error),
}

/// Copies `from` to `to`, at most `limit` + 1 bytes, and returns what was copied.
///
/// The one byte more shows a source that is longer than it should be without reading it all.
pub(crate) fn copy(
    from: &mut dyn Read,
    to: &mut dyn Write,
    limit: u64,
    mut advanced: impl FnMut(u64),
) -> Result<Fingerprint, CopyError> {
    let mut from = from.take(limit.saturating_add(1));
    let mut buffer = vec![0; 1 << 17];
    let mut hash = Sha256::new();
    let mut size = 0;
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::Read(error)),
        };
        let chunk = buffer.get(..n).unwrap_or_default();
        hash.update(chunk);
        to.write_all(chunk).map_err(CopyError::Write)?;
        size += n as u64;
        advanced(n as u64);
    }
    Ok(Fingerprint { size, sha256: hex(&hash.finalize()) })
}

/// Reads the file at `path` once and returns its fingerprint.
pub(crate) fn of_file(path: &Path) -> io::Result<Fingerprint> {
    let mut file = File::open(path)?;
    copy(&mut file, &mut io::sink(), u64::MAX, |_| {}).map_err(|error| match error {
        CopyError::Read(error) | CopyError::Write(error) => error,
    })
}

/// A size as messages show it.
pub(crate) fn bytes(n: u64) -> String {
    format!("{n} bytes")
}

/// Bytes as lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A reader that hashes what passes through it.
pub(crate) struct HashingReader<R> {
    inner: R,
    hash: Sha256,
    size: u64,
}

impl<R: Read> HashingReader<R> {
    /// Hashes everything that is read from `inner` from now on.
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new(), size: 0 }
    }

    /// Reads `inner` to its end and returns the fingerprint of the whole of it.
    pub(crate) fn finish(mut self) -> io::Result<Fingerprint> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(Fingerprint { size: self.size, sha256: hex(&self.hash.finalize()) })
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hash.update(buffer.get(..n).unwrap_or_default());
        self.size += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests;
