//! Phi-3: Llama with fused query-key-value and gate-up projections, and LongRoPE.

use super::llama::{self, Defaults, parse_common};
use super::scheme::{self, Part, Stored};
use super::{uniform_layers, window};
use crate::config::reader::ConfigReader;
use crate::config::{Attends, ConfigError, DecoderConfig};
use crate::weights::layout::ParameterSource;

pub(super) fn parse(reader: ConfigReader<'_>) -> Result<DecoderConfig, ConfigError> {
    let mut config = parse_common(reader, Defaults { norm_eps: 1e-5, ..Defaults::NONE })?;
    if let Some(window) = window(reader, None)? {
        let attends = Attends::Nearby { window };
        config.layers = uniform_layers(config.layers.len(), attends);
    }
    Ok(config)
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
        sources.extend(llama::norms(config, &ours, &theirs));
        let layers = [
            ("attention.qkv", "self_attn.qkv_proj", d, q + 2 * kv),
            ("attention.out", "self_attn.o_proj", q, d),
            ("mlp.up", "mlp.gate_up_proj", d, 2 * inner),
            ("mlp.down", "mlp.down_proj", inner, d),
        ];
        for (own, their, inputs, outputs) in layers {
            let part = [Part::new(format!("{theirs}.{their}"), outputs)];
            let name = format!("{ours}.{own}");
            sources.extend(scheme::linear(&name, inputs, &part, false, Stored::OutIn));
        }
    }
    sources.extend(scheme::norm(config, "final_norm", d, "model.norm"));
    sources.extend(scheme::head(config, "lm_head.weight"));
    sources
}
