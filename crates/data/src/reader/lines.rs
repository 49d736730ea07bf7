//! Lines of UTF-8 text with their numbers, and whole texts, without a byte-order mark.

use std::io::{BufRead, Read};
use std::path::Path;
use std::sync::Arc;

use crate::error::{DataError, RowLocation};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads one line at a time into one buffer, so that a file of any size needs the memory of its
/// longest line.
pub(super) struct Lines<R> {
    input: R,
    path: Arc<Path>,
    buffer: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R, path: Arc<Path>) -> Self {
        Self { input, path, buffer: Vec::new(), number: 0 }
    }

    /// The next line that is not blank, without its line end, and where it stands.
    pub(super) fn next_line(&mut self) -> Result<Option<(RowLocation, &str)>, DataError> {
        loop {
            self.buffer.clear();
            let read = self.input.read_until(b'\n', &mut self.buffer);
            if read.map_err(|error| DataError::from_io(&self.path, error))? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.number == 1 && self.buffer.starts_with(BYTE_ORDER_MARK) {
                self.buffer.drain(..BYTE_ORDER_MARK.len());
            }
            if !self.buffer.trim_ascii().is_empty() {
                break;
            }
        }
        let at = RowLocation::line(Arc::clone(&self.path), self.number);
        let line = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match std::str::from_utf8(line) {
            Ok(line) => Ok(Some((at, line))),
            Err(error) => {
                let reason = utf8_reason(line, error.valid_up_to(), self.number == 1);
                Err(DataError::InvalidUtf8 { at, reason })
            }
        }
    }
}

/// Reads everything as one text.
pub(super) fn read_text(mut input: impl Read, path: &Arc<Path>) -> Result<String, DataError> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|error| DataError::from_io(path, error))?;
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes();
        let valid = bytes.get(..error.utf8_error().valid_up_to()).unwrap_or(bytes);
        let line = count_lines(valid);
        let line_start = valid.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let bad_line = bytes.get(line_start..).unwrap_or_default();
        let reason = utf8_reason(bad_line, valid.len() - line_start, line == 1);
        DataError::InvalidUtf8 { at: RowLocation::line(Arc::clone(path), line), reason }
    })
}

/// The 1-based number of the line on which the byte after `before` stands.
pub(super) fn count_lines(before: &[u8]) -> u64 {
    1 + before.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Says which byte of `line` is wrong, or which encoding the file seems to have.
pub(super) fn utf8_reason(line: &[u8], valid_up_to: usize, first_line: bool) -> String {
    if first_line && (line.starts_with(b"\xFF\xFE") || line.starts_with(b"\xFE\xFF")) {
        return "it begins like UTF-16".into();
    }
    match line.get(valid_up_to) {
        Some(byte) => format!("byte {} of it is 0x{byte:02X}", valid_up_to + 1),
        None => "it ends within a character".into(),
    }
}
