//! JSON Lines: one object a line, read as a stream.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::Row;
use super::json::syntax_message;
use super::lines::Lines;
use crate::error::{DataError, describe};

pub(super) struct JsonlRows<R> {
    lines: Lines<R>,
}

impl<R: BufRead> JsonlRows<R> {
    pub(super) fn new(input: R, path: Arc<Path>) -> Self {
        Self { lines: Lines::new(input, path) }
    }

    fn next_row(&mut self) -> Result<Option<Row>, DataError> {
        let Some((at, line)) = self.lines.next_line()? else {
            return Ok(None);
        };
        match serde_json::from_str(line) {
            Ok(Value::Object(columns)) => Ok(Some(Row { at, columns })),
            Ok(other) => {
                let expected = "a JSON object".into();
                Err(DataError::BadRow { at, expected, got: describe(&other) })
            }
            Err(error) => {
                let message = format!("{} at column {}", syntax_message(&error), error.column());
                Err(DataError::Syntax { at, format: "JSON", message })
            }
        }
    }
}

impl<R: BufRead> Iterator for JsonlRows<R> {
    type Item = Result<Row, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_row().transpose()
    }
}
