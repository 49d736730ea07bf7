//! Llama (1 to 3, SmolLM2, TinyLlama), Mistral, Qwen2 and Qwen3; and the tensor names that Gemma
//! shares with them.

use super::scheme::{self, Part, Stored};
use super::{even_head_dim, layer_count, typed_layers, uniform_layers, window};
use crate::config::reader::ConfigReader;
use crate::config::{
    Activation, Attends, AttentionConfig, ConfigError, DecoderConfig, MlpConfig, NormKind,
    NormPlacement, Positions,
};
use crate::rope::{self, RopeContext};
use crate::weights::layout::ParameterSource;

/// What an absent key means in a family. A null always means: as many key-value heads as heads,
/// and the hidden size shared by the heads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults {
    pub(super) theta: f64,
    pub(super) norm_eps: f64,
    pub(super) kv_heads: Option<usize>,
    pub(super) head_dim: Option<usize>,
}

impl Defaults {
    pub(super) const NONE: Self =
        Self { theta: 10_000.0, norm_eps: 1e-6, kv_heads: None, head_dim: None };
}

pub(super) fn parse_llama(reader: ConfigReader<'_>) -> Result<DecoderConfig, ConfigError> {
    let mut config = parse_common(reader, Defaults::NONE)?;
    let bias = reader.bool_or("attention_bias", false)?;
    config.attention.qkv_bias = bias;
    config.attention.out_bias = bias;
    config.mlp.bias = reader.bool_or("mlp_bias", false)?;
    Ok(config)
}

pub(super) fn parse_mistral(reader: ConfigReader<'_>) -> Result<DecoderConfig, ConfigError> {
    let mut config = parse_common(reader, Defaults { kv_heads: Some(8), ..Defaults::NONE })?;
    // `transformers` fills in 4096 where the key is absent; the published files have it.
    if let Some(window) = window(reader, Some(4096))? {
        let attends = Attends::Nearby { window };
        config.layers = uniform_layers(config.layers.len(), attends);
    }
    Ok(config)
}

pub(super) fn parse_qwen2(reader: ConfigReader<'_>) -> Result<DecoderConfig, ConfigError> {
    let mut config = parse_common(reader, Defaults { kv_heads: Some(32), ..Defaults::NONE })?;
    config.attention.qkv_bias = true;
    set_qwen_windows(reader, &mut config)?;
    Ok(config)
}

pub(super) fn parse_qwen3(reader: ConfigReader<'_>) -> Result<DecoderConfig, ConfigError> {
    let defaults = Defaults { kv_heads: Some(32), head_dim: Some(128), ..Defaults::NONE };
    let mut config = parse_common(reader, defaults)?;
    let bias = reader.bool_or("attention_bias", false)?;
    config.attention.qkv_bias = bias;
    config.attention.out_bias = bias;
    config.attention.qk_norm = true;
    set_qwen_windows(reader, &mut config)?;
    Ok(config)
}

/// Layers from `max_window_layers` on see a window, when the switch is on.
fn set_qwen_windows(
    reader: ConfigReader<'_>,
    config: &mut DecoderConfig,
) -> Result<(), ConfigError> {
    let enabled = reader.bool_or("use_sliding_window", false)?;
    let window = if enabled { window(reader, Some(4096))? } else { None };
    let first = reader.opt_usize(&["max_window_layers"])?.unwrap_or(28);
    config.layers = typed_layers(reader, config.layers.len(), window, |index| index >= first)?;
    Ok(())
}

/// What all families with gated MLPs, RMSNorm and rotary positions share.
pub(super) fn parse_common(
    reader: ConfigReader<'_>,
    defaults: Defaults,
) -> Result<DecoderConfig, ConfigError> {
    let hidden_size = reader.usize(&["hidden_size"])?;
    let heads = reader.usize(&["num_attention_heads"])?;
    let absent = |key: &str| !reader.raw().contains_key(key);
    let kv_heads = match reader.opt_usize(&["num_key_value_heads"])? {
        Some(given) => given,
        None => defaults.kv_heads.filter(|_| absent("num_key_value_heads")).unwrap_or(heads),
    };
    let usual = defaults.head_dim.filter(|_| absent("head_dim"));
    let head_dim = match reader.opt_usize(&["head_dim"])?.or(usual) {
        Some(head_dim) => head_dim,
        None => even_head_dim(hidden_size, heads)?,
    };
    let max_positions = reader.usize(&["max_position_embeddings"])?;
    let layers = layer_count(reader, &["num_hidden_layers"])?;
    let context = RopeContext {
        head_dim,
        max_positions,
        default_theta: defaults.theta,
        default_partial: 1.0,
    };
    let global = rope::parse(reader, context, Some("full_attention"))?;
    Ok(DecoderConfig {
        model_type: reader.model_type().to_owned(),
        vocab_size: reader.usize(&["vocab_size"])?,
        hidden_size,
        embedding_size: hidden_size,
        max_positions,
        layers: uniform_layers(layers, Attends::Everything),
        attention: AttentionConfig {
            heads,
            kv_heads,
            head_dim,
            scale: 1.0 / (head_dim as f64).sqrt(),
            softcap: None,
            qkv_bias: false,
            out_bias: false,
            qk_norm: false,
        },
        mlp: MlpConfig {
            intermediate_size: reader.usize(&["intermediate_size"])?,
            activation: reader
                .activation(&["hidden_act", "hidden_activation"], Activation::Silu)?,
            gated: true,
            bias: false,
        },
        norm: NormKind::Rms,
        norm_eps: reader.f64_or(&["rms_norm_eps"], defaults.norm_eps)?,
        norm_placement: NormPlacement::Before,
        final_norm: true,
        parallel_residual: false,
        positions: Positions::Rotary { global, local: None },
        embedding_scale: None,
        logit_softcap: None,
        tie_embeddings: reader.bool_or("tie_word_embeddings", false)?,
        raw: reader.raw().clone(),
    })
}

pub(super) fn parameters(config: &DecoderConfig) -> Vec<ParameterSource> {
    let (d, inner) = (config.hidden_size, config.mlp.intermediate_size);
    let a = &config.attention;
    let (q, kv) = (a.heads * a.head_dim, a.kv_heads * a.head_dim);
    let mut sources = vec![scheme::table(
        "token_embedding",
        [config.vocab_size, d],
        "model.embed_tokens.weight".to_owned(),
    )];
    for index in 0..config.layers.len() {
        let (ours, theirs) = (format!("blocks.{index}"), format!("model.layers.{index}"));
        let attention = |name: &str| format!("{theirs}.self_attn.{name}");
        let mlp = |name: &str| format!("{theirs}.mlp.{name}");
        sources.extend(norms(config, &ours, &theirs));
        let qkv = [
            Part::new(attention("q_proj"), q),
            Part::new(attention("k_proj"), kv),
            Part::new(attention("v_proj"), kv),
        ];
        let name = format!("{ours}.attention.qkv");
        sources.extend(scheme::linear(&name, d, &qkv, a.qkv_bias, Stored::OutIn));
        if a.qk_norm {
            for (own, their) in [("query_norm", "q_norm"), ("key_norm", "k_norm")] {
                let name = format!("{ours}.attention.{own}");
                sources.extend(scheme::norm(config, &name, a.head_dim, &attention(their)));
            }
        }
        let out = [Part::new(attention("o_proj"), d)];
        let name = format!("{ours}.attention.out");
        sources.extend(scheme::linear(&name, q, &out, a.out_bias, Stored::OutIn));
        let up = [Part::new(mlp("gate_proj"), inner), Part::new(mlp("up_proj"), inner)];
        let name = format!("{ours}.mlp.up");
        sources.extend(scheme::linear(&name, d, &up, config.mlp.bias, Stored::OutIn));
        let down = [Part::new(mlp("down_proj"), d)];
        let name = format!("{ours}.mlp.down");
        sources.extend(scheme::linear(&name, inner, &down, config.mlp.bias, Stored::OutIn));
    }
    sources.extend(scheme::norm(config, "final_norm", d, "model.norm"));
    sources.extend(scheme::head(config, "lm_head.weight"));
    sources
}

/// The norms of a block: two, or four where they stand around the sub-layers.
pub(super) fn norms(config: &DecoderConfig, ours: &str, theirs: &str) -> Vec<ParameterSource> {
    let names: &[(&str, &str)] = match config.norm_placement {
        NormPlacement::Around => &[
            ("attention_norm", "input_layernorm"),
            ("post_attention_norm", "post_attention_layernorm"),
            ("mlp_norm", "pre_feedforward_layernorm"),
            ("post_mlp_norm", "post_feedforward_layernorm"),
        ],
        NormPlacement::Before | NormPlacement::After => {
            &[("attention_norm", "input_layernorm"), ("mlp_norm", "post_attention_layernorm")]
        }
    };
    let norm = |(own, their): &(&str, &str)| {
        let (own, their) = (format!("{ours}.{own}"), format!("{theirs}.{their}"));
        scheme::norm(config, &own, config.hidden_size, &their)
    };
    names.iter().flat_map(norm).collect()
}
