//! `{% generation %}` blocks, which the template engine does not know.
//!
//! A block is parsed as the call block `{% call FUNCTION() %}`: both are block tags, so white-space
//! control, scoping and nesting stay as they were. The function prints the block's text between two
//! marks that occur nowhere else; after rendering the marks are cut out again and their places kept.

use std::ops::Range;

use minijinja::value::Kwargs;
use minijinja::{Error, State, Value as JinjaValue};
use serde_json::{Map, Value};

#[cfg(test)]
mod tests;

/// The variable that holds the function which prints a block.
pub(super) const FUNCTION: &str = "generation__block";

/// Turns the tags of generation blocks into call blocks, and says whether there were any.
///
/// Comments, `{% raw %}` blocks and string literals are left alone.
pub(super) fn rewrite_tags(source: &str) -> (String, bool) {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    let mut found = false;
    let mut raw = false;
    while let Some(open) = rest.find('{') {
        let (text, tail) = rest.split_at(open);
        out.push_str(text);
        let construct = &tail[..construct_len(tail, raw)];
        rest = &tail[construct.len()..];
        match tag_name(construct) {
            "raw" => raw = true,
            "endraw" => raw = false,
            "generation" if !raw => {
                found = true;
                out.push_str(&construct.replacen("generation", &format!("call {FUNCTION}()"), 1));
                continue;
            }
            "endgeneration" if !raw => {
                out.push_str(&construct.replacen("endgeneration", "endcall", 1));
                continue;
            }
            _ => {}
        }
        out.push_str(construct);
    }
    out.push_str(rest);
    (out, found)
}

/// How many bytes the tag, expression or comment at the start of `text` takes; one if there is
/// none. Inside a raw block only the tag that ends it counts.
fn construct_len(text: &str, raw: bool) -> usize {
    let close = match text.get(..2) {
        Some("{%") => "%}",
        Some("{{") if !raw => "}}",
        Some("{#") if !raw => return text.find("#}").map_or(text.len(), |at| at + 2),
        _ => return 1,
    };
    if raw && tag_name(text) != "endraw" {
        return 1;
    }
    let mut quote = None;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(2) {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if byte == b'\\' => escaped = true,
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if byte == b'"' || byte == b'\'' => quote = Some(byte),
            None if text.as_bytes()[at..].starts_with(close.as_bytes()) => return at + close.len(),
            None => {}
        }
    }
    text.len()
}

/// The first word of a block tag, empty for anything else.
fn tag_name(construct: &str) -> &str {
    let Some(inner) = construct.strip_prefix("{%") else {
        return "";
    };
    let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner).trim_start();
    let end = inner.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(inner.len());
    &inner[..end]
}

/// A pair of strings that occur in nothing the template can print.
#[derive(Debug, Clone)]
pub(super) struct Marker {
    start: String,
    end: String,
}

/// Where every mark begins: a private-use character that text has no reason to hold.
const LEAD: char = '\u{10FF0A}';

impl Marker {
    /// Picks marks that no variable contains.
    pub(super) fn unused_in(variables: &Map<String, Value>) -> Self {
        let mut number = 0_u64;
        let taken = |number: u64| {
            let lead = format!("{LEAD}{number}");
            variables.iter().any(|(name, value)| name.contains(&lead) || contains(value, &lead))
        };
        while taken(number) {
            number += 1;
        }
        Self { start: format!("{LEAD}{number}<"), end: format!("{LEAD}{number}>") }
    }

    /// The function that prints what its block prints, between the two marks.
    pub(super) fn function(&self) -> JinjaValue {
        let Self { start, end } = self.clone();
        JinjaValue::from_function(move |state: &State<'_, '_>, block: Kwargs| {
            let caller: JinjaValue = block.get("caller")?;
            let text = caller.call(state, &[])?;
            Ok::<String, Error>(format!("{start}{text}{end}"))
        })
    }

    /// Cuts the marks out of `text` and returns the byte ranges between them; `None` if a mark
    /// lost its partner.
    pub(super) fn extract(&self, text: &str) -> Option<(String, Vec<Range<usize>>)> {
        let mut out = String::with_capacity(text.len());
        let mut open = Vec::new();
        let mut spans = Vec::new();
        let mut rest = text;
        loop {
            let start = rest.find(&self.start).unwrap_or(rest.len());
            let end = rest.find(&self.end).unwrap_or(rest.len());
            let at = start.min(end);
            out.push_str(&rest[..at]);
            if at == rest.len() {
                break;
            }
            if start < end {
                open.push(out.len());
                rest = &rest[at + self.start.len()..];
            } else {
                spans.push(open.pop()?..out.len());
                rest = &rest[at + self.end.len()..];
            }
        }
        spans.sort_by_key(|span| span.start);
        open.is_empty().then_some((out, spans))
    }
}

/// Whether any string in `value` contains `needle`.
fn contains(value: &Value, needle: &str) -> bool {
    match value {
        Value::String(text) => text.contains(needle),
        Value::Array(items) => items.iter().any(|item| contains(item, needle)),
        Value::Object(map) => {
            map.iter().any(|(key, item)| key.contains(needle) || contains(item, needle))
        }
        _ => false,
    }
}
