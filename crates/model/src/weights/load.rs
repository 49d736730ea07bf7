//! From a path to a decoder.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use hybrid_gguf::GgufFile;
use rayon::prelude::*;
use serde_json::Value;

use super::gguf::{self, GgufWeights};
use super::layout::ParameterSource;
use super::safetensors::SafetensorsWeights;
use super::{TensorSpec, WeightSource, WeightsError};
use crate::config::DecoderConfig;
use crate::decoder::Decoder;
use crate::family;

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

/// Reads the weights of a checkpoint into a decoder on `device`.
///
/// # Errors
///
/// [`WeightsError::Mismatch`] with every missing, extra or misshapen tensor at once;
/// [`WeightsError::NotFinite`] for a broken checkpoint; read errors.
pub fn load(checkpoint: &Checkpoint, device: &Device) -> Result<Decoder, WeightsError> {
    let Checkpoint { path, config, source } = checkpoint;
    let map = family::parameter_map(config);
    let names = resolve(path, config, &map, &source.tensors())?;
    let read = |source_of: &ParameterSource| -> Result<(String, Vec<f32>), WeightsError> {
        let values = assemble(path, source.as_ref(), source_of, &names)?;
        Ok((source_of.parameter.clone(), values))
    };
    let values = map.par_iter().map(read).collect::<Result<HashMap<_, _>, _>>()?;
    Ok(Decoder::from_values(config, values, device))
}

/// Fills one parameter from its stored pieces.
fn assemble(
    path: &Path,
    source: &dyn WeightSource,
    parameter: &ParameterSource,
    names: &BTreeMap<String, String>,
) -> Result<Vec<f32>, WeightsError> {
    let width = parameter.shape.last().copied().unwrap_or(1);
    let read = |tensor: &str| -> Result<Vec<f32>, WeightsError> {
        let stored = source.read(names.get(tensor).map_or(tensor, String::as_str))?;
        let count = stored.iter().filter(|value| !value.is_finite()).count();
        if count > 0 {
            let (path, tensor) = (path.to_owned(), tensor.to_owned());
            return Err(WeightsError::NotFinite { path, tensor, count });
        }
        Ok(stored)
    };
    if let [piece] = parameter.pieces.as_slice()
        && piece.is_whole()
    {
        return read(&piece.tensor);
    }
    let mut values = vec![0.0; parameter.shape.iter().product()];
    for piece in &parameter.pieces {
        piece.fill(&mut values, width, &read(&piece.tensor)?);
    }
    Ok(values)
}

/// Finds each needed tensor's stored name, with or without the base model's prefix.
fn resolve(
    path: &Path,
    config: &DecoderConfig,
    map: &[ParameterSource],
    stored: &[TensorSpec],
) -> Result<BTreeMap<String, String>, WeightsError> {
    let shapes: HashMap<&str, &[usize]> =
        stored.iter().map(|spec| (spec.name.as_str(), spec.shape.as_slice())).collect();
    let prefix = family::base_prefix(config);
    let mut names = BTreeMap::new();
    let mut used = BTreeSet::new();
    let mut faults = Vec::new();
    for source in map {
        for piece in &source.pieces {
            let short = piece.tensor.strip_prefix(prefix).unwrap_or(&piece.tensor);
            let found = [piece.tensor.as_str(), short].into_iter().find(|n| shapes.contains_key(n));
            let expected = piece.stored_shape(&source.shape);
            match found {
                None => faults.push(format!("  missing: {} {expected:?}", piece.tensor)),
                Some(name) if shapes[name] != expected => faults.push(format!(
                    "  misshapen: {name} is {:?}, expected {expected:?}",
                    shapes[name]
                )),
                Some(name) => {
                    names.insert(piece.tensor.clone(), name.to_owned());
                }
            }
            used.extend(found);
        }
    }
    let extra = shapes.keys().filter(|name| !used.contains(*name) && !is_ignorable(config, name));
    let mut extra: Vec<String> = extra.map(|name| format!("  extra: {name}")).collect();
    extra.sort_unstable();
    faults.extend(extra);
    if faults.is_empty() {
        return Ok(names);
    }
    Err(WeightsError::Mismatch { path: path.to_owned(), list: shortened_list(faults) })
}

fn shortened_list(mut faults: Vec<String>) -> String {
    const LIMIT: usize = 30;
    let total = faults.len();
    faults.truncate(LIMIT);
    if total > LIMIT {
        faults.push(format!("  and {} more", total - LIMIT));
    }
    faults.join("\n")
}

/// Buffers that older versions of `transformers` saved, and a head that is tied anyway.
fn is_ignorable(config: &DecoderConfig, name: &str) -> bool {
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
    if !file.exists() {
        let reason = "it lacks `config.json`";
        return Err(WeightsError::NotAModel { path: directory.to_owned(), reason });
    }
    let json = read_json(file)?;
    family::parse(&json).map_err(|source| WeightsError::Config { path: file.to_owned(), source })
}

pub(super) fn read_json(path: &Path) -> Result<Value, WeightsError> {
    let text = std::fs::read(path).map_err(|source| WeightsError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_slice(&text)
        .map_err(|source| WeightsError::Json { path: path.to_owned(), source })
}
