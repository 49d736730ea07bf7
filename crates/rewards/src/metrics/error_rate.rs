//! `wer` and `cer`: edits of words or characters for each one of the target.

use std::collections::HashMap;

use rapidfuzz::distance::levenshtein;
use serde::{Deserialize, Serialize};

use super::{BestTarget, PairMetric};
use crate::reward::PerRow;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};
use crate::text::{is_space, prefix, strip};

/// Where a longer sequence is cut, as the cost grows with the square.
const MAX_LENGTH: usize = 65_536;

/// Parameters of `wer` and `cer`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    invert: bool,
    lowercase: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { invert: true, lowercase: false }
    }
}

impl Params for Config {}

const PARAMS: &[Param] = &[
    Param::new(
        "invert",
        "true or false",
        "score max(0, 1 − rate), where more is better; false gives minus the rate",
    ),
    Param::new("lowercase", "true or false", "compare in lower case"),
];

const WER: Info = Info {
    name: "wer",
    about: "Word error rate, word edits / words of the target, as max(0, 1 − rate). An empty target \
            counts as one word, and texts are cut after 65,536.",
    needs: &["target"],
    params: PARAMS,
    ..Info::UNIT
};

const CER: Info = Info {
    name: "cer",
    about: "Character error rate, character edits / characters of the target, as max(0, 1 − rate). \
            An empty target counts as one character, and texts are cut after 65,536.",
    ..WER
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(WER, |config: Config, _| {
        Ok(PerRow(BestTarget(ErrorRate { config, rate: word_error_rate })))
    })?;
    registry.reward(CER, |config: Config, _| {
        Ok(PerRow(BestTarget(ErrorRate { config, rate: char_error_rate })))
    })
}

struct ErrorRate {
    config: Config,
    rate: fn(&str, &str) -> f64,
}

impl PairMetric for ErrorRate {
    fn score_pair(&self, response: &str, target: &str) -> Option<f64> {
        let rate = if self.config.lowercase {
            (self.rate)(&response.to_lowercase(), &target.to_lowercase())
        } else {
            (self.rate)(response, target)
        };
        Some(if self.config.invert { (1.0 - rate).max(0.0) } else { -rate })
    }
}

/// Word edits from `target` to `response` for each word of `target`; can exceed 1.
pub(super) fn word_error_rate<'t>(response: &'t str, target: &'t str) -> f64 {
    let mut numbers: HashMap<&str, u64> = HashMap::new();
    let mut number = |words: &[&'t str]| -> Vec<u64> {
        let id = |word: &&'t str| {
            let next = numbers.len() as u64;
            *numbers.entry(word).or_insert(next)
        };
        words.iter().map(id).collect()
    };
    let mut cut = |text: &'t str| {
        let mut words = jiwer_words(text);
        words.truncate(MAX_LENGTH);
        number(&words)
    };
    let (response, target) = (cut(response), cut(target));
    let edits = levenshtein::distance(response.iter().copied(), target.iter().copied());
    edits as f64 / target.len().max(1) as f64
}

/// Character edits from `target` to `response`, both without white space around, for each character
/// of `target`; can exceed 1.
pub(super) fn char_error_rate(response: &str, target: &str) -> f64 {
    let (response, target) =
        (prefix(strip(response), MAX_LENGTH), prefix(strip(target), MAX_LENGTH));
    let edits = levenshtein::distance(response.chars(), target.chars());
    edits as f64 / target.chars().count().max(1) as f64
}

/// The words as jiwer cuts them: at a space and at two or more white space characters together. A
/// single tab or line end does not cut.
fn jiwer_words(text: &str) -> Vec<&str> {
    let text = strip(text);
    let mut words = Vec::new();
    let (mut start, mut run) = (0, None);
    for (at, c) in text.char_indices() {
        match (is_space(c), run) {
            (true, None) => run = Some((at, c == ' ')),
            (true, Some((from, _))) => run = Some((from, true)),
            (false, Some((from, cuts))) => {
                if cuts {
                    words.extend(text.get(start..from));
                    start = at;
                }
                run = None;
            }
            (false, None) => {}
        }
    }
    words.extend(text.get(start..).filter(|word| !word.is_empty()));
    words
}
