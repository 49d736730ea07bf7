//! The JSON rows that a scoring tool reads: a response with everything that came with it.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::reward::Needs;
use crate::sample::Sample;
use crate::spec::params::describe;

/// One row, owned.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// The row's `id`, of any kind; absent where the row has none.
    pub id: Option<Value>,
    /// The `prompt`; absent where the row has none.
    pub prompt: Option<String>,
    /// The `response`, or `completion`.
    pub response: String,
    /// The `target`: none, one, or several.
    pub targets: Vec<String>,
    /// The `group`, of any kind; absent where the row has none.
    pub group: Option<Value>,
    /// The `token_ids` of the response, where the row has a list of token numbers under that name;
    /// they stay among the `fields`, too.
    pub token_ids: Option<Vec<u32>>,
    /// Everything else.
    pub fields: Map<String, Value>,
}

/// What is wrong with a row; the reader of the file knows which row it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// Something else than an object.
    #[error("expected an object with a `response`, got {got}")]
    NotAnObject {
        /// What it is.
        got: String,
    },

    /// No response.
    #[error("has no `response`; add it (`completion` is accepted in its place)")]
    NoResponse,

    /// Two responses.
    #[error("has both `response` and `completion`; keep one of them")]
    TwoResponses,

    /// A field of the wrong kind.
    #[error("field `{field}`: expected {expected}, got {got}")]
    BadField {
        /// The field, or the path into it.
        field: String,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        got: String,
    },
}

impl Row {
    /// Reads a row out of a JSON object. A `null` field is an absent one.
    ///
    /// # Errors
    ///
    /// [`RowError`] where the object has no response, two of them, or a field of the wrong kind.
    pub fn from_json(value: Value) -> Result<Self, RowError> {
        let Value::Object(mut fields) = value else {
            return Err(RowError::NotAnObject { got: describe(&value) });
        };
        let response = text(&mut fields, "response")?;
        let completion = text(&mut fields, "completion")?;
        let response = match (response, completion) {
            (Some(text), None) | (None, Some(text)) => text,
            (None, None) => return Err(RowError::NoResponse),
            (Some(_), Some(_)) => return Err(RowError::TwoResponses),
        };
        let prompt = text(&mut fields, "prompt")?;
        let targets = targets(fields.shift_remove("target"))?;
        let mut take = |key| fields.shift_remove(key).filter(|value| !value.is_null());
        let (id, group) = (take("id"), take("group"));
        let token_ids = fields.get("token_ids").and_then(token_ids);
        Ok(Self { id, prompt, response, targets, group, token_ids, fields })
    }

    /// The first thing that the row lacks of `needs`, by the name of its field.
    pub fn missing<'n>(&self, needs: &'n Needs) -> Option<&'n str> {
        if needs.target && self.targets.is_empty() {
            return Some("target");
        }
        if needs.prompt && self.prompt.is_none() {
            return Some("prompt");
        }
        if needs.token_ids && self.token_ids.is_none() {
            return Some("token_ids");
        }
        let absent = |field: &&String| !self.fields.contains_key(*field);
        needs.fields.iter().find(absent).map(String::as_str)
    }

    /// The row as a reward reads it.
    pub fn sample(&self, id: u64, group: u64) -> Sample<'_> {
        Sample {
            id,
            group,
            prompt: self.prompt.as_deref().unwrap_or_default(),
            response: &self.response,
            targets: &self.targets,
            token_ids: self.token_ids.as_deref(),
            fields: &self.fields,
        }
    }
}

/// Numbers the groups of rows as they come: rows with an equal `group` share a number; a row without
/// one shares the number of the row before it where both have the same prompt.
#[derive(Debug, Default)]
pub struct Grouper {
    named: HashMap<String, u64>,
    last_prompt: Option<String>,
    last: u64,
    next: u64,
}

impl Grouper {
    /// The group of the next row.
    pub fn group(&mut self, row: &Row) -> u64 {
        if let Some(name) = &row.group {
            self.last_prompt = None;
            let fresh = self.next;
            let group = *self.named.entry(name.to_string()).or_insert(fresh);
            self.next += u64::from(group == fresh);
            return group;
        }
        if row.prompt.is_none() || self.last_prompt != row.prompt {
            self.last = self.next;
            self.next += 1;
        }
        self.last_prompt.clone_from(&row.prompt);
        self.last
    }
}

fn text(fields: &mut Map<String, Value>, field: &str) -> Result<Option<String>, RowError> {
    match fields.shift_remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(bad_field(field, "a string", &other)),
    }
}

fn token_ids(value: &Value) -> Option<Vec<u32>> {
    let id = |value: &Value| u32::try_from(value.as_u64()?).ok();
    value.as_array()?.iter().map(id).collect()
}

fn targets(value: Option<Value>) -> Result<Vec<String>, RowError> {
    const EXPECTED: &str = "a string or a list of strings";
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text]),
        Some(Value::Array(items)) => {
            let item = |(index, item)| match item {
                Value::String(text) => Ok(text),
                other => Err(bad_field(&format!("target[{index}]"), EXPECTED, &other)),
            };
            items.into_iter().enumerate().map(item).collect()
        }
        Some(other) => Err(bad_field("target", EXPECTED, &other)),
    }
}

fn bad_field(field: &str, expected: &'static str, got: &Value) -> RowError {
    RowError::BadField { field: field.to_owned(), expected, got: describe(got) }
}

#[cfg(test)]
mod tests;
