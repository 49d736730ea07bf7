//! From logits to the next token, on the host.
//!
//! Order of the steps, as in `transformers`: logit bias, repetition penalty, presence and
//! frequency penalties, no-repeat n-grams, bad words; then temperature, top-k, top-p, min-p,
//! typical. Tokens that a [`Sampler`] forbids are gone before the first step. Random numbers come from the host, so that a seed gives the same tokens on every
//! backend that gives the same logits.

mod filters;
mod kept;
mod penalties;

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use kept::{Behaviour, KeptSet};

/// How the next token is chosen. The default samples from the model's own distribution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SamplingConfig {
    /// Logits are divided by it; 0 chooses the most probable token. At least 0.
    pub temperature: f64,
    /// Keep the `k` most probable tokens and ties with the last; 0 keeps all.
    pub top_k: usize,
    /// Keep the smallest set whose probability reaches `p` (Holtzman et al. 2020,
    /// arXiv 1904.09751). In (0, 1].
    pub top_p: f64,
    /// Keep tokens at least `min_p` times as probable as the most probable (Nguyen et al. 2024,
    /// arXiv 2407.01082). In [0, 1].
    pub min_p: f64,
    /// Keep the tokens whose surprise is nearest to the entropy, up to this mass (Meister et al.
    /// 2023, arXiv 2202.00666). In (0, 1].
    pub typical_p: f64,
    /// Divides positive logits (multiplies negative ones) of tokens seen in prompt or completion
    /// (Keskar et al. 2019, arXiv 1909.05858). Above 0.
    pub repetition_penalty: f64,
    /// Subtracted from the logit of every token already generated.
    pub presence_penalty: f64,
    /// Subtracted once for each time the token was generated.
    pub frequency_penalty: f64,
    /// No n-gram of this length occurs twice in prompt and completion; 0 allows all.
    pub no_repeat_ngram_size: usize,
    /// Token sequences that are never completed.
    pub bad_words: Vec<Vec<u32>>,
    /// Added to the logits of single tokens.
    pub logit_bias: BTreeMap<u32, f64>,
}

impl Default for SamplingConfig {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            typical_p: 1.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            no_repeat_ngram_size: 0,
            bad_words: Vec::new(),
            logit_bias: BTreeMap::new(),
        }
    }
}

/// A sampling setting out of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is {value}, must be {allowed}")]
pub struct SamplingError {
    /// The setting.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// What is allowed.
    pub allowed: &'static str,
}

impl SamplingConfig {
    /// The most probable token every time.
    #[must_use]
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::default() }
    }

    /// True when no random number is drawn.
    #[must_use]
    pub fn is_greedy(&self) -> bool {
        self.temperature <= 0.0
    }

    /// True when tokens with some probability are never drawn: top-k, top-p, min-p, typical, or
    /// greedy, which keeps one.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.is_greedy()
            || self.top_k > 0
            || self.top_p < 1.0
            || self.min_p > 0.0
            || self.typical_p < 1.0
    }

    /// True when logits are changed otherwise than by temperature and truncation: a repetition,
    /// presence or frequency penalty, no-repeat n-grams, bad words, a logit bias.
    #[must_use]
    pub fn is_penalised(&self) -> bool {
        penalties::is_any(self)
    }

    /// Checks the ranges. NaN is out of every range.
    ///
    /// # Errors
    ///
    /// [`SamplingError`] naming the first setting out of range.
    pub fn validate(&self) -> Result<(), SamplingError> {
        let require = |ok: bool, field, value: f64, allowed| {
            let value = value.to_string();
            if ok { Ok(()) } else { Err(SamplingError { field, value, allowed }) }
        };
        let share = |p: f64| p > 0.0 && p <= 1.0;
        // Logits are f32: what overflows there is no usable number either.
        let finite = |p: f64| (p as f32).is_finite();
        require(
            finite(self.temperature) && self.temperature >= 0.0,
            "temperature",
            self.temperature,
            "a finite number of at least 0",
        )?;
        require(share(self.top_p), "top_p", self.top_p, "in (0, 1]")?;
        require((0.0..=1.0).contains(&self.min_p), "min_p", self.min_p, "in [0, 1]")?;
        require(share(self.typical_p), "typical_p", self.typical_p, "in (0, 1]")?;
        let penalty = self.repetition_penalty;
        require(finite(penalty) && penalty > 0.0, "repetition_penalty", penalty, "above 0")?;
        let presence = self.presence_penalty;
        require(finite(presence), "presence_penalty", presence, "a finite number")?;
        let frequency = self.frequency_penalty;
        require(finite(frequency), "frequency_penalty", frequency, "a finite number")?;
        // −∞ forbids a token and is allowed; +∞ would leave no distribution.
        let is_allowed = |bias: f32| bias < f32::INFINITY;
        let bias = self.logit_bias.values().find(|bias| !is_allowed(**bias as f32));
        let value = bias.copied().unwrap_or_default();
        require(bias.is_none(), "logit_bias", value, "a number below infinity for each token")?;
        if self.bad_words.iter().any(Vec::is_empty) {
            let (value, allowed) = ("a word without tokens".to_owned(), "words of tokens");
            return Err(SamplingError { field: "bad_words", value, allowed });
        }
        Ok(())
    }
}

/// The tokens before the next one.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    /// The prompt.
    pub prompt: &'a [u32],
    /// The completion so far.
    pub completion: &'a [u32],
}

impl History<'_> {
    fn all(&self) -> impl DoubleEndedIterator<Item = u32> + Clone {
        self.prompt.iter().chain(self.completion).copied()
    }
}

/// A chosen token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Its id.
    pub token: u32,
    /// `log_softmax(logits / temperature)` of it over the whole vocabulary, before penalties and
    /// truncation, in nats; temperature 1 when greedy.
    pub logprob: f32,
    /// The entropy of the same distribution, in nats.
    pub entropy: f32,
}

/// Applies bias, penalties, temperature and truncation; removed tokens become −∞.
pub fn process(logits: &mut [f32], history: History<'_>, config: &SamplingConfig) {
    penalties::apply(logits, history, config);
    if !config.is_greedy() {
        filters::apply(logits, config);
    }
}

/// Chooses tokens by one set of rules.
#[derive(Debug, Clone, Copy)]
pub struct Sampler<'a> {
    /// How a token is chosen.
    pub config: &'a SamplingConfig,
    /// Tokens that are never chosen, such as those that stand for no text. Ids beyond the vocabulary
    /// change nothing.
    pub forbidden: &'a [u32],
    /// Whether [`Drawn::behaviour`] is recorded; it costs a pass or two over the vocabulary.
    pub record_behaviour: bool,
}

/// What a [`Sampler`] chose.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The token.
    pub choice: Choice,
    /// What it was drawn from, if that is recorded.
    pub behaviour: Option<Behaviour>,
}

impl Sampler<'_> {
    /// Chooses the next token, or `None` when the logits allow none: a NaN, +∞, or all −∞.
    #[must_use]
    pub fn choose(
        &self,
        logits: &[f32],
        history: History<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Option<Drawn> {
        if !are_usable(logits) {
            return None;
        }
        let config = self.config;
        let mut processed = logits.to_vec();
        for token in self.forbidden {
            if let Some(logit) = processed.get_mut(*token as usize) {
                *logit = f32::NEG_INFINITY;
            }
        }
        process(&mut processed, history, config);
        let (index, temperature) = if config.is_greedy() {
            (most_probable(&processed)?, 1.0)
        } else {
            (draw(&processed, rng.random::<f64>())?, config.temperature)
        };
        let token = u32::try_from(index).ok()?;
        let distribution = LogSoftmax::new(logits, temperature);
        let (logprob, entropy) = (distribution.of(logits[index]), distribution.entropy());
        let choice = Choice { token, logprob, entropy };
        let behaviour = self.record_behaviour.then(|| self.behaviour(&processed, choice));
        Some(Drawn { choice, behaviour })
    }

    fn behaviour(&self, processed: &[f32], choice: Choice) -> Behaviour {
        if self.config.is_greedy() {
            return Behaviour { logprob: 0.0, kept: KeptSet::Only(vec![choice.token]) };
        }
        let kept = KeptSet::of(processed, self.config.is_truncated());
        let is_whole = kept == KeptSet::All && !self.config.is_penalised();
        let logit = processed.get(choice.token as usize).copied();
        let logprob = match logit {
            Some(logit) if !is_whole => LogSoftmax::new(processed, 1.0).of(logit),
            _ => choice.logprob,
        };
        Behaviour { logprob, kept }
    }
}

/// Chooses the next token, or `None` when the logits allow none: a NaN, +∞, or all −∞.
#[must_use]
pub fn choose(
    logits: &[f32],
    history: History<'_>,
    config: &SamplingConfig,
    rng: &mut ChaCha8Rng,
) -> Option<Choice> {
    let sampler = Sampler { config, forbidden: &[], record_behaviour: false };
    sampler.choose(logits, history, rng).map(|drawn| drawn.choice)
}

/// True when the logits are a distribution: no NaN, no +∞, and not all −∞.
pub(crate) fn are_usable(logits: &[f32]) -> bool {
    let largest = largest(logits);
    largest.is_finite() && !logits.iter().any(|logit| logit.is_nan())
}

/// The largest logit; −∞ when there is none.
fn largest(logits: &[f32]) -> f32 {
    logits.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// The first of the largest logits, if any is above −∞.
fn most_probable(logits: &[f32]) -> Option<usize> {
    let largest = largest(logits);
    // `max` returns one of its arguments, so the largest is found bit for bit.
    let place = || logits.iter().position(|logit| *logit >= largest);
    if largest > f32::NEG_INFINITY { place() } else { None }
}

/// The token at share `uniform` (in [0, 1)) of the cumulative probabilities, in id order.
fn draw(logits: &[f32], uniform: f64) -> Option<usize> {
    let largest = logits[most_probable(logits)?];
    let weights: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    let mut remaining = uniform * total;
    let mut last = None;
    for (index, weight) in weights.into_iter().enumerate() {
        if weight > 0.0 {
            let weight = f64::from(weight);
            if remaining < weight {
                return Some(index);
            }
            remaining -= weight;
            last = Some(index);
        }
    }
    // Rounding may leave a rest beyond the last token.
    last
}

/// `log_softmax(logits / temperature)`, one logit at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogSoftmax {
    largest: f64,
    inverse_temperature: f64,
    /// `ln Σ exp((logit − largest) / temperature)`.
    log_sum: f64,
    /// The mean of `(logit − largest) / temperature` under the distribution.
    mean: f64,
}

impl LogSoftmax {
    pub(crate) fn new(logits: &[f32], temperature: f64) -> Self {
        let largest = f64::from(largest(logits));
        let inverse_temperature = inverse(temperature);
        let scaled = |logit: f32| (f64::from(logit) - largest) * inverse_temperature;
        let (mut sum, mut weighted) = (0.0_f64, 0.0_f64);
        for logit in logits {
            let scaled = scaled(*logit);
            let weight = f64::from((scaled as f32).exp());
            sum += weight;
            // 0 · −∞ is no number.
            weighted += if weight > 0.0 { weight * scaled } else { 0.0 };
        }
        Self { largest, inverse_temperature, log_sum: sum.ln(), mean: weighted / sum }
    }

    /// In nats.
    fn entropy(&self) -> f32 {
        (self.log_sum - self.mean) as f32
    }

    pub(crate) fn of(&self, logit: f32) -> f32 {
        ((f64::from(logit) - self.largest) * self.inverse_temperature - self.log_sum) as f32
    }
}

/// `1 / temperature`, finite: infinity would turn the largest logit's `0 · ∞` into NaN.
fn inverse(temperature: f64) -> f64 {
    (1.0 / temperature).min(f64::MAX)
}

#[cfg(test)]
mod tests;
