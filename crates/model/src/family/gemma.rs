//! Gemma 2 and 3 (text): norms around the sub-layers with `1 + weight`, scaled embeddings,
//! soft-capping or query-key norms, local and global layers. Tensor names are Llama's.

use super::llama::{Defaults, parse_common};
use super::{refuse, typed_layers, window};
use crate::config::reader::ConfigReader;
use crate::config::{Activation, ConfigError, DecoderConfig, NormKind, NormPlacement, Positions};
use crate::rope::{self, RopeConfig, RopeContext, RopeScaling};

pub(super) fn parse_gemma2(reader: ConfigReader<'_>) -> Result<DecoderConfig, ConfigError> {
    let mut config = parse_gemma(reader, 10_000.0)?;
    config.attention.softcap = capped(reader, "attn_logit_softcapping", Some(50.0))?;
    config.logit_softcap = capped(reader, "final_logit_softcapping", Some(30.0))?;
    let window = window(reader, Some(4096))?;
    config.layers = typed_layers(reader, config.layers.len(), window, |index| index % 2 == 0)?;
    Ok(config)
}

pub(super) fn parse_gemma3(reader: ConfigReader<'_>) -> Result<DecoderConfig, ConfigError> {
    refuse(reader, "use_bidirectional_attention")?;
    let mut config = parse_gemma(reader, 1_000_000.0)?;
    config.attention.qk_norm = true;
    config.attention.softcap = capped(reader, "attn_logit_softcapping", None)?;
    config.logit_softcap = capped(reader, "final_logit_softcapping", None)?;
    let window = window(reader, Some(4096))?;
    let pattern = reader.opt_usize(&["sliding_window_pattern"])?.unwrap_or(6).max(1);
    config.layers = typed_layers(reader, config.layers.len(), window, |index| {
        !(index + 1).is_multiple_of(pattern)
    })?;
    let local = local_rope(reader, &config)?;
    if let Positions::Rotary { local: slot, .. } = &mut config.positions {
        *slot = Some(local);
    }
    Ok(config)
}

/// Local layers keep an unscaled short base; yesterday's files call it `rope_local_base_freq`.
fn local_rope(reader: ConfigReader<'_>, config: &DecoderConfig) -> Result<RopeConfig, ConfigError> {
    let theta = reader.f64_or(&["rope_local_base_freq"], 10_000.0)?;
    let by_type = reader
        .opt_object("rope_parameters")?
        .is_some_and(|map| map.get("sliding_attention").is_some_and(serde_json::Value::is_object));
    if by_type {
        let context = RopeContext {
            head_dim: config.attention.head_dim,
            max_positions: config.max_positions,
            default_theta: theta,
            default_partial: 1.0,
        };
        return rope::parse(reader, context, Some("sliding_attention"));
    }
    let rotary_dim = config.attention.head_dim;
    Ok(RopeConfig { theta, rotary_dim, scaling: RopeScaling::None })
}

fn parse_gemma(reader: ConfigReader<'_>, default_theta: f64) -> Result<DecoderConfig, ConfigError> {
    let defaults =
        Defaults { theta: default_theta, kv_heads: Some(4), head_dim: Some(256), ..Defaults::NONE };
    let mut config = parse_common(reader, defaults)?;
    let scalar = reader.f64_or(&["query_pre_attn_scalar"], 256.0)?;
    if scalar <= 0.0 {
        let what = format!("`query_pre_attn_scalar` is {scalar}, must be above 0");
        return Err(ConfigError::Inconsistent(what));
    }
    config.attention.scale = scalar.powf(-0.5);
    let bias = reader.bool_or("attention_bias", false)?;
    config.attention.qkv_bias = bias;
    config.attention.out_bias = bias;
    config.mlp.activation =
        reader.activation(&["hidden_activation", "hidden_act"], Activation::GeluTanh)?;
    config.norm = NormKind::RmsPlusOne;
    config.norm_placement = NormPlacement::Around;
    config.embedding_scale = Some((config.hidden_size as f64).sqrt());
    config.tie_embeddings = reader.bool_or("tie_word_embeddings", true)?;
    Ok(config)
}

/// A nullable soft cap; absent means `default`, as in `transformers`.
fn capped(
    reader: ConfigReader<'_>,
    key: &str,
    default: Option<f64>,
) -> Result<Option<f64>, ConfigError> {
    if !reader.raw().contains_key(key) {
        return Ok(default);
    }
    match reader.opt_f64(&[key])? {
        Some(cap) if cap <= 0.0 => {
            Err(ConfigError::Inconsistent(format!("`{key}` is {cap}, must be above 0")))
        }
        cap => Ok(cap),
    }
}
