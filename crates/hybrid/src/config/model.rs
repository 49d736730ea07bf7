//! The `[model]` table: a model to start from, or the sizes of a new one.

use hybrid_model::init::InitConfig;
use hybrid_model::lora::{LoraConfig, LoraError};
use serde::{Deserialize, Serialize};

use super::check::Problem;

/// The value of `model.init.tokenizer` that means one token a byte, with `<s>` and `</s>`. A folder
/// of that name is written `./byte`.
pub const BYTE_TOKENIZER: &str = "byte";

/// The model that is trained: exactly one of `base` and `init`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// A model to start from: a folder, a `.gguf` file, a run directory, `hf:owner/name`, or a name
    /// of `hybrid assets list`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The sizes of a new model, trained from scratch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<InitSection>,
    /// Trains low-rank matrices beside the projections, and none of the model's own weights: `{}` or
    /// `{ rank = 8, alpha = 16.0 }`. The value head, task heads and a separate critic's own head are
    /// trained beside them. A checkpoint keeps both apart; what is exported or merged has them in its
    /// weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraConfig>,
}

/// The sizes of a new model and its tokenizer. Weights are drawn from the run's seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InitSection {
    /// A tokenizer file, a folder or named model that holds one, or `byte` for one token a byte.
    pub tokenizer: String,
    /// The family, as `model_type` of a `config.json`.
    pub model_type: String,
    /// Rows of the token embedding; absent means as many as the tokenizer has tokens, and fewer are
    /// refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vocab_size: Option<usize>,
    /// Width of the residual stream. At least 1.
    pub hidden_size: usize,
    /// Number of layers. At least 1.
    pub layers: usize,
    /// Attention heads; divides `hidden_size`.
    pub heads: usize,
    /// Key-value heads; all heads when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv_heads: Option<usize>,
    /// Inner width of the MLP; four times the hidden size when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intermediate_size: Option<usize>,
    /// Longest sequence in tokens. At least 1.
    pub context: usize,
    /// Whether the head is the token embedding.
    pub tie_embeddings: bool,
}

impl Default for InitSection {
    fn default() -> Self {
        Self {
            tokenizer: BYTE_TOKENIZER.to_owned(),
            model_type: "gpt2".to_owned(),
            vocab_size: None,
            hidden_size: 128,
            layers: 4,
            heads: 4,
            kv_heads: None,
            intermediate_size: None,
            context: 256,
            tie_embeddings: true,
        }
    }
}

impl InitSection {
    /// The sizes for a tokenizer with `tokens` tokens.
    #[must_use]
    pub fn to_init(&self, tokens: usize) -> InitConfig {
        InitConfig {
            model_type: self.model_type.clone(),
            vocab_size: self.vocab_size.unwrap_or(tokens),
            hidden_size: self.hidden_size,
            layers: self.layers,
            heads: self.heads,
            kv_heads: self.kv_heads,
            intermediate_size: self.intermediate_size,
            context: self.context,
            tie_embeddings: self.tie_embeddings,
        }
    }

    fn validate(&self) -> Result<(), Problem> {
        let key = |name: &str| format!("model.init.{name}");
        if self.tokenizer.trim().is_empty() {
            let allowed = "a path, a name, or `byte`";
            return Err(Problem::range(&key("tokenizer"), "blank", allowed));
        }
        let sizes = [
            ("hidden_size", self.hidden_size),
            ("layers", self.layers),
            ("heads", self.heads),
            ("context", self.context),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(Problem::range(&key(name), "0", "at least 1"));
        }
        // The tokenizer is not there yet: any vocabulary shows whether the other sizes fit.
        let fits = self.to_init(self.vocab_size.unwrap_or(256)).to_config();
        fits.map(|_| ()).map_err(|error| Problem::in_section("model.init", &error.to_string()))
    }
}

impl ModelConfig {
    pub(super) fn validate(&self) -> Result<(), Problem> {
        if let Some(lora) = &self.lora {
            let wrong = |error: LoraError| Problem::in_section("model.lora", &error.to_string());
            lora.validate().map_err(wrong)?;
        }
        match (&self.base, &self.init) {
            (Some(base), None) if base.trim().is_empty() => {
                Err(Problem::range("model.base", "blank", "a path or a name"))
            }
            (Some(_), None) => Ok(()),
            (None, Some(init)) => init.validate(),
            (Some(_), Some(_)) => Err(Problem::new(
                "model.init",
                "`model.base` and `model.init` cannot be used together: a run starts from a model \
                 or from scratch; remove one",
            )),
            (None, None) => Err(Problem::new(
                "model",
                "`model.base` is missing: name the model to train, as \
                 `base = \"smollm2-135m-instruct\"`, or give the sizes of a new one in \
                 `[model.init]`",
            )),
        }
    }
}
