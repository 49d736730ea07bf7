//! The tokenizers of sacrebleu 2.6.0: text to text in which single spaces part the tokens.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::text::{strip, words};

/// How BLEU cuts a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Tokenizer {
    /// The evaluation tokenizer of NIST and WMT, `mteval-v13a`.
    #[default]
    #[serde(rename = "13a")]
    Mteval13a,
    /// The international form, `mteval-v14`, which knows Unicode's punctuation and symbols.
    #[serde(rename = "intl")]
    International,
    /// Chinese characters apart, the rest as `13a`.
    #[serde(rename = "zh")]
    Chinese,
    /// Every character apart.
    #[serde(rename = "char")]
    Characters,
    /// White space only.
    #[serde(rename = "none")]
    None,
}

impl Tokenizer {
    /// `text` with its tokens parted by white space.
    pub(super) fn apply(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::None => Cow::Borrowed(text),
            Self::Characters => Cow::Owned(text.chars().flat_map(|c| [c, ' ']).collect()),
            Self::Mteval13a => Cow::Owned(western(&format!(" {} ", unescape(text)))),
            Self::Chinese => {
                let apart = set_apart(strip(text), is_chinese);
                Cow::Owned(western(&apart))
            }
            Self::International => Cow::Owned(international(text)),
        }
    }
}

/// What `13a` does before it cuts: joins lines and resolves four XML entities.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains(['<', '\n', '&']) {
        return Cow::Borrowed(text);
    }
    let joined = text.replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    Cow::Owned(resolve_entities(&joined))
}

/// Resolves `&quot;`, `&amp;`, `&lt;` and `&gt;`, in this order.
pub(super) fn resolve_entities(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
}

/// Sets ASCII punctuation apart, but `.`, `,` and `-` only where no number is cut.
fn western(text: &str) -> String {
    around_numbers(&set_western_apart(text))
}

/// Sets the ASCII punctuation apart that always is: all but `'`, `,`, `-` and `.`.
pub(super) fn set_western_apart(text: &str) -> String {
    let is_mark = |byte: u8| matches!(byte, b'{'..=b'~' | b'['..=b'`' | b'!'..=b'&' | b'('..=b'+' | b':'..=b'@' | b'/');
    let mut out = Rewritten::of(text);
    for (at, byte) in text.bytes().enumerate() {
        if is_mark(byte) {
            out.set_apart(at, byte);
        }
    }
    out.finish()
}

/// `text` with spaces around each character that `apart` picks.
pub(super) fn set_apart(text: &str, apart: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for c in text.chars() {
        if apart(c) {
            out.extend([' ', c, ' ']);
        } else {
            out.push(c);
        }
    }
    out
}

/// Sets apart `.` and `,` unless a digit stands before, then unless one stands after, then a `-`
/// after a digit. Three passes, for each sees what the one before it wrote; in each a character is
/// in at most one pair of neighbours.
pub(super) fn around_numbers(text: &str) -> String {
    let point = |byte: u8| matches!(byte, b'.' | b',');
    let mut out = Rewritten::of(text);
    for (at, a, b) in neighbours(text) {
        if point(b) && !a.is_ascii_digit() && at >= out.read {
            out.set_apart(at + 1, b);
        }
    }
    let text = out.finish();
    let mut out = Rewritten::of(&text);
    for (at, a, b) in neighbours(&text) {
        if point(a) && !b.is_ascii_digit() && at >= out.read {
            out.set_apart(at, a);
            out.copy_char();
        }
    }
    let text = out.finish();
    let mut out = Rewritten::of(&text);
    for (at, a, b) in neighbours(&text) {
        if a.is_ascii_digit() && b == b'-' && at >= out.read {
            out.set_apart(at + 1, b);
        }
    }
    out.finish()
}

/// Each byte but the last with its place and the byte after it.
fn neighbours(text: &str) -> impl Iterator<Item = (usize, u8, u8)> {
    let pairs = text.bytes().zip(text.bytes().skip(1)).enumerate();
    pairs.map(|(at, (a, b))| (at, a, b))
}

/// A text that is copied in runs, with ASCII characters set apart between them.
struct Rewritten<'t> {
    text: &'t str,
    /// What of the text is copied.
    read: usize,
    out: String,
}

impl<'t> Rewritten<'t> {
    fn of(text: &'t str) -> Self {
        Self { text, read: 0, out: String::with_capacity(text.len() + text.len() / 4) }
    }

    fn copy_to(&mut self, end: usize) {
        self.out.push_str(self.text.get(self.read..end).unwrap_or_default());
        self.read = end;
    }

    /// Copies up to the ASCII character `byte` at `at`, and that with spaces around it.
    fn set_apart(&mut self, at: usize, byte: u8) {
        self.copy_to(at);
        self.out.extend([' ', char::from(byte), ' ']);
        self.read = at + 1;
    }

    /// Copies the next character.
    fn copy_char(&mut self) {
        let rest = self.text.get(self.read..).unwrap_or_default();
        self.copy_to(self.read + rest.chars().next().map_or(0, char::len_utf8));
    }

    fn finish(mut self) -> String {
        self.copy_to(self.text.len());
        self.out
    }
}

fn international(text: &str) -> String {
    type Steps = Vec<(Regex, &'static str)>;
    static STEPS: LazyLock<Steps> = LazyLock::new(|| {
        let steps = [
            (r"(\P{N})(\p{P})", "${1} ${2} "),
            (r"(\p{P})(\P{N})", " ${1} ${2}"),
            (r"(\p{S})", " ${1} "),
        ];
        let compile = |(pattern, to)| Some((Regex::new(pattern).ok()?, to));
        steps.into_iter().filter_map(compile).collect()
    });
    let mut text = text.to_owned();
    for (pattern, to) in STEPS.iter() {
        if let Cow::Owned(replaced) = pattern.replace_all(&text, *to) {
            text = replaced;
        }
    }
    text
}

/// The characters that sacrebleu's `zh` sets apart.
///
/// Two of its ranges, meant for U+20000 and beyond, are written with four hexadecimal digits and so
/// take in U+2001 to U+2A6D (among them typographic quotes) instead. Scores follow it.
fn is_chinese(c: char) -> bool {
    matches!(
        c,
        '\u{3400}'..='\u{4db5}' | '\u{4e00}'..='\u{9fbb}' | '\u{f900}'..='\u{fa2d}'
            | '\u{fa30}'..='\u{fa6a}' | '\u{fa70}'..='\u{fad9}' | '\u{2001}'..='\u{2a6d}'
            | '\u{2f81}'..='\u{2fa1}' | '\u{ff00}'..='\u{ffef}' | '\u{2e80}'..='\u{2eff}'
            | '\u{3000}'..='\u{303f}' | '\u{31c0}'..='\u{31ef}' | '\u{2f00}'..='\u{2fdf}'
            | '\u{2ff0}'..='\u{2fff}' | '\u{3100}'..='\u{312f}' | '\u{31a0}'..='\u{31bf}'
            | '\u{fe10}'..='\u{fe1f}' | '\u{fe30}'..='\u{fe4f}'
            | '\u{3200}'..='\u{33ff}'
    )
}

/// The tokens of `text` after a tokenizer: what white space parts.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    words(text)
}

#[cfg(test)]
mod tests;
