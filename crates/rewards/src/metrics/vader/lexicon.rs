//! VADER's two files: words with their valence, emoji with their description.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use rustc_hash::FxBuildHasher;

use crate::error::FileError;
use crate::text::strip;

/// Words with their valence as people judged it, from −4 to 4, and emoji descriptions.
#[derive(Debug, Default)]
pub struct Lexicon {
    words: HashMap<String, f64, FxBuildHasher>,
    emoji: HashMap<char, String, FxBuildHasher>,
    /// Whether an ASCII character is among the emoji; none is in the original's file.
    has_ascii_emoji: bool,
}

impl Lexicon {
    /// Reads a word file (lines of word, tab, valence, and more that is not read) and, where given,
    /// an emoji file (lines of emoji, tab, description).
    ///
    /// # Errors
    ///
    /// [`FileError`] where a file cannot be read or a line has another form.
    pub fn read(words: &Path, emoji: Option<&Path>) -> Result<Self, FileError> {
        let mut lexicon = Self::default();
        for_each_line(words, "a word, a tab and a number", |word, valence| {
            let valence =
                valence.trim().parse::<f64>().ok().filter(|valence| valence.is_finite())?;
            lexicon.words.insert(word.to_owned(), valence);
            Some(())
        })?;
        let Some(emoji) = emoji else { return Ok(lexicon) };
        for_each_line(emoji, "an emoji, a tab and a description", |emoji, description| {
            // The original looks up one character at a time, so longer sequences are never found.
            let mut chars = emoji.chars();
            if let (Some(only), None) = (chars.next(), chars.next()) {
                lexicon.emoji.insert(only, description.to_owned());
                lexicon.has_ascii_emoji |= only.is_ascii();
            }
            Some(())
        })?;
        Ok(lexicon)
    }

    /// The valence of `word`, which is in lower case; `None` where the lexicon lacks it.
    pub fn valence(&self, word: &str) -> Option<f64> {
        self.words.get(word).copied()
    }

    /// Whether a description stands for some character of `text`.
    pub(super) fn has_emoji(&self, text: &str) -> bool {
        (self.has_ascii_emoji || !text.is_ascii()) && text.chars().any(|c| self.emoji(c).is_some())
    }

    /// The description of an emoji.
    pub fn emoji(&self, emoji: char) -> Option<&str> {
        // Nearly every character ends here.
        if emoji.is_ascii() && !self.has_ascii_emoji {
            return None;
        }
        self.emoji.get(&emoji).map(String::as_str)
    }
}

/// Calls `take` with the first two fields of each line that is not blank.
fn for_each_line(
    path: &Path,
    expected: &'static str,
    mut take: impl FnMut(&str, &str) -> Option<()>,
) -> Result<(), FileError> {
    let text = fs::read_to_string(path)
        .map_err(|source| FileError::Io { path: path.to_path_buf(), source })?;
    for (index, line) in text.split('\n').enumerate() {
        let line = strip(line);
        if line.is_empty() {
            continue;
        }
        let mut fields = line.split('\t');
        let taken = fields.next().zip(fields.next()).and_then(|(key, value)| take(key, value));
        if taken.is_none() {
            return Err(FileError::Line { path: path.to_path_buf(), line: index + 1, expected });
        }
    }
    Ok(())
}
