//! OPT: learned positions with offset 2, ReLU; the 350m model puts norms after the sub-layers and
//! projections around a narrower embedding.

use super::scheme::{self, Part, Stored};
use super::{even_head_dim, layer_count, uniform_layers};
use crate::config::reader::ConfigReader;
use crate::config::{
    Activation, Attends, AttentionConfig, ConfigError, DecoderConfig, MlpConfig, NormKind,
    NormPlacement, Positions,
};
use crate::weights::layout::ParameterSource;

/// The first two rows of the position table are never used.
const OFFSET: usize = 2;

pub(super) fn parse(reader: ConfigReader<'_>) -> Result<DecoderConfig, ConfigError> {
    if !reader.bool_or("layer_norm_elementwise_affine", true)? {
        return Err(ConfigError::Unsupported {
            key: "layer_norm_elementwise_affine".to_owned(),
            value: "false".to_owned(),
            supported: "only norms with weight and bias can be loaded".to_owned(),
        });
    }
    let hidden_size = reader.usize(&["hidden_size"])?;
    let heads = reader.usize(&["num_attention_heads"])?;
    let head_dim = even_head_dim(hidden_size, heads)?;
    let bias = reader.bool_or("enable_bias", true)?;
    let before = reader.bool_or("do_layer_norm_before", true)?;
    let layers = layer_count(reader, &["num_hidden_layers"])?;
    Ok(DecoderConfig {
        model_type: reader.model_type().to_owned(),
        vocab_size: reader.usize(&["vocab_size"])?,
        hidden_size,
        embedding_size: reader.opt_usize(&["word_embed_proj_dim"])?.unwrap_or(hidden_size),
        max_positions: reader.usize(&["max_position_embeddings"])?,
        layers: uniform_layers(layers, Attends::Everything),
        attention: AttentionConfig {
            heads,
            kv_heads: heads,
            head_dim,
            scale: 1.0 / (head_dim as f64).sqrt(),
            softcap: None,
            qkv_bias: bias,
            out_bias: bias,
            qk_norm: false,
        },
        mlp: MlpConfig {
            intermediate_size: reader.usize(&["ffn_dim"])?,
            activation: reader.activation(&["activation_function"], Activation::Relu)?,
            gated: false,
            bias,
        },
        norm: NormKind::Layer,
        norm_eps: 1e-5,
        norm_placement: if before { NormPlacement::Before } else { NormPlacement::After },
        final_norm: before && !reader.bool_or("_remove_final_layer_norm", false)?,
        parallel_residual: false,
        positions: Positions::Learned { offset: OFFSET },
        embedding_scale: None,
        logit_softcap: None,
        tie_embeddings: reader.bool_or("tie_word_embeddings", true)?,
        raw: reader.raw().clone(),
    })
}

pub(super) fn parameters(config: &DecoderConfig) -> Vec<ParameterSource> {
    let (d, e, inner) = (config.hidden_size, config.embedding_size, config.mlp.intermediate_size);
    let a = &config.attention;
    let decoder = |name: &str| format!("model.decoder.{name}");
    let mut sources = vec![
        scheme::table("token_embedding", [config.vocab_size, e], decoder("embed_tokens.weight")),
        scheme::table(
            "position_embedding",
            [config.max_positions + OFFSET, d],
            decoder("embed_positions.weight"),
        ),
    ];
    if e != d {
        let part = [Part::new(decoder("project_in"), d)];
        sources.extend(scheme::linear("input_projection", e, &part, false, Stored::OutIn));
    }
    for index in 0..config.layers.len() {
        let (ours, theirs) = (format!("blocks.{index}"), decoder(&format!("layers.{index}")));
        let norms = [("attention_norm", "self_attn_layer_norm"), ("mlp_norm", "final_layer_norm")];
        for (own, their) in norms {
            let (own, their) = (format!("{ours}.{own}"), format!("{theirs}.{their}"));
            sources.extend(scheme::norm(config, &own, d, &their));
        }
        let part = |name: &str| Part::new(format!("{theirs}.self_attn.{name}_proj"), d);
        let qkv = [part("q"), part("k"), part("v")];
        let name = format!("{ours}.attention.qkv");
        sources.extend(scheme::linear(&name, d, &qkv, a.qkv_bias, Stored::OutIn));
        let layers = [
            ("attention.out", "self_attn.out_proj", d, d, a.out_bias),
            ("mlp.up", "fc1", d, inner, config.mlp.bias),
            ("mlp.down", "fc2", inner, d, config.mlp.bias),
        ];
        for (own, their, inputs, outputs, bias) in layers {
            let part = [Part::new(format!("{theirs}.{their}"), outputs)];
            let name = format!("{ours}.{own}");
            sources.extend(scheme::linear(&name, inputs, &part, bias, Stored::OutIn));
        }
    }
    if config.final_norm {
        sources.extend(scheme::norm(config, "final_norm", d, &decoder("final_layer_norm")));
    }
    if e != d {
        let part = [Part::new(decoder("project_out"), e)];
        sources.extend(scheme::linear("output_projection", d, &part, false, Stored::OutIn));
    }
    sources.extend(scheme::head(config, "lm_head.weight"));
    sources
}
