//! From text to one JSON value, whatever the format, and back to the place of a key.

use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};
use toml::de::{DeTable, DeValue};

use super::path::{KeyPath, Part};

/// How a configuration is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Toml,
    Json,
}

/// Text that is not of its format.
#[derive(Debug)]
pub(super) struct SyntaxError {
    /// 1-based line and column.
    pub(super) position: Option<(usize, usize)>,
    pub(super) problem: String,
}

/// A value that no configuration can hold.
#[derive(Debug)]
pub(super) struct BadValue {
    pub(super) path: KeyPath,
    pub(super) problem: String,
}

/// Reads TOML. Numbers that are not finite, and dates, are refused by the caller, see [`to_json`].
pub(super) fn read_toml(text: &str) -> Result<toml::Table, SyntaxError> {
    toml::from_str(text).map_err(|error| SyntaxError {
        position: error.span().and_then(|span| position(text, span.start)),
        problem: error.message().trim_end().replace('\n', ", "),
    })
}

/// Reads JSON; a key that stands twice in an object is an error.
pub(super) fn read_json(text: &str) -> Result<Value, SyntaxError> {
    serde_json::from_str::<Strict>(text).map(|strict| strict.0).map_err(|error| {
        let whole = error.to_string();
        let problem = whole.split(" at line ").next().unwrap_or(&whole).to_owned();
        SyntaxError { position: Some((error.line(), error.column())), problem }
    })
}

/// The 1-based line and column, in characters, of a byte.
fn position(text: &str, byte: usize) -> Option<(usize, usize)> {
    let before = text.get(..byte)?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    Some((line, column))
}

/// TOML as JSON.
pub(super) fn to_json(value: toml::Value, path: &KeyPath) -> Result<Value, BadValue> {
    let bad = |problem: &str| BadValue { path: path.clone(), problem: problem.to_owned() };
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::Number(number.into()),
        toml::Value::Boolean(flag) => Value::Bool(flag),
        toml::Value::Float(number) => Value::Number(
            Number::from_f64(number)
                .ok_or_else(|| bad(&format!("is {number}, must be a finite number")))?,
        ),
        toml::Value::Datetime(_) => {
            return Err(bad("is a date, which no key takes; put it in quotes to make it a text"));
        }
        toml::Value::Array(items) => Value::Array(
            items
                .into_iter()
                .enumerate()
                .map(|(index, item)| to_json(item, &path.join(Part::Index(index))))
                .collect::<Result<_, _>>()?,
        ),
        toml::Value::Table(table) => Value::Object(table_to_json(table, path)?),
    })
}

/// A TOML table as a JSON object.
pub(super) fn table_to_json(
    table: toml::Table,
    path: &KeyPath,
) -> Result<Map<String, Value>, BadValue> {
    let entry = |(key, value): (String, toml::Value)| {
        let value = to_json(value, &path.join(Part::Key(key.clone())))?;
        Ok((key, value))
    };
    table.into_iter().map(entry).collect()
}

/// Drops every key whose value is null, which JSON writes for "absent" and TOML cannot write, and
/// refuses what TOML cannot hold: a null in an array, a whole number beyond 2^63 − 1.
pub(super) fn without_nulls(value: Value, path: &KeyPath) -> Result<Value, BadValue> {
    let bad = |problem: String| BadValue { path: path.clone(), problem };
    match value {
        Value::Null => Err(bad("is null in an array; remove it".to_owned())),
        Value::Number(number) if number.is_u64() && !number.is_i64() => {
            Err(bad(format!("is {number}, must be at most {}", i64::MAX)))
        }
        Value::Array(items) => {
            let item = |(index, item)| without_nulls(item, &path.join(Part::Index(index)));
            items.into_iter().enumerate().map(item).collect::<Result<_, _>>().map(Value::Array)
        }
        Value::Object(fields) => {
            let field = |(key, value): (String, Value)| {
                let value = without_nulls(value, &path.join(Part::Key(key.clone())))?;
                Ok((key, value))
            };
            let present = fields.into_iter().filter(|(_, value)| !value.is_null());
            present.map(field).collect::<Result<_, _>>().map(Value::Object)
        }
        other => Ok(other),
    }
}

/// The 1-based line and column of a key in a TOML text; of the nearest table around it where the key
/// itself is not written.
pub(super) fn locate(text: &str, path: &KeyPath) -> Option<(usize, usize)> {
    let root = DeTable::parse(text).ok()?;
    let mut parts = path.0.iter();
    let Part::Key(first) = parts.next()? else { return None };
    let (key, mut value) = root.get_ref().get_key_value(first.as_str())?;
    let mut found = key.span();
    for part in parts {
        let next = match (part, value.get_ref()) {
            (Part::Key(name), DeValue::Table(table)) => {
                table.get_key_value(name.as_str()).map(|(key, value)| (key.span(), value))
            }
            (Part::Index(index), DeValue::Array(items)) => {
                items.get(*index).map(|item| (item.span(), item))
            }
            _ => None,
        };
        let Some((span, inner)) = next else { break };
        // A table of an array of tables is found by its header.
        found = span;
        value = inner;
    }
    position(text, found.start)
}

/// JSON in which no key stands twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            values.push(item);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if fields.contains_key(&key) {
                return Err(de::Error::custom(format_args!(
                    "the key `{key}` stands twice; remove one"
                )));
            }
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }
}
