//! A sentence encoder with its tokenizer: one vector for a text.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::ragged::batches;
use hybrid_model::{Device, Encoder, SentenceEncoder, TokenRow};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::encoded::TextEncoder;
use super::language_model::whole;
use super::models::Models;
use crate::error::ParamError;
use crate::spec::info::Param;
use crate::spec::registry::BuildEnv;

/// The model where a spec names none: the encoder of the catalogue.
pub(super) const EMBEDDER: &str = "all-minilm-l6-v2";
/// Texts that are remembered where a spec says nothing: 15 MB of vectors that are 384 wide.
pub(super) const CACHED_TEXTS: usize = 10_000;

pub(super) const MODEL: Param = Param::new(
    "model",
    "a string",
    "an encoder: the path of a folder of sentence-transformers or `transformers`, `hf:owner/name`, or a catalogue name",
);
pub(super) const SCALE: Param = Param::new(
    "scale",
    "one of `half`, `clip` or `raw`",
    "how a cosine c becomes a score: (1 + c) / 2, max(0, c), or c itself, in [−1, 1]",
);
pub(super) const CACHE_TEXTS: Param = Param::new(
    "cache",
    "a whole number from 0 to 10000000",
    "how many texts are remembered with what the network made of them; 0 is none",
);

/// How a cosine becomes a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scale {
    /// (1 + c) / 2.
    Half,
    /// max(0, c).
    Clip,
    /// c.
    Raw,
}

impl Scale {
    /// The score of a cosine; NaN stays.
    pub(super) fn apply(self, cosine: f64) -> f64 {
        match self {
            Self::Half => f64::midpoint(1.0, cosine),
            Self::Clip if cosine < 0.0 => 0.0,
            Self::Clip | Self::Raw => cosine,
        }
    }
}

/// A vector of length 1, or of zeros.
pub type Vector = Arc<[f32]>;

/// A sentence encoder and the tokenizer it was trained with.
#[derive(Debug)]
pub struct Embedder {
    sentences: SentenceEncoder,
    tokenizer: Tokenizer,
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    /// `model_max_length` of the tokenizer's settings.
    tokenizer_limit: usize,
    lower_case: bool,
}

impl Embedder {
    /// Reads a folder of sentence-transformers, or of a bare encoder, whose states are then averaged.
    ///
    /// # Errors
    ///
    /// One sentence that names the path: no such encoder, a broken one, or a tokenizer that is not its
    /// own.
    pub fn load(path: &Path, device: &Device) -> Result<Self, String> {
        let sentences = SentenceEncoder::load(path, device).map_err(|error| whole(&error))?;
        let trunk = trunk(path);
        let tokenizer = Tokenizer::from_path(&trunk).map_err(|error| whole(&error))?;
        let (tokens, rows) = (tokenizer.vocab_size(), sentences.encoder().config().vocab_size);
        if tokens > rows {
            return Err(format!(
                "the tokenizer of `{}` knows {tokens} tokens, but the encoder's embedding has only \
                 {rows} rows: they belong to different models",
                path.display()
            ));
        }
        let (prefix, suffix) = tokenizer.affixes().map_err(|error| whole(&error))?;
        if prefix.is_empty() && suffix.is_empty() {
            return Err(format!(
                "the tokenizer of `{}` puts no special token around a text, so that an empty one has \
                 no state",
                path.display()
            ));
        }
        let written = settings(&trunk.join("tokenizer_config.json"));
        let limit = written.get("model_max_length").and_then(Value::as_u64);
        // Where there is no limit, a number that is none stands there.
        let tokenizer_limit = limit.and_then(|limit| usize::try_from(limit).ok());
        let lower_case = [path, &trunk].iter().any(|folder| {
            let written = settings(&folder.join("sentence_bert_config.json"));
            written.get("do_lower_case").and_then(Value::as_bool) == Some(true)
        });
        let tokenizer_limit = tokenizer_limit.unwrap_or(usize::MAX);
        Ok(Self { sentences, tokenizer, prefix, suffix, tokenizer_limit, lower_case })
    }

    /// The encoder below the pooling.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        self.sentences.encoder()
    }

    /// The special tokens before and after every text.
    #[must_use]
    pub fn affixes(&self) -> (&[u32], &[u32]) {
        (&self.prefix, &self.suffix)
    }

    /// The most tokens of a text whose vector is taken: `wanted`, but never more than the model's.
    #[must_use]
    pub fn limit(&self, wanted: Option<usize>) -> usize {
        wanted.unwrap_or(usize::MAX).min(self.sentences.max_tokens())
    }

    /// The most tokens of a text whose states are taken: `wanted`, but never more than the encoder's
    /// positions or than the tokenizer is set to.
    #[must_use]
    pub fn states_limit(&self, wanted: Option<usize>) -> usize {
        let own = self.encoder().config().max_tokens.min(self.tokenizer_limit);
        wanted.unwrap_or(usize::MAX).min(own)
    }

    /// The tokens of a text with the special ones around it; over `limit` the text loses its end.
    ///
    /// # Errors
    ///
    /// The tokenizer's own, in one sentence, or that the model does not know a token.
    pub fn ids(&self, text: &str, limit: usize) -> Result<Vec<u32>, String> {
        let mut body = self.tokenizer.encode(text, false).map_err(|error| whole(&error))?;
        body.truncate(limit.saturating_sub(self.prefix.len() + self.suffix.len()));
        let ids = [self.prefix.as_slice(), &body, &self.suffix].concat();
        self.encoder().check(&[TokenRow::new(&ids)]).map_err(|error| whole(&error))?;
        Ok(ids)
    }

    /// The vector of each row of a batch.
    ///
    /// # Errors
    ///
    /// The encoder's own, in one sentence, for a row that it cannot read.
    pub fn encode(&self, rows: &[&[u32]]) -> Result<Vec<Vector>, String> {
        let rows: Vec<TokenRow<'_>> = rows.iter().map(|ids| TokenRow::new(ids)).collect();
        let vectors = self.sentences.encode(&rows).map_err(|error| whole(&error))?;
        let values: Vec<f32> = vectors.into_data().iter::<f32>().collect();
        Ok(values.chunks_exact(self.sentences.width().max(1)).map(unit).collect())
    }

    /// The vector of each text, at most `batch_tokens` tokens at once.
    ///
    /// # Errors
    ///
    /// As for [`ids`](Self::ids), for the first text that cannot be read.
    pub fn vectors(
        &self,
        texts: &[&str],
        limit: usize,
        batch_tokens: usize,
    ) -> Result<Vec<Vector>, String> {
        let rows: Vec<Vec<u32>> =
            texts.iter().map(|text| self.read(text, limit)).collect::<Result<_, _>>()?;
        let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
        let mut found: Vec<(usize, Vector)> = Vec::with_capacity(rows.len());
        for batch in batches(&lengths, batch_tokens) {
            let members: Vec<&[u32]> =
                batch.iter().filter_map(|at| rows.get(*at).map(Vec::as_slice)).collect();
            found.extend(batch.iter().copied().zip(self.encode(&members)?));
        }
        found.sort_by_key(|(at, _)| *at);
        Ok(found.into_iter().map(|(_, vector)| vector).collect())
    }

    /// The cosine of each pair of texts, from −1 to 1.
    ///
    /// # Errors
    ///
    /// As for [`vectors`](Self::vectors).
    pub fn similarities(
        &self,
        pairs: &[(&str, &str)],
        batch_tokens: usize,
    ) -> Result<Vec<f64>, String> {
        let texts: Vec<&str> = pairs.iter().flat_map(|(one, other)| [*one, *other]).collect();
        let vectors = self.vectors(&texts, self.limit(None), batch_tokens)?;
        let cosine = |pair: &[Vector]| match pair {
            [one, other] => cosine(one, other),
            _ => f64::NAN,
        };
        Ok(vectors.chunks(2).map(cosine).collect())
    }

    /// The tokens of a text whose vector is taken.
    fn read(&self, text: &str, limit: usize) -> Result<Vec<u32>, String> {
        if self.lower_case {
            return self.ids(&text.to_lowercase(), limit);
        }
        self.ids(text, limit)
    }
}

/// The vectors of an embedder, of texts cut to a number of tokens.
pub(super) struct Vectors {
    embedder: Arc<Embedder>,
    limit: usize,
}

impl Vectors {
    pub(super) fn new(embedder: Arc<Embedder>, max_length: Option<usize>) -> Self {
        let limit = embedder.limit(max_length);
        Self { embedder, limit }
    }

    /// The vectors of texts that a spec gives under `key`.
    pub(super) fn of(
        &self,
        key: &str,
        texts: &[String],
        batch_tokens: usize,
    ) -> Result<Vec<Vector>, ParamError> {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let found = self.embedder.vectors(&texts, self.limit, batch_tokens);
        found.map_err(|reason| ParamError::new(key, format!("cannot be encoded: {reason}")))
    }
}

impl TextEncoder for Vectors {
    type Value = Vector;

    fn read(&self, text: &str) -> Result<Vec<u32>, String> {
        self.embedder.read(text, self.limit)
    }

    fn encode(&self, rows: &[&[u32]]) -> Result<Vec<Vector>, String> {
        self.embedder.encode(rows)
    }
}

impl Models<'_> {
    /// The sentence encoder `name` on `device`.
    ///
    /// # Errors
    ///
    /// [`ParamError`] of `model` where nothing has that name or what has it is no encoder, of `device`
    /// where there is no such device.
    pub fn embedder(&self, name: &str, device: Option<&str>) -> Result<Arc<Embedder>, ParamError> {
        let place = self.place(name, device)?;
        self.embedders.take(&place, || Embedder::load(&place.path, &place.device))
    }
}

impl BuildEnv<'_> {
    /// The sentence encoder `name` on `device`; see [`Models::embedder`].
    ///
    /// # Errors
    ///
    /// As there, and where the environment has no networks.
    pub fn embedder(&self, name: &str, device: Option<&str>) -> Result<Arc<Embedder>, ParamError> {
        self.networks(name)?.embedder(name, device)
    }
}

/// The cosine of two vectors of length 1, from −1 to 1; 0 where one is of zeros.
pub(super) fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let products = one.iter().zip(other).map(|(a, b)| f64::from(*a) * f64::from(*b));
    products.sum::<f64>().clamp(-1.0, 1.0)
}

/// The mean direction of vectors; `None` of none.
pub(super) fn mean(vectors: &[Vector]) -> Option<Vector> {
    let mut sum = vec![0.0; vectors.first()?.len()];
    for vector in vectors {
        for (sum, value) in sum.iter_mut().zip(vector.iter()) {
            *sum += *value;
        }
    }
    Some(unit(&sum))
}

/// The vector divided by its length.
pub(super) fn unit(vector: &[f32]) -> Vector {
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    vector.iter().map(|value| (f64::from(*value) / length.max(1e-12)) as f32).collect()
}

/// The folder of the encoder within that of sentence-transformers, where its tokenizer lies, too.
fn trunk(path: &Path) -> PathBuf {
    let modules = settings(&path.join("modules.json"));
    let first = modules.get(0).and_then(|module| module.get("path")).and_then(Value::as_str);
    let inner = first.map_or_else(|| path.to_owned(), |first| path.join(first));
    // A tokenizer at the top is the whole folder's.
    if path.join("tokenizer.json").is_file() { path.to_owned() } else { inner }
}

/// A JSON file that may be absent; what it holds was checked where it matters.
fn settings(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}
