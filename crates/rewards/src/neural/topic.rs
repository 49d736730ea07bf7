//! `topic_consistency`: how far a response keeps to its topic, by words or by a sentence encoder.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::batched::best;
use super::embedder::{CACHE_TEXTS, CACHED_TEXTS, SCALE, Scale, Vector, Vectors, cosine};
use super::encoded::{Compare, Encoded};
use super::{BATCH_TOKENS, BATCH_TOKENS_PARAM, DEVICE, MAX_LENGTH, check_sizes};
use crate::column::Column;
use crate::error::{ParamError, RewardError};
use crate::language::sentences;
use crate::metrics::relevance::topic::{self, Part, Topic};
use crate::reward::{Needs, PerRow, Reward};
use crate::sample::{Context, Sample};
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};
use crate::text::strip;

/// Parameters of `topic_consistency`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    part: Part,
    topics: Vec<String>,
    corpus: Option<PathBuf>,
    model: Option<String>,
    scale: Scale,
    max_length: Option<usize>,
    device: Option<String>,
    batch_tokens: usize,
    cache: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            part: Part::Whole,
            topics: Vec::new(),
            corpus: None,
            model: None,
            scale: Scale::Clip,
            max_length: None,
            device: None,
            batch_tokens: BATCH_TOKENS,
            cache: CACHED_TEXTS,
        }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        if self.model.is_some() && self.corpus.is_some() {
            let reason = "weighs words, and a `model` compares none; give one of them";
            return Err(ParamError::new("corpus", reason));
        }
        check_sizes(self.max_length, self.batch_tokens, self.cache)
    }
}

const INFO: Info = Info {
    about: "The cosine of response and topic, which is the prompt where none is given, as tf-idf vectors \
            of stems without function words; 0 where one has no such word. With a `model`, as vectors of \
            a sentence encoder; then a response or prompt that is empty, or a response without a sentence \
            where sentences are compared, has no score.",
    params: &[
        topic::PART,
        topic::TOPICS,
        topic::CORPUS,
        Param::new(
            "model",
            "a string or null",
            "an encoder in place of the words, named as for `cosine_sts`",
        ),
        SCALE,
        MAX_LENGTH,
        DEVICE,
        BATCH_TOKENS_PARAM,
        CACHE_TEXTS,
    ],
    ..topic::INFO
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, env| {
        let Some(model) = &config.model else {
            let words = Topic::new(config.part, &config.topics, config.corpus.as_deref())?;
            return Ok(TopicConsistency::Words(PerRow(words)));
        };
        let embedder = env.embedder(model, config.device.as_deref())?;
        let vectors = Vectors::new(embedder, config.max_length);
        let topics = vectors.of("topics", &config.topics, config.batch_tokens)?;
        let compare = Near { part: config.part, topics, scale: config.scale };
        let model = Encoded::new(vectors, compare, config.batch_tokens, config.cache);
        Ok(TopicConsistency::Model(Box::new(model)))
    })
}

/// What response and topic are compared by.
enum TopicConsistency {
    Words(PerRow<Topic>),
    Model(Box<Encoded<Vectors, Near>>),
}

impl Reward for TopicConsistency {
    fn needs(&self) -> Needs {
        match self {
            Self::Words(words) => words.needs(),
            Self::Model(model) => model.needs(),
        }
    }

    fn score(&self, batch: &[Sample<'_>], context: &Context<'_>) -> Result<Column, RewardError> {
        match self {
            Self::Words(words) => words.score(batch, context),
            Self::Model(model) => model.score(batch, context),
        }
    }
}

struct Near {
    part: Part,
    /// Where there are none, the prompt is the topic.
    topics: Vec<Vector>,
    scale: Scale,
}

impl Compare<Vector> for Near {
    fn needs(&self) -> Needs {
        if self.topics.is_empty() { Needs::prompt() } else { Needs::default() }
    }

    fn texts<'s>(&self, sample: &Sample<'s>) -> Vec<&'s str> {
        let mut texts = match self.part {
            Part::Whole => vec![sample.response],
            Part::Mean | Part::Min => sentences(sample.response),
        };
        let of_prompt = self.topics.is_empty();
        if texts.is_empty()
            || strip(sample.response).is_empty()
            || of_prompt && strip(sample.prompt).is_empty()
        {
            return Vec::new();
        }
        if of_prompt {
            texts.push(sample.prompt);
        }
        texts
    }

    fn score(&self, values: &[Vector]) -> Option<f64> {
        let (parts, topics) = if self.topics.is_empty() {
            values.split_at_checked(values.len().checked_sub(1)?)?
        } else {
            (values, self.topics.as_slice())
        };
        let near = |part: &Vector| best(topics.iter().map(|topic| cosine(part, topic)));
        let cosines: Vec<f64> = parts.iter().filter_map(near).collect();
        Some(self.scale.apply(self.part.of(&cosines)?))
    }
}
