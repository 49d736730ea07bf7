//! What the families of encoders call things: keys of `config.json`, tensors of a checkpoint.
//!
//! The network is one. To add a family that it covers: a row in [`FAMILIES`].

use super::EncoderConfig;
use crate::family::scheme::{self, Part, Stored};
use crate::weights::layout::ParameterSource;

/// One supported value of `model_type`.
pub(crate) struct Family {
    pub(crate) model_type: &'static str,
    /// What its classes in `transformers` are called, without `Model` or a task.
    pub(crate) class: &'static str,
    /// The prefix that the base model's own checkpoints leave out of tensor names.
    pub(crate) prefix: &'static str,
    pub(crate) keys: Keys,
    pub(crate) names: Names,
    pub(crate) offset: Offset,
    /// The epsilon of every norm, where the configuration does not say.
    pub(crate) fixed_eps: Option<f64>,
    /// How a checkpoint for sequences goes from states to logits.
    pub(crate) head: HeadStyle,
}

/// Keys of `config.json`, each the first that is there.
pub(crate) struct Keys {
    pub(crate) hidden_size: &'static [&'static str],
    pub(crate) layers: &'static [&'static str],
    pub(crate) heads: &'static [&'static str],
    pub(crate) intermediate_size: &'static [&'static str],
    pub(crate) activation: &'static [&'static str],
}

/// Names of tensors, those of a layer below [`Names::layers`] and its number.
pub(crate) struct Names {
    pub(crate) token_types: Option<&'static str>,
    pub(crate) relative_bias: Option<&'static str>,
    pub(crate) layers: &'static str,
    /// Query, key and value.
    pub(crate) projections: [&'static str; 3],
    pub(crate) out: &'static str,
    pub(crate) attention_norm: &'static str,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
    pub(crate) mlp_norm: &'static str,
}

/// The row of the position table that a row's first token gets.
pub(crate) enum Offset {
    /// The first.
    None,
    /// The third, whatever the padding id.
    Two,
    /// The one after the padding id's.
    AfterPad,
}

/// From the states of a row to its logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadStyle {
    /// The pooler, then `classifier`.
    Pooler,
    /// First token, `classifier.dense`, tanh, `classifier.out_proj`.
    DenseTanh,
    /// First token, `pre_classifier`, ReLU, `classifier`.
    DenseRelu,
    /// Last token, `score` without a bias (causal models).
    LastToken,
}

const BERT_KEYS: Keys = Keys {
    hidden_size: &["hidden_size"],
    layers: &["num_hidden_layers"],
    heads: &["num_attention_heads"],
    intermediate_size: &["intermediate_size"],
    activation: &["hidden_act"],
};

const BERT_NAMES: Names = Names {
    token_types: Some("embeddings.token_type_embeddings.weight"),
    relative_bias: None,
    layers: "encoder.layer",
    projections: ["attention.self.query", "attention.self.key", "attention.self.value"],
    out: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    mlp_norm: "output.LayerNorm",
};

const DISTILBERT_KEYS: Keys = Keys {
    hidden_size: &["dim", "hidden_size"],
    layers: &["n_layers", "num_hidden_layers"],
    heads: &["n_heads", "num_attention_heads"],
    intermediate_size: &["hidden_dim"],
    activation: &["activation"],
};

const DISTILBERT_NAMES: Names = Names {
    token_types: None,
    relative_bias: None,
    layers: "transformer.layer",
    projections: ["attention.q_lin", "attention.k_lin", "attention.v_lin"],
    out: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    up: "ffn.lin1",
    down: "ffn.lin2",
    mlp_norm: "output_layer_norm",
};

const MPNET_NAMES: Names = Names {
    token_types: None,
    relative_bias: Some("encoder.relative_attention_bias.weight"),
    projections: ["attention.attn.q", "attention.attn.k", "attention.attn.v"],
    out: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
    ..BERT_NAMES
};

const BERT: Family = Family {
    model_type: "bert",
    class: "Bert",
    prefix: "bert.",
    keys: BERT_KEYS,
    names: BERT_NAMES,
    offset: Offset::None,
    fixed_eps: None,
    head: HeadStyle::Pooler,
};

const ROBERTA: Family = Family {
    model_type: "roberta",
    class: "Roberta",
    prefix: "roberta.",
    offset: Offset::AfterPad,
    head: HeadStyle::DenseTanh,
    ..BERT
};

pub(crate) const FAMILIES: &[Family] = &[
    BERT,
    Family { model_type: "camembert", class: "Camembert", ..ROBERTA },
    Family {
        model_type: "distilbert",
        class: "DistilBert",
        prefix: "distilbert.",
        keys: DISTILBERT_KEYS,
        names: DISTILBERT_NAMES,
        offset: Offset::None,
        fixed_eps: Some(1e-12),
        head: HeadStyle::DenseRelu,
    },
    Family {
        model_type: "mpnet",
        class: "MPNet",
        prefix: "mpnet.",
        names: MPNET_NAMES,
        offset: Offset::Two,
        ..ROBERTA
    },
    ROBERTA,
    Family { model_type: "xlm-roberta", class: "XLMRoberta", ..ROBERTA },
];

pub(crate) fn find(model_type: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.model_type == model_type)
}

/// The prefix of tensor names that base-model checkpoints leave out.
pub(crate) fn base_prefix(config: &EncoderConfig) -> &'static str {
    find(&config.model_type).map_or("", |family| family.prefix)
}

/// Files of the first BERT have other names for the two vectors of a norm.
pub(crate) fn older_name(tensor: &str) -> Option<String> {
    let weight = tensor.strip_suffix("LayerNorm.weight").map(|rest| (rest, "gamma"));
    let bias = tensor.strip_suffix("LayerNorm.bias").map(|rest| (rest, "beta"));
    weight.or(bias).map(|(rest, name)| format!("{rest}LayerNorm.{name}"))
}

/// Tensors that a checkpoint may hold beside those of the encoder: buffers, and what was put on it
/// for pre-training or, unless `has_head`, for a task.
pub(crate) fn is_ignorable(config: &EncoderConfig, has_head: bool, name: &str) -> bool {
    let name = name.strip_prefix(base_prefix(config)).unwrap_or(name);
    let pretraining =
        ["cls.", "lm_head.", "vocab_transform.", "vocab_layer_norm.", "vocab_projector."];
    let tasks = ["classifier.", "pre_classifier.", "qa_outputs.", "heads."];
    let below = |places: &[&str]| places.iter().any(|place| name.starts_with(place));
    name == "embeddings.position_ids"
        || below(&pretraining)
        || (!has_head && below(&tasks))
        || (!config.pooler && name.starts_with("pooler."))
}

/// Which checkpoint tensors make up each parameter of the encoder, in the order of the network.
pub(crate) fn parameters(config: &EncoderConfig) -> Vec<ParameterSource> {
    let Some(Family { prefix, names, .. }) = find(&config.model_type) else { return Vec::new() };
    let d = config.hidden_size;
    let table = |parameter: &str, rows: usize, width: usize, tensor: &str| {
        scheme::table(parameter, [rows, width], format!("{prefix}{tensor}"))
    };
    let words = "embeddings.word_embeddings.weight";
    let places = "embeddings.position_embeddings.weight";
    let positions = config.max_tokens.saturating_add(config.position_offset);
    let mut sources = vec![
        table("token_embedding", config.vocab_size, d, words),
        table("position_embedding", positions, d, places),
    ];
    if let Some(tensor) = names.token_types {
        sources.push(table("type_embedding", config.token_types, d, tensor));
    }
    sources.extend(norm("embedding_norm", d, &format!("{prefix}embeddings.LayerNorm")));
    if let (Some(tensor), Some(buckets)) = (names.relative_bias, config.relative_buckets) {
        sources.push(table("relative_bias", buckets, config.heads, tensor));
    }
    for index in 0..config.layers {
        sources.extend(layer(config, names, prefix, index));
    }
    if config.pooler {
        let part = [Part::new(format!("{prefix}pooler.dense"), d)];
        sources.extend(scheme::linear("pooler", d, &part, true, Stored::OutIn));
    }
    sources
}

fn layer(
    config: &EncoderConfig,
    names: &Names,
    prefix: &str,
    index: usize,
) -> Vec<ParameterSource> {
    let (d, inner) = (config.hidden_size, config.intermediate_size);
    let (ours, theirs) = (format!("layers.{index}"), format!("{prefix}{}.{index}", names.layers));
    let part = |name: &str, features: usize| Part::new(format!("{theirs}.{name}"), features);
    let qkv = names.projections.map(|name| part(name, d));
    let linear = |name: &str, inputs: usize, parts: &[Part]| {
        scheme::linear(&format!("{ours}.{name}"), inputs, parts, true, Stored::OutIn)
    };
    let norm = |name: &str, tensor: &str| {
        norm(&format!("{ours}.{name}"), d, &format!("{theirs}.{tensor}"))
    };
    let mut sources = linear("qkv", d, &qkv);
    sources.extend(linear("out", d, &[part(names.out, d)]));
    sources.extend(norm("attention_norm", names.attention_norm));
    sources.extend(linear("up", d, &[part(names.up, inner)]));
    sources.extend(linear("down", inner, &[part(names.down, d)]));
    sources.extend(norm("mlp_norm", names.mlp_norm));
    sources
}

fn norm(parameter: &str, size: usize, tensor: &str) -> [ParameterSource; 2] {
    ["weight", "bias"].map(|name| scheme::vector(parameter, size, tensor, name))
}
