//! Answers of a row, as SQuAD writes them, and where in its context they stand.

use std::ops::Range;

use hybrid_heads::TaskKind;
use serde_json::Value;

use super::columns::{Columns, RawTarget};
use crate::error::HybridError;

/// What is asked of an answer's column.
const EXPECTED: &str = "an object `{text = […], answer_start = […]}`, a list of such of one answer \
                        each, a text beside its start, or null";

/// Reads the answers of a row; the first is the one to learn.
pub(super) fn read(columns: &Columns<'_>, context: &str) -> Result<RawTarget, HybridError> {
    let data = &columns.config.data;
    let name = data.answers.as_str();
    let wrong = || columns.expected(name, EXPECTED);
    let found: Vec<(String, usize)> = match columns.get(name)? {
        Value::Null => Vec::new(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => {
            let start = data.answer_start.as_str();
            let at = whole(columns.get(start)?);
            let at = at.ok_or_else(|| columns.expected(start, "a number of characters"))?;
            vec![(text.clone(), at)]
        }
        one @ Value::Object(_) => pairs(one).ok_or_else(wrong)?,
        Value::Array(list) => {
            let pairs = list.iter().map(pairs).collect::<Option<Vec<_>>>();
            pairs.ok_or_else(wrong)?.concat()
        }
        _ => return Err(wrong()),
    };
    let mut places = Vec::with_capacity(found.len());
    for (text, start) in &found {
        places.push(place(columns, context, text, *start)?);
    }
    if places.is_empty() && columns.config.kind == TaskKind::Span {
        return Err(columns.wrong(format!(
            "has no answer in `{name}`, but in a task of kind `span` every context holds one; use \
             `span_or_none`, or leave the row out"
        )));
    }
    let texts = found.into_iter().map(|(text, _)| text).collect();
    Ok(RawTarget::Answers { texts, at: places.into_iter().next() })
}

/// The answers of `{text, answer_start}`, each a list or one.
fn pairs(object: &Value) -> Option<Vec<(String, usize)>> {
    let list = |name: &str| match object.get(name)? {
        Value::Array(list) => Some(list.clone()),
        one => Some(vec![one.clone()]),
    };
    let (texts, starts) = (list("text")?, list("answer_start")?);
    if texts.len() != starts.len() {
        return None;
    }
    let pair = |(text, start): (&Value, &Value)| Some((text.as_str()?.to_owned(), whole(start)?));
    texts.iter().zip(&starts).map(pair).collect()
}

/// A whole number, or a text that is one, as every cell of CSV is.
fn whole(value: &Value) -> Option<usize> {
    match value {
        Value::Number(number) => usize::try_from(number.as_u64()?).ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The bytes of an answer that begins at a character.
fn place(
    columns: &Columns<'_>,
    context: &str,
    text: &str,
    start: usize,
) -> Result<Range<usize>, HybridError> {
    let byte = context.char_indices().map(|(byte, _)| byte).nth(start);
    let rest = byte.and_then(|byte| context.get(byte..)).unwrap_or_default();
    if let Some(byte) = byte.filter(|_| !text.is_empty() && rest.starts_with(text)) {
        return Ok(byte..byte + text.len());
    }
    let there = match rest.chars().take(text.chars().count().max(1)).collect::<String>() {
        nothing if nothing.is_empty() => "nothing stands".to_owned(),
        there => format!("`{there}` stands"),
    };
    let data = &columns.config.data;
    Err(columns.wrong(format!(
        "says in `{}` that the answer `{text}` begins at character {start} of `{}`, where {there}; \
         starts count characters, from 0",
        data.answers, data.context
    )))
}
