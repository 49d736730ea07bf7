//! The columns of a row to texts and a target, before labels have ids.

use std::ops::Range;

use hybrid_data::error::RowLocation;
use hybrid_data::reader::Row;
use hybrid_heads::TaskKind;
use serde_json::Value;

use super::super::spans;
use super::super::task::Task;
use super::{Target, TextRow, answers};
use crate::config::TaskConfig;
use crate::error::HybridError;

/// A row whose columns were found.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    at: RowLocation,
    /// The text, or the two of a preference, the better first; the words of a tagging as one text; a
    /// question and its context.
    pub(super) texts: Vec<String>,
    /// What stands before both answers of a preference.
    pub(super) prompt: Option<String>,
    pub(super) target: RawTarget,
}

/// What the columns say.
#[derive(Debug, Clone)]
pub(super) enum RawTarget {
    Label(String),
    Labels(Vec<String>),
    Shares(Vec<(String, Option<f32>)>),
    Numbers(Vec<f32>),
    Tags {
        words: Vec<String>,
        tags: Vec<String>,
    },
    /// All that count as right, and the bytes of the first in the context.
    Answers {
        texts: Vec<String>,
        at: Option<Range<usize>>,
    },
    Preferred(f32),
}

impl Raw {
    /// Labels that the row has.
    pub(super) fn labels(&self) -> impl Iterator<Item = &str> {
        let labels: &[String] = match &self.target {
            RawTarget::Label(label) => std::slice::from_ref(label),
            RawTarget::Labels(labels) | RawTarget::Tags { tags: labels, .. } => labels,
            _ => &[],
        };
        labels.iter().map(String::as_str)
    }

    /// Numbers that it predicts.
    pub(super) fn numbers(&self) -> usize {
        if let RawTarget::Numbers(numbers) = &self.target { numbers.len() } else { 0 }
    }

    /// The target with the ids of `task`, of what it reads.
    pub(super) fn target(&self, task: &Task, rows: &[TextRow]) -> Result<Target, HybridError> {
        let wrong = |problem: String| HybridError::Row { at: self.at.to_string(), problem };
        let labels = || {
            let none = || wrong("has a label, but the task has none".to_owned());
            task.labels.as_ref().ok_or_else(none)
        };
        let id = |label: &str| labels()?.id(label).map_err(|error| wrong(format!("{error}")));
        match &self.target {
            RawTarget::Label(label) => Ok(Target::Class(id(label)?)),
            RawTarget::Tags { tags, .. } => {
                Ok(Target::Tags(tags.iter().map(|tag| id(tag)).collect::<Result<_, _>>()?))
            }
            RawTarget::Labels(found) => {
                let has = labels()?.multi_hot(found.iter().map(String::as_str));
                let has = has.map_err(|error| wrong(format!("{error}")))?;
                Ok(Target::Numbers(has.into_iter().map(|has| Some(f32::from(has))).collect()))
            }
            RawTarget::Shares(shares) => {
                let mut numbers = vec![None; labels()?.len()];
                for (label, share) in shares {
                    let place = id(label)?;
                    if let Some(slot) = numbers.get_mut(place) {
                        *slot = *share;
                    }
                }
                Ok(Target::Numbers(numbers))
            }
            RawTarget::Numbers(numbers) if numbers.len() == task.outputs => {
                Ok(Target::Numbers(numbers.iter().map(|number| Some(*number)).collect()))
            }
            RawTarget::Numbers(numbers) => Err(wrong(format!(
                "has {} numbers, others have {}; each row needs as many",
                numbers.len(),
                task.outputs
            ))),
            RawTarget::Preferred(margin) => Ok(Target::Preferred(*margin)),
            RawTarget::Answers { texts, at } => {
                let target = |row| spans::target(task.kind, row, at.as_ref());
                let windows = rows.iter().map(target).collect();
                Ok(Target::Answers { windows, texts: texts.clone() })
            }
        }
    }
}

/// Finds the columns of a row; `seen` is what becomes of its texts.
pub(super) fn read(
    config: &TaskConfig,
    row: &Row,
    seen: impl Fn(String) -> String,
) -> Result<Raw, HybridError> {
    let columns = Columns { config, row };
    let data = &config.data;
    let mut prompt = None;
    if spans::is_span(config.kind) {
        // As they are: a text that is changed has its answers elsewhere.
        let texts = vec![columns.text(&data.question)?, columns.text(&data.context)?];
        let context = texts.last().map(String::as_str).unwrap_or_default();
        let target = answers::read(&columns, context)?;
        return Ok(Raw { at: row.at.clone(), texts, prompt, target });
    }
    let (texts, target) = match config.kind {
        TaskKind::Tagging => {
            let words = columns.strings(&data.words)?;
            let tags = columns.tags(&data.tags)?;
            if words.len() != tags.len() {
                return Err(columns.wrong(format!(
                    "has {} words in `{}` and {} tags in `{}`; each word needs one",
                    words.len(),
                    data.words,
                    tags.len(),
                    data.tags
                )));
            }
            (vec![words.join(" ")], RawTarget::Tags { words, tags })
        }
        TaskKind::Pairwise if data.pairs.is_none() => {
            let margin = data.margin.as_ref().map(|name| columns.number(name)).transpose()?;
            prompt = data.prompt.as_ref().map(|name| columns.conversation(name)).transpose()?;
            prompt = prompt.map(&seen);
            let texts =
                vec![columns.conversation(&data.chosen)?, columns.conversation(&data.rejected)?];
            (texts, RawTarget::Preferred(margin.unwrap_or(0.0)))
        }
        kind => {
            let target = match kind {
                TaskKind::MultiLabel => columns.several(&data.label)?,
                TaskKind::Regression => RawTarget::Numbers(columns.numbers(&data.label)?),
                _ => RawTarget::Label(columns.label(&data.label)?),
            };
            (vec![columns.text(&data.text)?], target)
        }
    };
    let texts = texts.into_iter().map(seen).collect();
    Ok(Raw { at: row.at.clone(), texts, prompt, target })
}

/// A text of which no label holds.
pub(super) fn read_neutral(
    config: &TaskConfig,
    text: &str,
    row: &Row,
    seen: impl Fn(String) -> String,
) -> Result<Raw, HybridError> {
    let texts = vec![seen(Columns { config, row }.text(text)?)];
    let labels = config.labels.iter().flatten();
    let target = RawTarget::Shares(labels.map(|label| (label.clone(), Some(0.0))).collect());
    Ok(Raw { at: row.at.clone(), texts, prompt: None, target })
}

/// A row, and what is asked of it.
pub(super) struct Columns<'a> {
    pub(super) config: &'a TaskConfig,
    row: &'a Row,
}

impl Columns<'_> {
    pub(super) fn wrong(&self, problem: String) -> HybridError {
        HybridError::Row { at: self.row.at.to_string(), problem }
    }

    pub(super) fn get(&self, name: &str) -> Result<&Value, HybridError> {
        self.row.columns.get(name).ok_or_else(|| {
            let known: Vec<String> =
                self.row.columns.keys().map(|key| format!("`{key}`")).collect();
            self.wrong(format!(
                "has no column `{name}`, which the head `{}` needs; there are {}: name the right \
                 one in its `data` table",
                self.config.task,
                known.join(", ")
            ))
        })
    }

    pub(super) fn expected(&self, name: &str, expected: &str) -> HybridError {
        self.wrong(format!("has something else in `{name}` than {expected}"))
    }

    /// A text, or the content of the last of a list of messages.
    fn text(&self, name: &str) -> Result<String, HybridError> {
        let said = match self.get(name)? {
            Value::Array(messages) => messages.last().and_then(|last| last.get("content")),
            other => Some(other),
        };
        let said = said.and_then(Value::as_str).map(str::to_owned);
        said.ok_or_else(|| self.expected(name, "a text, or messages whose last has a `content`"))
    }

    /// A text, or the contents of a list of messages, a line each.
    fn conversation(&self, name: &str) -> Result<String, HybridError> {
        match self.get(name)? {
            Value::String(text) => Ok(text.clone()),
            Value::Array(messages) => {
                let content = |message: &Value| Some(message.get("content")?.as_str()?.to_owned());
                let contents: Option<Vec<String>> = messages.iter().map(content).collect();
                let expected = "a text or a list of messages with `content`";
                contents.map(|lines| lines.join("\n")).ok_or_else(|| self.expected(name, expected))
            }
            _ => Err(self.expected(name, "a text or a list of messages with `content`")),
        }
    }

    fn label(&self, name: &str) -> Result<String, HybridError> {
        written(self.get(name)?).ok_or_else(|| self.expected(name, "a text, number or truth value"))
    }

    fn strings(&self, name: &str) -> Result<Vec<String>, HybridError> {
        let list = self.get(name)?.as_array().map(|list| list.iter().map(written).collect());
        list.flatten().ok_or_else(|| self.expected(name, "a list of texts"))
    }

    /// Tags by name, or, where the task names its labels, by number.
    fn tags(&self, name: &str) -> Result<Vec<String>, HybridError> {
        let Some(labels) = &self.config.labels else { return self.strings(name) };
        let tag = |value: &Value| match value.as_u64() {
            Some(id) => labels.get(usize::try_from(id).ok()?).cloned(),
            None => value.as_str().map(str::to_owned),
        };
        let list = self.get(name)?.as_array().map(|list| list.iter().map(tag).collect());
        list.flatten().ok_or_else(|| self.expected(name, "a list of tags or of their numbers"))
    }

    fn number(&self, name: &str) -> Result<f32, HybridError> {
        let number = self.get(name)?;
        as_number(number).ok_or_else(|| self.expected(name, "a finite number"))
    }

    fn numbers(&self, name: &str) -> Result<Vec<f32>, HybridError> {
        match self.get(name)? {
            Value::Array(list) => list.iter().map(as_number).collect(),
            one => as_number(one).map(|number| vec![number]),
        }
        .filter(|numbers: &Vec<f32>| !numbers.is_empty())
        .ok_or_else(|| self.expected(name, "a finite number, or a list of them"))
    }

    /// Several labels: a list of those that hold, an object of shares, or a column for each.
    fn several(&self, name: &str) -> Result<RawTarget, HybridError> {
        let share = |label: &str, value: &Value| match value {
            Value::Null => Ok((label.to_owned(), None)),
            value => match as_number(value) {
                Some(share) if (0.0..=1.0).contains(&share) => Ok((label.to_owned(), Some(share))),
                _ => Err(self.expected(label, "a share from 0 to 1, or null")),
            },
        };
        match self.row.columns.get(name) {
            Some(Value::Array(list)) => {
                let labels: Option<Vec<String>> = list.iter().map(written).collect();
                let labels = labels.ok_or_else(|| self.expected(name, "a list of labels"))?;
                Ok(RawTarget::Labels(labels))
            }
            Some(Value::Object(shares)) => {
                let shares = shares.iter().map(|(label, value)| share(label, value));
                Ok(RawTarget::Shares(shares.collect::<Result<_, _>>()?))
            }
            Some(_) => Err(self.expected(name, "a list of labels or an object of shares")),
            None => {
                let labels = self.config.labels.iter().flatten();
                let shares = labels.map(|label| share(label, self.get(label)?));
                Ok(RawTarget::Shares(shares.collect::<Result<_, _>>()?))
            }
        }
    }
}

fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

/// A number, or a text that is one, as every cell of CSV is.
fn as_number(value: &Value) -> Option<f32> {
    let number = match value {
        Value::Number(number) => number.as_f64()? as f32,
        Value::Bool(truth) => f32::from(*truth),
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}
