"""The table of tiny models: what each case is about and the configuration it has (used by `tiny_models.py`).

Shapes are odd on purpose: vocabularies that are no multiple of 8, three query heads on one key-value head, head sizes
that are not hidden / heads. Original context lengths of the rotary scalings are small, so that every band of a
scaling (kept, blended, stretched) has a frequency in it.
"""

from transformers import (
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)

IDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None}
PLAIN = {"rope_type": "default", "rope_theta": 10000.0}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 32}


def case(name, config, about, **rest):
    return {"name": name, "config": config, "about": about, **rest}


def maker(config_class, **family):
    """A function from a case's keys to a function that builds its configuration."""
    return lambda **keys: lambda: config_class(**(IDS | family | keys))


gpt2 = maker(GPT2Config, n_positions=32, n_layer=2, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
llama = maker(LlamaConfig, num_hidden_layers=2, max_position_embeddings=64, rms_norm_eps=1e-5)
mistral = maker(MistralConfig, num_hidden_layers=2, max_position_embeddings=64, rms_norm_eps=1e-5)
qwen2 = maker(Qwen2Config, num_hidden_layers=2, max_position_embeddings=64)
qwen3 = maker(Qwen3Config, num_hidden_layers=2, max_position_embeddings=64)
gpt_neox = maker(GPTNeoXConfig, num_hidden_layers=2, max_position_embeddings=64)
opt = maker(OPTConfig, num_hidden_layers=2, max_position_embeddings=30, dropout=0.0)
phi3 = maker(Phi3Config, num_hidden_layers=2, max_position_embeddings=64)
gemma2 = maker(Gemma2Config, num_hidden_layers=2, max_position_embeddings=64)
gemma3 = maker(Gemma3TextConfig, num_hidden_layers=3, max_position_embeddings=64)


def rope_scaling(config):
    """`rope_parameters` to `rope_theta` and `rope_scaling`."""
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = None if rope["rope_type"] == "default" else rope


def older_rope_scaling(config):
    """The same with the still older key `type`."""
    rope_scaling(config)
    config["rope_scaling"]["type"] = config["rope_scaling"].pop("rope_type")


def phi3_legacy(config):
    """Phi-3 kept the original context and the rotated share outside `rope_scaling`."""
    rope_scaling(config)
    scaling = config["rope_scaling"]
    config["partial_rotary_factor"] = scaling.pop("partial_rotary_factor")
    config["original_max_position_embeddings"] = scaling.pop("original_max_position_embeddings")
    scaling["type"] = scaling.pop("rope_type")


def gpt_neox_legacy(config):
    rope = config.pop("rope_parameters")
    config["rotary_pct"] = rope["partial_rotary_factor"]
    config["rotary_emb_base"] = rope["rope_theta"]


def gemma3_legacy(config):
    """Gemma 3 named the local base apart and gave the layer pattern as a number."""
    rope = config.pop("rope_parameters")
    full = rope["full_attention"]
    config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
    config["rope_theta"] = full.pop("rope_theta")
    config["rope_scaling"] = None if full["rope_type"] == "default" else full
    config["sliding_window_pattern"] = 1 + config.pop("layer_types").index("full_attention")


GPT2 = [
    case("gpt2", gpt2(vocab_size=53, n_embd=24, n_head=3), "tied head, keys with the transformer. prefix"),
    case(
        "gpt2_base",
        gpt2(vocab_size=61, n_embd=20, n_head=5, n_inner=28),
        "saved as the base model: keys without prefix and no head; n_inner given",
        base_only=True,
    ),
    case(
        "gpt2_untied",
        gpt2(
            vocab_size=50,
            n_embd=16,
            n_head=2,
            n_layer=3,
            tie_word_embeddings=False,
            activation_function="gelu",
            scale_attn_by_inverse_layer_idx=True,
        ),
        "untied head, exact gelu, attention also divided by layer number",
        matters={"scale_attn_by_inverse_layer_idx": False},
    ),
]

LLAMA_GQA = {
    "vocab_size": 67,
    "hidden_size": 24,
    "intermediate_size": 28,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "tie_word_embeddings": False,
}
SMALL = {
    "vocab_size": 51,
    "hidden_size": 24,
    "intermediate_size": 28,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "tie_word_embeddings": True,
}
LLAMA = [
    case(
        "llama_mha",
        llama(vocab_size=59, hidden_size=24, intermediate_size=28, num_attention_heads=3, tie_word_embeddings=False),
        "Llama-1 style: as many key-value heads as heads, untied",
    ),
    case(
        "llama_gqa",
        llama(rope_parameters=LLAMA3, **LLAMA_GQA),
        "Llama-3 style: three heads on one key-value head, llama3 rotary scaling, head_dim not hidden / heads",
        matters={"rope_parameters": PLAIN},
    ),
    case(
        "llama_gqa_legacy",
        llama(rope_parameters=LLAMA3, **LLAMA_GQA),
        "llama_gqa with its config in the keys of transformers 4: rope_theta, rope_scaling, torch_dtype",
        seed_of="llama_gqa",
        twin="llama_gqa",
        legacy=rope_scaling,
    ),
    case(
        "llama_tied_bf16",
        llama(
            vocab_size=71,
            hidden_size=36,
            intermediate_size=28,
            num_attention_heads=9,
            num_key_value_heads=3,
            tie_word_embeddings=True,
            rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
        ),
        "SmolLM2 style: nine heads on three, tied, stored in bfloat16",
        dtype="bfloat16",
        legacy=rope_scaling,
        matters={"rope_parameters": PLAIN},
    ),
    case(
        "llama_biases_sharded",
        llama(
            vocab_size=57,
            hidden_size=24,
            intermediate_size=20,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=10,
            attention_bias=True,
            mlp_bias=True,
            tie_word_embeddings=False,
        ),
        "every projection with a bias, in several shards",
        max_shard_size="12KB",
    ),
    case(
        "llama_linear",
        llama(rope_parameters=LINEAR, **SMALL),
        "linear rotary scaling",
        legacy=older_rope_scaling,
        matters={"rope_parameters": PLAIN},
    ),
    case(
        "llama_yarn",
        llama(
            max_position_embeddings=128,
            rope_parameters=YARN | {"beta_fast": 4.0, "beta_slow": 0.5, "mscale": 1.0, "mscale_all_dim": 0.5},
            **(SMALL | {"head_dim": 16, "num_key_value_heads": 3}),
        ),
        "yarn with its own betas and both mscale keys",
        legacy=rope_scaling,
        matters={"rope_parameters": YARN},
    ),
]

MISTRAL = [
    case(
        "mistral_window",
        mistral(sliding_window=4, **(SMALL | {"tie_word_embeddings": False})),
        "attention reaches four tokens back (itself included), in every layer",
        matters={"sliding_window": 64},
        legacy=rope_scaling,
    ),
    case(
        "mistral_no_window",
        mistral(
            vocab_size=63,
            hidden_size=20,
            intermediate_size=28,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=12,
            sliding_window=None,
            rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
        ),
        "no window, head_dim given, large rotary base",
    ),
]

QWEN2 = [
    case(
        "qwen2_f16",
        qwen2(**SMALL),
        "query, key and value biases, tied, stored in float16",
        dtype="float16",
        legacy=rope_scaling,
    ),
    case(
        "qwen2_window",
        qwen2(
            vocab_size=57,
            hidden_size=20,
            intermediate_size=20,
            num_attention_heads=5,
            num_key_value_heads=5,
            num_hidden_layers=3,
            use_sliding_window=True,
            sliding_window=3,
            max_window_layers=1,
        ),
        "untied, as many key-value heads as heads; a window of three from the second layer on",
        matters={"sliding_window": 64},
    ),
    case(
        "qwen2_yarn",
        qwen2(
            max_position_embeddings=128,
            rope_parameters=YARN,
            **(SMALL | {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 20}),
        ),
        "yarn with default betas",
        legacy=older_rope_scaling,
        matters={"rope_parameters": PLAIN},
    ),
]

QWEN3 = [
    case(
        "qwen3",
        qwen3(head_dim=10, **SMALL),
        "query and key norms, head_dim not hidden / heads, tied",
    ),
    case(
        "qwen3_untied",
        qwen3(
            vocab_size=61,
            hidden_size=20,
            intermediate_size=24,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=12,
            attention_bias=True,
            tie_word_embeddings=False,
        ),
        "untied, with attention biases",
    ),
    case(
        "qwen3_yarn",
        qwen3(
            max_position_embeddings=128,
            rope_parameters=YARN | {"attention_factor": 1.3, "beta_fast": 2.0, "beta_slow": 0.25, "truncate": False},
            **(SMALL | {"head_dim": 16, "tie_word_embeddings": False}),
        ),
        "yarn with its own attention factor and a ramp that is not rounded",
        matters={"rope_parameters": YARN | {"attention_factor": 1.3, "beta_fast": 2.0, "beta_slow": 0.25}},
    ),
]

GPT_NEOX = [
    case(
        "gpt_neox_parallel",
        gpt_neox(vocab_size=53, hidden_size=24, intermediate_size=28, num_attention_heads=3),
        "parallel residual, a quarter of each head rotated, untied",
        matters={"use_parallel_residual": False},
        legacy=gpt_neox_legacy,
    ),
    case(
        "gpt_neox_serial",
        gpt_neox(
            vocab_size=62,
            hidden_size=32,
            intermediate_size=20,
            num_attention_heads=2,
            use_parallel_residual=False,
            tie_word_embeddings=True,
            attention_bias=False,
            rope_parameters={"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.5},
            hidden_act="gelu_new",
        ),
        "serial residual, half of each head rotated, tied, no attention biases",
        matters={"use_parallel_residual": True},
    ),
]

OPT = [
    case(
        "opt",
        opt(vocab_size=55, hidden_size=24, ffn_dim=28, num_attention_heads=3),
        "norm before each block, positions offset by two, relu, tied",
    ),
    case(
        "opt_350m_style",
        opt(
            vocab_size=58,
            hidden_size=20,
            ffn_dim=28,
            num_attention_heads=5,
            word_embed_proj_dim=12,
            do_layer_norm_before=False,
        ),
        "norm after each block, embeddings projected in and out, no final norm",
    ),
    case(
        "opt_untied",
        opt(
            vocab_size=50,
            hidden_size=18,
            ffn_dim=20,
            num_attention_heads=3,
            enable_bias=False,
            tie_word_embeddings=False,
            activation_function="gelu",
        ),
        "untied, no biases in the linear layers, gelu",
    ),
]

LONG = [1.5, 2.0, 3.0, 5.0]
SHORT = [1.0, 1.1, 1.25, 1.6]
LONGROPE = {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": SHORT, "long_factor": LONG}
PHI3 = [
    case(
        "phi3",
        phi3(vocab_size=59, hidden_size=24, intermediate_size=28, num_attention_heads=3, sliding_window=5),
        "fused projections, a window of five, untied",
        matters={"sliding_window": 64},
    ),
    case(
        "phi3_longrope",
        phi3(
            rope_parameters=LONGROPE | {"original_max_position_embeddings": 16, "partial_rotary_factor": 1.0},
            original_max_position_embeddings=16,
            **SMALL,
        ),
        "longrope with short and long factors, three heads on one; a sequence beyond the original context",
        long=19,
        legacy=phi3_legacy,
        matters={"rope_parameters": PLAIN | {"partial_rotary_factor": 1.0}},
    ),
    case(
        "phi3_partial",
        phi3(
            vocab_size=53,
            hidden_size=32,
            intermediate_size=20,
            num_attention_heads=4,
            num_key_value_heads=2,
            rope_parameters=LONGROPE
            | {
                "original_max_position_embeddings": 16,
                "partial_rotary_factor": 0.75,
                "short_factor": SHORT[1:],
                "long_factor": LONG[1:],
                "attention_factor": 1.2,
            },
            original_max_position_embeddings=16,
        ),
        "three quarters of each head rotated, longrope with its own attention factor",
        long=19,
    ),
]

GEMMA2 = [
    case(
        "gemma2",
        gemma2(
            head_dim=10,
            query_pre_attn_scalar=7,
            sliding_window=4,
            attn_logit_softcapping=2.0,
            final_logit_softcapping=3.0,
            **SMALL,
        ),
        "soft-capped scores and logits, a window in every other layer, norms 1 + w, scaled embeddings, tied",
        gemma_norms=True,
        matters={
            "sliding_window": 64,
            "attn_logit_softcapping": None,
            "final_logit_softcapping": None,
            "query_pre_attn_scalar": 10,
        },
        legacy=rope_scaling,
    ),
    case(
        "gemma2_uncapped",
        gemma2(
            vocab_size=62,
            hidden_size=20,
            intermediate_size=20,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=12,
            query_pre_attn_scalar=12,
            sliding_window=5,
            attn_logit_softcapping=None,
            final_logit_softcapping=None,
            tie_word_embeddings=False,
        ),
        "no soft-capping, untied, as many key-value heads as heads",
        gemma_norms=True,
    ),
]

LOCAL = {"rope_type": "default", "rope_theta": 100.0}
GEMMA3 = [
    case(
        "gemma3_text",
        gemma3(
            head_dim=10,
            query_pre_attn_scalar=7,
            sliding_window=4,
            layer_types=["sliding_attention", "sliding_attention", "full_attention"],
            rope_parameters={"full_attention": LINEAR | {"rope_theta": 1000.0}, "sliding_attention": LOCAL},
            **(SMALL | {"intermediate_size": 20}),
        ),
        "local and global layers with rotary bases of their own, linear scaling on the global one, q and k norms",
        gemma_norms=True,
        matters={
            "sliding_window": 64,
            "query_pre_attn_scalar": 10,
            "rope_parameters": {"full_attention": LINEAR | {"rope_theta": 1000.0}, "sliding_attention": PLAIN},
        },
        legacy=gemma3_legacy,
    ),
    case(
        "gemma3_text_untied",
        gemma3(
            vocab_size=53,
            hidden_size=20,
            intermediate_size=20,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=8,
            query_pre_attn_scalar=8,
            sliding_window=3,
            layer_types=["full_attention", "sliding_attention"],
            final_logit_softcapping=4.0,
            tie_word_embeddings=False,
        ),
        "untied, global layer first, default rotary bases, soft-capped logits",
        gemma_norms=True,
        matters={"final_logit_softcapping": None},
    ),
]

CASES = GPT2 + LLAMA + MISTRAL + QWEN2 + QWEN3 + GPT_NEOX + OPT + PHI3 + GEMMA2 + GEMMA3
