//! Comma- or tab-separated values with a header line, read as a stream.
//!
//! Every cell is a string: a column of digits may be text, and only the reader of the column knows.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};
use serde_json::{Map, Value};

use super::Row;
use super::lines::utf8_reason;
use crate::error::{DataError, RowLocation};

/// What stands between two cells.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dialect {
    Comma,
    Tab,
}

pub(super) struct CsvRows<R> {
    reader: Reader<LineStarts<R>>,
    path: Arc<Path>,
    columns: Vec<String>,
    record: ByteRecord,
}

impl<R: Read> CsvRows<R> {
    /// Reads the header line; an empty input has no columns and no rows.
    pub(super) fn new(input: R, path: Arc<Path>, dialect: Dialect) -> Result<Self, DataError> {
        let delimiter = match dialect {
            Dialect::Comma => b',',
            Dialect::Tab => b'\t',
        };
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(LineStarts::new(input));
        let mut rows = Self { reader, path, columns: Vec::new(), record: ByteRecord::new() };
        if let Some(at) = rows.read_record()? {
            rows.columns = rows.header(&at)?;
        }
        Ok(rows)
    }

    fn read_record(&mut self) -> Result<Option<RowLocation>, DataError> {
        let start = self.reader.position().byte();
        let read = self.reader.read_byte_record(&mut self.record);
        let line = self.reader.get_mut().line_at(start);
        let at = RowLocation::line(Arc::clone(&self.path), line);
        match read {
            Ok(true) => Ok(Some(at)),
            Ok(false) => Ok(None),
            Err(error) => {
                let message = error.to_string();
                match error.into_kind() {
                    ErrorKind::Io(source) => Err(DataError::from_io(&self.path, source)),
                    _ => Err(DataError::Syntax { at, format: "CSV", message }),
                }
            }
        }
    }

    fn header(&self, at: &RowLocation) -> Result<Vec<String>, DataError> {
        let mut columns: Vec<String> = Vec::with_capacity(self.record.len());
        for cell in &self.record {
            let name = utf8(cell, at, None)?;
            if columns.contains(&name) {
                let expected = "column names that differ".into();
                let got = format!("`{name}` twice");
                return Err(DataError::BadRow { at: at.clone(), expected, got });
            }
            columns.push(name);
        }
        Ok(columns)
    }

    fn next_row(&mut self) -> Result<Option<Row>, DataError> {
        let Some(at) = self.read_record()? else {
            return Ok(None);
        };
        if self.record.len() != self.columns.len() {
            let expected = format!("{} cells as in the header", self.columns.len());
            let got = format!("{}; put cells that hold the separator in quotes", self.record.len());
            return Err(DataError::BadRow { at, expected, got });
        }
        let mut columns = Map::with_capacity(self.columns.len());
        for (name, cell) in self.columns.iter().zip(&self.record) {
            columns.insert(name.clone(), Value::String(utf8(cell, &at, Some(name))?));
        }
        Ok(Some(Row { at, columns }))
    }
}

impl<R: Read> Iterator for CsvRows<R> {
    type Item = Result<Row, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_row().transpose()
    }
}

/// A cell as text; `column` is its column, `None` in the header.
fn utf8(cell: &[u8], at: &RowLocation, column: Option<&str>) -> Result<String, DataError> {
    let text = std::str::from_utf8(cell).map_err(|error| {
        let reason = utf8_reason(cell, error.valid_up_to(), column.is_none());
        let place = column.map_or_else(|| "in the header".into(), |name| format!("in `{name}`"));
        DataError::InvalidUtf8 { at: at.clone(), reason: format!("{place}, {reason}") }
    })?;
    Ok(text.to_owned())
}

/// Passes bytes through and remembers where the lines that are not empty begin.
///
/// The parser's own line number points at the blank lines before a record, or at the line before it
/// where lines end in CRLF; the byte position it gives is exact.
struct LineStarts<R> {
    inner: R,
    offset: u64,
    line: u64,
    at_line_start: bool,
    /// Byte offset and number of each non-empty line that has not been asked for yet.
    starts: VecDeque<(u64, u64)>,
}

impl<R> LineStarts<R> {
    fn new(inner: R) -> Self {
        Self { inner, offset: 0, line: 1, at_line_start: true, starts: VecDeque::new() }
    }

    /// The number of the first non-empty line that begins at byte `offset` or later. Offsets must
    /// not go down from call to call.
    fn line_at(&mut self, offset: u64) -> u64 {
        while self.starts.front().is_some_and(|(start, _)| *start < offset) {
            self.starts.pop_front();
        }
        self.starts.front().map_or(self.line, |(_, line)| *line)
    }
}

impl<R: Read> Read for LineStarts<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        for byte in buffer.iter().take(count) {
            if *byte == b'\n' {
                self.line += 1;
                self.at_line_start = true;
            } else if self.at_line_start && *byte != b'\r' {
                self.starts.push_back((self.offset, self.line));
                self.at_line_start = false;
            }
            self.offset += 1;
        }
        Ok(count)
    }
}
