//! chrF and chrF++: an F-score of character n-grams (Popović 2015, 2017), as sacrebleu 2.6.0.

use serde::{Deserialize, Serialize};

use super::ngrams::{Counts, Interner};
use crate::error::{ParamError, require};
use crate::reward::{Needs, PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};
use crate::text::{is_ascii_punctuation, is_space, words};

/// A character has at most 21 bits, six of them fit into a key.
const CHAR_BITS: u32 = 21;
const MAX_CHARS: usize = 6;
const MAX_WORDS: usize = 4;

/// Parameters of `chrf`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    char_order: usize,
    word_order: usize,
    beta: f64,
    lowercase: bool,
    whitespace: bool,
    eps_smoothing: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            char_order: MAX_CHARS,
            word_order: 0,
            beta: 2.0,
            lowercase: false,
            whitespace: false,
            eps_smoothing: false,
        }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        let (chars, words) = (self.char_order, self.word_order);
        require((1..=MAX_CHARS).contains(&chars), "char_order", chars, "between 1 and 6")?;
        require(words <= MAX_WORDS, "word_order", words, "between 0 and 4")?;
        let positive = self.beta > 0.0 && self.beta.is_finite();
        require(positive, "beta", self.beta, "finite and more than 0")
    }
}

const INFO: Info = Info {
    name: "chrf",
    about: "chrF / 100 as sacrebleu 2.6.0: an F-score of character n-grams; `word_order = 2` is \
            chrF++.",
    needs: &["target"],
    params: &[
        Param::new("char_order", "a whole number from 1 to 6", "the longest character n-grams"),
        Param::new("word_order", "a whole number from 0 to 4", "the longest word n-grams"),
        Param::new("beta", "a number more than 0", "how much more recall counts than precision"),
        Param::new("lowercase", "true or false", "compare in lower case"),
        Param::new("whitespace", "true or false", "count white space as characters"),
        Param::new(
            "eps_smoothing",
            "true or false",
            "average the orders' F-scores, as Moses and NLTK do",
        ),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(PerRow(config)))
}

impl RowMetric for Config {
    fn needs(&self) -> Needs {
        Needs::target()
    }

    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        Some((self.percent(sample.response, sample.targets) / 100.0).min(1.0))
    }
}

/// One order's counts: in the response (0 where the target has none), in the target, in both.
struct Matches {
    response: f64,
    target: f64,
    common: f64,
}

impl Config {
    /// The score of the best target, in [0, 100].
    fn percent(&self, response: &str, targets: &[String]) -> f64 {
        let cased = |text: &str| if self.lowercase { text.to_lowercase() } else { text.to_owned() };
        let (response, targets): (String, Vec<String>) =
            (cased(response), targets.iter().map(|target| cased(target)).collect());
        let mut interner = Interner::default();
        let ours = self.orders(&response, &mut interner);
        let score = |target| self.f_score(&matches(&ours, &self.orders(target, &mut interner)));
        targets.iter().map(String::as_str).map(score).fold(0.0, f64::max)
    }

    /// The counts of each character order, then of each word order.
    fn orders<'t>(&self, text: &'t str, interner: &mut Interner<'t>) -> Vec<Counts> {
        let counted = |c: &char| self.whitespace || !is_space(*c);
        let chars: Vec<u32> = text.chars().filter(counted).map(u32::from).collect();
        let mut orders = Counts::orders(&chars, self.char_order, CHAR_BITS);
        if self.word_order > 0 {
            let tokens = interner.numbers(words(text).flat_map(part_punctuation).flatten());
            orders.extend(Counts::orders(&tokens, self.word_order, u32::BITS));
        }
        orders
    }

    fn f_score(&self, orders: &[Matches]) -> f64 {
        const EPS: f64 = 1e-16;
        let factor = self.beta * self.beta;
        let f = |precision: f64, recall: f64| {
            let below = factor * precision + recall;
            if below > 0.0 { (1.0 + factor) * precision * recall / below } else { EPS }
        };
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { EPS };
        if self.eps_smoothing {
            let score = |m: &Matches| f(share(m.common, m.response), share(m.common, m.target));
            return 100.0 * orders.iter().map(score).sum::<f64>() / orders.len() as f64;
        }
        // Orders that one of the texts is too short for do not count.
        let both: Vec<&Matches> =
            orders.iter().filter(|m| m.response > 0.0 && m.target > 0.0).collect();
        let mean = |of: fn(&Matches) -> f64| -> f64 {
            both.iter().map(|m| of(m)).sum::<f64>() / both.len().max(1) as f64
        };
        let (precision, recall) = (mean(|m| m.common / m.response), mean(|m| m.common / m.target));
        if precision + recall > 0.0 { 100.0 * f(precision, recall) } else { 0.0 }
    }
}

fn matches(ours: &[Counts], theirs: &[Counts]) -> Vec<Matches> {
    let compare = |(ours, theirs): (&Counts, &Counts)| {
        let target = theirs.total();
        let response = if target > 0 { ours.total() } else { 0 };
        let common = ours.common(theirs);
        Matches { response: response as f64, target: target as f64, common: common as f64 }
    };
    ours.iter().zip(theirs).map(compare).collect()
}

/// A word with a punctuation mark at its end, or else at its start, set apart.
fn part_punctuation(word: &str) -> [Option<&str>; 2] {
    let mut chars = word.chars();
    let (first, last) = (chars.next(), chars.next_back());
    let marked = |c: Option<char>| c.filter(|c| is_ascii_punctuation(*c)).map(char::len_utf8);
    let cut = match (last, marked(last), marked(first)) {
        // A word of one character stays whole.
        (None, ..) => None,
        (_, Some(mark), _) => word.split_at_checked(word.len() - mark),
        (_, None, Some(mark)) => word.split_at_checked(mark),
        (_, None, None) => None,
    };
    cut.map_or([Some(word), None], |(start, end)| [Some(start), Some(end)])
}

#[cfg(test)]
mod tests;
