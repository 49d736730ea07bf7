//! The word tables that the crate carries: syllables, easy words and hyphenation patterns.

use std::collections::HashMap;
use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use rustc_hash::FxBuildHasher;

use super::hyphenation::Patterns;

static SYLLABLES: LazyLock<String> =
    LazyLock::new(|| unpack(include_bytes!("../../../tables/syllables.txt.gz")));
static EASY_WORDS: LazyLock<String> =
    LazyLock::new(|| unpack(include_bytes!("../../../tables/easy_words.txt.gz")));
static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let patterns = unpack(include_bytes!("../../../tables/hyphenation.txt.gz"));
    Tables::read(&SYLLABLES, &EASY_WORDS, &patterns)
});

/// Text that was compressed when the crate was built; the tests read all of it.
fn unpack(bytes: &[u8]) -> String {
    let mut text = String::new();
    match GzDecoder::new(bytes).read_to_string(&mut text) {
        Ok(_) => text,
        Err(_) => String::new(),
    }
}

/// What is known of one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Word {
    /// The syllables of its first pronunciation, where the dictionary has one.
    syllables: Option<u8>,
    /// On the list of easy words.
    easy: bool,
}

/// What the formulas must know of English words.
#[derive(Debug)]
pub(super) struct Tables {
    words: HashMap<&'static str, Word, FxBuildHasher>,
    patterns: Patterns,
}

impl Tables {
    /// The crate's tables; the first call takes some 20 ms.
    pub(super) fn get() -> &'static Self {
        &TABLES
    }

    fn read(syllables: &'static str, easy: &'static str, patterns: &str) -> Self {
        let mut words: HashMap<&str, Word, _> =
            HashMap::with_capacity_and_hasher(130_000, FxBuildHasher);
        for line in syllables.lines() {
            let mut fields = line.split(' ');
            let count = fields.next().and_then(|count| count.parse().ok());
            for word in fields {
                words.entry(word).or_default().syllables = count;
            }
        }
        for word in easy.lines() {
            words.entry(word).or_default().easy = true;
        }
        Self { words, patterns: patterns.lines().collect() }
    }

    /// The syllables of `word`, which is clean and in lower case.
    pub(super) fn syllables(&self, word: &str) -> usize {
        match self.words.get(word).and_then(|known| known.syllables) {
            Some(count) => usize::from(count),
            None => self.patterns.positions(word) + 1,
        }
    }

    /// True for a word, in lower case, of the list of easy words.
    pub(super) fn is_easy(&self, word: &str) -> bool {
        self.words.get(word).is_some_and(|known| known.easy)
    }
}

#[cfg(test)]
mod tests;
