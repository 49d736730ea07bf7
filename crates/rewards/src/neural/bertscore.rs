//! `bertscore`: greedy matching of tokens by the cosine of their states (Zhang et al. 2020).

mod baseline;
mod layers;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::baseline::Baseline;
use super::batched::best;
use super::embedder::{CACHE_TEXTS, EMBEDDER, MODEL};
use super::encoded::{Compare, Encoded};
use super::token_states::{States, TokenStates};
use super::{BATCH_TOKENS, BATCH_TOKENS_PARAM, DEVICE, MAX_LENGTH, check_sizes};
use crate::corpus;
use crate::error::{ParamError, require};
use crate::reward::Needs;
use crate::sample::Sample;
use crate::spec::info::{Evidence, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Texts whose states are remembered where a spec says nothing: of 100 tokens that are 384 wide,
/// 150 MB.
const CACHED_STATES: usize = 1_000;

/// Which of the three numbers is the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Precision,
    Recall,
    #[default]
    F1,
}

/// Parameters of `bertscore`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    model: String,
    mode: Mode,
    layer: Option<usize>,
    idf: Option<PathBuf>,
    baseline: Option<Vec<f64>>,
    baseline_file: Option<PathBuf>,
    max_length: Option<usize>,
    device: Option<String>,
    batch_tokens: usize,
    cache: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model: EMBEDDER.to_owned(),
            mode: Mode::F1,
            layer: None,
            idf: None,
            baseline: None,
            baseline_file: None,
            max_length: None,
            device: None,
            batch_tokens: BATCH_TOKENS,
            cache: CACHED_STATES,
        }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        if let Some(baseline) = &self.baseline {
            let right = baseline.len() == 3 && baseline.iter().all(|number| *number < 1.0);
            let shown = format!("{baseline:?}");
            require(right, "baseline", shown, "three numbers less than 1: of P, R and F1")?;
            if self.baseline_file.is_some() {
                let reason = "is given beside `baseline`; give one of them";
                return Err(ParamError::new("baseline_file", reason));
            }
        }
        check_sizes(self.max_length, self.batch_tokens, self.cache)
    }
}

const INFO: Info = Info {
    name: "bertscore",
    about: "Tokens of response and target matched greedily by the cosine of their states in an encoder: \
            precision is the mean over the response's tokens of each one's best match, recall that over \
            the target's, and the score is their F1. As bert_score computes it for one pair at a time: \
            special tokens match but do not count, and an empty text scores 0; but where precision and \
            recall have opposite signs the smaller is the F1. The best target counts. \
            What it gives depends on the model; compare scores of one alone.",
    range: (-1.0, 1.0),
    needs: &["target"],
    params: &[
        MODEL,
        Param::new("mode", "one of `precision`, `recall` or `f1`", "which of them is the score"),
        Param::new(
            "layer",
            "a whole number ≥ 0 or null",
            "after how many layers the states are taken; null is bert_score's choice for a model of that name, else all",
        ),
        Param::new(
            "idf",
            "a path or null",
            "a file of texts that says how rare tokens are, by which they then count; null weighs all alike",
        ),
        Param::new(
            "baseline",
            "a list of numbers or null",
            "P, R and F1 of unrelated texts, which become 0: a score x becomes (x − b) / (1 − b)",
        ),
        Param::new(
            "baseline_file",
            "a path or null",
            "a table of such numbers by layer, as bert_score has them: a heading, then lines of layer, P, R and F1",
        ),
        MAX_LENGTH,
        DEVICE,
        BATCH_TOKENS_PARAM,
        CACHE_TEXTS,
    ],
    evidence: Evidence::Unvalidated,
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, env| {
        let embedder = env.embedder(&config.model, config.device.as_deref())?;
        let most = embedder.encoder().config().layers;
        let chosen = || layers::of_name(&config.model).filter(|layer| *layer <= most);
        let layer = config.layer.or_else(chosen).unwrap_or(most);
        if layer > most {
            let reason = format!("is {layer}, but `{}` has {most} layers", config.model);
            return Err(ParamError::new("layer", reason));
        }
        let baseline = match (&config.baseline, &config.baseline_file) {
            (Some(numbers), _) => Baseline::of(numbers),
            (None, Some(path)) => Baseline::read(path, layer)?,
            (None, None) => Baseline::default(),
        };
        let (prefix, suffix) = embedder.affixes();
        let special = prefix.iter().chain(suffix).map(|id| (*id, 0.0)).collect();
        let states = States::new(Arc::clone(&embedder), layer, config.max_length);
        let weights = match &config.idf {
            Some(path) => Weights::of(&states, &corpus::texts("idf", path)?)?,
            None => Weights { known: special, other: 1.0 },
        };
        let compare = BertScore { mode: config.mode, weights, baseline };
        Ok(Encoded::new(states, compare, config.batch_tokens, config.cache))
    })
}

/// How much a token counts.
struct Weights {
    known: HashMap<u32, f64>,
    other: f64,
}

impl Weights {
    /// ln((N + 1) / (n + 1)) for a token that n of N texts hold.
    fn of(states: &States, texts: &[String]) -> Result<Self, ParamError> {
        let all = (texts.len() + 1) as f64;
        let found = states.frequencies(texts).map_err(|reason| {
            ParamError::new("idf", format!("holds a text that cannot be read: {reason}"))
        })?;
        let weight = |(id, with): (u32, usize)| (id, (all / (with + 1) as f64).ln());
        Ok(Self { known: found.into_iter().map(weight).collect(), other: all.ln() })
    }

    /// The mean of `matches`, each weighed by its token.
    fn mean(&self, ids: &[u32], matches: &[f32]) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for (id, found) in ids.iter().zip(matches) {
            let weight = self.known.get(id).copied().unwrap_or(self.other);
            sum += weight * f64::from(*found);
            total += weight;
        }
        // Rounding makes a cosine of equal states a little more than 1.
        (sum / total).clamp(-1.0, 1.0)
    }
}

struct BertScore {
    mode: Mode,
    weights: Weights,
    baseline: Baseline,
}

impl BertScore {
    /// The number that is the score, before its baseline.
    fn raw(&self, response: &TokenStates, target: &TokenStates) -> f64 {
        if !(response.is_finite() && target.is_finite()) {
            return f64::NAN;
        }
        // Two tokens are the special ones of an empty text.
        if response.ids.len() == 2 || target.ids.len() == 2 {
            return 0.0;
        }
        let (of_response, of_target) = response.matches(target);
        let precision = self.weights.mean(&response.ids, &of_response);
        let recall = self.weights.mean(&target.ids, &of_target);
        match self.mode {
            Mode::Precision => precision,
            Mode::Recall => recall,
            Mode::F1 => f1(precision, recall),
        }
    }
}

/// The harmonic mean; 0 where no token counts, as theirs. Two of opposite signs have none (theirs is then
/// any number at all), so the smaller stands for it.
fn f1(precision: f64, recall: f64) -> f64 {
    if precision.is_nan() || recall.is_nan() {
        return 0.0;
    }
    if precision.min(recall) < 0.0 && precision.max(recall) >= 0.0 {
        return precision.min(recall);
    }
    let f1 = 2.0 * precision * recall / (precision + recall);
    if f1.is_nan() { 0.0 } else { f1 }
}

impl Compare<Arc<TokenStates>> for BertScore {
    fn needs(&self) -> Needs {
        Needs::target()
    }

    fn texts<'s>(&self, sample: &Sample<'s>) -> Vec<&'s str> {
        std::iter::once(sample.response).chain(sample.targets.iter().map(String::as_str)).collect()
    }

    fn score(&self, values: &[Arc<TokenStates>]) -> Option<f64> {
        let (response, targets) = values.split_first()?;
        let scores = targets.iter().map(|target| self.raw(response, target));
        Some(self.baseline.rescale(best(scores)?, self.mode))
    }
}

#[cfg(test)]
mod tests;
