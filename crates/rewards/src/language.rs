//! Words, sentences and function words, for the measures that follow no published tokenizer.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::metrics::stem;
use crate::text::is_space;

/// English function words and the pieces that contractions leave. They say little about
/// what a text is about.
static FUNCTION_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "a about above after again against all also am an and any are aren't as at be because \
    been before being below between both but by can can't could couldn't did didn't do does \
    doesn't doing don't down during each either else even ever every few for from further \
    had hadn't has hasn't have haven't having he he's her here hers herself him himself his \
    how i i'd i'll i'm i've if in into is isn't it it's its itself just let many may me \
    might more most much must my myself neither no nor not now of off on once only or other \
    our ours ourselves out over own rather same shall she she's should shouldn't since so \
    some such than that that's the their theirs them themselves then there there's these \
    they they're they've this those though through to too under until up upon us very was \
    wasn't we we're we've were weren't what when where whether which while who whom whose \
    why will with within without won't would wouldn't yet you you're you've your yours \
    yourself yourselves"
        .split(' ')
        .collect()
});

/// Words that end in a full stop without ending a sentence.
static ABBREVIATIONS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "al approx cf dr e.g etc fig gen i.e jr mr mrs ms mt no prof rev sen sgt sr st vs"
        .split(' ')
        .collect()
});

/// True for an English function word in lower case.
pub(crate) fn is_function_word(word: &str) -> bool {
    FUNCTION_WORDS.contains(word)
}

/// The words of `text` in lower case: runs of letters, digits and combining marks, with apostrophes
/// inside them, which all become `'`. Han characters and kana stand alone.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    spans(text).map(|word| word.to_lowercase().replace('’', "'")).collect()
}

/// The same words as they stand in the text.
pub(crate) fn spans(text: &str) -> impl Iterator<Item = &str> {
    matches(text).map(|(_, word)| word)
}

/// The same with the byte at which each begins.
pub(crate) fn matches(text: &str) -> impl Iterator<Item = (usize, &str)> {
    const LONE: &str = r"\p{Han}\p{Hiragana}\p{Katakana}";
    static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let run = format!(r"[[\p{{L}}\p{{N}}\p{{M}}]--[{LONE}]]+");
        Regex::new(&format!("[{LONE}]|{run}(?:['’]{run})*")).ok()
    });
    let found = WORD.as_ref().map(|word| word.find_iter(text));
    found.into_iter().flatten().map(|word| (word.start(), word.as_str()))
}

/// The Porter stems of the words that are no function words.
pub(crate) fn content_stems(text: &str) -> Vec<String> {
    let words = tokens(text).into_iter().filter(|word| !is_function_word(word));
    words.map(|word| stem(&word)).collect()
}

/// The sentences of `text` that hold a word, without white space around them.
///
/// One ends at a line break, and at `.`, `!`, `?`, `…` or their wide forms with the quotes and
/// brackets that close behind them, where white space or nothing follows. A full stop does not end
/// one after an abbreviation, after a single letter, or before a lower-case letter.
pub(crate) fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let wide = matches!(c, '。' | '！' | '？');
        let mut end = at + c.len_utf8();
        if !(wide || matches!(c, '.' | '!' | '?' | '…' | '\n' | '\r')) {
            continue;
        }
        if !matches!(c, '\n' | '\r') {
            while let Some((at, next)) = chars.next_if(|(_, next)| closes(*next)) {
                end = at + next.len_utf8();
            }
            let rest = text.get(end..).unwrap_or_default();
            let before = text.get(start..at).unwrap_or_default();
            if !(wide || rest.is_empty() || rest.starts_with(is_space)) {
                continue;
            }
            if c == '.' && !ends_sentence(before, rest) {
                continue;
            }
        }
        found.push(text.get(start..end).unwrap_or_default());
        start = end;
    }
    found.push(text.get(start..).unwrap_or_default());
    found.retain(|sentence| spans(sentence).next().is_some());
    found.iter().map(|sentence| crate::text::strip(sentence)).collect()
}

/// What may stand between the end of a sentence and the white space after it.
fn closes(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '"' | '\'' | '”' | '’' | ')' | ']' | '»' | '」' | '』')
}

fn ends_sentence(before: &str, rest: &str) -> bool {
    if rest.trim_start_matches(is_space).starts_with(char::is_lowercase) {
        return false;
    }
    let last = before.rsplit(is_space).next().unwrap_or_default();
    let last = last.trim_start_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let initial = last.chars().count() == 1 && last.chars().all(char::is_alphabetic);
    // "I." is a pronoun at the end far more often than an initial.
    !(initial && last != "i" || ABBREVIATIONS.contains(last.as_str()))
}

#[cfg(test)]
mod tests;
