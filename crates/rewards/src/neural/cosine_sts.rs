//! `cosine_sts`: how near a response is to its target in the space of a sentence encoder.

use serde::{Deserialize, Serialize};

use super::batched::best;
use super::embedder::{
    CACHE_TEXTS, CACHED_TEXTS, EMBEDDER, MODEL, SCALE, Scale, Vector, Vectors, cosine,
};
use super::encoded::{Compare, Encoded};
use super::{BATCH_TOKENS, BATCH_TOKENS_PARAM, DEVICE, MAX_LENGTH, check_sizes};
use crate::error::ParamError;
use crate::reward::Needs;
use crate::sample::Sample;
use crate::spec::info::{Evidence, Info};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Parameters of `cosine_sts`.
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
            scale: Scale::Half,
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
    name: "cosine_sts",
    aliases: &["sts"],
    about: "The cosine of response and target as vectors of a sentence encoder, scaled to [0, 1]; as \
            sentence-transformers computes it, to which an empty text is a text like another. The best \
            target counts.",
    needs: &["target"],
    params: &[MODEL, SCALE, MAX_LENGTH, DEVICE, BATCH_TOKENS_PARAM, CACHE_TEXTS],
    evidence: Evidence::Unvalidated,
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, env| {
        let embedder = env.embedder(&config.model, config.device.as_deref())?;
        let vectors = Vectors::new(embedder, config.max_length);
        let compare = CosineSts { scale: config.scale };
        Ok(Encoded::new(vectors, compare, config.batch_tokens, config.cache))
    })
}

struct CosineSts {
    scale: Scale,
}

impl Compare<Vector> for CosineSts {
    fn needs(&self) -> Needs {
        Needs::target()
    }

    fn texts<'s>(&self, sample: &Sample<'s>) -> Vec<&'s str> {
        std::iter::once(sample.response).chain(sample.targets.iter().map(String::as_str)).collect()
    }

    fn score(&self, values: &[Vector]) -> Option<f64> {
        let (response, targets) = values.split_first()?;
        let best = best(targets.iter().map(|target| cosine(response, target)))?;
        Some(self.scale.apply(best))
    }
}
