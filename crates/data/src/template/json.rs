//! JSON exactly as Python's `json.dumps` writes it, which is what `tojson` means in a chat template.

use serde_json::{Number, Value};

#[cfg(test)]
mod tests;

/// The arguments of `json.dumps`.
#[derive(Debug, Clone)]
pub(super) struct Style {
    /// Spaces per level; `None` writes one line.
    pub(super) indent: Option<usize>,
    /// What stands between two items.
    pub(super) item_separator: String,
    /// What stands between a key and its value.
    pub(super) key_separator: String,
    /// Whether characters beyond ASCII are written as `\uXXXX`.
    pub(super) ensure_ascii: bool,
    /// Whether an object's keys are sorted.
    pub(super) sort_keys: bool,
}

/// Writes `value` as `json.dumps` would.
pub(super) fn dumps(value: &Value, style: &Style) -> String {
    let mut out = String::new();
    write_value(&mut out, value, style, 0);
    out
}

fn write_value(out: &mut String, value: &Value, style: &Style, level: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number_text(number)),
        Value::String(text) => write_string(out, text, style.ensure_ascii),
        Value::Array(items) if items.is_empty() => out.push_str("[]"),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(out, style, level + 1, index);
                write_value(out, item, style, level + 1);
            }
            new_line(out, style, level);
            out.push(']');
        }
        Value::Object(map) if map.is_empty() => out.push_str("{}"),
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            if style.sort_keys {
                entries.sort_by_key(|(key, _)| *key);
            }
            out.push('{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                separate(out, style, level + 1, index);
                write_string(out, key, style.ensure_ascii);
                out.push_str(&style.key_separator);
                write_value(out, item, style, level + 1);
            }
            new_line(out, style, level);
            out.push('}');
        }
    }
}

fn separate(out: &mut String, style: &Style, level: usize, index: usize) {
    if index > 0 {
        out.push_str(&style.item_separator);
    }
    new_line(out, style, level);
}

fn new_line(out: &mut String, style: &Style, level: usize) {
    if let Some(indent) = style.indent {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', indent * level));
    }
}

fn write_string(out: &mut String, text: &str, ensure_ascii: bool) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' || (ensure_ascii && !c.is_ascii()) || (ensure_ascii && c == '\u{7f}') => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn number_text(number: &Number) -> String {
    match (number.is_f64(), number.as_f64()) {
        (true, Some(float)) => float_text(float),
        _ => number.to_string(),
    }
}

/// A float as Python's `repr` writes it: the shortest digits that read back as the same number, in
/// scientific notation below 1e-4 and from 1e16 on.
pub(super) fn float_text(float: f64) -> String {
    if float.is_nan() {
        return "nan".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = float.to_string();
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}
