//! A Hugging Face directory that holds a trunk of either kind, and perhaps a head.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde_json::{Map, Value};

use super::gather::{Expected, gather};
use super::layout::ParameterSource;
use super::load::{config_json, is_ignorable};
use super::safetensors::SafetensorsWeights;
use super::{WeightSource, WeightsError};
use crate::config::{ConfigError, DecoderConfig};
use crate::decoder::Decoder;
use crate::encoder::{self, Encoder, EncoderConfig};
use crate::family;
use crate::lora::{LoraError, LoraPlan, Slots};
use crate::trunk::Trunk;

/// The key of `config.json` that holds the plan of adapters.
pub(crate) const LORA: &str = "hybrid_lora";

/// Whether a directory holds adapters beside its weights, by its `config.json`.
#[must_use]
pub fn holds_adapters(directory: &Path) -> bool {
    config_has(directory, LORA)
}

/// Whether the `config.json` of a directory has a key.
pub(crate) fn config_has(directory: &Path, key: &str) -> bool {
    let text = std::fs::read(directory.join("config.json")).unwrap_or_default();
    let config: Option<Map<String, Value>> = serde_json::from_slice(&text).ok();
    config.is_some_and(|config| config.contains_key(key))
}

/// Where the paths of a head's parameters begin, beside those of its trunk.
pub(crate) const HEAD: &str = "task.";

/// An open directory: its configuration, read, and its weights, not yet read.
pub(crate) struct Folder {
    path: PathBuf,
    pub(crate) config: TrunkConfig,
    weights: SafetensorsWeights,
}

/// What the trunk is made of.
#[derive(Debug, Clone)]
pub(crate) enum TrunkConfig {
    Encoder(EncoderConfig),
    Decoder(Box<DecoderConfig>),
}

/// Values by the paths of parameters.
pub(crate) type Values = HashMap<String, Vec<f32>>;

impl Folder {
    /// Opens a directory. Encoders get a pooler, and untied decoders a matrix to the vocabulary,
    /// where the weights have one.
    pub(crate) fn open(path: &Path) -> Result<Self, WeightsError> {
        if !path.is_dir() {
            let reason = "there is no such directory";
            return Err(WeightsError::NotAModel { path: path.to_owned(), reason });
        }
        let file = path.join("config.json");
        let json = config_json(&file, path)?;
        let mut config = TrunkConfig::parse(&json)
            .map_err(|source| WeightsError::Config { path: file, source })?;
        let weights = SafetensorsWeights::open(path)?;
        let stored = weights.tensors();
        let holds = |end: &str| stored.iter().any(|tensor| tensor.name.ends_with(end));
        match &mut config {
            TrunkConfig::Encoder(config) => config.pooler = holds("pooler.dense.weight"),
            // A trunk needs no matrix to the vocabulary, and classifiers have none.
            TrunkConfig::Decoder(config) => {
                config.tie_embeddings |= !holds("lm_head.weight") && !holds("embed_out.weight");
            }
        }
        Ok(Self { path: path.to_owned(), config, weights })
    }

    /// An error about the configuration's keys.
    pub(crate) fn config_error(&self, source: ConfigError) -> WeightsError {
        WeightsError::Config { path: self.path.join("config.json"), source }
    }

    /// An error about what is asked of the directory.
    pub(crate) fn unsupported(&self, what: String) -> WeightsError {
        WeightsError::Unsupported { path: self.path.clone(), what }
    }

    /// The trunk alone.
    pub(crate) fn trunk(&self, device: &Device) -> Result<Trunk, WeightsError> {
        let (values, _) = self.read(&[])?;
        self.build(values, device)
    }

    /// The trunk of the values that [`Self::read`] gave, adapters merged into its weights.
    pub(crate) fn build(&self, values: Values, device: &Device) -> Result<Trunk, WeightsError> {
        let mut trunk = self.build_adapted(values, device)?;
        trunk.merge_adapters();
        Ok(trunk)
    }

    /// The same with its adapters beside its weights.
    pub(crate) fn build_adapted(
        &self,
        mut values: Values,
        device: &Device,
    ) -> Result<Trunk, WeightsError> {
        let adapters = self.adapters()?;
        let own = adapters.as_ref().map(|adapters| adapters.take(&mut values));
        let mut trunk = self.config.build(values, device);
        if let (Some(Adapters { plan, .. }), Some(mut own)) = (adapters, own) {
            trunk.attach(&plan, &mut own).map_err(|error| misfit(&self.path, &error))?;
        }
        Ok(trunk)
    }

    fn adapters(&self) -> Result<Option<Adapters>, WeightsError> {
        Adapters::of(self.config.raw(), &self.config.slots(), &self.path)
    }

    /// The values of the parameters of the trunk and its adapters, and those of a head's whose paths
    /// begin with [`HEAD`], which the answer leaves out.
    pub(crate) fn read(&self, head: &[ParameterSource]) -> Result<(Values, Values), WeightsError> {
        let mut parameters = self.config.parameters();
        parameters.extend(self.adapters()?.into_iter().flat_map(|adapters| adapters.parameters));
        parameters.extend_from_slice(head);
        let has_head = !head.is_empty();
        let expected = match &self.config {
            TrunkConfig::Encoder(config) => Expected {
                prefix: encoder::family::base_prefix(config),
                parameters: &parameters,
                older_name: encoder::family::older_name,
                is_ignorable: &|name| encoder::family::is_ignorable(config, has_head, name),
            },
            TrunkConfig::Decoder(config) => Expected {
                prefix: family::base_prefix(config),
                parameters: &parameters,
                older_name: |_| None,
                is_ignorable: &|name| {
                    let is_head = ["score.", "classifier.", "heads."]
                        .iter()
                        .any(|place| name.starts_with(place));
                    is_ignorable(config, name) || (is_head && !has_head)
                },
            },
        };
        let mut trunk = gather(&self.path, &self.weights, &expected)?;
        let mut task = Values::new();
        for source in head {
            let Some(values) = trunk.remove(&source.parameter) else { continue };
            let path = source.parameter.strip_prefix(HEAD).unwrap_or(&source.parameter);
            task.insert(path.to_owned(), values);
        }
        Ok((trunk, task))
    }
}

/// The adapters that a directory says it holds.
pub(super) struct Adapters {
    pub(super) plan: LoraPlan,
    /// Their stored tensors.
    pub(super) parameters: Vec<ParameterSource>,
}

impl Adapters {
    /// Reads the plan in a `config.json` and checks it against the layers; `None` where there is
    /// none.
    pub(super) fn of(
        config: &Map<String, Value>,
        slots: &Slots,
        path: &Path,
    ) -> Result<Option<Self>, WeightsError> {
        let Some(plan) = config.get(LORA) else { return Ok(None) };
        let plan: LoraPlan =
            serde_json::from_value(plan.clone()).map_err(|error| WeightsError::Unsupported {
                path: path.to_owned(),
                what: format!("`{LORA}` of its `config.json` is not understood: {error}"),
            })?;
        plan.check(slots).map_err(|error| misfit(path, &error))?;
        let parameters = plan.parameters(slots);
        Ok(Some(Self { plan, parameters }))
    }

    /// Takes their values out of all that were read.
    pub(super) fn take(&self, values: &mut Values) -> Values {
        let take = |source: &ParameterSource| values.remove_entry(&source.parameter);
        self.parameters.iter().filter_map(take).collect()
    }
}

/// The error of adapters that the layers have no place for.
pub(super) fn misfit(path: &Path, error: &LoraError) -> WeightsError {
    let what = format!("`{LORA}` of its `config.json` does not fit its layers: {error}");
    WeightsError::Unsupported { path: path.to_owned(), what }
}

impl TrunkConfig {
    fn parse(json: &Value) -> Result<Self, ConfigError> {
        let model_type = json.get("model_type").and_then(Value::as_str);
        let is_encoder = |known: &str| model_type == Some(known);
        if encoder::config::known_model_types().any(is_encoder) {
            return Ok(Self::Encoder(encoder::config::parse(json)?));
        }
        match family::parse(json) {
            Ok(config) => Ok(Self::Decoder(Box::new(config))),
            Err(ConfigError::UnknownModelType { found, known }) => {
                let encoders: Vec<_> = encoder::config::known_model_types().collect();
                let known = format!("{}, {known}", encoders.join(", "));
                Err(ConfigError::UnknownModelType { found, known })
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) fn raw(&self) -> &Map<String, Value> {
        match self {
            Self::Encoder(config) => &config.raw,
            Self::Decoder(config) => &config.raw,
        }
    }

    /// Width of its states.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Encoder(config) => config.hidden_size,
            Self::Decoder(config) => config.embedding_size,
        }
    }

    /// The stored tensors of its parameters.
    pub(crate) fn parameters(&self) -> Vec<ParameterSource> {
        match self {
            Self::Encoder(config) => encoder::family::parameters(config),
            Self::Decoder(config) => family::parameter_map(config),
        }
    }

    /// Where adapters can stand.
    fn slots(&self) -> Slots {
        match self {
            Self::Encoder(config) => Slots::of_encoder(config),
            Self::Decoder(config) => Slots::of_decoder(config),
        }
    }

    fn build(&self, values: Values, device: &Device) -> Trunk {
        match self {
            Self::Encoder(config) => Trunk::Encoder(Encoder::from_values(config, values, device)),
            Self::Decoder(config) => Trunk::Decoder(Decoder::from_values(config, values, device)),
        }
    }
}
