//! `perplexity`: how well a causal language model predicts the response.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::batched::{Batched, Network};
use super::language_model::{LanguageModel, Passage, Start};
use super::{
    BATCH_TOKENS, BATCH_TOKENS_PARAM, CACHE, CACHED, DEVICE, LANGUAGE_MODEL, MAX_LENGTH, MODEL,
    check_sizes,
};
use crate::error::ParamError;
use crate::reward::Needs;
use crate::sample::Sample;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// The scale of the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// −ln(perplexity): the mean log-probability of a token, in nats.
    #[default]
    NegLog,
    /// The perplexity itself, of which less is better.
    Perplexity,
    /// 1 / perplexity: the geometric mean of the tokens' probabilities.
    Inverse,
}

/// What stands before the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Condition {
    /// Nothing.
    #[default]
    None,
    /// The prompt, which is read and not scored.
    Prompt,
}

/// Parameters of `perplexity`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    model: String,
    mode: Mode,
    condition: Condition,
    add_start_token: bool,
    max_length: Option<usize>,
    device: Option<String>,
    batch_tokens: usize,
    cache: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model: LANGUAGE_MODEL.to_owned(),
            mode: Mode::NegLog,
            condition: Condition::None,
            add_start_token: true,
            max_length: None,
            device: None,
            batch_tokens: BATCH_TOKENS,
            cache: CACHED,
        }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        check_sizes(self.max_length, self.batch_tokens, self.cache)
    }
}

const INFO: Info = Info {
    name: "perplexity",
    about: "The mean log-probability of the response's tokens by a causal language model with its own \
            tokenizer, in nats: minus the logarithm of the perplexity, as Hugging Face's `evaluate` \
            defines that. A response without a scored token has no score.",
    range: (f64::NEG_INFINITY, 0.0),
    params: &[
        MODEL,
        Param::new(
            "mode",
            "one of `neg_log`, `perplexity` or `inverse`",
            "minus its logarithm, the perplexity itself (less is better), or 1 / perplexity, in [0, 1]",
        ),
        Param::new(
            "condition",
            "one of `none` or `prompt`",
            "whether the prompt stands before the response; it is read and not scored",
        ),
        Param::new(
            "add_start_token",
            "true or false",
            "put the model's BOS token first, which is read and not scored; without it, and without a prompt, the first token is not scored",
        ),
        MAX_LENGTH,
        DEVICE,
        BATCH_TOKENS_PARAM,
        CACHE,
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, env| {
        let model = env.language_model(&config.model, config.device.as_deref())?;
        if config.add_start_token && model.tokenizer().bos().is_none() {
            let reason =
                format!("is true, but `{}` has no BOS token; set it to false", config.model);
            return Err(ParamError::new("add_start_token", reason));
        }
        let (batch_tokens, cache) = (config.batch_tokens, config.cache);
        Ok(Batched::new(Perplexity { model, config }, batch_tokens, cache))
    })
}

struct Perplexity {
    model: Arc<LanguageModel>,
    config: Config,
}

impl Network for Perplexity {
    type Input = Passage;

    fn needs(&self) -> Needs {
        Needs { prompt: self.config.condition == Condition::Prompt, ..Needs::default() }
    }

    fn inputs(&self, sample: &Sample<'_>) -> Result<Vec<Passage>, String> {
        let context = match self.config.condition {
            Condition::None => "",
            Condition::Prompt => sample.prompt,
        };
        let start = if self.config.add_start_token { Start::Bos } else { Start::Nothing };
        let limit = self.model.limit(self.config.max_length);
        let passage = self.model.passage(context, sample.response, start, limit)?;
        Ok(passage.into_iter().collect())
    }

    fn length(&self, input: &Passage) -> usize {
        input.ids().len()
    }

    fn run(&self, inputs: &[&Passage]) -> Vec<f64> {
        let scaled = |logprob: f64| match self.config.mode {
            Mode::NegLog => logprob,
            Mode::Perplexity => (-logprob).exp(),
            Mode::Inverse => logprob.exp(),
        };
        self.model.mean_logprobs(inputs).into_iter().map(scaled).collect()
    }
}
