//! A column of messages: `role` and `content`, or ShareGPT's `from` and `value`.

use serde_json::{Map, Value};

use crate::error::{DataError, RowLocation, describe};
use crate::template::Message;

/// Reads the conversation that the column `name` of the row `at` holds.
pub(super) fn parse(
    at: &RowLocation,
    name: &str,
    value: Option<&Value>,
) -> Result<Vec<Message>, DataError> {
    let bad = |field: String, expected: &str, got: String| {
        Err(DataError::BadField { at: at.clone(), field, expected: expected.to_owned(), got })
    };
    let items = match value {
        Some(Value::Array(items)) if !items.is_empty() => items,
        other => {
            let got = other.map_or_else(|| "nothing".into(), describe);
            return bad(name.to_owned(), "an array of at least one message", got);
        }
    };
    let mut messages = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let field = format!("{name}[{index}]");
        let Value::Object(fields) = item else {
            return bad(field, "an object with `role` and `content`", describe(item));
        };
        let fields = match share_gpt(fields) {
            Some(Ok(fields)) => fields,
            Some(Err(from)) => {
                let expected = "`human`, `gpt`, `system`, `tool` or a standard role";
                return bad(format!("{field}.from"), expected, describe(&from));
            }
            None => without_nulls(fields),
        };
        match fields.get("role") {
            Some(Value::String(role)) if !role.is_empty() => {}
            other => {
                let got = other.map_or_else(|| "nothing".into(), describe);
                return bad(format!("{field}.role"), "a role such as \"user\"", got);
            }
        }
        match Message::try_from(fields) {
            Ok(message) => messages.push(message),
            Err(message) => return bad(field, "a message", message),
        }
    }
    Ok(messages)
}

/// Columnar files write every field that any message has: those that are null are not there.
fn without_nulls(fields: &Map<String, Value>) -> Map<String, Value> {
    let there = fields.iter().filter(|(_, value)| !value.is_null());
    there.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The standard fields of a ShareGPT message, or the `from` that has no standard role; `None` for
/// any other message.
fn share_gpt(fields: &Map<String, Value>) -> Option<Result<Map<String, Value>, Value>> {
    let (None, Some(from), Some(value)) =
        (fields.get("role"), fields.get("from"), fields.get("value"))
    else {
        return None;
    };
    let role = match from.as_str() {
        Some("human" | "user") => "user",
        Some("gpt" | "chatgpt" | "assistant") => "assistant",
        Some("system") => "system",
        Some("tool" | "function") => "tool",
        _ => return Some(Err(from.clone())),
    };
    let mut standard = Map::new();
    standard.insert("role".to_owned(), role.into());
    standard.insert("content".to_owned(), value.clone());
    Some(Ok(standard))
}
