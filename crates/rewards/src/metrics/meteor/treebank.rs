//! NLTK 3.10's word tokenizer, which follows the Penn Treebank, on one sentence.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// What is replaced before parentheses are set apart, in order.
const FIRST: &[(&str, &str)] = &[
    ("([«“‘„]|[`]+)", " ${1} "),
    ("^\"", "``"),
    ("(``)", " ${1} "),
    (r#"([ (\[{<])("|'{2})"#, "${1} `` "),
];
const SECOND: &[(&str, &str)] = &[
    (r#"([^.])(\.)([\])}>"'»”’ ]*)\s*$"#, "${1} ${2} ${3} "),
    (r"([:,])(\D)", " ${1} ${2}"),
    (r"([:,])(\n?)$", " ${1} ${2}"),
    (r"(\.{2,})", " ${1} "),
    (r"([;@#$%&])", " ${1} "),
    (r"([\u{2012}-\u{2015}])", " ${1} "),
    (r#"([^.])(\.)([\])}>"']*)\s*$"#, "${1} ${2}${3} "),
    (r"([?!])", " ${1} "),
    (r"([^'])' ", "${1} ' "),
    (r"([*])", " ${1} "),
    (r"([\]\[(){}<>])", " ${1} "),
    (r"(--)", " ${1} "),
];
/// And what is replaced then, with a space on both sides of the text.
const THIRD: &[(&str, &str)] = &[
    ("([»”’])", " ${1} "),
    ("''", " '' "),
    ("\"", " '' "),
    (r"\s+", " "),
    (r"([^' ])('[sS]|'[mM]|'[dD]|') ", "${1} ${2} "),
    (r"([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", "${1} ${2} "),
    (r"(?i)\b(can)(not)\b", " ${1} ${2} "),
    (r"(?i)\b(d)('ye)\b", " ${1} ${2} "),
    (r"(?i)\b(gim)(me)\b", " ${1} ${2} "),
    (r"(?i)\b(gon)(na)\b", " ${1} ${2} "),
    (r"(?i)\b(got)(ta)\b", " ${1} ${2} "),
    (r"(?i)\b(lem)(me)\b", " ${1} ${2} "),
    (r"(?i)\b(more)('n)\b", " ${1} ${2} "),
    (r"(?i)\b(wan)(na)( )", " ${1} ${2} ${3}"),
    (r"(?i) ('t)(is)\b", " ${1} ${2} "),
    (r"(?i) ('t)(was)\b", " ${1} ${2} "),
];
/// What an apostrophe at the start of a word is not parted from.
const CLITICS: [&str; 8] = ["re", "ve", "ll", "m", "t", "s", "d", "n"];

type Steps = Vec<(Regex, &'static str)>;

/// `text` with its tokens parted by white space.
pub(super) fn tokenize(text: &str) -> String {
    static STEPS: LazyLock<[Steps; 3]> = LazyLock::new(|| [FIRST, SECOND, THIRD].map(compile));
    let [first, second, third] = &*STEPS;
    let text = part_quotes(&replace(text.to_owned(), first));
    let text = replace(text, second);
    replace(format!(" {text} "), third)
}

fn compile(steps: &[(&str, &'static str)]) -> Steps {
    steps.iter().filter_map(|(pattern, to)| Some((Regex::new(pattern).ok()?, *to))).collect()
}

fn replace(mut text: String, steps: &Steps) -> String {
    for (pattern, to) in steps {
        if let Cow::Owned(replaced) = pattern.replace_all(&text, *to) {
            text = replaced;
        }
    }
    text
}

/// Parts an apostrophe from the word that follows where none stands before it, unless a clitic
/// follows.
fn part_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = None;
    for (at, c) in text.char_indices() {
        out.push(c);
        let rest = text.get(at + c.len_utf8()..).unwrap_or_default();
        let opens = c == '\'' && !before.is_some_and(is_word) && rest.starts_with(is_word);
        if opens && !starts_with_clitic(rest) {
            out.push(' ');
        }
        before = Some(c);
    }
    out
}

/// A letter, a mark, a digit or a connector such as `_`.
fn is_word(c: char) -> bool {
    static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\w").ok());
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    WORD.as_ref().is_some_and(|word| word.is_match(c.encode_utf8(&mut [0; 4])))
}

/// True where `rest` starts with a clitic that is a whole word.
fn starts_with_clitic(rest: &str) -> bool {
    CLITICS.iter().any(|clitic| {
        let start = rest.get(..clitic.len());
        let ends = || rest.get(clitic.len()..).is_some_and(|after| !after.starts_with(is_word));
        start.is_some_and(|start| start.eq_ignore_ascii_case(clitic)) && ends()
    })
}
