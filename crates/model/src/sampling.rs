//! From logits to the next token, on the host.
//!
//! Order of the steps, as in `transformers`: logit bias, repetition penalty, presence and
//! frequency penalties, no-repeat n-grams, bad words; then temperature, top-k, top-p, min-p,
//! typical. Random numbers come from the host, so that a seed gives the same tokens on every
//! backend that gives the same logits.

mod filters;
mod penalties;

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

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
        let finite = |p: f64| p.is_finite();
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
        let bias = self.logit_bias.values().find(|bias| bias.is_nan());
        require(bias.is_none(), "logit_bias", f64::NAN, "a number for each token")
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
}

/// Applies bias, penalties, temperature and truncation; removed tokens become −∞.
pub fn process(logits: &mut [f32], history: History<'_>, config: &SamplingConfig) {
    penalties::apply(logits, history, config);
    if !config.is_greedy() {
        filters::apply(logits, config);
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
    let usable = |logit: &f32| logit.is_finite() || *logit == f32::NEG_INFINITY;
    if !logits.iter().all(usable) {
        return None;
    }
    let mut processed = logits.to_vec();
    process(&mut processed, history, config);
    let index = if config.is_greedy() {
        most_probable(&processed)?
    } else {
        draw(&processed, rng.random::<f64>())?
    };
    let temperature = if config.is_greedy() { 1.0 } else { config.temperature };
    let token = u32::try_from(index).ok()?;
    Some(Choice { token, logprob: logprob(logits, index, temperature) })
}

/// The first of the largest logits, if any is above −∞.
fn most_probable(logits: &[f32]) -> Option<usize> {
    let mut best: Option<(usize, f32)> = None;
    for (index, logit) in logits.iter().enumerate() {
        if *logit > best.map_or(f32::NEG_INFINITY, |(_, largest)| largest) {
            best = Some((index, *logit));
        }
    }
    best.map(|(index, _)| index)
}

/// The token at share `uniform` (in [0, 1)) of the cumulative probabilities, in id order.
fn draw(logits: &[f32], uniform: f64) -> Option<usize> {
    let largest = logits[most_probable(logits)?];
    let weight = |logit: f32| f64::from((logit - largest).exp());
    let total: f64 = logits.iter().map(|logit| weight(*logit)).sum();
    let mut remaining = uniform * total;
    let mut last = None;
    for (index, logit) in logits.iter().enumerate() {
        let weight = weight(*logit);
        if weight > 0.0 {
            if remaining < weight {
                return Some(index);
            }
            remaining -= weight;
            last = Some(index);
        }
    }
    last
}

fn logprob(logits: &[f32], index: usize, temperature: f64) -> f32 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let scaled = |logit: f32| (f64::from(logit) - f64::from(largest)) / temperature;
    let sum: f64 = logits.iter().map(|logit| f64::from((scaled(*logit) as f32).exp())).sum();
    (scaled(logits[index]) - sum.ln()) as f32
}

#[cfg(test)]
mod tests;
