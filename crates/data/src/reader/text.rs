//! Plain text: one record a file, or one a line.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Row;
use super::lines::{Lines, read_text};
use crate::error::{DataError, RowLocation};

/// The whole file as one row, kept as it is to the last line end; no row where it is blank.
pub(super) fn whole_file(
    input: impl BufRead,
    path: Arc<Path>,
) -> Result<impl Iterator<Item = Result<Row, DataError>> + Send, DataError> {
    let text = read_text(input, &path)?;
    let row = (!text.trim().is_empty()).then(|| row(RowLocation::line(path, 1), text));
    Ok(row.map(Ok).into_iter())
}

/// Each line that is not blank as a row.
pub(super) struct LineRows<R> {
    lines: Lines<R>,
}

impl<R: BufRead> LineRows<R> {
    pub(super) fn new(input: R, path: Arc<Path>) -> Self {
        Self { lines: Lines::new(input, path) }
    }
}

impl<R: BufRead> Iterator for LineRows<R> {
    type Item = Result<Row, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.next_line();
        line.map(|found| found.map(|(at, line)| row(at, line.to_owned()))).transpose()
    }
}

fn row(at: RowLocation, text: String) -> Row {
    Row { at, columns: Map::from_iter([("text".to_owned(), Value::String(text))]) }
}
