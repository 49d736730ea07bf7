//! `--set a.b=value`: one value changed from the command line.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::error::{ConfigError, Place};
use super::json;
use super::legacy;
use super::path::{KeyPath, Part};

/// One value that replaces what the file says, as `ppo.clip_range=0.1` or `phase[0].steps=20`.
///
/// The value is written as in TOML; what is no TOML value is taken as a text, so that
/// `optim.optimizer=lion` needs no quotes.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    text: String,
    path: KeyPath,
    value: Value,
}

impl FromStr for Override {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let bad = |problem: String| {
            Err(ConfigError::BadOverride { place: Place::Override(text.to_owned()), problem })
        };
        let Some((key, value)) = text.split_once('=') else {
            return bad("this has no `=`; write `key=value`, as `ppo.clip_range=0.1`".to_owned());
        };
        let Some(path) = KeyPath::parse(key) else {
            return bad(format!(
                "`{key}` is no key; write it as `ppo.clip_range` or `phase[0].steps`"
            ));
        };
        let path = match path.0.as_slice() {
            [Part::Key(only)] => legacy::today(only).unwrap_or(path),
            _ => path,
        };
        let value = match read_value(value.trim()) {
            Ok(value) => value,
            Err(problem) => return bad(problem),
        };
        match json::to_json(value, &path) {
            Ok(value) => Ok(Self { text: text.to_owned(), path, value }),
            Err(json::BadValue { path, problem }) => bad(format!("`{path}` {problem}")),
        }
    }
}

/// A TOML value, or the text itself where it is none and does not begin like a bracketed or quoted
/// one.
fn read_value(text: &str) -> Result<toml::Value, String> {
    match text.parse::<toml::Value>() {
        Ok(toml::Value::Datetime(_)) => Ok(toml::Value::String(text.to_owned())),
        Ok(value) => Ok(value),
        Err(error) if text.starts_with(['"', '\'', '[', '{']) => {
            let problem = error.message().trim_end().replace('\n', ", ");
            Err(format!("`{text}` is not a valid TOML value: {problem}"))
        }
        Err(_) => Ok(toml::Value::String(text.to_owned())),
    }
}

impl Override {
    /// The override as it was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn path(&self) -> &KeyPath {
        &self.path
    }

    pub(super) fn place(&self) -> Place {
        Place::Override(self.text.clone())
    }

    /// Puts the value where it belongs; tables in between are made.
    pub(super) fn apply(&self, root: &mut Map<String, Value>) -> Result<(), ConfigError> {
        let mut whole = Value::Object(std::mem::take(root));
        let put = self.put(&mut whole);
        if let Value::Object(fields) = whole {
            *root = fields;
        }
        put
    }

    fn put(&self, whole: &mut Value) -> Result<(), ConfigError> {
        let mut slot = whole;
        let mut so_far = KeyPath::default();
        for part in &self.path.0 {
            let wrong = |problem: String| Err(self.wrong(problem));
            slot = match part {
                Part::Key(key) => match slot {
                    Value::Object(fields) => {
                        fields.entry(key.as_str()).or_insert_with(|| Value::Object(Map::new()))
                    }
                    other => {
                        let found = kind(other);
                        return wrong(format!(
                            "`{so_far}` is {found}, so there is no `{key}` in it; replace it as a \
                             whole, as `{so_far}={{ {key} = … }}`"
                        ));
                    }
                },
                Part::Index(index) => match slot {
                    Value::Array(items) => {
                        let count = items.len();
                        match items.get_mut(*index) {
                            Some(item) => item,
                            None => {
                                return wrong(format!(
                                    "there is no `{so_far}[{index}]`: the array has length {count}, and the \
                                     first entry is `{so_far}[0]`"
                                ));
                            }
                        }
                    }
                    other => {
                        let found = kind(other);
                        return wrong(format!("`{so_far}` is {found} here, not an array"));
                    }
                },
            };
            so_far = so_far.join(part.clone());
        }
        *slot = self.value.clone();
        Ok(())
    }

    fn wrong(&self, problem: String) -> ConfigError {
        ConfigError::key(self.place(), &self.path.to_string(), problem)
    }
}

/// The type of a value, with its article.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "a table",
    }
}
