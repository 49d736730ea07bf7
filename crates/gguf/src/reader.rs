//! A cursor over the bytes of a file that never reads past their end.

use std::path::Path;

use crate::error::GgufError;

/// Reads little-endian values one after the other; every read names what it reads, for the error.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(path: &'a Path, bytes: &'a [u8]) -> Self {
        Self { path, bytes, position: 0 }
    }

    pub(crate) fn path(&self) -> &'a Path {
        self.path
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// The number of bytes not read yet.
    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len().saturating_sub(self.position)
    }

    /// An error about the byte at `offset`.
    pub(crate) fn malformed(&self, offset: usize, what: String) -> GgufError {
        GgufError::Malformed { path: self.path.to_owned(), offset: offset as u64, what }
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: u64, what: &str) -> Result<&'a [u8], GgufError> {
        let start = self.position;
        let end = usize::try_from(len).ok().and_then(|len| start.checked_add(len));
        match end.and_then(|end| self.bytes.get(start..end)) {
            Some(taken) => {
                self.position = start + taken.len();
                Ok(taken)
            }
            None => Err(self.malformed(
                start,
                format!(
                    "{what} needs {len} bytes here, but only {} are left of the file's {}; the \
                     file is cut short or damaged, fetch it again",
                    self.remaining(),
                    self.bytes.len(),
                ),
            )),
        }
    }

    pub(crate) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], GgufError> {
        let offset = self.position;
        let taken = self.take(N as u64, what)?;
        taken.try_into().map_err(|_| self.malformed(offset, format!("{what} is incomplete")))
    }

    pub(crate) fn u32(&mut self, what: &str) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(crate) fn u64(&mut self, what: &str) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// A number of things of at least `min_bytes` each, checked to fit into the rest of the file.
    ///
    /// Whoever allocates for as many things allocates no more than a small multiple of the file.
    pub(crate) fn count(&mut self, min_bytes: usize, what: &str) -> Result<usize, GgufError> {
        let offset = self.position;
        let count = self.u64(what)?;
        let possible = self.remaining() / min_bytes.max(1);
        match usize::try_from(count) {
            Ok(count) if count <= possible => Ok(count),
            _ => Err(self.malformed(
                offset,
                format!(
                    "{what} is {count}, but the {} bytes left hold at most {possible}; the file \
                     is cut short or damaged, fetch it again",
                    self.remaining(),
                ),
            )),
        }
    }

    /// A string: its length in bytes as u64, then UTF-8.
    pub(crate) fn string(&mut self, what: &str) -> Result<String, GgufError> {
        let len = self.u64(&format!("the length of {what}"))?;
        let offset = self.position;
        let bytes = self.take(len, what)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(self.malformed(
                offset.saturating_add(error.valid_up_to()),
                format!("{what} is not UTF-8 text"),
            )),
        }
    }
}
