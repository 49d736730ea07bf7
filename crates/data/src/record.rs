//! Rows to records: what a row means to a trainer.
//!
//! The first row decides the shape of all: `text`; `prompt` and `completion`; `prompt` alone, for
//! rollouts; or `messages` (also under `conversations`). The `[data]` table can name other columns
//! or build a part from several with a template. Whatever is not part of the shape, a label or a
//! target say, travels along in [`Record::fields`].

mod messages;
mod text_template;

pub use text_template::TextTemplate;

use serde_json::{Map, Value};

use crate::config::DataConfig;
use crate::error::{DataError, RowLocation, describe};
use crate::reader::{Row, Rows};
use crate::template::Message;

/// One example, before tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Where it was read.
    pub source: RowLocation,
    /// Its texts.
    pub kind: RecordKind,
    /// All other columns of its row, in the row's order.
    pub fields: Map<String, Value>,
}

/// The texts of a record, by what is trained on.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordKind {
    /// All of it is trained on.
    Text(String),
    /// Nothing is trained on: a rollout completes it.
    Prompt(String),
    /// The completion is trained on.
    PromptCompletion {
        /// What comes first.
        prompt: String,
        /// What should follow.
        completion: String,
    },
    /// A conversation; the assistant's turns are trained on.
    Messages(Vec<Message>),
}

impl Record {
    /// Every text of the record, in reading order; messages without text have none.
    pub fn texts(&self) -> Vec<&str> {
        match &self.kind {
            RecordKind::Text(text) | RecordKind::Prompt(text) => vec![text],
            RecordKind::PromptCompletion { prompt, completion } => vec![prompt, completion],
            RecordKind::Messages(messages) => {
                messages.iter().filter_map(Message::content).collect()
            }
        }
    }
}

/// Reads each of `rows` as a record. Nothing follows the first error.
///
/// # Errors
///
/// At once: settings that contradict each other, a template that does not parse. As the records
/// come: the rows' own errors, columns of which no record can be made, values of the wrong type.
pub fn records(
    rows: Rows,
    config: &DataConfig,
) -> Result<impl Iterator<Item = Result<Record, DataError>> + Send + use<>, DataError> {
    Ok(mapped(rows, RecordMapper::new(config)?))
}

/// As [`records`], for files of prompts: a setting that names columns their first row lacks does
/// not apply to them, so that prompts need no completion and may be under their standard names.
///
/// # Errors
///
/// As [`records`].
pub fn prompt_records(
    rows: Rows,
    config: &DataConfig,
) -> Result<impl Iterator<Item = Result<Record, DataError>> + Send + use<>, DataError> {
    Ok(mapped(rows, RecordMapper { lenient: true, ..RecordMapper::new(config)? }))
}

fn mapped(
    rows: Rows,
    mut mapper: RecordMapper,
) -> impl Iterator<Item = Result<Record, DataError>> + Send {
    let mut failed = false;
    rows.map(move |row| mapper.record(row?)).take_while(move |record| {
        let after_error = failed;
        failed = record.is_err();
        !after_error
    })
}

/// Turns rows into records. The first row fixes the shape, so that a later row that lacks a column
/// is an error and not a record of another kind.
#[derive(Debug, Clone)]
pub struct RecordMapper {
    wanted: Wanted,
    shape: Option<Shape>,
    /// Whether a part is forgotten whose columns the first row lacks.
    lenient: bool,
}

/// Where a part of a record comes from.
#[derive(Debug, Clone)]
enum Part {
    Column { name: String, setting: &'static str },
    Template(TextTemplate),
}

/// What the configuration says about each part.
#[derive(Debug, Clone)]
struct Wanted {
    text: Option<Part>,
    prompt: Option<Part>,
    completion: Option<Part>,
    messages: Option<Part>,
}

/// How each record is made.
#[derive(Debug, Clone)]
enum Shape {
    Text(Part),
    Prompt(Part),
    PromptCompletion(Part, Part),
    Messages(Part),
}

impl RecordMapper {
    /// Reads the columns and templates of `config`.
    ///
    /// # Errors
    ///
    /// [`DataError::Conflict`] or [`DataError::BadTemplate`].
    pub fn new(config: &DataConfig) -> Result<Self, DataError> {
        let columns = &config.columns;
        let wanted = Wanted {
            text: part(("columns.text", &columns.text), ("template", &config.template))?,
            prompt: part(
                ("columns.prompt", &columns.prompt),
                ("prompt_template", &config.prompt_template),
            )?,
            completion: part(
                ("columns.completion", &columns.completion),
                ("completion_template", &config.completion_template),
            )?,
            messages: part(("columns.messages", &columns.messages), ("", &None))?,
        };
        let dialogue = wanted.prompt.as_ref().or(wanted.completion.as_ref());
        let kinds = [wanted.text.as_ref(), dialogue, wanted.messages.as_ref()];
        let named: Vec<&str> = kinds.into_iter().flatten().map(Part::setting).collect();
        if let [first, second, ..] = named.as_slice() {
            return Err(DataError::Conflict {
                first: (*first).to_owned(),
                second: (*second).to_owned(),
                advice: "an example is a text, a prompt with or without its completion, or a list \
                         of messages; keep the settings of one",
            });
        }
        Ok(Self { wanted, shape: None, lenient: false })
    }

    /// Makes a record of one row.
    ///
    /// # Errors
    ///
    /// [`DataError`] naming the row and the column.
    pub fn record(&mut self, row: Row) -> Result<Record, DataError> {
        if self.lenient && self.shape.is_none() {
            self.wanted.forget_missing(&row);
        }
        let shape = match &mut self.shape {
            Some(shape) => shape,
            unknown => unknown.insert(self.wanted.shape(&row)?),
        };
        let Row { at, mut columns } = row;
        let kind = match shape {
            Shape::Text(text) => RecordKind::Text(text.text(&at, &columns)?),
            Shape::Prompt(prompt) => RecordKind::Prompt(prompt.text(&at, &columns)?),
            Shape::PromptCompletion(prompt, completion) => RecordKind::PromptCompletion {
                prompt: prompt.text(&at, &columns)?,
                completion: completion.text(&at, &columns)?,
            },
            Shape::Messages(list) => {
                let name = list.column().unwrap_or_default();
                RecordKind::Messages(messages::parse(&at, name, columns.get(name))?)
            }
        };
        for name in shape.parts().filter_map(Part::column) {
            columns.shift_remove(name);
        }
        Ok(Record { source: at, kind, fields: columns })
    }
}

fn part(
    (column_setting, column): (&'static str, &Option<String>),
    (template_setting, template): (&'static str, &Option<String>),
) -> Result<Option<Part>, DataError> {
    match (column, template) {
        (Some(_), Some(_)) => Err(DataError::Conflict {
            first: column_setting.to_owned(),
            second: template_setting.to_owned(),
            advice: "both make the same text; keep one",
        }),
        (Some(name), None) => {
            Ok(Some(Part::Column { name: name.clone(), setting: column_setting }))
        }
        (None, Some(source)) => {
            Ok(Some(Part::Template(TextTemplate::parse(template_setting, source)?)))
        }
        (None, None) => Ok(None),
    }
}

impl Wanted {
    fn forget_missing(&mut self, row: &Row) {
        let parts = [&mut self.text, &mut self.prompt, &mut self.completion, &mut self.messages];
        for part in parts {
            if part.as_ref().is_some_and(|part| part.check(row).is_err()) {
                *part = None;
            }
        }
    }

    /// The shape that the configuration asks for and the row allows.
    fn shape(&self, row: &Row) -> Result<Shape, DataError> {
        let standard = |name: &str, setting| {
            let there = row.columns.get(name).is_some_and(|value| !value.is_null());
            there.then(|| Part::Column { name: name.to_owned(), setting })
        };
        let shape = match (&self.text, &self.prompt, &self.completion, &self.messages) {
            (Some(text), _, _, _) => Shape::Text(text.clone()),
            (_, _, _, Some(list)) => Shape::Messages(list.clone()),
            (_, None, None, _) => return self.detected(row),
            (_, prompt, completion, _) => {
                let prompt = prompt.clone().or_else(|| standard("prompt", "completion"));
                let completion = completion.clone().or_else(|| standard("completion", "prompt"));
                match (prompt, completion) {
                    (Some(prompt), Some(completion)) => Shape::PromptCompletion(prompt, completion),
                    (Some(prompt), None) => Shape::Prompt(prompt),
                    (None, _) => return Err(no_shape(row)),
                }
            }
        };
        for part in shape.parts() {
            part.check(row)?;
        }
        Ok(shape)
    }

    /// The shape that the row's own column names tell.
    fn detected(&self, row: &Row) -> Result<Shape, DataError> {
        let is_there = |name: &&str| row.columns.get(*name).is_some_and(|value| !value.is_null());
        let found: Vec<&str> =
            ["text", "prompt", "messages", "conversations"].into_iter().filter(is_there).collect();
        let column = |name: &str| Part::Column { name: name.to_owned(), setting: "columns" };
        match found.as_slice() {
            ["text"] => Ok(Shape::Text(column("text"))),
            ["prompt"] if is_there(&"completion") => {
                Ok(Shape::PromptCompletion(column("prompt"), column("completion")))
            }
            ["prompt"] => Ok(Shape::Prompt(column("prompt"))),
            [name] => Ok(Shape::Messages(column(name))),
            [] => Err(no_shape(row)),
            several => Err(DataError::AmbiguousShape {
                at: row.at.clone(),
                found: row.columns.keys().cloned().collect(),
                candidates: several.iter().map(|name| (*name).to_owned()).collect(),
            }),
        }
    }
}

fn no_shape(row: &Row) -> DataError {
    DataError::NoShape { at: row.at.clone(), found: row.columns.keys().cloned().collect() }
}

impl Shape {
    fn parts(&self) -> impl Iterator<Item = &Part> {
        let (first, second) = match self {
            Self::Text(part) | Self::Prompt(part) | Self::Messages(part) => (part, None),
            Self::PromptCompletion(prompt, completion) => (prompt, Some(completion)),
        };
        std::iter::once(first).chain(second)
    }
}

impl Part {
    fn setting(&self) -> &'static str {
        match self {
            Self::Column { setting, .. } => setting,
            Self::Template(template) => template.setting(),
        }
    }

    fn column(&self) -> Option<&str> {
        match self {
            Self::Column { name, .. } => Some(name),
            Self::Template(_) => None,
        }
    }

    /// Checks on the first row that every column that is named exists.
    fn check(&self, row: &Row) -> Result<(), DataError> {
        let names: Vec<&str> = match self {
            Self::Column { name, .. } => vec![name],
            Self::Template(template) => template.columns().collect(),
        };
        match names.into_iter().find(|name| !row.columns.contains_key(*name)) {
            None => Ok(()),
            Some(name) => Err(DataError::UnknownColumn {
                at: row.at.clone(),
                name: name.to_owned(),
                setting: self.setting(),
                known: row.columns.keys().cloned().collect(),
            }),
        }
    }

    fn text(&self, at: &RowLocation, columns: &Map<String, Value>) -> Result<String, DataError> {
        match self {
            Self::Template(template) => template.render(at, columns),
            Self::Column { name, .. } => match columns.get(name) {
                Some(Value::String(text)) => Ok(text.clone()),
                other => Err(DataError::BadField {
                    at: at.clone(),
                    field: name.clone(),
                    expected: "a string".into(),
                    got: other.map_or_else(|| "nothing".into(), describe),
                }),
            },
        }
    }
}

#[cfg(test)]
mod tests;
