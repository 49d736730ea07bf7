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
    around_numbers(&set_apart(text, is_western_mark))
}

/// The ASCII punctuation that is always set apart: all but `'`, `,`, `-` and `.`.
pub(super) fn is_western_mark(c: char) -> bool {
    matches!(c, '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/')
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
/// after a digit. Three passes, for each sees what the one before it wrote.
pub(super) fn around_numbers(text: &str) -> String {
    let (digit, point) = (|c: char| c.is_ascii_digit(), |c: char| matches!(c, '.' | ','));
    let text = pairs(text, |a, b| !digit(a) && point(b), |a, b| [a, ' ', b, ' ']);
    let text = pairs(&text, |a, b| point(a) && !digit(b), |a, b| [' ', a, ' ', b]);
    pairs(&text, |a, b| digit(a) && b == '-', |a, b| [a, ' ', b, ' '])
}

/// Replaces pairs of neighbours from left to right; a character is in at most one pair.
fn pairs(
    text: &str,
    matches: impl Fn(char, char) -> bool,
    replacement: impl Fn(char, char) -> [char; 4],
) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.next() {
        match chars.next_if(|second| matches(first, *second)) {
            Some(second) => out.extend(replacement(first, second)),
            None => out.push(first),
        }
    }
    out
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
