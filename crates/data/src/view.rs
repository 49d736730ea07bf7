//! What becomes of records before they are selected: markup cleaned, texts cut into prompt and
//! completion.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::record::{Record, RecordKind};

/// How the records of a source are looked at. The default changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    /// Only rows whose other columns have these values.
    pub rows: BTreeMap<String, String>,
    /// HTML line breaks in texts, prompts and completions become line ends.
    pub clean_html: bool,
    /// A text's first words become its prompt, the rest its completion; a text without more words
    /// than that is left out. At least 1.
    pub prompt_words: Option<usize>,
}

impl View {
    /// Whether a row with these columns is one that is looked at.
    pub fn sees(&self, columns: &Map<String, Value>) -> bool {
        let has = |(column, wanted): (&String, &String)| {
            columns.get(column).and_then(Value::as_str) == Some(wanted)
        };
        self.rows.iter().all(has)
    }

    /// A text as seen: without HTML line breaks where they become line ends.
    pub fn text(&self, text: String) -> String {
        if self.clean_html { without_breaks(&text) } else { text }
    }

    /// The record as seen, or `None` where it is left out.
    pub fn apply(&self, mut record: Record) -> Option<Record> {
        if !self.sees(&record.fields) {
            return None;
        }
        if self.clean_html {
            record.kind = cleaned(record.kind);
        }
        if let (Some(words), RecordKind::Text(text)) = (self.prompt_words, &record.kind) {
            let (prompt, completion) = split_words(text, words)?;
            let (prompt, completion) = (prompt.to_owned(), completion.to_owned());
            record.kind = RecordKind::PromptCompletion { prompt, completion };
        }
        Some(record)
    }
}

/// The first `words` words of a text and what follows them, which begins with the space between.
///
/// Words are what stands between white space. Space before the first word is dropped; `None` where
/// no word follows.
pub fn split_words(text: &str, words: usize) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let mut end = 0;
    for _ in 0..words {
        let rest = text.get(end..)?;
        let start = rest.find(|c: char| !c.is_whitespace())?;
        let word = rest.get(start..)?;
        end += start + word.find(char::is_whitespace)?;
    }
    let (prompt, completion) = text.split_at_checked(end)?;
    (!completion.trim().is_empty()).then_some((prompt, completion))
}

fn cleaned(kind: RecordKind) -> RecordKind {
    match kind {
        RecordKind::Text(text) => RecordKind::Text(without_breaks(&text)),
        RecordKind::Prompt(prompt) => RecordKind::Prompt(without_breaks(&prompt)),
        RecordKind::PromptCompletion { prompt, completion } => RecordKind::PromptCompletion {
            prompt: without_breaks(&prompt),
            completion: without_breaks(&completion),
        },
        messages @ RecordKind::Messages(_) => messages,
    }
}

/// The text with `<br>`, `<br/>` and `<br />` in any case as line ends, without the blanks around.
fn without_breaks(text: &str) -> String {
    const BLANKS: [char; 2] = [' ', '\t'];
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = split_break(rest) {
        cleaned.push_str(before.trim_end_matches(BLANKS));
        cleaned.push('\n');
        rest = after.trim_start_matches(BLANKS);
    }
    cleaned.push_str(rest);
    cleaned
}

/// What stands before and after the first line break.
fn split_break(text: &str) -> Option<(&str, &str)> {
    text.match_indices('<').find_map(|(at, _)| {
        let (before, tag) = text.split_at_checked(at)?;
        let (name, rest) = tag.split_at_checked("<br".len())?;
        let rest = rest.trim_start();
        let after = rest.strip_prefix('/').unwrap_or(rest).strip_prefix('>')?;
        name.eq_ignore_ascii_case("<br").then_some((before, after))
    })
}

#[cfg(test)]
mod tests;
