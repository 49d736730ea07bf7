//! GPT-2: learned positions, LayerNorm before the sub-layers, `Conv1D` weights.

use super::scheme::{self, Part, Stored};
use super::{even_head_dim, layer_count, refuse, uniform_layers};
use crate::config::reader::ConfigReader;
use crate::config::{
    Activation, Attends, AttentionConfig, ConfigError, DecoderConfig, MlpConfig, NormKind,
    NormPlacement, Positions,
};
use crate::weights::layout::ParameterSource;

pub(super) fn parse(reader: ConfigReader<'_>) -> Result<DecoderConfig, ConfigError> {
    refuse(reader, "add_cross_attention")?;
    let hidden_size = reader.usize(&["n_embd", "hidden_size"])?;
    let heads = reader.usize(&["n_head", "num_attention_heads"])?;
    let head_dim = even_head_dim(hidden_size, heads)?;
    let scaled = reader.bool_or("scale_attn_weights", true)?;
    let layers = layer_count(reader, &["n_layer", "num_hidden_layers"])?;
    let mut layers = uniform_layers(layers, Attends::Everything);
    if reader.bool_or("scale_attn_by_inverse_layer_idx", false)? {
        for (index, layer) in layers.iter_mut().enumerate() {
            layer.score_divisor = (index + 1) as f64;
        }
    }
    Ok(DecoderConfig {
        model_type: reader.model_type().to_owned(),
        vocab_size: reader.usize(&["vocab_size"])?,
        hidden_size,
        embedding_size: hidden_size,
        max_positions: reader.usize(&["n_positions", "max_position_embeddings", "n_ctx"])?,
        layers,
        attention: AttentionConfig {
            heads,
            kv_heads: heads,
            head_dim,
            scale: if scaled { 1.0 / (head_dim as f64).sqrt() } else { 1.0 },
            softcap: None,
            qkv_bias: true,
            out_bias: true,
            qk_norm: false,
        },
        mlp: MlpConfig {
            intermediate_size: reader
                .opt_usize(&["n_inner"])?
                .unwrap_or_else(|| hidden_size.saturating_mul(4)),
            activation: reader.activation(&["activation_function"], Activation::GeluTanh)?,
            gated: false,
            bias: true,
        },
        norm: NormKind::Layer,
        norm_eps: reader.f64_or(&["layer_norm_epsilon"], 1e-5)?,
        norm_placement: NormPlacement::Before,
        final_norm: true,
        parallel_residual: false,
        positions: Positions::Learned { offset: 0 },
        embedding_scale: None,
        logit_softcap: None,
        tie_embeddings: reader.bool_or("tie_word_embeddings", true)?,
        raw: reader.raw().clone(),
    })
}

pub(super) fn parameters(config: &DecoderConfig) -> Vec<ParameterSource> {
    let (d, inner) = (config.hidden_size, config.mlp.intermediate_size);
    let mut sources = vec![
        scheme::table(
            "token_embedding",
            [config.vocab_size, d],
            "transformer.wte.weight".to_owned(),
        ),
        scheme::table(
            "position_embedding",
            [config.max_positions, d],
            "transformer.wpe.weight".to_owned(),
        ),
    ];
    for index in 0..config.layers.len() {
        let (ours, theirs) = (format!("blocks.{index}"), format!("transformer.h.{index}"));
        for (own, their) in [("attention_norm", "ln_1"), ("mlp_norm", "ln_2")] {
            let (own, their) = (format!("{ours}.{own}"), format!("{theirs}.{their}"));
            sources.extend(scheme::norm(config, &own, d, &their));
        }
        let layers = [
            ("attention.qkv", "attn.c_attn", d, 3 * d),
            ("attention.out", "attn.c_proj", d, d),
            ("mlp.up", "mlp.c_fc", d, inner),
            ("mlp.down", "mlp.c_proj", inner, d),
        ];
        for (own, their, inputs, outputs) in layers {
            let part = [Part::new(format!("{theirs}.{their}"), outputs)];
            let name = format!("{ours}.{own}");
            sources.extend(scheme::linear(&name, inputs, &part, true, Stored::InOut));
        }
    }
    sources.extend(scheme::norm(config, "final_norm", d, "transformer.ln_f"));
    sources.extend(scheme::head(config, "lm_head.weight"));
    sources
}
