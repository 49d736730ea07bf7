//! From a decoder to a Hugging Face directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use super::WeightsError;
use crate::decoder::Decoder;
use crate::family;

/// Writes `config.json` and `model.safetensors` (f32) into `directory`, which is made if absent.
///
/// `transformers` loads the result without a warning, with equal logits. Each file is written
/// under a temporary name first, so that an interrupted save leaves no half file under its own.
///
/// # Errors
///
/// [`WeightsError::Io`] naming the file.
pub fn save(decoder: &Decoder, directory: &Path) -> Result<(), WeightsError> {
    let io = |action, path: &Path| {
        let path = path.to_owned();
        move |source| WeightsError::Io { action, path, source }
    };
    fs::create_dir_all(directory).map_err(io("create", directory))?;
    let tensors = stored_tensors(decoder);
    let views: BTreeMap<&str, TensorView<'_>> = tensors
        .iter()
        .filter_map(|(name, shape, values)| {
            let bytes = bytemuck::cast_slice(values);
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).ok()?;
            Some((name.as_str(), view))
        })
        .collect();
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    let (weights, partial) =
        (directory.join("model.safetensors"), directory.join("model.safetensors.partial"));
    safetensors::serialize_to_file(views, Some(metadata), &partial).map_err(|source| {
        WeightsError::Io {
            action: "write",
            path: partial.clone(),
            source: std::io::Error::other(source.to_string()),
        }
    })?;
    fs::rename(&partial, &weights).map_err(io("write", &weights))?;
    write_config(decoder, directory)
}

fn write_config(decoder: &Decoder, directory: &Path) -> Result<(), WeightsError> {
    let mut config = decoder.config().raw.clone();
    config.remove("torch_dtype");
    config.remove("quantization_config");
    config.insert("dtype".to_owned(), json!("float32"));
    if let Some(name) = architecture(&decoder.config().model_type) {
        config.insert("architectures".to_owned(), json!([name]));
    }
    let (path, partial) = (directory.join("config.json"), directory.join("config.json.partial"));
    let text = format!("{:#}\n", Value::Object(config));
    let io = |source| WeightsError::Io { action: "write", path: path.clone(), source };
    fs::write(&partial, text).map_err(io)?;
    let io = |source| WeightsError::Io { action: "write", path: path.clone(), source };
    fs::rename(&partial, &path).map_err(io)
}

/// The class of `transformers` that holds the model with its head.
fn architecture(model_type: &str) -> Option<&'static str> {
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

/// Name, shape and values of every tensor of the checkpoint, by [`crate::family::parameter_map`].
#[must_use]
pub fn stored_tensors(decoder: &Decoder) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    to_stored(decoder, &decoder.values())
}

/// The same for any values with the decoder's parameter names and shapes, as gradients.
#[must_use]
pub fn to_stored(
    decoder: &Decoder,
    values: &BTreeMap<String, Vec<f32>>,
) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let mut stored = Vec::new();
    for source in family::parameter_map(decoder.config()) {
        let Some(parameter) = values.get(&source.parameter) else { continue };
        let width = source.shape.last().copied().unwrap_or(1);
        for piece in &source.pieces {
            let shape = piece.stored_shape(&source.shape);
            stored.push((piece.tensor.clone(), shape, piece.extract(parameter, width)));
        }
    }
    stored
}
