//! The `config.json` that a GGUF file's metadata stands for, with the keys of today's
//! `transformers`.

use std::path::{Path, PathBuf};

use hybrid_gguf::{FromValue, GgufError, GgufFile};
use serde_json::{Map, Value, json};

use super::names::Arch;
use super::rope::{DEFAULT_THETA, rope_parameters};
use crate::weights::WeightsError;

/// Rebuilds the `config.json` of the checkpoint that `file` was made from; `path` is what errors
/// call the file.
///
/// What GGUF does not store is filled in with the family's published values: the activation,
/// Gemma's attention scale and its pattern of local and global layers.
///
/// # Errors
///
/// [`WeightsError::Unsupported`] for an architecture, a scaling or a variant that cannot be
/// expressed; [`WeightsError::Gguf`] for a missing key or one of the wrong type.
pub fn config_json(file: &GgufFile, path: &Path) -> Result<Value, WeightsError> {
    let keys = Keys::new(file, path)?;
    let mut config = common(&keys)?;
    match keys.arch {
        Arch::Llama => llama(&keys, &mut config)?,
        Arch::Qwen2 | Arch::Qwen3 => qwen(&keys, &mut config)?,
        Arch::Gemma2 | Arch::Gemma3 => gemma(&keys, &mut config)?,
    }
    Ok(Value::Object(config))
}

/// The keys of one file, looked up under its architecture's prefix.
pub(super) struct Keys<'a> {
    pub(super) file: &'a GgufFile,
    path: PathBuf,
    pub(super) arch: Arch,
}

impl<'a> Keys<'a> {
    pub(super) fn new(file: &'a GgufFile, path: &Path) -> Result<Self, WeightsError> {
        let gguf = |source| WeightsError::Gguf { path: path.to_owned(), source };
        let metadata = file.metadata();
        let name: &str = metadata.required("general.architecture").map_err(gguf)?;
        let unsupported =
            |what: String| Err(WeightsError::Unsupported { path: path.to_owned(), what });
        let Some(arch) = Arch::from_name(name) else {
            let known = Arch::ALL.map(Arch::name).join(", ");
            return unsupported(format!(
                "GGUF architecture `{name}` is not supported; the supported ones are {known}. \
                 The original Hugging Face directory may be"
            ));
        };
        let n_files: Option<u64> = metadata.optional("split.count").map_err(gguf)?;
        if let Some(n_files @ 2..) = n_files {
            return unsupported(format!(
                "the model is split over {n_files} GGUF files; merge them into one (llama.cpp's \
                 `llama-gguf-split --merge`)"
            ));
        }
        Ok(Self { file, path: path.to_owned(), arch })
    }

    pub(super) fn gguf(&self, source: GgufError) -> WeightsError {
        WeightsError::Gguf { path: self.path.clone(), source }
    }

    pub(super) fn unsupported(&self, what: String) -> WeightsError {
        WeightsError::Unsupported { path: self.path.clone(), what }
    }

    pub(super) fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.arch.name())
    }

    pub(super) fn required<T: FromValue<'a>>(&self, name: &str) -> Result<T, WeightsError> {
        self.file.metadata().required(&self.key(name)).map_err(|source| self.gguf(source))
    }

    pub(super) fn optional<T: FromValue<'a>>(&self, name: &str) -> Result<Option<T>, WeightsError> {
        self.file.metadata().optional(&self.key(name)).map_err(|source| self.gguf(source))
    }

    /// A count that divides others, so it must not be 0.
    fn positive(&self, name: &str, value: usize) -> Result<usize, WeightsError> {
        if value == 0 {
            return Err(self.unsupported(format!("`{}` is 0, must be at least 1", self.key(name))));
        }
        Ok(value)
    }

    pub(super) fn heads(&self) -> Result<usize, WeightsError> {
        const NAME: &str = "attention.head_count";
        self.positive(NAME, self.required(NAME)?)
    }

    pub(super) fn kv_heads(&self) -> Result<usize, WeightsError> {
        const NAME: &str = "attention.head_count_kv";
        match self.optional(NAME)? {
            Some(heads) => self.positive(NAME, heads),
            None => self.heads(),
        }
    }

    /// The number of layers; a file has several tensors for each, which bounds it.
    fn layers(&self) -> Result<usize, WeightsError> {
        let (layers, tensors): (usize, _) =
            (self.required("block_count")?, self.file.tensors().len());
        if layers > tensors {
            return Err(self.unsupported(format!(
                "`{}` is {layers}, but the file has only {tensors} tensors",
                self.key("block_count")
            )));
        }
        Ok(layers)
    }

    pub(super) fn head_dim(&self) -> Result<usize, WeightsError> {
        let head_dim = match self.optional("attention.key_length")? {
            Some(length) => length,
            None => self.required::<usize>("embedding_length")? / self.heads()?,
        };
        for name in ["attention.value_length", "rope.dimension_count"] {
            let other: usize = self.optional(name)?.unwrap_or(head_dim);
            if other != head_dim {
                return Err(self.unsupported(format!(
                    "`{}` is {other}, but heads have {head_dim} dimensions; only models with \
                     equal sizes are supported",
                    self.key(name)
                )));
            }
        }
        Ok(head_dim)
    }

    fn token_id(&self, kind: &str) -> Result<Option<u32>, WeightsError> {
        let key = format!("tokenizer.ggml.{kind}_token_id");
        self.file.metadata().optional(&key).map_err(|source| self.gguf(source))
    }

    fn has_tensor(&self, name: &str) -> bool {
        self.file.tensor(name).is_some()
    }
}

/// What all families share.
fn common(keys: &Keys<'_>) -> Result<Map<String, Value>, WeightsError> {
    if let Some(experts @ 1..) = keys.optional::<usize>("expert_count")? {
        return Err(keys.unsupported(format!(
            "the model is a mixture of {experts} experts; only dense models are supported"
        )));
    }
    let embedding =
        keys.file.required_tensor("token_embd.weight").map_err(|source| keys.gguf(source))?;
    let (model_type, class) = match keys.arch {
        // Converters write Mistral as Llama; its window is what tells them apart.
        Arch::Llama if keys.optional::<u32>("attention.sliding_window")?.is_some() => {
            ("mistral", "MistralForCausalLM")
        }
        Arch::Llama => ("llama", "LlamaForCausalLM"),
        Arch::Qwen2 => ("qwen2", "Qwen2ForCausalLM"),
        Arch::Qwen3 => ("qwen3", "Qwen3ForCausalLM"),
        Arch::Gemma2 => ("gemma2", "Gemma2ForCausalLM"),
        Arch::Gemma3 => ("gemma3_text", "Gemma3ForCausalLM"),
    };
    let config = json!({
        "architectures": [class],
        "model_type": model_type,
        "dtype": "float32",
        "vocab_size": embedding.shape.first(),
        "hidden_size": keys.required::<usize>("embedding_length")?,
        "intermediate_size": keys.required::<usize>("feed_forward_length")?,
        "num_hidden_layers": keys.layers()?,
        "num_attention_heads": keys.heads()?,
        "num_key_value_heads": keys.kv_heads()?,
        "head_dim": keys.head_dim()?,
        "max_position_embeddings": keys.required::<usize>("context_length")?,
        "rms_norm_eps": number(keys.required("attention.layer_norm_rms_epsilon")?),
        "tie_word_embeddings": !keys.has_tensor("output.weight"),
        "rope_parameters": rope_parameters(keys)?,
        "bos_token_id": keys.token_id("bos")?,
        "eos_token_id": end_tokens(keys)?,
        "pad_token_id": keys.token_id("padding")?,
    });
    match config {
        Value::Object(config) => Ok(config),
        _ => Ok(Map::new()),
    }
}

/// One id, or a list where the file names further tokens that end a turn or a message.
fn end_tokens(keys: &Keys<'_>) -> Result<Value, WeightsError> {
    let mut ids = Vec::new();
    for kind in ["eos", "eot", "eom"] {
        ids.extend(keys.token_id(kind)?.filter(|id| !ids.contains(id)));
    }
    Ok(match ids.as_slice() {
        [] => Value::Null,
        [id] => json!(id),
        ids => json!(ids),
    })
}

fn llama(keys: &Keys<'_>, config: &mut Map<String, Value>) -> Result<(), WeightsError> {
    config.insert("hidden_act".into(), json!("silu"));
    match keys.optional::<u32>("attention.sliding_window")? {
        Some(window) => {
            config.insert("sliding_window".into(), json!(window));
        }
        None => {
            let attention_bias = keys.has_tensor("blk.0.attn_q.bias");
            config.insert("attention_bias".into(), json!(attention_bias));
            config.insert("mlp_bias".into(), json!(keys.has_tensor("blk.0.ffn_up.bias")));
        }
    }
    Ok(())
}

fn qwen(keys: &Keys<'_>, config: &mut Map<String, Value>) -> Result<(), WeightsError> {
    config.insert("hidden_act".into(), json!("silu"));
    config.insert("use_sliding_window".into(), json!(false));
    config.insert("sliding_window".into(), Value::Null);
    config.insert("layer_types".into(), json!(layer_types(keys.layers()?, |_| false)));
    if keys.arch == Arch::Qwen3 {
        config.insert("attention_bias".into(), json!(keys.has_tensor("blk.0.attn_q.bias")));
        return Ok(());
    }
    let usual = keys.required::<usize>("embedding_length")? / keys.heads()?;
    if keys.head_dim()? == usual {
        // Qwen 2 has no such key; it divides.
        config.remove("head_dim");
    }
    Ok(())
}

fn gemma(keys: &Keys<'_>, config: &mut Map<String, Value>) -> Result<(), WeightsError> {
    let layers = keys.layers()?;
    let window: Option<u32> = keys.optional("attention.sliding_window")?;
    let types = match (keys.arch, window) {
        (_, None) => layer_types(layers, |_| false),
        (Arch::Gemma2, _) => layer_types(layers, |layer| layer % 2 == 0),
        (_, Some(_)) => gemma3_layer_types(keys, layers)?,
    };
    // The 27B models scale by the width of the model over its heads, all others by the head's.
    let largest = match keys.arch {
        Arch::Gemma2 => 46,
        _ => 62,
    };
    let scalar = if layers == largest {
        keys.required::<usize>("embedding_length")? / keys.heads()?
    } else {
        keys.head_dim()?
    };
    let softcap = |name| keys.optional::<f32>(name).map(|cap| cap.map(number));
    let attention_cap = softcap("attn_logit_softcapping")?;
    let final_cap = softcap("final_logit_softcapping")?;
    config.insert("hidden_activation".into(), json!("gelu_pytorch_tanh"));
    config.insert("attention_bias".into(), json!(keys.has_tensor("blk.0.attn_q.bias")));
    config.insert("query_pre_attn_scalar".into(), json!(scalar));
    config.insert("sliding_window".into(), json!(window));
    config.insert("layer_types".into(), json!(types));
    config.insert("attn_logit_softcapping".into(), json!(attention_cap));
    config.insert("final_logit_softcapping".into(), json!(final_cap));
    if keys.arch == Arch::Gemma3 {
        let theta = keys.optional::<f32>("rope.freq_base_swa")?.unwrap_or(DEFAULT_THETA);
        let global = config.remove("rope_parameters");
        let local = json!({ "rope_type": "default", "rope_theta": number(theta) });
        let both = json!({ "sliding_attention": local, "full_attention": global });
        config.insert("rope_parameters".into(), both);
    }
    Ok(())
}

/// The pattern is a flag per layer, a period, or (in most files) the published period of 6.
fn gemma3_layer_types(keys: &Keys<'_>, layers: usize) -> Result<Vec<&'static str>, WeightsError> {
    const NAME: &str = "attention.sliding_window_pattern";
    let key = keys.key(NAME);
    let metadata = keys.file.metadata();
    if let Ok(Some(flags)) = metadata.optional::<&[bool]>(&key) {
        if flags.len() != layers {
            let what = format!("`{key}` has {} flags for {layers} layers", flags.len());
            return Err(keys.unsupported(what));
        }
        let is_local = |layer: usize| flags.get(layer).copied().unwrap_or(false);
        return Ok(layer_types(layers, is_local));
    }
    let period = keys.positive(NAME, keys.optional(NAME)?.unwrap_or(6))?;
    Ok(layer_types(layers, |layer| (layer + 1) % period != 0))
}

fn layer_types(layers: usize, is_local: impl Fn(usize) -> bool) -> Vec<&'static str> {
    let name = |layer| if is_local(layer) { "sliding_attention" } else { "full_attention" };
    (0..layers).map(name).collect()
}

/// The decimal number that was meant: `1e-5`, not the `f32` nearest to it written out in full.
pub(super) fn number(value: f32) -> Value {
    json!(value.to_string().parse::<f64>().unwrap_or(f64::from(value)))
}
