//! `style`: how near a response is to texts written in the style that is wanted.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::embedder::{
    CACHE_TEXTS, CACHED_TEXTS, EMBEDDER, MODEL, SCALE, Scale, Vector, Vectors, cosine, mean,
};
use super::encoded::{Compare, Encoded};
use super::{BATCH_TOKENS, BATCH_TOKENS_PARAM, DEVICE, MAX_LENGTH, check_sizes};
use crate::corpus;
use crate::error::ParamError;
use crate::sample::Sample;
use crate::spec::info::{Evidence, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};
use crate::text::strip;

/// Parameters of `style`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    exemplars: Vec<String>,
    file: Option<PathBuf>,
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
            exemplars: Vec::new(),
            file: None,
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
    name: "style",
    about: "The cosine of the response and the mean of exemplars, as vectors of length 1 of a sentence \
            encoder. Such a vector holds what a text is about as much as how it is written, so the \
            exemplars should vary in all but their style. An empty response has no score.",
    params: &[
        Param::new(
            "exemplars",
            "a list of strings",
            "texts in the style; required unless `file` names some",
        ),
        Param::new(
            "file",
            "a path or null",
            "a file of such texts: one a line, or `.jsonl` rows with a `text`",
        ),
        MODEL,
        SCALE,
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
        let (key, exemplars) = match (&config.file, config.exemplars.as_slice()) {
            (Some(path), []) => ("file", corpus::texts("file", path)?),
            (None, [_, ..]) => ("exemplars", config.exemplars.clone()),
            (None, []) => {
                let reason = "is empty, and `file` is absent; one of them must give texts";
                return Err(ParamError::new("exemplars", reason));
            }
            (Some(_), _) => {
                return Err(ParamError::new(
                    "file",
                    "is given beside `exemplars`; give one of them",
                ));
            }
        };
        let embedder = env.embedder(&config.model, config.device.as_deref())?;
        let vectors = Vectors::new(embedder, config.max_length);
        let exemplars = vectors.of(key, &exemplars, config.batch_tokens)?;
        let style = mean(&exemplars).ok_or_else(|| ParamError::new(key, "holds no text"))?;
        let compare = Style { style, scale: config.scale };
        Ok(Encoded::new(vectors, compare, config.batch_tokens, config.cache))
    })
}

struct Style {
    style: Vector,
    scale: Scale,
}

impl Compare<Vector> for Style {
    fn texts<'s>(&self, sample: &Sample<'s>) -> Vec<&'s str> {
        if strip(sample.response).is_empty() { Vec::new() } else { vec![sample.response] }
    }

    fn score(&self, values: &[Vector]) -> Option<f64> {
        Some(self.scale.apply(cosine(values.first()?, &self.style)))
    }
}
