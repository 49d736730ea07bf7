//! Words and sentences as textstat 0.7.13 counts them.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use crate::text::is_space;

/// What may follow an apostrophe that is kept.
const CONTRACTIONS: [&str; 6] = ["t", "s", "d", "ve", "ll", "re"];
/// A sentence of so many words or fewer does not count.
const SHORT_SENTENCE: usize = 2;

/// Python's `\w`: letters, numbers and the underscore. A combining mark is none of them.
pub(super) fn is_word_char(c: char) -> bool {
    static LETTER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\p{L}\p{N}]").ok());
    match c {
        '\0'..='\x7f' => c.is_ascii_alphanumeric() || c == '_',
        // Latin, Greek and Cyrillic, Chinese, Korean: here only letters and numbers count as such.
        '\u{80}'..='\u{344}' | '\u{370}'..='\u{5af}' => c.is_alphanumeric(),
        '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => c.is_alphanumeric(),
        // Elsewhere some marks and symbols are alphabetic too.
        _ => {
            c.is_alphanumeric()
                && LETTER.as_ref().is_some_and(|letter| letter.is_match(c.encode_utf8(&mut [0; 4])))
        }
    }
}

/// What is left of a word without punctuation: word characters, and the apostrophes of contractions.
fn clean(word: &str) -> Cow<'_, str> {
    if word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Cow::Borrowed(word);
    }
    let kept = |(at, c): &(usize, char)| is_word_char(*c) || *c == '\'' && contracts(word, *at);
    word.char_indices().filter(kept).map(|(_, c)| c).collect::<String>().into()
}

/// True where the apostrophe at `at` is followed by the end of a contraction, in lower case.
fn contracts(word: &str, at: usize) -> bool {
    let rest = word.get(at + 1..).unwrap_or_default();
    CONTRACTIONS.iter().any(|ending| rest.starts_with(ending))
}

/// `word` in lower case.
fn lower(word: &str) -> Cow<'_, str> {
    if word.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(word.to_lowercase())
}

/// What the formulas count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    /// Sentences of over two words, but at least 1; 0 where the text is empty.
    ///
    /// A sentence starts at a word character and ends with the next run of `.`, `!` and `?`, so the
    /// point of a number ends one too.
    pub(super) sentences: usize,
    /// Pieces between white space.
    pub(super) pieces: usize,
    /// Pieces with a word character.
    pub(super) words: usize,
    /// Characters that are no white space.
    pub(super) characters: usize,
    /// Word characters.
    pub(super) letters: usize,
}

/// What a character is to the counts.
#[derive(Clone, Copy)]
enum Kind {
    /// White space.
    Space,
    /// A word character that cleaning leaves as it is: a to z and digits.
    Plain,
    /// Another word character.
    Word,
    /// The end of a sentence.
    End,
    /// What is none of these.
    Other,
}

fn kind(c: char) -> Kind {
    match c {
        'a'..='z' | '0'..='9' => Kind::Plain,
        '.' | '!' | '?' => Kind::End,
        _ if is_space(c) => Kind::Space,
        _ if is_word_char(c) => Kind::Word,
        _ => Kind::Other,
    }
}

/// A piece between white space as far as it is read.
#[derive(Clone, Copy)]
struct Piece {
    start: usize,
    has_word: bool,
    plain: bool,
}

/// A sentence as far as it is read.
#[derive(Clone, Copy, Default)]
struct Sentence {
    words: usize,
    /// A word character was seen since the last white space.
    in_word: bool,
}

/// Counts `text` in one pass; `each` gets the words in order, clean and in lower case.
pub(super) fn count(text: &str, mut each: impl FnMut(&str)) -> Counts {
    let mut counts = Counts::default();
    let (mut piece, mut sentence) = (None::<Piece>, None::<Sentence>);
    for (at, c) in text.char_indices() {
        let kind = kind(c);
        if let Kind::Space = kind {
            counts.close(text, piece.take(), at, &mut each);
            if let Some(open) = &mut sentence {
                open.in_word = false;
            }
            continue;
        }
        counts.characters += 1;
        let open = piece.get_or_insert(Piece { start: at, has_word: false, plain: true });
        open.plain &= matches!(kind, Kind::Plain);
        if let Kind::Plain | Kind::Word = kind {
            open.has_word = true;
            counts.letters += 1;
            let open = sentence.get_or_insert_default();
            open.words += usize::from(!open.in_word);
            open.in_word = true;
        } else if let Kind::End = kind {
            counts.end(sentence.take());
        }
    }
    counts.close(text, piece, text.len(), &mut each);
    counts.end(sentence);
    counts.sentences = counts.sentences.max(usize::from(!text.is_empty()));
    counts
}

impl Counts {
    /// Counts a piece that ends at `end`.
    fn close(&mut self, text: &str, piece: Option<Piece>, end: usize, each: &mut impl FnMut(&str)) {
        let Some(Piece { start, has_word, plain }) = piece else { return };
        self.pieces += 1;
        if !has_word {
            return;
        }
        self.words += 1;
        let word = text.get(start..end).unwrap_or_default();
        if plain { each(word) } else { each(&lower(&clean(word))) }
    }

    fn end(&mut self, sentence: Option<Sentence>) {
        self.sentences += usize::from(sentence.is_some_and(|open| open.words > SHORT_SENTENCE));
    }
}

#[cfg(test)]
mod tests;
