//! The forms themselves: each gives the share of it that a text has.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::schema::Schema;
use crate::error::ParamError;
use crate::text::strip;

/// A form that is ready to be compared with.
pub(super) enum Form {
    Json(Option<Box<Schema>>),
    Regex(Regex),
    Numbered { range: (usize, usize), only: bool },
    Bullets { range: (usize, usize), only: bool },
    Paragraphs { range: (usize, usize) },
    Tags { tags: Vec<String>, only: bool },
    Fence { language: Option<String>, only: bool },
    Template(Vec<Piece>),
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text that must stand there.
    Text(String),
    /// Any text that is not blank.
    Gap,
}

impl Form {
    /// How much of the form `text` has, in [0, 1]; 1 is all of it.
    pub(super) fn share(&self, text: &str) -> f64 {
        match self {
            Self::Json(schema) => one(json(text)
                .is_some_and(|value| schema.as_ref().is_none_or(|schema| schema.allows(&value)))),
            Self::Regex(pattern) => one(pattern.is_match(text)),
            Self::Numbered { range, only } => list(text, *range, *only, numbered),
            Self::Bullets { range, only } => list(text, *range, *only, |line, _| bullet(line)),
            Self::Paragraphs { range: (min, max) } => {
                one((*min..=*max).contains(&paragraphs(text)))
            }
            Self::Tags { tags, only } => tag_share(text, tags, *only),
            Self::Fence { language, only } => one(fenced(text, language.as_deref(), *only)),
            Self::Template(pieces) => template_share(text, pieces),
        }
    }
}

fn one(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

/// The JSON value that `text` is, or that the only code fence in it holds.
fn json(text: &str) -> Option<Value> {
    let text = strip(text);
    let inner = match fence_parts(text) {
        Some(("json" | "", inner, "", "")) => inner,
        _ => text,
    };
    serde_json::from_str(inner).ok()
}

/// The first fenced block: its language, its inside, and what stands before and after it.
fn fence_parts(text: &str) -> Option<(&str, &str, &str, &str)> {
    static FENCE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?s)(?:\A|\n)```([^\n`]*)\n(.*?)(?:\A|\n)?```[ \t]*(?:\n|\z)").ok()
    });
    let found = FENCE.as_ref()?.captures(text)?;
    let (all, language, inner) = (found.get(0)?, found.get(1)?, found.get(2)?);
    let before = text.get(..all.start()).unwrap_or_default();
    let after = text.get(all.end()..).unwrap_or_default();
    Some((strip(language.as_str()), inner.as_str(), strip(before), strip(after)))
}

fn fenced(text: &str, language: Option<&str>, only: bool) -> bool {
    fence_parts(text).is_some_and(|(written, inner, before, after)| {
        let named = language.is_none_or(|language| language.eq_ignore_ascii_case(written));
        named && !strip(inner).is_empty() && (!only || before.is_empty() && after.is_empty())
    })
}

/// Judges the lines by `is_item`, which is told how many items came before.
///
/// The share is the items in order over all that there should be: those found or `min`, and with
/// `only` every other line too. Indented lines belong to the item above them.
fn list(
    text: &str,
    (min, max): (usize, usize),
    only: bool,
    is_item: impl Fn(&str, usize) -> Option<bool>,
) -> f64 {
    let (mut right, mut wrong, mut others) = (0_usize, 0_usize, 0_usize);
    for line in text.lines().filter(|line| !strip(line).is_empty()) {
        match is_item(line, right + wrong) {
            Some(true) => right += 1,
            Some(false) => wrong += 1,
            None if line.starts_with([' ', '\t']) && right + wrong > 0 => {}
            None => others += 1,
        }
    }
    if min == 0 && right + wrong == 0 {
        return one(!only || others == 0);
    }
    let extra = if only { others } else { 0 } + (right + wrong).saturating_sub(max);
    let all = (right + wrong).max(min) + extra;
    right.min(max) as f64 / all.max(1) as f64
}

/// `1. text` or `1) text`, where the number is the next one.
fn numbered(line: &str, before: usize) -> Option<bool> {
    static ITEM: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^ {0,3}([0-9]{1,9})[.)][ \t]+\S").ok());
    let number = ITEM.as_ref()?.captures(line)?.get(1)?.as_str();
    Some(number.parse() == Ok(before + 1))
}

fn bullet(line: &str) -> Option<bool> {
    let rest = line.trim_start_matches(' ');
    let marker = rest.chars().next().filter(|c| matches!(c, '-' | '*' | '+' | '•'))?;
    let item = rest.get(marker.len_utf8()..)?;
    let shallow = line.len() - rest.len() <= 3;
    (shallow && item.starts_with([' ', '\t']) && !strip(item).is_empty()).then_some(true)
}

fn paragraphs(text: &str) -> usize {
    let mut count = 0;
    let mut blank = true;
    for line in text.lines() {
        let empty = strip(line).is_empty();
        count += usize::from(blank && !empty);
        blank = empty;
    }
    count
}

/// The share of tags that open and close once each behind the tag before them.
fn tag_share(text: &str, tags: &[String], only: bool) -> f64 {
    let (mut right, mut end, mut clean) = (0_usize, 0, true);
    for tag in tags {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        let once = text.matches(&open).count() == 1 && text.matches(&close).count() == 1;
        let (Some(start), Some(stop)) = (text.find(&open), text.find(&close)) else { continue };
        if !once || start < end || stop < start + open.len() {
            continue;
        }
        clean &= strip(text.get(end..start).unwrap_or_default()).is_empty();
        end = stop + close.len();
        right += 1;
    }
    clean &= strip(text.get(end..).unwrap_or_default()).is_empty();
    let all = tags.len() + usize::from(only);
    (right + usize::from(only && clean)) as f64 / all.max(1) as f64
}

/// Reads a template.
///
/// # Errors
///
/// [`ParamError`] where two gaps touch, a gap does not close, or there is no text at all.
pub(super) fn template(text: &str) -> Result<Form, ParamError> {
    let wrong = |reason: &str| Err(ParamError::new("template", reason.to_owned()));
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        } else if matches!(pieces.last(), Some(Piece::Gap)) {
            return wrong("has two gaps without text between them; put text there or remove one");
        }
        let Some((_, after)) = after.split_once("}}") else {
            return wrong("has a `{{` without its `}}`; close the gap");
        };
        pieces.push(Piece::Gap);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    if !pieces.iter().any(|piece| matches!(piece, Piece::Text(_))) {
        return wrong("holds no fixed text, so that everything fits; write some");
    }
    Ok(Form::Template(pieces))
}

/// Each fixed text is looked for behind the one before it. The share counts fixed texts and gaps
/// that are filled, in order from the start.
fn template_share(text: &str, pieces: &[Piece]) -> f64 {
    let (mut rest, mut gap, mut right) = (strip(text), false, 0_usize);
    for (place, piece) in pieces.iter().enumerate() {
        let Piece::Text(wanted) = piece else {
            gap = true;
            continue;
        };
        // White space at the template's own ends is stripped as the response's is.
        let wanted = if place == 0 { wanted.trim_start() } else { wanted };
        let last = place + 1 == pieces.len();
        let wanted = if last { wanted.trim_end() } else { wanted };
        let found = match (gap, last) {
            (true, true) => rest.ends_with(wanted).then(|| rest.len() - wanted.len()),
            (true, false) => rest.find(wanted),
            (false, _) => rest.starts_with(wanted).then_some(0),
        };
        let Some(at) = found else { return right as f64 / pieces.len() as f64 };
        let inside = rest.get(..at).unwrap_or_default();
        if gap && strip(inside).is_empty() {
            return right as f64 / pieces.len() as f64;
        }
        right += 1 + usize::from(gap);
        gap = false;
        rest = rest.get(at + wanted.len()..).unwrap_or_default();
    }
    let filled = if gap { !strip(rest).is_empty() } else { rest.is_empty() };
    if filled {
        1.0
    } else {
        // What is left over is one more mistake.
        right as f64 / (pieces.len() + usize::from(!gap)) as f64
    }
}
