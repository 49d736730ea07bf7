//! From a Hugging Face `config.json` to a [`DecoderConfig`], and from the checkpoint's tensor names
//! to the decoder's parameters.
//!
//! One file a family. To add one: a file with `parse` and `parameters`, and a row in `FAMILIES`.

mod gemma;
mod gpt2;
mod gpt_neox;
mod llama;
mod opt;
mod phi3;
pub(crate) mod scheme;

use serde_json::Value;

use crate::config::reader::ConfigReader;
use crate::config::{Attends, ConfigError, DecoderConfig, LayerConfig};
use crate::weights::layout::ParameterSource;

/// One supported value of `model_type`.
struct Family {
    model_type: &'static str,
    parse: fn(ConfigReader<'_>) -> Result<DecoderConfig, ConfigError>,
    parameters: fn(&DecoderConfig) -> Vec<ParameterSource>,
    /// The prefix that the base model's own checkpoints leave out of tensor names.
    prefix: &'static str,
}

const FAMILIES: &[Family] = &[
    family("gemma2", gemma::parse_gemma2, llama::parameters, "model."),
    family("gemma3_text", gemma::parse_gemma3, llama::parameters, "model."),
    family("gpt2", gpt2::parse, gpt2::parameters, "transformer."),
    family("gpt_neox", gpt_neox::parse, gpt_neox::parameters, "gpt_neox."),
    family("llama", llama::parse_llama, llama::parameters, "model."),
    family("mistral", llama::parse_mistral, llama::parameters, "model."),
    family("opt", opt::parse, opt::parameters, "model."),
    family("phi3", phi3::parse, phi3::parameters, "model."),
    family("qwen2", llama::parse_qwen2, llama::parameters, "model."),
    family("qwen3", llama::parse_qwen3, llama::parameters, "model."),
];

const fn family(
    model_type: &'static str,
    parse: fn(ConfigReader<'_>) -> Result<DecoderConfig, ConfigError>,
    parameters: fn(&DecoderConfig) -> Vec<ParameterSource>,
    prefix: &'static str,
) -> Family {
    Family { model_type, parse, parameters, prefix }
}

/// The supported values of `model_type`.
pub fn known_model_types() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|family| family.model_type)
}

/// Reads a `config.json`.
///
/// # Errors
///
/// [`ConfigError`] naming the key: absent, of the wrong type, contradicting another, or with a
/// meaning that is not implemented; or the unknown model type with the list of the known.
pub fn parse(config: &Value) -> Result<DecoderConfig, ConfigError> {
    let map = config.as_object().ok_or(ConfigError::NotAnObject)?;
    let model_type = ConfigReader::new(map, "causal").opt_str(&["model_type"])?;
    let model_type = model_type.ok_or_else(|| ConfigError::Missing {
        key: "model_type".to_owned(),
        model_type: "causal".to_owned(),
    })?;
    let family = FAMILIES.iter().find(|family| family.model_type == model_type);
    let family = family.ok_or_else(|| ConfigError::UnknownModelType {
        found: model_type.to_owned(),
        known: known_model_types().collect::<Vec<_>>().join(", "),
    })?;
    let parsed = (family.parse)(ConfigReader::new(map, model_type))?;
    parsed.validate()?;
    Ok(parsed)
}

/// Which checkpoint tensors make up each parameter of the decoder, in the order of the network.
#[must_use]
pub fn parameter_map(config: &DecoderConfig) -> Vec<ParameterSource> {
    find(config).map(|family| (family.parameters)(config)).unwrap_or_default()
}

/// The prefix of tensor names that base-model checkpoints leave out.
#[must_use]
pub fn base_prefix(config: &DecoderConfig) -> &'static str {
    find(config).map_or("", |family| family.prefix)
}

fn find(config: &DecoderConfig) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.model_type == config.model_type)
}

/// One entry a layer, all alike.
fn uniform_layers(count: usize, attends: Attends) -> Vec<LayerConfig> {
    vec![LayerConfig { attends, score_divisor: 1.0 }; count.min(MAX_LAYERS)]
}

/// A `config.json` with more layers is refused before a vector of that length is made.
const MAX_LAYERS: usize = 10_000;

pub(crate) fn layer_count(reader: ConfigReader<'_>, keys: &[&str]) -> Result<usize, ConfigError> {
    let count = reader.usize(keys)?;
    if count > MAX_LAYERS {
        return Err(ConfigError::Inconsistent(format!(
            "{count} layers are more than {MAX_LAYERS}"
        )));
    }
    Ok(count)
}

/// Layers from `layer_types`, or from `is_nearby` where the configuration has none; `window` is
/// the width of the nearby ones.
fn typed_layers(
    reader: ConfigReader<'_>,
    count: usize,
    window: Option<usize>,
    is_nearby: impl Fn(usize) -> bool,
) -> Result<Vec<LayerConfig>, ConfigError> {
    let types = reader.opt_str_list("layer_types")?;
    if let Some(types) = &types
        && types.len() != count
    {
        return Err(ConfigError::Inconsistent(format!(
            "`layer_types` has {} entries for {count} layers",
            types.len()
        )));
    }
    let layer = |index: usize| {
        let nearby = match types.as_ref().and_then(|types| types.get(index)) {
            None => is_nearby(index),
            Some(&"sliding_attention") => true,
            Some(&"full_attention") => false,
            Some(other) => {
                return Err(ConfigError::Unsupported {
                    key: "layer_types".to_owned(),
                    value: (*other).to_owned(),
                    supported: "the known ones are full_attention and sliding_attention".to_owned(),
                });
            }
        };
        let attends = match window {
            Some(window) if nearby => Attends::Nearby { window },
            _ => Attends::Everything,
        };
        Ok(LayerConfig { attends, score_divisor: 1.0 })
    };
    (0..count).map(layer).collect()
}

/// A nullable key whose absence means `default` (null means none).
fn window(reader: ConfigReader<'_>, default: Option<usize>) -> Result<Option<usize>, ConfigError> {
    if !reader.raw().contains_key("sliding_window") {
        return Ok(default);
    }
    match reader.opt_usize(&["sliding_window"])? {
        Some(0) => Err(ConfigError::Inconsistent(
            "`sliding_window` is 0, must be at least 1 (a token sees itself), or null for none"
                .to_owned(),
        )),
        window => Ok(window),
    }
}

/// Refuses a switch whose meaning is not implemented.
pub(crate) fn refuse(reader: ConfigReader<'_>, key: &str) -> Result<(), ConfigError> {
    if reader.bool_or(key, false)? {
        return Err(ConfigError::Unsupported {
            key: key.to_owned(),
            value: "true".to_owned(),
            supported: "only models without it can be loaded".to_owned(),
        });
    }
    Ok(())
}

/// The hidden size divided by the heads.
pub(crate) fn even_head_dim(hidden: usize, heads: usize) -> Result<usize, ConfigError> {
    if heads == 0 || !hidden.is_multiple_of(heads) {
        return Err(ConfigError::Inconsistent(format!(
            "a hidden size of {hidden} cannot be shared by {heads} attention heads"
        )));
    }
    Ok(hidden / heads)
}

#[cfg(test)]
mod tests;
