//! Files to rows: one JSON object a row, whatever the format.
//!
//! [`read_rows`] takes files and folders and streams their rows; JSON and whole-file text are read
//! one file at a time, everything else one row at a time. The first error ends the iteration: after
//! a bad row nothing that follows can be trusted to be where it seems.
//!
//! Text must be UTF-8. A byte-order mark, CRLF line ends, blank lines and a missing last line end
//! are all fine. A file without a row is an error, since it is never what the user meant.

mod csv;
mod json;
mod jsonl;
mod lines;
mod parquet;
mod text;

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{DataError, RowLocation};

/// One row of a file, before it is known what it means.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Where it stands.
    pub at: RowLocation,
    /// Its columns in the file's order. CSV and TSV cells are always strings; plain text has the one
    /// column `text`.
    pub columns: Map<String, Value>,
}

/// Rows as they come out of a file. Nothing follows the first error.
pub type Rows = Box<dyn Iterator<Item = Result<Row, DataError>> + Send>;

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// An array of objects, or an object that holds such an array under `data`.
    Json,
    /// Comma-separated values with a header line; quotes as in RFC 4180.
    Csv,
    /// Tab-separated values with a header line; quotes as in RFC 4180.
    Tsv,
    /// Apache Parquet.
    Parquet,
    /// Plain text, cut by [`TextUnit`].
    Text,
}

/// What one record of plain text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextUnit {
    /// The whole file.
    #[default]
    File,
    /// Each line that is not blank, without its line end.
    Line,
}

/// How files become rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// The format of every file; `None` goes by each file's name.
    pub format: Option<Format>,
    /// What one record of plain text is.
    pub text_unit: TextUnit,
}

impl Format {
    /// The format that a file's extension names, in any case, with or without `.gz` behind it.
    /// Compressed Parquet is not recognised: the format needs to jump about in its file.
    pub fn from_path(path: &Path) -> Option<Self> {
        let packed = is_gzip(path);
        let named = if packed { Path::new(path.file_stem()?) } else { path };
        let extension = named.extension().and_then(OsStr::to_str)?.to_ascii_lowercase();
        match extension.as_str() {
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            "tsv" => Some(Self::Tsv),
            "txt" => Some(Self::Text),
            "parquet" if !packed => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// Reads the rows of all `paths`, in the order given. A folder stands for the data files directly in
/// it, sorted by name; hidden files and files with other extensions are passed over.
///
/// # Errors
///
/// At once: a path that does not exist, a folder without data, a name without a known format. As the
/// rows come: whatever is wrong with a file, named with its line and field.
pub fn read_rows(paths: &[PathBuf], options: &ReadOptions) -> Result<Rows, DataError> {
    let mut files = VecDeque::new();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| DataError::from_io(path, error))?;
        if metadata.is_dir() {
            files.extend(files_of_folder(path)?);
        } else {
            let known = options.format.or_else(|| Format::from_path(path));
            let format = known.ok_or_else(|| DataError::UnknownFormat { path: path.clone() })?;
            files.push_back((path.clone(), format));
        }
    }
    Ok(Box::new(Files { files, text_unit: options.text_unit, current: None, failed: false }))
}

/// Reads rows from anything that yields bytes, standard input say; `name` stands in messages.
///
/// # Errors
///
/// [`DataError::UnknownFormat`] for Parquet, which can only be read from a file. As the rows come:
/// whatever is wrong with the input.
pub fn rows_from(
    input: Box<dyn BufRead + Send>,
    name: &Path,
    format: Format,
    text_unit: TextUnit,
) -> Result<Rows, DataError> {
    let path: Arc<Path> = name.into();
    Ok(match (format, text_unit) {
        (Format::Jsonl, _) => Box::new(jsonl::JsonlRows::new(input, path)),
        (Format::Json, _) => Box::new(json::rows(input, path)?),
        (Format::Csv, _) => Box::new(csv::CsvRows::new(input, path, csv::Dialect::Comma)?),
        (Format::Tsv, _) => Box::new(csv::CsvRows::new(input, path, csv::Dialect::Tab)?),
        (Format::Text, TextUnit::File) => Box::new(text::whole_file(input, path)?),
        (Format::Text, TextUnit::Line) => Box::new(text::LineRows::new(input, path)),
        (Format::Parquet, _) => {
            return Err(DataError::UnknownFormat { path: name.to_path_buf() });
        }
    })
}

fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

fn files_of_folder(folder: &Path) -> Result<Vec<(PathBuf, Format)>, DataError> {
    let failed = |error| DataError::from_io(folder, error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if let Some(format) = Format::from_path(&path)
            && !hidden
            && path.is_file()
        {
            files.push((path, format));
        }
    }
    if files.is_empty() {
        return Err(DataError::EmptyFolder { path: folder.to_path_buf() });
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(files)
}

fn open(path: &Path, format: Format, text_unit: TextUnit) -> Result<Rows, DataError> {
    let file = File::open(path).map_err(|error| DataError::from_io(path, error))?;
    if format == Format::Parquet {
        return Ok(Box::new(parquet::ParquetRows::open(file, path.into())?));
    }
    let input: Box<dyn BufRead + Send> = if is_gzip(path) {
        Box::new(BufReader::new(MultiGzDecoder::new(BufReader::new(file))))
    } else {
        Box::new(BufReader::new(file))
    };
    rows_from(input, path, format, text_unit)
}

/// Goes through the files one after the other, so that only one is open at a time.
struct Files {
    files: VecDeque<(PathBuf, Format)>,
    text_unit: TextUnit,
    current: Option<OpenFile>,
    failed: bool,
}

struct OpenFile {
    path: PathBuf,
    rows: Rows,
    any: bool,
}

impl Files {
    fn next_row(&mut self) -> Option<Result<Row, DataError>> {
        loop {
            if let Some(open) = &mut self.current {
                if let Some(row) = open.rows.next() {
                    open.any = true;
                    return Some(row);
                }
                let done = self.current.take()?;
                if !done.any {
                    return Some(Err(DataError::NoRows { path: done.path }));
                }
            }
            let (path, format) = self.files.pop_front()?;
            match open(&path, format, self.text_unit) {
                Ok(rows) => self.current = Some(OpenFile { path, rows, any: false }),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Iterator for Files {
    type Item = Result<Row, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let row = self.next_row();
        self.failed = matches!(row, Some(Err(_)));
        row
    }
}

#[cfg(test)]
mod tests;
