//! What can go wrong between a file and a token batch, one sentence each.
//!
//! Every message says where (file, line, field), what was expected, what was found, and what to do.
//! `Display` never repeats its source, so the whole chain can be printed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

/// Where a row stands in its file. Cheap to clone: the path is shared by all rows of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowLocation {
    /// The file.
    pub path: Arc<Path>,
    /// The 1-based number of the line on which the row begins; of the row itself in Parquet, which
    /// has no lines.
    pub line: u64,
    /// What `line` counts.
    pub unit: RowUnit,
}

/// What the number in a [`RowLocation`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowUnit {
    /// Lines of a text file, from 1.
    Line,
    /// Rows of a table, from 1.
    Row,
}

impl RowLocation {
    /// The row that begins on line `line` of `path`, counted from 1.
    pub fn line(path: impl Into<Arc<Path>>, line: u64) -> Self {
        Self { path: path.into(), line, unit: RowUnit::Line }
    }

    /// Row `row` of the table `path`, counted from 1.
    pub fn row(path: impl Into<Arc<Path>>, row: u64) -> Self {
        Self { path: path.into(), line: row, unit: RowUnit::Row }
    }
}

impl fmt::Display for RowLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            RowUnit::Line => "line",
            RowUnit::Row => "row",
        };
        write!(f, "{unit} {} of `{}`", self.line, self.path.display())
    }
}

/// Everything the readers, the record shapes, the selection, the batches and the configuration can
/// refuse.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system refused; the only variant that is not the input's fault.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },

    /// A path that names nothing.
    #[error("`{}` does not exist; check the spelling and the current folder", path.display())]
    NotFound {
        /// The path as given.
        path: PathBuf,
    },

    /// A file whose name does not tell its format.
    #[error(
        "the name of `{}` does not tell its format; expected .jsonl, .ndjson, .json, .csv, .tsv or \
         .txt (each also with .gz), or .parquet; rename it or set `format`",
        path.display()
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },

    /// A folder without a file that can be read.
    #[error(
        "the folder `{}` holds no data file; expected files named .jsonl, .json, .csv, .tsv, .txt \
         or .parquet directly in it",
        path.display()
    )]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },

    /// A file without a single row.
    #[error("`{}` has no rows; expected at least one, so leave the file out or fill it", path.display())]
    NoRows {
        /// The file.
        path: PathBuf,
    },

    /// Text that does not follow its format's grammar.
    #[error("{at} is not valid {format}: {message}; correct it or remove it")]
    Syntax {
        /// The row.
        at: RowLocation,
        /// The format's name.
        format: &'static str,
        /// What the parser said, without its own line number.
        message: String,
    },

    /// Bytes that are not UTF-8.
    #[error("{at} is not UTF-8 text: {reason}; convert the file to UTF-8")]
    InvalidUtf8 {
        /// The row.
        at: RowLocation,
        /// Which byte, or which encoding it looks like.
        reason: String,
    },

    /// A row of the wrong form as a whole.
    #[error("{at}: expected {expected}, got {got}")]
    BadRow {
        /// The row.
        at: RowLocation,
        /// What a row must be.
        expected: String,
        /// What it is.
        got: String,
    },

    /// A field of the wrong type or with a value that is not allowed.
    #[error("{at}, field `{field}`: expected {expected}, got {got}")]
    BadField {
        /// The row.
        at: RowLocation,
        /// The column, or the path into it such as `messages[2].role`.
        field: String,
        /// What the field must be.
        expected: String,
        /// What it is.
        got: String,
    },

    /// A binary file that cannot be decoded.
    #[error(
        "`{}` cannot be read as {format}: {message}; it is damaged, cut short, or uses a feature \
         this reader lacks, so fetch or write it again",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The format's name.
        format: &'static str,
        /// What the decoder said.
        message: String,
    },

    /// A setting names a column that the data lacks.
    #[error("{at} has no column `{name}`, which `{setting}` names; {}", known_columns(name, known))]
    UnknownColumn {
        /// The row.
        at: RowLocation,
        /// The missing column.
        name: String,
        /// The configuration key that names it.
        setting: &'static str,
        /// The columns that the row has.
        known: Vec<String>,
    },

    /// Columns from which no record can be made.
    #[error(
        "{at} has the columns {}, from which no example can be made; expected `text`, or `prompt` \
         and `completion`, or `prompt` alone, or `messages`; name them with `columns` or write a \
         `template`",
        quoted_list(found)
    )]
    NoShape {
        /// The row.
        at: RowLocation,
        /// The columns that the row has.
        found: Vec<String>,
    },

    /// Columns from which several kinds of record can be made.
    #[error(
        "{at} has the columns {}, of which {} each make an example; choose one with `columns`, for \
         example `columns = {{ {} = \"{}\" }}`",
        quoted_list(found),
        quoted_list(candidates),
        example_key(candidates),
        example_column(candidates)
    )]
    AmbiguousShape {
        /// The row.
        at: RowLocation,
        /// The columns that the row has.
        found: Vec<String>,
        /// The columns that each could be the example.
        candidates: Vec<String>,
    },

    /// A text template that does not parse.
    #[error(
        "`{setting}` is not a template: at character {position}, {message}; write `{{{{` and `}}}}` \
         for braces"
    )]
    BadTemplate {
        /// The configuration key.
        setting: &'static str,
        /// What is wrong.
        message: String,
        /// The 1-based character at which it is wrong.
        position: usize,
    },

    /// A value outside the range its definition needs.
    #[error("`{field}` is {value}, must be {allowed}")]
    OutOfRange {
        /// The configuration key.
        field: String,
        /// The value as written.
        value: String,
        /// What is allowed.
        allowed: String,
    },

    /// Two settings that exclude each other.
    #[error("`{first}` and `{second}` cannot be used together; {advice}")]
    Conflict {
        /// One configuration key.
        first: String,
        /// The other.
        second: String,
        /// Which to keep when.
        advice: &'static str,
    },

    /// More records asked for than there are.
    #[error("`{setting}` asks for {wanted} of {available} records; {advice}")]
    TooFewRecords {
        /// The configuration key.
        setting: &'static str,
        /// How many it asks for.
        wanted: usize,
        /// How many there are.
        available: usize,
        /// What to change.
        advice: &'static str,
    },

    /// A filter that no record passes.
    #[error("`filter` drops all {records} records; loosen it")]
    AllFiltered {
        /// How many records there were.
        records: usize,
    },

    /// A record that has a prompt already, where texts are to be cut.
    #[error(
        "{at} is no plain text, so `prompt_words` cannot cut it into prompt and completion; leave \
         `prompt_words` out, or name the text with `columns.text`"
    )]
    NotText {
        /// The row.
        at: RowLocation,
    },

    /// A view in which nothing is left.
    #[error(
        "no record of `{}` is left: each is in a row of another kind or has no more than the {words} \
         words of a prompt; lower `prompt_words`, or use other data",
        path.display()
    )]
    NothingSeen {
        /// The file, the first of several.
        path: PathBuf,
        /// Words of a prompt.
        words: usize,
    },

    /// No example where at least one is needed.
    #[error("{what} got no example; expected at least one")]
    NoExamples {
        /// What was being made.
        what: &'static str,
    },

    /// An example without a token.
    #[error(
        "example {index}, counted from 0, has no token; expected at least one, so filter empty \
         records out"
    )]
    EmptyExample {
        /// The example's 0-based place among those given.
        index: usize,
    },

    /// A loss mask of another length than its ids.
    #[error(
        "example {index}, counted from 0, has {ids} ids but a loss mask of {mask}; expected one flag \
         a token"
    )]
    MaskLength {
        /// The example's 0-based place among those given.
        index: usize,
        /// Tokens.
        ids: usize,
        /// Flags.
        mask: usize,
    },

    /// An example that does not fit into a packed row.
    #[error(
        "example {index}, counted from 0, has {length} tokens, more than the {max_length} of a packed \
         row; raise `max_length`, filter long records out, or allow truncation"
    )]
    TooLong {
        /// The example's 0-based place among those given.
        index: usize,
        /// Its tokens.
        length: usize,
        /// Tokens of a row.
        max_length: usize,
    },

    /// A packing plan that was made for other examples.
    #[error(
        "the packing plan names {what} {named}, but there are {available}; plan again from the \
         examples that are packed"
    )]
    PlanMismatch {
        /// What the plan names.
        what: &'static str,
        /// Its number in the plan.
        named: usize,
        /// How many there are.
        available: usize,
    },

    /// A saved order that belongs to other data or settings.
    #[error(
        "the saved order has `{what}` {saved}, this run has {now}; resume with the data and settings \
         it was saved with"
    )]
    OrderMismatch {
        /// The quantity that differs.
        what: &'static str,
        /// Its saved value.
        saved: u64,
        /// Its value now.
        now: u64,
    },
}

impl DataError {
    /// True where the input or the configuration is at fault, false where the machine is.
    ///
    /// A program exits with 2 for the first and 1 for the second.
    pub fn is_bad_input(&self) -> bool {
        !matches!(self, Self::Io { .. })
    }

    /// Sorts an input error by whose fault it is: a missing file and damaged compressed data are
    /// bad input, the rest is the machine's.
    pub(crate) fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path },
            // Plain files never fail in these ways: only a decompressor does.
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof => {
                Self::Corrupt { path, format: "gzip", message: source.to_string() }
            }
            _ => Self::Io { path, source },
        }
    }
}

/// `value` in a few words, for the "got" half of a message.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => format!("the boolean {flag}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the string {:?}", shorten(text)),
        Value::Array(items) if items.is_empty() => "an empty array".into(),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(fields) if fields.is_empty() => "an empty object".into(),
        Value::Object(fields) => format!("an object with {}", quoted_list(fields.keys())),
    }
}

/// The first characters of `text`, so that a message stays one paragraph.
pub(crate) fn shorten(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// `a`, `b` and `c`, or the first of them and a count where there are many.
pub(crate) fn quoted_list<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    const SHOWN: usize = 12;
    let names: Vec<String> =
        names.into_iter().map(|name| format!("`{}`", shorten(name.as_ref()))).collect();
    match names.as_slice() {
        [] => "(none)".into(),
        [only] => only.clone(),
        [start @ .., last] if names.len() <= SHOWN => format!("{} and {last}", start.join(", ")),
        _ => {
            let (shown, rest) = names.split_at(SHOWN);
            format!("{} and {} more", shown.join(", "), rest.len())
        }
    }
}

/// The candidate most like `name`, where one is near enough to be a slip of the finger.
pub(crate) fn nearest<'a>(name: &str, candidates: &'a [String]) -> Option<&'a String> {
    candidates
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

fn known_columns(name: &str, known: &[String]) -> String {
    let list = format!("its columns are {}", quoted_list(known));
    match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`? {list}"),
        None => list,
    }
}

fn example_column(candidates: &[String]) -> &str {
    candidates.first().map_or("text", String::as_str)
}

fn example_key(candidates: &[String]) -> &str {
    match example_column(candidates) {
        "conversations" => "messages",
        key => key,
    }
}

#[cfg(test)]
mod tests;
