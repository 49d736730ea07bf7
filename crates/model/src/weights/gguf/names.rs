//! The architectures whose GGUF files can be read, and their tensors' names on either side.

/// An architecture, by `general.architecture`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// Llama, and what was converted as Llama: Mistral, SmolLM2, TinyLlama.
    Llama,
    /// Qwen 2 and 2.5.
    Qwen2,
    /// Qwen 3.
    Qwen3,
    /// Gemma 2.
    Gemma2,
    /// Gemma 3, text only.
    Gemma3,
}

impl Arch {
    /// Every architecture, in the order in which errors list them.
    pub const ALL: [Self; 5] = [Self::Llama, Self::Qwen2, Self::Qwen3, Self::Gemma2, Self::Gemma3];

    /// The value of `general.architecture`, which is also the prefix of the architecture's keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Gemma2 => "gemma2",
            Self::Gemma3 => "gemma3",
        }
    }

    /// The architecture called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arch| arch.name() == name)
    }

    /// Gemma norms each sub-layer on both sides, which changes what the norms' names mean.
    #[must_use]
    pub fn is_gemma(self) -> bool {
        matches!(self, Self::Gemma2 | Self::Gemma3)
    }
}

/// Returns the Hugging Face name of a tensor, or None when the architecture has no such tensor.
#[must_use]
pub fn hf_name(arch: Arch, gguf_name: &str) -> Option<String> {
    match gguf_name {
        "token_embd.weight" => return Some("model.embed_tokens.weight".to_owned()),
        "output_norm.weight" => return Some("model.norm.weight".to_owned()),
        "output.weight" => return Some("lm_head.weight".to_owned()),
        _ => {}
    }
    let (index, rest) = gguf_name.strip_prefix("blk.")?.split_once('.')?;
    let (part, kind) = rest.rsplit_once('.')?;
    // Parsed and written again, so that `01` and `1` do not become the same layer.
    let layer: usize = index.parse().ok().filter(|layer: &usize| layer.to_string() == index)?;
    let known_kind = kind == "weight" || (kind == "bias" && !part.contains("norm"));
    let part = known_kind.then(|| block_part(arch, part))??;
    Some(format!("model.layers.{layer}.{part}.{kind}"))
}

fn block_part(arch: Arch, part: &str) -> Option<&'static str> {
    let gemma = arch.is_gemma();
    Some(match part {
        "attn_norm" => "input_layernorm",
        "attn_q" => "self_attn.q_proj",
        "attn_k" => "self_attn.k_proj",
        "attn_v" => "self_attn.v_proj",
        "attn_output" => "self_attn.o_proj",
        "attn_q_norm" if matches!(arch, Arch::Qwen3 | Arch::Gemma3) => "self_attn.q_norm",
        "attn_k_norm" if matches!(arch, Arch::Qwen3 | Arch::Gemma3) => "self_attn.k_norm",
        "ffn_norm" if gemma => "pre_feedforward_layernorm",
        "ffn_norm" => "post_attention_layernorm",
        "post_attention_norm" if gemma => "post_attention_layernorm",
        "post_ffw_norm" if gemma => "post_feedforward_layernorm",
        "ffn_gate" => "mlp.gate_proj",
        "ffn_up" => "mlp.up_proj",
        "ffn_down" => "mlp.down_proj",
        _ => return None,
    })
}
