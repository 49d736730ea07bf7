//! From a path to a decoder.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use hybrid_gguf::GgufFile;
use serde_json::Value;

use super::folder::{Adapters, misfit};
use super::gather::{Expected, gather};
use super::gguf::{self, GgufWeights};
use super::safetensors::SafetensorsWeights;
use super::{WeightSource, WeightsError};
use crate::config::DecoderConfig;
use crate::decoder::Decoder;
use crate::family;
use crate::heads::LANGUAGE_MODEL;
use crate::lora::Slots;

/// A model on disk: its configuration, read, and its weights, not yet read.
pub struct Checkpoint {
    path: PathBuf,
    config: DecoderConfig,
    source: Box<dyn WeightSource>,
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoint").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Checkpoint {
    /// Opens a Hugging Face directory or a `.gguf` file.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when the path is no model, the configuration describes none we can build,
    /// or a file is damaged.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        if path.is_dir() {
            let config = read_config(&path.join("config.json"), path)?;
            let source = Box::new(SafetensorsWeights::open(path)?);
            return Ok(Self { path: path.to_owned(), config, source });
        }
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
            let file = GgufFile::open(path)
                .map_err(|source| WeightsError::Gguf { path: path.to_owned(), source })?;
            let config = gguf::config_json(&file, path)?;
            let config = family::parse(&config)
                .map_err(|source| WeightsError::Config { path: path.to_owned(), source })?;
            let source = Box::new(GgufWeights::new(file, path)?);
            return Ok(Self { path: path.to_owned(), config, source });
        }
        let reason = match path.extension() {
            _ if !path.exists() => "there is no such file or directory",
            Some(extension) if extension == "safetensors" => {
                "it is a file of weights alone: name the directory it is in"
            }
            _ => "it is a file of another kind",
        };
        Err(WeightsError::NotAModel { path: path.to_owned(), reason })
    }

    /// What the model is made of.
    #[must_use]
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }
}

/// Reads the weights of a checkpoint into a decoder on `device`; adapters that lie beside them are
/// merged into them.
///
/// # Errors
///
/// [`WeightsError::Mismatch`] with every missing, extra or misshapen tensor at once;
/// [`WeightsError::NotFinite`] for a broken checkpoint; [`WeightsError::Unsupported`] for adapters
/// that do not fit; read errors.
pub fn load(checkpoint: &Checkpoint, device: &Device) -> Result<Decoder, WeightsError> {
    Ok(load_adapted(checkpoint, device)?.merged())
}

/// As [`load`], with the adapters beside the weights, to go on training them.
///
/// # Errors
///
/// Those of [`load`].
pub fn load_adapted(checkpoint: &Checkpoint, device: &Device) -> Result<Decoder, WeightsError> {
    let Checkpoint { path, config, source } = checkpoint;
    let adapters = Adapters::of(&config.raw, &Slots::of_decoder(config), path)?;
    let mut parameters = family::parameter_map(config);
    parameters.extend(adapters.iter().flat_map(|adapters| adapters.parameters.iter().cloned()));
    let expected = Expected {
        prefix: family::base_prefix(config),
        parameters: &parameters,
        older_name: |_| None,
        // A model that carries task heads is a language model without them, too.
        is_ignorable: &|name| {
            is_ignorable(config, name) || (name.starts_with("heads.") && has_heads(config))
        },
    };
    let mut values = gather(path, source.as_ref(), &expected)?;
    let own = adapters.as_ref().map(|adapters| adapters.take(&mut values));
    let mut decoder = Decoder::from_values(config, values, device);
    if let (Some(Adapters { plan, .. }), Some(mut own)) = (adapters, own) {
        decoder.attach(&plan, &mut own).map_err(|error| misfit(path, &error))?;
    }
    Ok(decoder)
}

fn has_heads(config: &DecoderConfig) -> bool {
    config.raw.contains_key(LANGUAGE_MODEL)
}

/// Buffers that older versions of `transformers` saved, and a head that is tied anyway.
pub(super) fn is_ignorable(config: &DecoderConfig, name: &str) -> bool {
    let buffers = [
        ".attn.bias",
        ".attn.masked_bias",
        ".attention.bias",
        ".attention.masked_bias",
        ".inv_freq",
    ];
    let head = ["lm_head.weight", "embed_out.weight"].contains(&name) && config.tie_embeddings;
    head || buffers.iter().any(|suffix| name.ends_with(suffix))
}

fn read_config(file: &Path, directory: &Path) -> Result<DecoderConfig, WeightsError> {
    let json = config_json(file, directory)?;
    family::parse(&json).map_err(|source| WeightsError::Config { path: file.to_owned(), source })
}

/// The `config.json` at `file`, without which `directory` is no model.
pub(super) fn config_json(file: &Path, directory: &Path) -> Result<Value, WeightsError> {
    if !file.exists() {
        let reason = "it lacks `config.json`";
        return Err(WeightsError::NotAModel { path: directory.to_owned(), reason });
    }
    read_json(file)
}

pub(crate) fn read_json(path: &Path) -> Result<Value, WeightsError> {
    let text = std::fs::read(path).map_err(|source| WeightsError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_slice(&text)
        .map_err(|source| WeightsError::Json { path: path.to_owned(), source })
}
