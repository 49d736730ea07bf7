//! What a causal decoder is made of, as plain data.
//!
//! Families differ in these fields only; there is one network, [`crate::Decoder`]. A value is made
//! by [`crate::family::parse`] from a Hugging Face `config.json`.

pub(crate) mod reader;

use serde_json::{Map, Value};

use crate::rope::RopeConfig;
use crate::weights::layout::ParameterSource;

/// A `config.json` that does not describe a model we can build.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file is not a JSON object.
    #[error("the configuration is not a JSON object")]
    NotAnObject,
    /// A required key is absent.
    #[error("the configuration lacks `{key}`; a `{model_type}` model cannot be built without it")]
    Missing {
        /// The key, as today's `transformers` writes it.
        key: String,
        /// The family that needs it.
        model_type: String,
    },
    /// A key holds another type than expected.
    #[error("`{key}` is {found}, expected {expected}")]
    WrongType {
        /// The key.
        key: String,
        /// What stands there, shortened.
        found: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A family this crate does not know.
    #[error("model type `{found}` is not supported; the known ones are {known}")]
    UnknownModelType {
        /// The value of `model_type`.
        found: String,
        /// The supported values, comma-separated.
        known: String,
    },
    /// A known key with a value whose meaning is not implemented.
    #[error("`{key}` is `{value}`, which is not supported; {supported}")]
    Unsupported {
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// What can be used instead.
        supported: String,
    },
    /// Sizes that contradict each other.
    #[error("{0}")]
    Inconsistent(String),
}

/// The normalisation before (or after) a sub-layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NormKind {
    /// `(x − mean) / sqrt(var + eps) · weight + bias` (Ba et al. 2016, arXiv 1607.06450).
    Layer,
    /// `x / sqrt(mean(x²) + eps) · weight` (Zhang and Sennrich 2019, arXiv 1910.07467).
    Rms,
    /// As [`NormKind::Rms`], scaled by `1 + weight` (Gemma).
    RmsPlusOne,
}

/// Where the norms of a block stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormPlacement {
    /// Before attention and MLP.
    Before,
    /// After the residual sum of attention and MLP (OPT-350m).
    After,
    /// Before and after attention and MLP, inside the residual branch (Gemma 2 and 3).
    Around,
}

/// How a decoder knows the order of its tokens.
#[derive(Debug, Clone, PartialEq)]
pub enum Positions {
    /// A learned table; the row of position `p` is `p + offset` (OPT has offset 2).
    Learned {
        /// Rows of the table before position 0.
        offset: usize,
    },
    /// Rotary embeddings in the `rotate_half` form (Su et al. 2021, arXiv 2104.09864).
    Rotary {
        /// For every layer but those marked [`Attends::Nearby`] when `local` is given.
        global: RopeConfig,
        /// For layers that attend nearby, where they differ (Gemma 3).
        local: Option<RopeConfig>,
    },
}

/// The activation of the MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · Φ(x)`, with the error function.
    Gelu,
    /// The tanh approximation of GELU (`gelu_new`, `gelu_pytorch_tanh`).
    GeluTanh,
    /// `x · σ(x)`.
    Silu,
    /// `max(x, 0)`.
    Relu,
}

/// Which keys a layer's queries see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attends {
    /// Every earlier token.
    Everything,
    /// The last `window` tokens, the query's own included.
    Nearby {
        /// Width of the window in tokens, at least 1.
        window: usize,
    },
}

/// The attention sub-layer.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionConfig {
    /// Query heads `h`.
    pub heads: usize,
    /// Key-value heads `kv`; divides `heads`.
    pub kv_heads: usize,
    /// Size of a head `hd`.
    pub head_dim: usize,
    /// Factor of the scores before the softmax.
    pub scale: f64,
    /// `c · tanh(scores / c)` on the scores (Gemma 2).
    pub softcap: Option<f64>,
    /// Whether the query, key and value projections have biases.
    pub qkv_bias: bool,
    /// Whether the output projection has one.
    pub out_bias: bool,
    /// Whether each head of queries and keys is normalised (Qwen3, Gemma 3).
    pub qk_norm: bool,
}

/// The feed-forward sub-layer.
#[derive(Debug, Clone, PartialEq)]
pub struct MlpConfig {
    /// Inner width.
    pub intermediate_size: usize,
    /// The activation.
    pub activation: Activation,
    /// `act(gate(x)) · up(x)` rather than `act(up(x))`.
    pub gated: bool,
    /// Whether the projections have biases.
    pub bias: bool,
}

/// A causal decoder: every number and choice the network needs.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// `model_type` of the `config.json` it came from.
    pub model_type: String,
    /// Rows of the token embedding `v`.
    pub vocab_size: usize,
    /// Width of the residual stream `d`.
    pub hidden_size: usize,
    /// Width of the token embedding; differs from `hidden_size` in OPT-350m only, where two
    /// projections stand between.
    pub embedding_size: usize,
    /// Longest sequence the positions are made for.
    pub max_positions: usize,
    /// One entry a layer, from the first.
    pub layers: Vec<LayerConfig>,
    /// The attention of every layer.
    pub attention: AttentionConfig,
    /// The MLP of every layer.
    pub mlp: MlpConfig,
    /// The norm of every place.
    pub norm: NormKind,
    /// The norm's epsilon.
    pub norm_eps: f64,
    /// Where norms stand in a block.
    pub norm_placement: NormPlacement,
    /// Whether a norm follows the last block.
    pub final_norm: bool,
    /// Attention and MLP both read the block's input (GPT-NeoX).
    pub parallel_residual: bool,
    /// How order is known.
    pub positions: Positions,
    /// Factor of the token embeddings (Gemma: `sqrt(d)`).
    pub embedding_scale: Option<f64>,
    /// `c · tanh(logits / c)` on the logits (Gemma 2).
    pub logit_softcap: Option<f64>,
    /// Whether the head is the token embedding.
    pub tie_embeddings: bool,
    /// The `config.json` as it was read, written back on save.
    pub raw: Map<String, Value>,
}

/// What one layer does differently from the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerConfig {
    /// Which keys it sees.
    pub attends: Attends,
    /// Divides the scores further: GPT-2's `scale_attn_by_inverse_layer_idx`; else 1.
    pub score_divisor: f64,
}

impl DecoderConfig {
    /// Checks what the types cannot express, before anything is allocated.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Inconsistent`] naming the sizes that contradict each other.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let inconsistent = |what: String| Err(ConfigError::Inconsistent(what));
        let AttentionConfig { heads, kv_heads, head_dim, .. } = self.attention;
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("word_embed_proj_dim", self.embedding_size),
            ("num_hidden_layers", self.layers.len()),
            ("num_attention_heads", heads),
            ("num_key_value_heads", kv_heads),
            ("head_dim", head_dim),
            ("intermediate_size", self.mlp.intermediate_size),
            ("max_position_embeddings", self.max_positions),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return inconsistent(format!("`{name}` is 0, must be at least 1"));
        }
        if let Some((name, size)) = sizes.iter().find(|(_, size)| *size > MAX_SIZE) {
            return inconsistent(format!("`{name}` is {size}, more than {MAX_SIZE}"));
        }
        let parameters = self.parameter_count();
        if parameters > MAX_PARAMETERS {
            return inconsistent(format!(
                "the sizes make {parameters} parameters, more than {MAX_PARAMETERS}"
            ));
        }
        if heads % kv_heads != 0 {
            return inconsistent(format!(
                "{heads} attention heads cannot share {kv_heads} key-value heads evenly"
            ));
        }
        if !(self.norm_eps > 0.0 && self.norm_eps < 1.0) {
            return inconsistent(format!(
                "the norm epsilon is {}, must be in (0, 1)",
                self.norm_eps
            ));
        }
        if let Positions::Rotary { global, local } = &self.positions {
            global.validate(head_dim)?;
            if let Some(local) = local {
                local.validate(head_dim)?;
            }
        }
        Ok(())
    }

    /// Number of parameters, the tied head counted once; `usize::MAX` when there are more.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        count_parameters(&crate::family::parameter_map(self))
    }
}

/// Number of values of all these parameters; `usize::MAX` when there are more.
pub(crate) fn count_parameters(parameters: &[ParameterSource]) -> usize {
    let count =
        |source: &ParameterSource| source.shape.iter().copied().fold(1, usize::saturating_mul);
    parameters.iter().map(count).fold(0, usize::saturating_add)
}

/// No size in a configuration is larger; a larger one is a typing error or an attack.
pub(crate) const MAX_SIZE: usize = 1 << 28;

/// As [`MAX_SIZE`], for all parameters together: four terabytes of f32.
pub(crate) const MAX_PARAMETERS: usize = 1 << 40;
