//! GPT-NeoX and Pythia: parallel residual, partial rotary, query, key and value interleaved by head.

use super::scheme::{self, Part, Stored};
use super::{even_head_dim, layer_count, uniform_layers};
use crate::config::reader::ConfigReader;
use crate::config::{
    Activation, Attends, AttentionConfig, ConfigError, DecoderConfig, MlpConfig, NormKind,
    NormPlacement, Positions,
};
use crate::rope::{self, RopeContext};
use crate::weights::layout::{Columns, ParameterSource};

pub(super) fn parse(reader: ConfigReader<'_>) -> Result<DecoderConfig, ConfigError> {
    let hidden_size = reader.usize(&["hidden_size"])?;
    let heads = reader.usize(&["num_attention_heads"])?;
    let head_dim = even_head_dim(hidden_size, heads)?;
    let max_positions = reader.usize(&["max_position_embeddings"])?;
    let context =
        RopeContext { head_dim, max_positions, default_theta: 10_000.0, default_partial: 0.25 };
    let global = rope::parse(reader, context, None)?;
    let bias = reader.bool_or("attention_bias", true)?;
    let layers = layer_count(reader, &["num_hidden_layers"])?;
    Ok(DecoderConfig {
        model_type: reader.model_type().to_owned(),
        vocab_size: reader.usize(&["vocab_size"])?,
        hidden_size,
        embedding_size: hidden_size,
        max_positions,
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
            intermediate_size: reader.usize(&["intermediate_size"])?,
            activation: reader.activation(&["hidden_act"], Activation::Gelu)?,
            gated: false,
            bias: true,
        },
        norm: NormKind::Layer,
        norm_eps: reader.f64_or(&["layer_norm_eps"], 1e-5)?,
        norm_placement: NormPlacement::Before,
        final_norm: true,
        parallel_residual: reader.bool_or("use_parallel_residual", true)?,
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
    let mut sources = vec![scheme::table(
        "token_embedding",
        [config.vocab_size, d],
        "gpt_neox.embed_in.weight".to_owned(),
    )];
    for index in 0..config.layers.len() {
        let (ours, theirs) = (format!("blocks.{index}"), format!("gpt_neox.layers.{index}"));
        let norms =
            [("attention_norm", "input_layernorm"), ("mlp_norm", "post_attention_layernorm")];
        for (own, their) in norms {
            let (own, their) = (format!("{ours}.{own}"), format!("{theirs}.{their}"));
            sources.extend(scheme::norm(config, &own, d, &their));
        }
        let qkv = [Part {
            tensor: format!("{theirs}.attention.query_key_value"),
            features: 3 * d,
            columns: Columns::ByHead { heads: a.heads, head_dim: a.head_dim },
        }];
        let name = format!("{ours}.attention.qkv");
        sources.extend(scheme::linear(&name, d, &qkv, a.qkv_bias, Stored::OutIn));
        let layers = [
            ("attention.out", "attention.dense", d, d, a.out_bias),
            ("mlp.up", "mlp.dense_h_to_4h", d, inner, true),
            ("mlp.down", "mlp.dense_4h_to_h", inner, d, true),
        ];
        for (own, their, inputs, outputs, bias) in layers {
            let part = [Part::new(format!("{theirs}.{their}"), outputs)];
            let name = format!("{ours}.{own}");
            sources.extend(scheme::linear(&name, inputs, &part, bias, Stored::OutIn));
        }
    }
    sources.extend(scheme::norm(config, "final_norm", d, "gpt_neox.final_layer_norm"));
    sources.extend(scheme::head(config, "embed_out.weight"));
    sources
}
