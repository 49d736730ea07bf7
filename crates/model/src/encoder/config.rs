//! What an encoder is made of, as data, out of a Hugging Face `config.json`.

use serde_json::{Map, Value};

use super::family::{self, Family, Offset};
use crate::config::reader::ConfigReader;
use crate::config::{Activation, ConfigError, MAX_PARAMETERS, MAX_SIZE, count_parameters};
use crate::family::{even_head_dim, layer_count, refuse};

/// An encoder: every number and choice the network needs.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderConfig {
    /// `model_type` of the `config.json` it came from.
    pub model_type: String,
    /// Rows of the token embedding.
    pub vocab_size: usize,
    /// Width of a state, `d`.
    pub hidden_size: usize,
    /// Longest row in tokens.
    pub max_tokens: usize,
    /// Rows of the position table before that of a row's first token.
    pub position_offset: usize,
    /// Rows of the table of token types; 0 where the family has none.
    pub token_types: usize,
    /// Layers.
    pub layers: usize,
    /// Attention heads `h`; divides `hidden_size`.
    pub heads: usize,
    /// Inner width of the feed-forward sub-layer.
    pub intermediate_size: usize,
    /// Its activation.
    pub activation: Activation,
    /// Epsilon of every norm.
    pub norm_eps: f64,
    /// Buckets of distances whose bias is added to the scores (MPNet).
    pub relative_buckets: Option<usize>,
    /// Whether there is a pooler: a dense layer on the first token. A matter of the checkpoint, so
    /// [`parse`] says true and loading corrects it.
    pub pooler: bool,
    /// The `config.json` as it was read, written back on save.
    pub raw: Map<String, Value>,
}

/// The supported values of `model_type`.
pub fn known_model_types() -> impl Iterator<Item = &'static str> {
    family::FAMILIES.iter().map(|family| family.model_type)
}

/// Reads a `config.json`.
///
/// # Errors
///
/// [`ConfigError`] naming the key: absent, of the wrong type, contradicting another, or with a
/// meaning that is not implemented; or the unknown model type with the list of the known.
pub fn parse(config: &Value) -> Result<EncoderConfig, ConfigError> {
    let map = config.as_object().ok_or(ConfigError::NotAnObject)?;
    let model_type = ConfigReader::new(map, "encoder").opt_str(&["model_type"])?;
    let model_type = model_type.ok_or_else(|| ConfigError::Missing {
        key: "model_type".to_owned(),
        model_type: "encoder".to_owned(),
    })?;
    let family = family::find(model_type).ok_or_else(|| ConfigError::UnknownModelType {
        found: model_type.to_owned(),
        known: known_model_types().collect::<Vec<_>>().join(", "),
    })?;
    let parsed = read(ConfigReader::new(map, model_type), family)?;
    parsed.validate()?;
    Ok(parsed)
}

fn read(reader: ConfigReader<'_>, family: &Family) -> Result<EncoderConfig, ConfigError> {
    refuse(reader, "is_decoder")?;
    refuse(reader, "add_cross_attention")?;
    match reader.opt_str(&["position_embedding_type"])? {
        None | Some("absolute") => {}
        Some(other) => {
            return Err(ConfigError::Unsupported {
                key: "position_embedding_type".to_owned(),
                value: other.to_owned(),
                supported: "only absolute positions can be read".to_owned(),
            });
        }
    }
    let keys = &family.keys;
    let position_offset = match family.offset {
        Offset::None => 0,
        Offset::Two => 2,
        Offset::AfterPad => reader.opt_usize(&["pad_token_id"])?.unwrap_or(1).saturating_add(1),
    };
    let positions = reader.usize(&["max_position_embeddings"])?;
    let max_tokens = positions.checked_sub(position_offset).ok_or_else(|| {
        ConfigError::Inconsistent(format!(
            "`max_position_embeddings` is {positions}, but the first token's position is \
             {position_offset}"
        ))
    })?;
    let token_types = match family.names.token_types {
        Some(_) => reader.opt_usize(&["type_vocab_size"])?.unwrap_or(2),
        None => 0,
    };
    let relative_buckets = match family.names.relative_bias {
        Some(_) => Some(relative_buckets(reader)?),
        None => None,
    };
    Ok(EncoderConfig {
        model_type: reader.model_type().to_owned(),
        vocab_size: reader.usize(&["vocab_size"])?,
        hidden_size: reader.usize(keys.hidden_size)?,
        max_tokens,
        position_offset,
        token_types,
        layers: layer_count(reader, keys.layers)?,
        heads: reader.usize(keys.heads)?,
        intermediate_size: reader.usize(keys.intermediate_size)?,
        activation: reader.activation(keys.activation, Activation::Gelu)?,
        norm_eps: match family.fixed_eps {
            Some(eps) => eps,
            None => reader.f64_or(&["layer_norm_eps"], 1e-12)?,
        },
        relative_buckets,
        pooler: true,
        raw: reader.raw().clone(),
    })
}

/// The library that MPNet's checkpoints come from computes buckets for 32, whatever the key says.
fn relative_buckets(reader: ConfigReader<'_>) -> Result<usize, ConfigError> {
    match reader.opt_usize(&["relative_attention_num_buckets"])?.unwrap_or(32) {
        32 => Ok(32),
        other => Err(ConfigError::Unsupported {
            key: "relative_attention_num_buckets".to_owned(),
            value: other.to_string(),
            supported: "the distances of every published model fall into 32".to_owned(),
        }),
    }
}

impl EncoderConfig {
    /// Size of a head.
    #[must_use]
    pub fn head_dim(&self) -> usize {
        self.hidden_size / self.heads.max(1)
    }

    /// Checks what the types cannot express, before anything is allocated.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Inconsistent`] naming the sizes that contradict each other.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let inconsistent = |what: String| Err(ConfigError::Inconsistent(what));
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.layers),
            ("num_attention_heads", self.heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_tokens),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return inconsistent(format!("`{name}` leaves 0, must leave at least 1"));
        }
        if let Some((name, size)) = sizes
            .iter()
            .chain(&[("type_vocab_size", self.token_types), ("pad_token_id", self.position_offset)])
            .find(|(_, size)| *size > MAX_SIZE)
        {
            return inconsistent(format!("`{name}` is {size}, more than {MAX_SIZE}"));
        }
        let parameters = count_parameters(&family::parameters(self));
        if parameters > MAX_PARAMETERS {
            return inconsistent(format!(
                "the sizes make {parameters} parameters, more than {MAX_PARAMETERS}"
            ));
        }
        even_head_dim(self.hidden_size, self.heads)?;
        if !(self.norm_eps > 0.0 && self.norm_eps < 1.0) {
            return inconsistent(format!(
                "the norm epsilon is {}, must be in (0, 1)",
                self.norm_eps
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
