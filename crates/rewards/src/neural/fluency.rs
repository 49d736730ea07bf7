//! `fluency`: five plain signs of careful English, or the verdict of a language model.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::batched::{Batched, Network};
use super::language_model::{LanguageModel, Passage, Start};
use super::{BATCH_TOKENS, BATCH_TOKENS_PARAM, CACHE, CACHED, DEVICE, MAX_LENGTH, check_sizes};
use crate::column::Column;
use crate::error::{ParamError, RewardError, require};
use crate::linear::fit::sigmoid;
use crate::metrics::lexical::fluency;
use crate::reward::{PerRow, Reward};
use crate::sample::{Context, Sample};
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Parameters of `fluency`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    model: Option<String>,
    midpoint: f64,
    width: f64,
    max_length: Option<usize>,
    device: Option<String>,
    batch_tokens: usize,
    cache: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model: None,
            midpoint: -5.0,
            width: 1.0,
            max_length: None,
            device: None,
            batch_tokens: BATCH_TOKENS,
            cache: CACHED,
        }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        require(self.midpoint.is_finite(), "midpoint", self.midpoint, "finite")?;
        let positive = self.width.is_finite() && self.width > 0.0;
        require(positive, "width", self.width, "finite and more than 0")?;
        check_sizes(self.max_length, self.batch_tokens, self.cache)
    }
}

const INFO: Info = Info {
    about: "The mean of five signs of careful English, each from 0 to 1: sentences begin with a \
            capital, and end with a stop; no word twice in a row; determiners before what can \
            follow them; no space before a stop and no capital function word inside a sentence. It \
            knows no grammar beyond that. 0 without a word. With a `model`, the logistic function of how \
            well that predicts the response: 1 / (1 + exp((midpoint − m) / width)), where m is what \
            `perplexity` scores.",
    params: &[
        Param::new(
            "model",
            "a string or null",
            "a causal language model, named as for `perplexity`, in place of the five signs",
        ),
        Param::new(
            "midpoint",
            "a number",
            "the mean log-probability of a token, in nats, at which a text scores ½; of a text that is fluent to the model it is about −3",
        ),
        Param::new("width", "a number more than 0", "how many nats more are 0.73"),
        MAX_LENGTH,
        DEVICE,
        BATCH_TOKENS_PARAM,
        CACHE,
    ],
    ..fluency::INFO
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, env| {
        let Some(name) = &config.model else {
            return Ok(Fluency::Signs(PerRow(fluency::Fluency)));
        };
        let model = env.language_model(name, config.device.as_deref())?;
        let (batch_tokens, cache) = (config.batch_tokens, config.cache);
        let model = Model { model, config };
        Ok(Fluency::Model(Box::new(Batched::new(model, batch_tokens, cache))))
    })
}

/// Who says how fluent a text is.
enum Fluency {
    Signs(PerRow<fluency::Fluency>),
    Model(Box<Batched<Model>>),
}

impl Reward for Fluency {
    fn score(&self, batch: &[Sample<'_>], context: &Context<'_>) -> Result<Column, RewardError> {
        match self {
            Self::Signs(signs) => signs.score(batch, context),
            Self::Model(model) => model.score(batch, context),
        }
    }
}

struct Model {
    model: Arc<LanguageModel>,
    config: Config,
}

impl Network for Model {
    type Input = Passage;

    fn inputs(&self, sample: &Sample<'_>) -> Result<Vec<Passage>, String> {
        let limit = self.model.limit(self.config.max_length);
        let passage = self.model.passage("", sample.response, Start::Bos, limit)?;
        Ok(passage.into_iter().collect())
    }

    fn length(&self, input: &Passage) -> usize {
        input.ids().len()
    }

    fn run(&self, inputs: &[&Passage]) -> Vec<f64> {
        let Config { midpoint, width, .. } = self.config;
        let scaled = |logprob: f64| sigmoid((logprob - midpoint) / width);
        self.model.mean_logprobs(inputs).into_iter().map(scaled).collect()
    }
}
