//! Words and phrases with weights or labels, read from a file and found in a text.

use std::collections::HashMap;
use std::path::Path;

use crate::corpus;
use crate::error::ParamError;
use crate::language::tokens;

/// Words and phrases, each with something that it stands for.
#[derive(Debug, Clone)]
pub(super) struct WordList<T> {
    /// By the first word; longer phrases come first.
    entries: HashMap<String, Vec<(Vec<String>, T)>>,
}

impl<T> Default for WordList<T> {
    fn default() -> Self {
        Self { entries: HashMap::new() }
    }
}

impl<T> WordList<T> {
    /// Adds `phrase`; false where it holds no word.
    pub(super) fn add(&mut self, phrase: &str, value: T) -> bool {
        let words = tokens(phrase);
        let Some(first) = words.first().cloned() else { return false };
        let entries = self.entries.entry(first).or_default();
        let place = entries.iter().position(|(other, _)| other.len() < words.len());
        entries.insert(place.unwrap_or(entries.len()), (words, value));
        true
    }

    /// What is found in `words`, left to right, the longest phrase first, without overlap; a phrase
    /// that stands in the list several times is found as often.
    pub(super) fn find<'l>(&'l self, words: &[String]) -> Vec<&'l T> {
        let mut found = Vec::new();
        let mut rest = words;
        while let [first, after @ ..] = rest {
            let entries = self.entries.get(first).map_or(&[][..], Vec::as_slice);
            let longest = entries.iter().find(|(phrase, _)| rest.starts_with(phrase));
            let Some((phrase, _)) = longest else {
                rest = after;
                continue;
            };
            found.extend(entries.iter().filter(|(other, _)| other == phrase).map(|(_, v)| v));
            rest = rest.get(phrase.len()..).unwrap_or_default();
        }
        found
    }

    /// Reads a file of lines `word or phrase`, then tabs and fields that `value` reads. Blank lines
    /// and those that begin with `#` are passed over.
    ///
    /// # Errors
    ///
    /// [`ParamError`] of `key` where there is no path, the file cannot be read, a line is not
    /// `expected`, or there is no entry. `value` returns `Ok(None)` for a line to pass over.
    pub(super) fn read(
        key: &str,
        path: Option<&Path>,
        expected: &'static str,
        mut value: impl FnMut(&[&str]) -> Result<Option<T>, ()>,
    ) -> Result<Self, ParamError> {
        let path = corpus::required(key, path, "a list of words")?;
        let text = corpus::read(key, path)?;
        let mut list = Self::default();
        for (line, content) in corpus::lines(&text) {
            let fields: Vec<&str> = content.split('\t').map(str::trim).collect();
            let bad = || corpus::bad_line(key, path, line, expected);
            let [phrase, rest @ ..] = fields.as_slice() else { return Err(bad()) };
            if let Some(value) = value(rest).map_err(|()| bad())?
                && !list.add(phrase, value)
            {
                return Err(bad());
            }
        }
        if list.entries.is_empty() {
            return Err(ParamError::new(key, format!("`{}` holds no word", path.display())));
        }
        Ok(list)
    }
}

impl WordList<f64> {
    /// Reads words with an optional weight, 1 where a line has none.
    pub(super) fn weighted(key: &str, path: Option<&Path>) -> Result<Self, ParamError> {
        const EXPECTED: &str = "a word or phrase, or one with a tab and a finite number";
        Self::read(key, path, EXPECTED, |fields| match fields {
            [] => Ok(Some(1.0)),
            [weight, ..] => {
                let weight = weight.parse::<f64>().ok().filter(|weight| weight.is_finite());
                weight.map(Some).ok_or(())
            }
        })
    }

    /// The sum of the weights found in `words`.
    pub(super) fn sum(&self, words: &[String]) -> f64 {
        self.find(words).into_iter().sum()
    }
}

/// `text` with the commonest disguises taken off words that hold a letter: digits and signs for
/// letters (`1d10t`, `@ss`), and letters three or more times over.
pub(super) fn undisguise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(char::is_whitespace) {
        if !piece.contains(char::is_alphabetic) {
            out.push_str(piece);
            continue;
        }
        let letters: Vec<char> = piece.chars().map(letter).collect();
        for run in letters.chunk_by(|a, b| a == b) {
            let kept =
                if run.len() > 2 && run.iter().all(|c| c.is_alphabetic()) { 1 } else { run.len() };
            out.extend(run.iter().take(kept));
        }
    }
    out
}

fn letter(c: char) -> char {
    match c {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}
