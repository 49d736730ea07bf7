//! `coherence`: how near each sentence is to the one before it.

use serde::{Deserialize, Serialize};

use super::embedder::{
    CACHE_TEXTS, CACHED_TEXTS, EMBEDDER, MODEL, SCALE, Scale, Vector, Vectors, cosine,
};
use super::encoded::{Compare, Encoded};
use super::{BATCH_TOKENS, BATCH_TOKENS_PARAM, DEVICE, MAX_LENGTH, check_sizes};
use crate::error::ParamError;
use crate::language::sentences;
use crate::sample::Sample;
use crate::spec::info::{Evidence, Info};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Parameters of `coherence`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    model: String,
    scale: Scale,
    max_length: Option<usize>,
    device: Option<String>,
    batch_tokens: usize,
    cache: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model: EMBEDDER.to_owned(),
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
        check_sizes(self.max_length, self.batch_tokens, self.cache)
    }
}

const INFO: Info = Info {
    name: "coherence",
    about: "The mean cosine of each two sentences of the response that follow each other, as vectors of \
            a sentence encoder. A response of one sentence, or none, has no score. A response that says \
            one sentence again and again is perfectly coherent by this: weigh it against \
            `repetition_penalty`.",
    params: &[MODEL, SCALE, MAX_LENGTH, DEVICE, BATCH_TOKENS_PARAM, CACHE_TEXTS],
    evidence: Evidence::Unvalidated,
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, env| {
        let embedder = env.embedder(&config.model, config.device.as_deref())?;
        let vectors = Vectors::new(embedder, config.max_length);
        let compare = Coherence { scale: config.scale };
        Ok(Encoded::new(vectors, compare, config.batch_tokens, config.cache))
    })
}

struct Coherence {
    scale: Scale,
}

impl Compare<Vector> for Coherence {
    fn texts<'s>(&self, sample: &Sample<'s>) -> Vec<&'s str> {
        let found = sentences(sample.response);
        if found.len() < 2 { Vec::new() } else { found }
    }

    fn score(&self, values: &[Vector]) -> Option<f64> {
        let next = values.iter().skip(1);
        let cosines: Vec<f64> = values.iter().zip(next).map(|(a, b)| cosine(a, b)).collect();
        let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
        Some(self.scale.apply(mean))
    }
}
