//! Apache Parquet, row by row, each column type as its JSON counterpart.
//!
//! Dates, times, timestamps and decimals become strings; floats keep their shortest decimal form;
//! a float that is not finite becomes null; binary that is not UTF-8 becomes lower-case hexadecimal.

use std::cell::Cell;
use std::fmt::Write;
use std::fs::File;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, Once};

use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row as ParquetRow};
use serde_json::{Map, Number, Value};

use super::Row;
use crate::error::{DataError, RowLocation};

pub(super) struct ParquetRows {
    rows: RowIter<'static>,
    path: Arc<Path>,
    row: u64,
}

impl ParquetRows {
    pub(super) fn open(file: File, path: Arc<Path>) -> Result<Self, DataError> {
        let length = file.metadata().map_err(|error| DataError::from_io(&path, error))?.len();
        let rows = guarded(&path, || {
            let reader = SerializedFileReader::new(file)?;
            check_extents(reader.metadata(), length)?;
            Ok(RowIter::from_file_into(Box::new(reader)))
        })?;
        Ok(Self { rows, path, row: 0 })
    }
}

impl Iterator for ParquetRows {
    type Item = Result<Row, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let path = Arc::clone(&self.path);
        let columns = guarded(&path, || {
            let row = self.rows.next().transpose()?;
            Ok(row.map(object))
        });
        self.row += 1;
        let at = RowLocation::row(path, self.row);
        columns.map(|columns| columns.map(|columns| Row { at, columns })).transpose()
    }
}

/// Refuses a file whose footer points outside it or promises rows that its columns do not have:
/// the reader would ask for memory by those numbers before it looked.
fn check_extents(metadata: &ParquetMetaData, length: u64) -> Result<(), ParquetError> {
    let wrong = |message: &str| Err(ParquetError::General(message.to_owned()));
    for group in metadata.row_groups() {
        if group.columns().is_empty() {
            return wrong("it has no columns");
        }
        for column in group.columns() {
            let (start, size) = column.byte_range();
            if start.checked_add(size).is_none_or(|end| end > length) {
                return wrong("its footer points past its end");
            }
            if column.num_values() < group.num_rows() {
                return wrong("its footer promises more rows than a column has values");
            }
        }
    }
    Ok(())
}

/// Runs the decoder. It panics on some damaged files and on the rarest column types; both become
/// errors here, without the noise of a panic message.
fn guarded<T>(
    path: &Path,
    decode: impl FnOnce() -> Result<T, ParquetError>,
) -> Result<T, DataError> {
    silence_guarded_panics();
    let was_guarded = GUARDED.replace(true);
    // A decoder that panicked is never used again: the first error ends the rows.
    let outcome = panic::catch_unwind(AssertUnwindSafe(decode));
    GUARDED.set(was_guarded);
    let message = match outcome {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(ParquetError::External(error))) => match error.downcast::<std::io::Error>() {
            Ok(error) if is_machine_failure(&error) => {
                return Err(DataError::from_io(path, *error));
            }
            Ok(error) => error.to_string(),
            Err(error) => error.to_string(),
        },
        Ok(Err(error)) => error.to_string(),
        Err(payload) => panic_message(payload.as_ref()),
    };
    // The decoder quotes whole byte arrays; a message stays one paragraph.
    let message = message.trim_start_matches("Parquet error: ").chars().take(200).collect();
    Err(DataError::Corrupt { path: path.to_path_buf(), format: "Parquet", message })
}

/// True for failures that a damaged file cannot cause.
fn is_machine_failure(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    !matches!(
        error.kind(),
        ErrorKind::InvalidData
            | ErrorKind::InvalidInput
            | ErrorKind::UnexpectedEof
            | ErrorKind::Other
    )
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Installs, once, a panic hook that is silent inside [`guarded`] and the previous one elsewhere.
fn silence_guarded_panics() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !GUARDED.try_with(Cell::get).unwrap_or(false) {
                previous(info);
            }
        }));
    });
}

fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the decoder failed".into())
}

fn object(row: ParquetRow) -> Map<String, Value> {
    row.into_columns().into_iter().map(|(name, field)| (name, value(&field))).collect()
}

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(flag) => Value::Bool(*flag),
        Field::Byte(number) => Value::from(*number),
        Field::Short(number) => Value::from(*number),
        Field::Int(number) => Value::from(*number),
        Field::Long(number) => Value::from(*number),
        Field::UByte(number) => Value::from(*number),
        Field::UShort(number) => Value::from(*number),
        Field::UInt(number) => Value::from(*number),
        Field::ULong(number) => Value::from(*number),
        Field::Float16(number) => shortest(&number.to_f32()),
        Field::Float(number) => shortest(number),
        Field::Double(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Field::Str(text) => Value::String(text.clone()),
        Field::Bytes(bytes) => Value::String(text_or_hex(bytes.data())),
        Field::Decimal(_)
        | Field::Date(_)
        | Field::TimeMillis(_)
        | Field::TimeMicros(_)
        | Field::TimestampMillis(_)
        | Field::TimestampMicros(_) => Value::String(field.to_string()),
        Field::Group(row) => row
            .get_column_iter()
            .map(|(name, field)| (name.clone(), value(field)))
            .collect::<Map<_, _>>()
            .into(),
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        Field::MapInternal(map) => {
            let pairs = map.entries().iter().map(|(key, field)| (key_text(key), value(field)));
            pairs.collect::<Map<_, _>>().into()
        }
    }
}

/// The number that a person wrote, 0.1 rather than 0.10000000149011612.
fn shortest(number: &f32) -> Value {
    let number = number.to_string().parse().ok().and_then(Number::from_f64);
    number.map_or(Value::Null, Value::Number)
}

fn key_text(key: &Field) -> String {
    match value(key) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn text_or_hex(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().fold(String::new(), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        }),
    }
}

#[cfg(test)]
mod tests;
