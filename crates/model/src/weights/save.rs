//! From a decoder to a Hugging Face directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensorError, TensorView};
use serde_json::{Map, Value, json};

use super::WeightsError;
use super::folder::LORA;
use super::layout::ParameterSource;
use crate::decoder::Decoder;
use crate::family;
use crate::heads::forget_heads;
use crate::lora::Slots;

/// Writes `config.json` and `model.safetensors` (f32) into `directory`, which is made if absent.
///
/// `transformers` loads the result without a warning, with equal logits; adapters are merged into the
/// weights. Both files are written in
/// full under temporary names, flushed to the disk, and only then put in place of what was there:
/// an interrupted save leaves the old model or the new one, but for the moment between the two
/// renames. The checkpoint is held in memory once more while it is written.
///
/// # Errors
///
/// [`WeightsError::Io`] naming the file. Unless the second rename is what failed, the directory
/// then still holds what it held.
pub fn save(decoder: &Decoder, directory: &Path) -> Result<(), WeightsError> {
    let config = decoder.config();
    let class = architecture(&config.model_type);
    write(directory, &stored_tensors(decoder), saved_config(&config.raw, class))
}

/// As [`save`], with adapters beside the weights that they do not change, as `lora.LAYER.TARGET.…`:
/// [`super::load_adapted`] goes on with them, [`super::load()`] merges them, other programs read the
/// weights without them.
///
/// # Errors
///
/// [`WeightsError::Io`] naming the file.
pub fn save_adapted(decoder: &Decoder, directory: &Path) -> Result<(), WeightsError> {
    let Some(plan) = decoder.adapters() else { return save(decoder, directory) };
    let config = decoder.config();
    let mut parameters = family::parameter_map(config);
    parameters.extend(plan.parameters(&Slots::of_decoder(config)));
    let mut written = saved_config(&config.raw, architecture(&config.model_type));
    written.insert(LORA.to_owned(), json!(plan));
    write(directory, &stored(&parameters, &decoder.values()), written)
}

/// Writes tensors and a configuration as [`save`] does.
pub(crate) fn write(
    directory: &Path,
    tensors: &[Stored],
    configuration: Map<String, Value>,
) -> Result<(), WeightsError> {
    fs::create_dir_all(directory).map_err(|source| io("create", directory, source))?;
    let files = ["model.safetensors", "config.json"]
        .map(|name| (directory.join(format!("{name}.partial")), directory.join(name)));
    let [(weights, _), (config, _)] = &files;
    let written = write_weights(tensors, weights)
        .and_then(|()| write_config(configuration, config))
        .and_then(|()| files.iter().try_for_each(|(partial, path)| replace(partial, path)));
    if written.is_err() {
        for (partial, _) in &files {
            // The first error is the one to report; a leftover does no harm.
            let _ = fs::remove_file(partial);
        }
        return written;
    }
    sync(directory)
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> WeightsError {
    WeightsError::Io { action, path: path.to_owned(), source }
}

fn write_weights(tensors: &[Stored], path: &Path) -> Result<(), WeightsError> {
    let failed = |source: SafeTensorError| match source {
        SafeTensorError::IoError(source) => io("write", path, source),
        other => io("write", path, std::io::Error::other(other.to_string())),
    };
    let mut views = BTreeMap::new();
    for (name, shape, values) in tensors {
        let bytes = bytemuck::cast_slice(values);
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(failed)?;
        views.insert(name.as_str(), view);
    }
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    safetensors::serialize_to_file(views, Some(metadata), path).map_err(failed)?;
    sync(path)
}

/// A `config.json` for weights in f32, whose class in `transformers` is `class` where that is known.
pub(crate) fn saved_config(raw: &Map<String, Value>, class: Option<&str>) -> Map<String, Value> {
    let mut config = raw.clone();
    config.remove("torch_dtype");
    config.remove("quantization_config");
    forget_heads(&mut config);
    // Whoever has adapters writes them anew.
    config.remove(LORA);
    config.insert("dtype".to_owned(), json!("float32"));
    if let Some(class) = class {
        config.insert("architectures".to_owned(), json!([class]));
    }
    config
}

fn write_config(config: Map<String, Value>, path: &Path) -> Result<(), WeightsError> {
    let text = format!("{:#}\n", Value::Object(config));
    fs::write(path, text).map_err(|source| io("write", path, source))?;
    sync(path)
}

fn replace(partial: &Path, path: &Path) -> Result<(), WeightsError> {
    fs::rename(partial, path).map_err(|source| io("replace", path, source))
}

/// Waits until the file, or the names in the directory, are on the disk.
fn sync(path: &Path) -> Result<(), WeightsError> {
    // Only Unix can open a directory to flush it; elsewhere the rename itself is durable.
    if cfg!(not(unix)) && path.is_dir() {
        return Ok(());
    }
    let file = fs::File::open(path).map_err(|source| io("read", path, source))?;
    file.sync_all().map_err(|source| io("write", path, source))
}

/// The class of `transformers` that holds the model with its head.
pub(crate) fn architecture(model_type: &str) -> Option<&'static str> {
    Some(match model_type {
        "gemma2" => "Gemma2ForCausalLM",
        "gemma3_text" => "Gemma3ForCausalLM",
        "gpt2" => "GPT2LMHeadModel",
        "gpt_neox" => "GPTNeoXForCausalLM",
        "llama" => "LlamaForCausalLM",
        "mistral" => "MistralForCausalLM",
        "opt" => "OPTForCausalLM",
        "phi3" => "Phi3ForCausalLM",
        "qwen2" => "Qwen2ForCausalLM",
        "qwen3" => "Qwen3ForCausalLM",
        _ => return None,
    })
}

/// Name, shape and values of a tensor of a checkpoint.
pub type Stored = (String, Vec<usize>, Vec<f32>);

/// Every tensor of the checkpoint, by [`crate::family::parameter_map`], adapters merged.
#[must_use]
pub fn stored_tensors(decoder: &Decoder) -> Vec<Stored> {
    to_stored(decoder, &decoder.merged().values())
}

/// The same for any values with the decoder's parameter names and shapes, as gradients.
#[must_use]
pub fn to_stored(decoder: &Decoder, values: &BTreeMap<String, Vec<f32>>) -> Vec<Stored> {
    stored(&family::parameter_map(decoder.config()), values)
}

/// The tensors that `parameters` are made of, out of the parameters' values.
pub(crate) fn stored(
    parameters: &[ParameterSource],
    values: &BTreeMap<String, Vec<f32>>,
) -> Vec<Stored> {
    let mut stored = Vec::new();
    for source in parameters {
        let Some(parameter) = values.get(&source.parameter) else { continue };
        let width = source.shape.last().copied().unwrap_or(1);
        for piece in &source.pieces {
            let shape = piece.stored_shape(&source.shape);
            stored.push((piece.tensor.clone(), shape, piece.extract(parameter, width)));
        }
    }
    stored
}
