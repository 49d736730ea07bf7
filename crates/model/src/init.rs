//! Models from scratch.
//!
//! Weights follow GPT-2: normal with standard deviation 0.02, the projections that write into the
//! residual stream divided by `sqrt(2 · layers)`, biases zero, norms the identity.

use std::collections::HashMap;

use burn::tensor::Device;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::{ConfigError, DecoderConfig, NormKind};
use crate::decoder::Decoder;
use crate::family;

/// The `[model.init]` table: the sizes of a new model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitConfig {
    /// The family, as `model_type` of a `config.json`.
    #[serde(default = "default_model_type")]
    pub model_type: String,
    /// Rows of the token embedding; at least the tokenizer's largest id + 1.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Key-value heads; all heads when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_heads: Option<usize>,
    /// Inner width of the MLP; four times the hidden size when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intermediate_size: Option<usize>,
    /// Longest sequence.
    pub context: usize,
    /// Whether the head is the token embedding.
    #[serde(default = "default_tie")]
    pub tie_embeddings: bool,
}

fn default_model_type() -> String {
    "gpt2".to_owned()
}

fn default_tie() -> bool {
    true
}

impl InitConfig {
    /// The decoder these sizes describe, through the `config.json` that would be saved with it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the family is unknown, has no grouped heads though `kv_heads` is
    /// given, or sizes contradict each other.
    pub fn to_config(&self) -> Result<DecoderConfig, ConfigError> {
        let grouped = self.kv_heads.filter(|kv| *kv != self.heads);
        let ungrouped_family = ["gpt2", "gpt_neox", "opt"].contains(&self.model_type.as_str());
        if let Some(kv_heads) = grouped.filter(|_| ungrouped_family) {
            return Err(ConfigError::Unsupported {
                key: "kv_heads".to_owned(),
                value: kv_heads.to_string(),
                supported: format!("`{}` has no grouped heads: leave it out", self.model_type),
            });
        }
        // With `head_dim` written out, as below, `family::parse` would not compare the two.
        if !self.hidden_size.is_multiple_of(self.heads) {
            return Err(ConfigError::Inconsistent(format!(
                "a hidden size of {} cannot be shared by {} attention heads",
                self.hidden_size, self.heads
            )));
        }
        family::parse(&self.to_json())
    }

    /// The `config.json` of the family with these sizes, and whatever `transformers` would
    /// otherwise fill in with a size or a token id of a published model.
    fn to_json(&self) -> Value {
        let inner = self.intermediate_size.unwrap_or_else(|| self.hidden_size.saturating_mul(4));
        let mut config = json!({
            "model_type": self.model_type, "vocab_size": self.vocab_size,
            "tie_word_embeddings": self.tie_embeddings,
            "bos_token_id": null, "eos_token_id": null, "pad_token_id": null,
        });
        let sizes = match self.model_type.as_str() {
            "gpt2" => json!({
                "n_embd": self.hidden_size, "n_layer": self.layers, "n_head": self.heads,
                "n_inner": inner, "n_positions": self.context,
            }),
            "opt" => json!({
                "hidden_size": self.hidden_size, "word_embed_proj_dim": self.hidden_size,
                "num_hidden_layers": self.layers, "num_attention_heads": self.heads,
                "ffn_dim": inner, "max_position_embeddings": self.context,
            }),
            _ => json!({
                "hidden_size": self.hidden_size, "num_hidden_layers": self.layers,
                "num_attention_heads": self.heads, "intermediate_size": inner,
                "max_position_embeddings": self.context,
            }),
        };
        let head_dim = self.hidden_size.checked_div(self.heads);
        let kv_heads = self.kv_heads.unwrap_or(self.heads);
        let more = match self.model_type.as_str() {
            "gpt2" | "gpt_neox" | "opt" => json!({}),
            "phi3" => json!({
                "num_key_value_heads": kv_heads,
                "original_max_position_embeddings": self.context,
            }),
            "mistral" => json!({ "num_key_value_heads": kv_heads, "sliding_window": null }),
            "gemma2" | "gemma3_text" => json!({
                "num_key_value_heads": kv_heads, "head_dim": head_dim,
                "query_pre_attn_scalar": head_dim,
            }),
            "qwen2" => json!({ "num_key_value_heads": kv_heads }),
            _ => json!({ "num_key_value_heads": kv_heads, "head_dim": head_dim }),
        };
        for part in [sizes, more] {
            if let (Value::Object(config), Value::Object(part)) = (&mut config, part) {
                config.extend(part);
            }
        }
        config
    }
}

pub(crate) const STANDARD_DEVIATION: f32 = 0.02;

/// A decoder with random weights; the same seed gives the same weights on every device.
#[must_use]
pub fn init(config: &DecoderConfig, seed: u64, device: &Device) -> Decoder {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let residual = STANDARD_DEVIATION / (2.0 * config.layers.len() as f32).sqrt();
    let mut values = HashMap::new();
    for source in family::parameter_map(config) {
        let size = source.shape.iter().product();
        let name = source.parameter.as_str();
        let filled = if source.shape.len() == 2 {
            let writes_residual =
                name.ends_with("attention.out.weight") || name.ends_with("mlp.down.weight");
            let deviation = if writes_residual { residual } else { STANDARD_DEVIATION };
            normals(&mut rng, size, deviation)
        } else {
            let is_norm = name.contains("norm.") && name.ends_with(".weight");
            let identity = if config.norm == NormKind::RmsPlusOne { 0.0 } else { 1.0 };
            vec![if is_norm { identity } else { 0.0 }; size]
        };
        values.insert(source.parameter, filled);
    }
    Decoder::from_values(config, values, device)
}

/// Values that a thread draws at a time.
const DRAWN: usize = 1 << 14;

/// Normal values of a standard deviation: those that [`normal`] gives one after the other, drawn by all threads.
pub(crate) fn normals(rng: &mut ChaCha8Rng, size: usize, deviation: f32) -> Vec<f32> {
    let first = rng.get_word_pos();
    let place = |values: usize| first + (values * WORDS) as u128;
    let mut drawn = vec![0.0; size];
    drawn.par_chunks_mut(DRAWN).enumerate().for_each_with(rng.clone(), |rng, (chunk, values)| {
        rng.set_word_pos(place(chunk * DRAWN));
        values.fill_with(|| normal(rng) * deviation);
    });
    rng.set_word_pos(place(size));
    drawn
}

/// Words of the generator that a normal value takes.
const WORDS: usize = 2;

/// A standard normal value by the Box–Muller transform.
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
}

#[cfg(test)]
mod tests;
