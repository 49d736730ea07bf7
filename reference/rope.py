"""Writes `golden/rope.json`: the inverse frequencies `transformers` computes for every rotary scaling.

    pip install torch transformers && python reference/rope.py

A list of {name, config, layer_type, lengths}: `config` is a `config.json` without the keys that rotary embeddings do
not read, in today's keys or yesterday's; `layer_type` names the entry where a family keeps one for each layer type;
`lengths` is a list of {total, attention_factor, inverse_frequencies}, for a sequence of `total` tokens.
"""

import json
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.gemma3.modeling_gemma3 import Gemma3RotaryEmbedding
from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXRotaryEmbedding
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "rope.json"
PLAIN = {"gemma3_text": Gemma3RotaryEmbedding, "gpt_neox": GPTNeoXRotaryEmbedding}
SHORT = [1.0, 1.05, 1.3, 2.0, 2.5, 4.0]
LONG = [1.0, 1.5, 3.0, 9.0, 31.5, 64.0]


def sizes(model_type, head_dim=64, positions=4096, **rest):
    return {
        "model_type": model_type,
        "hidden_size": 2 * head_dim,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": head_dim,
        "max_position_embeddings": positions,
    } | rest


def llama(head_dim=64, positions=4096, theta=10000.0, **rope):
    return sizes("llama", head_dim, positions, rope_parameters={"rope_theta": theta} | rope)


def phi3(positions, rope, **rest):
    config = sizes("phi3", 12, positions, rope_parameters=rope | {"rope_theta": 10000.0}, **rest)
    config.pop("head_dim")
    return config


def gpt_neox(**rest):
    config = sizes("gpt_neox", 40, 2048, **rest)
    for key in ("head_dim", "num_key_value_heads"):
        config.pop(key)
    return config


LLAMA3 = {"rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024}
LONGROPE = {"rope_type": "longrope", "short_factor": SHORT, "long_factor": LONG}
GEMMA3 = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 12345.0},
    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
}

# Name, config.json, then lengths ([9]) and layer types ([None]) where they differ.
CASES = [
    ("default", llama(rope_type="default")),
    ("default, two dimensions", llama(head_dim=2, rope_type="default")),
    ("default, large base", llama(theta=5e6, head_dim=128, rope_type="default")),
    ("default, no rotary keys at all", sizes("llama")),
    ("default, yesterday", sizes("llama", rope_theta=500.0, rope_scaling=None)),
    ("partial", gpt_neox(rope_parameters={"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.4})),
    ("partial, yesterday", gpt_neox(rotary_pct=0.5, rotary_emb_base=777.0)),
    ("partial, by default", gpt_neox()),
    ("linear", llama(rope_type="linear", factor=2.5)),
    ("linear, oldest key", sizes("llama", rope_theta=500.0, rope_scaling={"type": "linear", "factor": 3.0})),
    ("llama 3.1", llama(128, 131072, 5e5, factor=8.0, original_max_position_embeddings=8192, **LLAMA3)),
    ("llama 3.2", llama(64, 131072, 5e5, factor=32.0, original_max_position_embeddings=8192, **LLAMA3)),
    (
        "llama3, all blended",
        llama(64, 4096, 3.0, factor=8.0, original_max_position_embeddings=13, **(LLAMA3 | {"low_freq_factor": 0.5})),
    ),
    ("llama3, no original context", llama(64, 2048, factor=2.0, **LLAMA3)),
    ("yarn", llama(**YARN)),
    ("yarn, not rounded", llama(truncate=False, **YARN)),
    ("yarn, own betas", llama(beta_fast=8.0, beta_slow=0.25, **YARN)),
    ("yarn, both magnitudes", llama(mscale=0.707, mscale_all_dim=1.3, **YARN)),
    ("yarn, one magnitude", llama(mscale=0.707, **YARN)),
    ("yarn, own attention factor", llama(attention_factor=1.5, **YARN)),
    ("yarn, no factor", llama(64, 8192, **(YARN | {"factor": None}))),
    ("yarn, no original context", llama(rope_type="yarn", factor=4.0)),
    ("yarn, tiny original context", llama(16, 64, **(YARN | {"original_max_position_embeddings": 3}))),
    ("yarn, huge original context", llama(16, 64, 2.0, **(YARN | {"original_max_position_embeddings": 10**9}))),
    ("yarn, equal bounds", llama(64, 4096, beta_fast=1.0, beta_slow=1.0, truncate=False, **YARN)),
    ("yarn, yesterday", sizes("qwen2", rope_theta=1e6, rope_scaling=YARN | {"type": "yarn"})),
    ("longrope", phi3(131072, LONGROPE, original_max_position_embeddings=4096), [4096, 4097]),
    (
        "longrope, own factor",
        phi3(64, LONGROPE | {"factor": 3.0}, original_max_position_embeddings=16),
        [1, 16, 17, 64],
    ),
    (
        "longrope, own attention factor",
        phi3(64, LONGROPE | {"attention_factor": 1.19}, original_max_position_embeddings=16),
        [16, 17],
    ),
    (
        "longrope, partial",
        phi3(
            64,
            {**LONGROPE, "partial_rotary_factor": 0.5, "short_factor": SHORT[:3], "long_factor": LONG[:3]},
            original_max_position_embeddings=16,
        ),
        [16, 17],
    ),
    ("longrope, shortened", phi3(16, LONGROPE, original_max_position_embeddings=64), [64, 65]),
    (
        "longrope, first name",
        phi3(
            64,
            LONGROPE | {"rope_type": "su", "original_max_position_embeddings": 16},
            original_max_position_embeddings=16,
        ),
        [16, 17],
    ),
    ("two kinds", sizes("gemma3_text", rope_parameters=GEMMA3), [9], list(GEMMA3)),
    (
        "two kinds, yesterday",
        sizes(
            "gemma3_text",
            rope_theta=5e5,
            rope_local_base_freq=77.0,
            rope_scaling={"rope_type": "linear", "factor": 4.0},
        ),
        [9],
        list(GEMMA3),
    ),
    ("two kinds, by default", sizes("gemma3_text"), [9], list(GEMMA3)),
]


def frequencies(config, total, layer_type):
    """Inverse frequencies and the factor of cosine and sine, for a sequence of `total` tokens."""
    options = {} if layer_type is None else {"layer_type": layer_type}
    rope = config.rope_parameters if layer_type is None else config.rope_parameters[layer_type]
    if rope["rope_type"] == "default":
        module = PLAIN.get(config.model_type, LlamaRotaryEmbedding)
        found, factor = module.compute_default_rope_parameters(config, **options)
    else:
        found, factor = ROPE_INIT_FUNCTIONS[rope["rope_type"]](config, None, seq_len=total, **options)
    assert torch.isfinite(found).all() and found.dtype == torch.float32
    return {"total": total, "attention_factor": float(factor), "inverse_frequencies": found.tolist()}


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    rows = []
    for name, config, *rest in CASES:
        lengths = rest[0] if rest else [9]
        layer_types = rest[1] if len(rest) > 1 else [None]
        keys = {key: value for key, value in config.items() if key != "model_type"}
        parsed = AutoConfig.for_model(config["model_type"], **json.loads(json.dumps(keys)))
        for layer_type in layer_types:
            found = [frequencies(parsed, total, layer_type) for total in lengths]
            rows.append({"name": name, "config": config, "layer_type": layer_type, "lengths": found})
    GOLDEN.write_text("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n")
    print(f"{len(rows)} cases, {GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
