//! BLEU: n-gram precision with a brevity penalty (Papineni et al. 2002), as sacrebleu 2.6.0.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ngrams::{Counts, Interner, MAX_ORDER};
use super::tokenize::{Tokenizer, tokens};
use crate::error::{ParamError, require};
use crate::reward::{Needs, PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};
use crate::text::is_space;

/// What is done about an order without a common n-gram (Chen and Cherry 2014).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Smoothing {
    /// Its precision halves with each such order, as NIST's script does.
    #[default]
    Exp,
    /// Its count is `smooth_value`.
    Floor,
    /// `smooth_value` is added to both counts of every order from 2 on.
    AddK,
    /// Nothing, so that the score is 0 to all digits.
    None,
}

/// Parameters of `bleu`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    smooth_method: Smoothing,
    smooth_value: Option<f64>,
    tokenize: Tokenizer,
    lowercase: bool,
    effective_order: bool,
    max_ngram_order: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            smooth_method: Smoothing::Exp,
            smooth_value: None,
            tokenize: Tokenizer::Mteval13a,
            lowercase: false,
            effective_order: true,
            max_ngram_order: MAX_ORDER,
        }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        let order = self.max_ngram_order;
        require((1..=MAX_ORDER).contains(&order), "max_ngram_order", order, "between 1 and 4")?;
        let Some(value) = self.smooth_value else { return Ok(()) };
        if matches!(self.smooth_method, Smoothing::Exp | Smoothing::None) {
            let reason = "has no effect unless `smooth_method` is `floor` or `add-k`; remove it";
            return Err(ParamError::new("smooth_value", reason));
        }
        let positive = value > 0.0 && value.is_finite();
        require(positive, "smooth_value", value, "finite and more than 0")
    }
}

const INFO: Info = Info {
    name: "bleu",
    about: "Sentence BLEU / 100 as sacrebleu 2.6.0: common n-grams, a penalty for short responses.",
    needs: &["target"],
    params: &[
        Param::new(
            "smooth_method",
            "one of `exp`, `floor`, `add-k` or `none`",
            "what is done about an order without a common n-gram",
        ),
        Param::new(
            "smooth_value",
            "a number more than 0 or null",
            "for `floor` (null: 0.1) and `add-k` (null: 1)",
        ),
        Param::new("tokenize", "one of `13a`, `intl`, `zh`, `char` or `none`", "how text is cut"),
        Param::new("lowercase", "true or false", "compare in lower case"),
        Param::new(
            "effective_order",
            "true or false",
            "leave out orders longer than the response; sentences need it",
        ),
        Param::new("max_ngram_order", "a whole number from 1 to 4", "the longest n-grams"),
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
        // Rounding can leave an equal text a little above 100.
        Some((self.score(&self.statistics(sample.response, sample.targets)).score / 100.0).min(1.0))
    }
}

/// Sentence BLEU in [0, 1] with the default parameters and n-grams up to `max_ngram_order`.
pub(super) fn sentence_bleu(response: &str, targets: &[String], max_ngram_order: usize) -> f64 {
    let config = Config { max_ngram_order, ..Config::default() };
    (config.score(&config.statistics(response, targets)).score / 100.0).min(1.0)
}

/// BLEU of a whole corpus in [0, 100], as sacrebleu's `corpus_bleu` with the same keys: the counts of
/// all segments are added up before anything is divided, so it is no mean of sentences.
///
/// `params` are the keys of the reward `bleu`; here `effective_order` is false unless it is there. The
/// targets of a segment may be several. No segment scores 0.
///
/// # Errors
///
/// [`ParamError`] where a key is unknown or a value is out of its range.
pub fn corpus_bleu<'a>(
    segments: impl IntoIterator<Item = (&'a str, &'a [String])>,
    params: &Map<String, Value>,
) -> Result<f64, ParamError> {
    let mut keys = params.clone();
    keys.entry("effective_order").or_insert(Value::Bool(false));
    let config: Config = serde_json::from_value(Value::Object(keys))
        .map_err(|error| ParamError::new("", error.to_string()))?;
    config.validate()?;
    let mut all = Statistics::default();
    for (response, targets) in segments {
        all.add(&config.statistics(response, targets));
    }
    Ok(config.score(&all).score)
}

/// What a segment, or the sum of several, is scored by.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Statistics {
    response_len: u64,
    target_len: u64,
    correct: [u64; MAX_ORDER],
    total: [u64; MAX_ORDER],
}

impl Statistics {
    fn add(&mut self, other: &Self) {
        self.response_len += other.response_len;
        self.target_len += other.target_len;
        let counts = self.correct.iter_mut().chain(&mut self.total);
        for (sum, more) in counts.zip(other.correct.iter().chain(&other.total)) {
            *sum += more;
        }
    }
}

/// A score in [0, 100] with what it was made of.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Score {
    score: f64,
    brevity_penalty: f64,
    precisions: [f64; MAX_ORDER],
}

impl Config {
    /// Counts one segment against its targets, of which the best count of each n-gram and the
    /// closest length, of two the shorter, are taken.
    fn statistics(&self, response: &str, targets: &[String]) -> Statistics {
        let response = self.prepare(response);
        let targets: Vec<String> = targets.iter().map(|target| self.prepare(target)).collect();
        let mut interner = Interner::default();
        let response = interner.numbers(tokens(&response));
        let targets: Vec<Vec<u32>> =
            targets.iter().map(|target| interner.numbers(tokens(target))).collect();
        let distance = |len: u64| (len.abs_diff(response.len() as u64), len);
        let target_len =
            targets.iter().map(|target| target.len() as u64).min_by_key(|len| distance(*len));
        let mut statistics = Statistics {
            response_len: response.len() as u64,
            target_len: target_len.unwrap_or(0),
            ..Statistics::default()
        };
        let orders = |tokens: &Vec<u32>| Counts::orders(tokens, self.max_ngram_order, u32::BITS);
        let ours = orders(&response);
        let best = targets
            .iter()
            .map(orders)
            .reduce(|a, b| a.iter().zip(&b).map(|(a, b)| a.max(b)).collect());
        let slots = statistics.correct.iter_mut().zip(&mut statistics.total);
        for (n, ((correct, total), ours)) in slots.zip(&ours).enumerate() {
            let best = best.as_ref().and_then(|best| best.get(n));
            *correct = best.map_or(0, |best| ours.common(best));
            *total = ours.total();
        }
        statistics
    }

    fn prepare(&self, text: &str) -> String {
        let text = if self.lowercase { text.to_lowercase() } else { text.to_owned() };
        self.tokenize.apply(text.trim_end_matches(is_space)).into_owned()
    }

    fn score(&self, statistics: &Statistics) -> Score {
        let Statistics { response_len, target_len, correct, total } = *statistics;
        let brevity_penalty = match (response_len, target_len) {
            (ours, theirs) if ours >= theirs => 1.0,
            (0, _) => 0.0,
            (ours, theirs) => (1.0 - theirs as f64 / ours as f64).exp(),
        };
        let mut score = Score { brevity_penalty, ..Score::default() };
        if correct.iter().all(|count| *count == 0) {
            return score;
        }
        let value = self.smooth_value.unwrap_or(match self.smooth_method {
            Smoothing::Floor => 0.1,
            _ => 1.0,
        });
        let (mut order, mut halved) = (self.max_ngram_order, 1.0);
        let counts = correct.iter().zip(&total).zip(&mut score.precisions);
        for (n, ((correct, total), precision)) in (1..=self.max_ngram_order).zip(counts) {
            let added = if self.smooth_method == Smoothing::AddK && n > 1 { value } else { 0.0 };
            let (correct, total) = (*correct as f64 + added, *total as f64 + added);
            if total <= 0.0 {
                break;
            }
            if self.effective_order {
                order = n;
            }
            *precision = match self.smooth_method {
                _ if correct > 0.0 => 100.0 * correct / total,
                Smoothing::Exp => {
                    halved *= 2.0;
                    100.0 / (halved * total)
                }
                Smoothing::Floor => 100.0 * value / total,
                Smoothing::AddK | Smoothing::None => 0.0,
            };
        }
        // The logarithm of 0 is a large number to sacrebleu, not an infinite one.
        let log =
            |precision: &f64| if *precision > 0.0 { precision.ln() } else { -9_999_999_999.0 };
        let logs: f64 = score.precisions.iter().take(order).map(log).sum();
        score.score = brevity_penalty * (logs / order as f64).exp();
        score
    }
}

#[cfg(test)]
mod tests;
