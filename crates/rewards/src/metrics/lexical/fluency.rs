//! `fluency`: five plain signs of English that was written with care, and no more than that.

use super::formality::starts_large;
use super::{fewer_is_better, share};
use crate::language::{is_function_word, matches, sentences, tokens};
use crate::reward::RowMetric;
use crate::sample::Sample;
use crate::spec::info::{Evidence, Info};
#[cfg(not(feature = "neural"))]
use crate::spec::registry::{RegisterError, Registry};

/// Words that announce a noun, and so are seldom followed by a function word.
const DETERMINERS: &[&str] = &["a", "an", "every", "its", "my", "our", "the", "their", "your"];

/// Function words that may stand between a determiner and its noun.
const BETWEEN: &[&str] = &[
    "above", "each", "few", "many", "more", "most", "once", "only", "other", "own", "same", "such",
    "then", "too", "under", "up", "very",
];

/// Words after which no sentence ends.
const LEADING: &[&str] = &[
    "a", "an", "and", "because", "but", "every", "if", "its", "my", "nor", "or", "our", "than",
    "the", "their", "your",
];

pub(crate) const INFO: Info = Info {
    name: "fluency",
    about: "The mean of five signs of careful English, each from 0 to 1: sentences begin with a \
            capital, and end with a stop; no word twice in a row; determiners before what can \
            follow them; no space before a stop and no capital function word inside a sentence. It \
            knows no grammar beyond that. 0 without a word.",
    evidence: Evidence::Validated(
        "2,000 film reviews against themselves with the words of each sentence shuffled: AUC 0.998 (0.997 to 0.999); tried on nothing subtler",
    ),
    ..Info::UNIT
};

/// With networks, `fluency` is registered with the choice between these signs and one of them.
#[cfg(not(feature = "neural"))]
pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |_: crate::spec::params::NoParams, _| Ok(crate::reward::PerRow(Fluency)))
}

/// The mean of the five signs.
pub(crate) struct Fluency;

impl RowMetric for Fluency {
    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let mean = |signs: [f64; 5]| signs.iter().sum::<f64>() / signs.len() as f64;
        Some(signs(sample.response).map_or(0.0, mean))
    }
}

/// The five signs, in the order of the entry's text; `None` without a word.
pub(super) fn signs(text: &str) -> Option<[f64; 5]> {
    let sentences = sentences(text);
    let (mut pairs, mut doubled, mut determiners, mut stranded, mut misplaced) = (0, 0, 0, 0, 0);
    let mut words = 0;
    for sentence in &sentences {
        let tokens = tokens(sentence);
        words += tokens.len();
        for pair in tokens.windows(2) {
            let [one, next] = pair else { continue };
            pairs += 1;
            doubled += usize::from(one == next && !matches!(one.as_str(), "had" | "that" | "very"));
            let determiner = DETERMINERS.contains(&one.as_str());
            determiners += usize::from(determiner);
            let odd = is_function_word(next) && !BETWEEN.contains(&next.as_str());
            stranded += usize::from(determiner && odd);
        }
        let last = tokens.last().map(String::as_str).unwrap_or_default();
        determiners += usize::from(LEADING.contains(&last));
        stranded += usize::from(LEADING.contains(&last));
        let inner = matches(sentence).skip(1);
        misplaced += inner.filter(|(at, word)| capital_function_word(sentence, *at, word)).count();
        let stops = [" .", " ,", " !", " ?"].iter().map(|stop| sentence.matches(stop).count());
        misplaced += stops.sum::<usize>();
    }
    if words == 0 {
        return None;
    }
    let large = sentences.iter().filter(|sentence| starts_large(sentence)).count();
    let closed = |sentence: &&&str| {
        let end = sentence.trim_end_matches(['"', '\'', '”', '’', ')', ']', '»']);
        end.ends_with(['.', '!', '?', '…', ':', '。', '！', '？'])
    };
    let ended = sentences.iter().filter(closed).count();
    Some([
        share(large, sentences.len()),
        share(ended, sentences.len()),
        fewer_is_better(share(doubled, pairs), 20.0),
        fewer_is_better(share(stranded, determiners), 4.0),
        fewer_is_better(share(misplaced, words), 20.0),
    ])
}

/// True for a function word that begins with a capital in the middle of running words.
fn capital_function_word(sentence: &str, at: usize, word: &str) -> bool {
    let lower = word.to_lowercase().replace('’', "'");
    let before = sentence.get(..at).unwrap_or_default();
    let running = before.ends_with(' ') && before.trim_end().ends_with(char::is_lowercase);
    let personal = lower == "i" || lower.starts_with("i'");
    let capital = word.starts_with(char::is_uppercase) && word.chars().any(char::is_lowercase);
    running && capital && !personal && is_function_word(&lower)
}
