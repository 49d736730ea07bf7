//! What Python gives a Jinja template and the engine lacks or does differently: methods of strings,
//! `tojson`, the printed form of lists and dictionaries, `raise_exception` and `strftime_now`.

use std::fmt::Write as _;

use chrono::NaiveDateTime;
use chrono::format::{Item, StrftimeItems};
use minijinja::value::{Kwargs, Rest, ValueKind, from_args};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::json;

#[cfg(test)]
mod tests;

/// What a template said when it called `raise_exception`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Raised(pub(super) String);

/// Gives `environment` the functions, filters and methods that chat templates expect.
pub(super) fn install(environment: &mut Environment<'_>) {
    environment.set_unknown_method_callback(call_method);
    environment.set_formatter(|out, _state, value| Ok(out.write_str(&text_of(value))?));
    environment.add_filter("tojson", tojson);
    environment.add_filter("string", |value: &Value| text_of(value));
    environment.add_filter("trim", |text: &str, chars: Option<&str>| {
        strip_start(strip_end(text, chars), chars).to_owned()
    });
    environment.add_test("sequence", |value: &Value| {
        matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Map)
    });
    environment.add_function("raise_exception", |message: &Value| {
        let raised = Raised(text_of(message));
        Err::<Value, _>(
            Error::new(ErrorKind::InvalidOperation, "raised by the template").with_source(raised),
        )
    });
}

/// `strftime_now`, for a clock that stands at `now`.
pub(super) fn strftime(now: NaiveDateTime) -> Value {
    Value::from_function(move |format: &str| {
        let items: Vec<Item<'_>> = StrftimeItems::new(format).collect();
        let mut text = String::new();
        if items.contains(&Item::Error)
            || write!(text, "{}", now.format_with_items(items.iter())).is_err()
        {
            let message = format!("`strftime_now` does not know the format \"{format}\"");
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
        Ok(text)
    })
}

/// A value as Python's `str` prints it.
fn text_of(value: &Value) -> String {
    match value.kind() {
        ValueKind::Seq | ValueKind::Map | ValueKind::Number => repr(value),
        _ => value.to_string(),
    }
}

/// A value as Python's `repr` prints it.
fn repr(value: &Value) -> String {
    match value.kind() {
        ValueKind::String => repr_string(value.as_str().unwrap_or_default()),
        ValueKind::Seq => {
            let items: Vec<String> =
                value.try_iter().into_iter().flatten().map(|item| repr(&item)).collect();
            format!("[{}]", items.join(", "))
        }
        ValueKind::Map => {
            let entry = |key: Value| {
                let item = value.get_item(&key).unwrap_or_default();
                format!("{}: {}", repr(&key), repr(&item))
            };
            let entries: Vec<String> = value.try_iter().into_iter().flatten().map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
        ValueKind::Number if !value.is_integer() => {
            f64::try_from(value.clone()).map_or_else(|_| value.to_string(), json::float_text)
        }
        _ => value.to_string(),
    }
}

/// A string in quotes, single ones unless it contains some and no double ones.
fn repr_string(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if is_printable(c) => out.push(c),
            c => out.push_str(&match u32::from(c) {
                code @ ..0x100 => format!("\\x{code:02x}"),
                code @ ..0x1_0000 => format!("\\u{code:04x}"),
                code => format!("\\U{code:08x}"),
            }),
        }
    }
    out.push(quote);
    out
}

/// Whether Python prints a character as it is. Rust's debug form agrees, but also escapes marks that
/// would combine with the quote; behind a letter it does not.
fn is_printable(c: char) -> bool {
    format!("{:?}", format!("a{c}")).chars().count() == 4 || c == '"'
}

/// `tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False)`.
fn tojson(value: &Value, positional: Rest<Value>, named: Kwargs) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(Error::new(ErrorKind::UndefinedError, "`tojson` of an undefined value"));
    }
    let argument = |index: usize, name: &str| -> Result<Value, Error> {
        match positional.get(index) {
            Some(value) => Ok(value.clone()),
            None => Ok(named.get::<Option<Value>>(name)?.unwrap_or(Value::from(()))),
        }
    };
    let ensure_ascii = argument(0, "ensure_ascii")?.is_true();
    let indent = argument(1, "indent")?;
    let indent = if indent.is_none() { None } else { Some(usize::try_from(indent)?) };
    let separators = argument(2, "separators")?;
    let sort_keys = argument(3, "sort_keys")?.is_true();
    named.assert_all_used()?;
    let (item_separator, key_separator) = if separators.is_none() {
        (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned())
    } else {
        let pair: Vec<Value> = separators.try_iter()?.collect();
        match pair.as_slice() {
            [item, key] => (item.to_string(), key.to_string()),
            _ => {
                let message = "`separators` of `tojson` must be a pair of strings";
                return Err(Error::new(ErrorKind::InvalidOperation, message));
            }
        }
    };
    let value = serde_json::to_value(value).map_err(|source| {
        Error::new(ErrorKind::BadSerialization, "this value has no JSON form").with_source(source)
    })?;
    let style = json::Style { indent, item_separator, key_separator, ensure_ascii, sort_keys };
    Ok(json::dumps(&value, &style))
}

/// Python's methods: the ones below first, because the engine's own count bytes instead of
/// characters, loop on an empty needle, or are missing; then the engine's.
fn call_method(
    state: &State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        match method {
            "find" | "rfind" | "index" | "rindex" => return find(text, method, args),
            "count" => {
                let (needle,): (&str,) = from_args(args)?;
                // Python finds the empty string before every character and at the end.
                return Ok(Value::from(text.matches(needle).count()));
            }
            "strip" | "lstrip" | "rstrip" => {
                let (chars,): (Option<&str>,) = from_args(args)?;
                let text = if method == "rstrip" { text } else { strip_start(text, chars) };
                let text = if method == "lstrip" { text } else { strip_end(text, chars) };
                return Ok(Value::from(text));
            }
            "removeprefix" => {
                let (prefix,): (&str,) = from_args(args)?;
                return Ok(Value::from(text.strip_prefix(prefix).unwrap_or(text)));
            }
            "removesuffix" => {
                let (suffix,): (&str,) = from_args(args)?;
                return Ok(Value::from(text.strip_suffix(suffix).unwrap_or(text)));
            }
            "partition" | "rpartition" => {
                let (separator,): (&str,) = from_args(args)?;
                return partition(text, separator, method == "rpartition");
            }
            "rsplit" => {
                let (separator, limit): (&str, Option<i64>) = from_args(args)?;
                return rsplit(text, separator, limit.unwrap_or(-1));
            }
            _ => {}
        }
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, value, method, args)
}

/// Position of a needle in characters, or -1; the `index` forms fail instead.
fn find(text: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    let (needle,): (&str,) = from_args(args)?;
    let at = if method.starts_with('r') { text.rfind(needle) } else { text.find(needle) };
    match at.and_then(|at| text.get(..at)) {
        Some(before) => Ok(Value::from(before.chars().count())),
        None if method.ends_with("find") => Ok(Value::from(-1)),
        None => Err(Error::new(ErrorKind::InvalidOperation, "substring not found")),
    }
}

fn partition(text: &str, separator: &str, from_end: bool) -> Result<Value, Error> {
    if separator.is_empty() {
        return Err(Error::new(ErrorKind::InvalidOperation, "empty separator"));
    }
    let parts = if from_end { text.rsplit_once(separator) } else { text.split_once(separator) };
    let [before, middle, after] = match parts {
        Some((before, after)) => [before, separator, after],
        None if from_end => ["", "", text],
        None => [text, "", ""],
    };
    Ok([before, middle, after].into_iter().collect())
}

fn rsplit(text: &str, separator: &str, limit: i64) -> Result<Value, Error> {
    if separator.is_empty() {
        return Err(Error::new(ErrorKind::InvalidOperation, "empty separator"));
    }
    let mut parts: Vec<&str> = match usize::try_from(limit) {
        Ok(limit) => text.rsplitn(limit.saturating_add(1), separator).collect(),
        Err(_) => text.rsplit(separator).collect(),
    };
    parts.reverse();
    Ok(parts.into_iter().collect())
}

/// Python calls four control characters white space that Unicode does not.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

fn strip_start<'a>(text: &'a str, chars: Option<&str>) -> &'a str {
    text.trim_start_matches(|c| chars.map_or_else(|| is_space(c), |chars| chars.contains(c)))
}

fn strip_end<'a>(text: &'a str, chars: Option<&str>) -> &'a str {
    text.trim_end_matches(|c| chars.map_or_else(|| is_space(c), |chars| chars.contains(c)))
}
