"""Writes one tiny GGUF file per supported family, with what its Hugging Face twin says of it.

    pip install torch transformers gguf sentencepiece protobuf && python reference/gguf_models.py

`golden/gguf/<case>.gguf` has the key names, tensor names and transforms of llama.cpp's converter. Beside it,
`golden/gguf/<case>.json`:

- `architecture`, `tokenizer_model`, `pre` (llama.cpp's name of the pre-tokenizer), `add_bos`, `add_space_prefix`;
- `config`: the twin's configuration as `transformers` writes it;
- `tensors`: the twin's state dict as name -> {shape, checksum}. The twin holds the dequantised weights in float32;
  `checksum` is the sum of (i + 1) * bits(x_i) over its elements in row-major order, modulo 2^64, in hexadecimal;
- `texts`: {text, ids, plain_ids, decoded, logits}: ids with and without the special tokens which the tokenizer adds,
  the text of the ids without special tokens, and the logits after the last of `ids` (null when there are none);
- `chat`: {messages, text}: the chat template, rendered with a generation prompt.
"""

import json
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers
from gguf import GGMLQuantizationType as Q

import gguf_tokenizers

ROOT = Path(__file__).resolve().parent.parent / "golden" / "gguf"

TEXTS = [
    "The capital of France is",
    " leading space",
    "two  spaces   and\ttab\r\nthen\n\n\n end ",
    "naïve café, Straße, Привет, 中文 日本語 한국어",
    "emoji 😀 👩‍👩‍👧 🇫🇷!",
    "e\u0301 is not é; a\u00a0b; \ufb01 ligature",
    "0 12 345 6789 1234567890 3.14",
    "It's we'll THEY'RE I'd o'clock",
    "def f(x):\n    return x**2  # ok\n",
    "▁low▁line <0x41> <unk",
    "",
    " ",
]
MESSAGES = [
    {"role": "user", "content": "Where is Paris?"},
    {"role": "assistant", "content": "In France."},
    {"role": "user", "content": "  And Berlin?\n"},
]
SPECIAL_TEXT = {
    "smollm": "<|im_start|>user\nHi<|im_end|>\n<|im_start|> <|endoftext|>",
    "llama-bpe": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>",
    "qwen2": "<|im_start|>user\n<tool_call>12</tool_call> <|im_end|>\n<|endoftext|>",
    "gemma": "<start_of_turn>user\n\nHi <end_of_turn>\n<eos>",
    "llama_spm": "<s>[INST] Hi [/INST] yes</s><s> no",
}


@dataclass
class Case:
    """A GGUF file: a configuration, a tokenizer, and the type of each kind of matrix."""

    arch: gguf.MODEL_ARCH
    config: transformers.PreTrainedConfig
    tokenizer: str
    # GGUF tensor name (or its end) -> type; the first match wins, vectors are always F32.
    types: dict
    extra: dict = field(default_factory=dict)


def common(**sizes) -> dict:
    return dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                max_position_embeddings=2048, rms_norm_eps=1e-5, **sizes)


def rope(theta: float, **scaling) -> dict:
    return {"rope_type": "default", "rope_theta": theta, **scaling}


def llama3_scaling(theta, factor, original) -> dict:
    return rope(theta, rope_type="llama3", factor=factor, low_freq_factor=1.0, high_freq_factor=4.0,
                original_max_position_embeddings=original)


def cases() -> dict:
    k_quants = {"token_embd.weight": Q.Q6_K, "attn_q.weight": Q.Q4_K, "attn_k.weight": Q.Q5_K, "attn_v.weight": Q.Q6_K,
                "ffn_gate.weight": Q.Q4_K, "ffn_up.weight": Q.Q5_K, "": Q.Q5_0}
    gemma = common(tie_word_embeddings=True, head_dim=16, query_pre_attn_scalar=16, vocab_size=400, sliding_window=6)
    return {
        "llama": Case(gguf.MODEL_ARCH.LLAMA, transformers.LlamaConfig(
            **common(vocab_size=300, tie_word_embeddings=False), rope_parameters=rope(100000.0)),
            "smollm", {"token_embd.weight": Q.Q8_0, "output.weight": Q.Q8_0, "": Q.Q4_1}),
        "llama3": Case(gguf.MODEL_ARCH.LLAMA, transformers.LlamaConfig(**{
            **common(vocab_size=310, tie_word_embeddings=True, head_dim=16), "hidden_size": 256, "intermediate_size": 64,
            "max_position_embeddings": 131072}, rope_parameters=llama3_scaling(500000.0, 8.0, 8192)),
            "llama_bpe", k_quants, {"key_length": True}),
        "llama_spm": Case(gguf.MODEL_ARCH.LLAMA, transformers.LlamaConfig(
            **{**common(vocab_size=390, tie_word_embeddings=False, attention_bias=True), "hidden_size": 32,
               "num_attention_heads": 2, "num_key_value_heads": 2}, rope_parameters=llama3_scaling(10000.0, 4.0, 64)),
            "llama_spm", {"token_embd.weight": Q.F16, "output.weight": Q.BF16, "attn_q.weight": Q.F32, "": Q.Q4_0}),
        "qwen2": Case(gguf.MODEL_ARCH.QWEN2, transformers.Qwen2Config(
            **common(vocab_size=320, tie_word_embeddings=True), rope_parameters=rope(1000000.0)),
            "qwen2", {"token_embd.weight": Q.Q8_0, "ffn_down.weight": Q.Q5_1, "": Q.Q5_0}),
        "qwen3": Case(gguf.MODEL_ARCH.QWEN3, transformers.Qwen3Config(
            **common(vocab_size=306, tie_word_embeddings=False, head_dim=32),
            rope_parameters=rope(10000.0, rope_type="yarn", factor=4.0, original_max_position_embeddings=512)),
            "qwen2", {"output.weight": Q.F16, "attn_v.weight": Q.BF16, "": Q.Q8_0}),
        "gemma2": Case(gguf.MODEL_ARCH.GEMMA2, transformers.Gemma2Config(
            **gemma, attn_logit_softcapping=2.0, final_logit_softcapping=3.0, rope_parameters=rope(10000.0)),
            "gemma", {"": Q.Q8_0}),
        "gemma3": Case(gguf.MODEL_ARCH.GEMMA3, transformers.Gemma3TextConfig(**{
            **gemma, "num_hidden_layers": 7, "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4,
            "num_key_value_heads": 1}, rope_parameters={
            "sliding_attention": rope(10000.0), "full_attention": rope(1000000.0, rope_type="linear", factor=8.0)}),
            "gemma", {"token_embd.weight": Q.F16, "": Q.Q4_0}),
    }


def permute(rows: np.ndarray, n_head: int) -> np.ndarray:
    """llama.cpp's order of query and key rows: pair (i, i + d/2) of a head becomes (2i, 2i + 1)."""
    halves = rows.reshape(n_head, 2, rows.shape[0] // n_head // 2, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def unpermute(rows: np.ndarray, n_head: int) -> np.ndarray:
    pairs = rows.reshape(n_head, rows.shape[0] // n_head // 2, 2, *rows.shape[1:])
    return pairs.swapaxes(1, 2).reshape(rows.shape)


def transforms(case: Case, name: str) -> tuple:
    """What the converter does to a tensor, and its inverse."""
    config = case.config
    if case.arch == gguf.MODEL_ARCH.LLAMA:
        for part, n_head in (("q_proj", config.num_attention_heads), ("k_proj", config.num_key_value_heads)):
            if part in name:
                return (lambda x: permute(x, n_head)), (lambda x: unpermute(x, n_head))
    elif case.arch in (gguf.MODEL_ARCH.GEMMA2, gguf.MODEL_ARCH.GEMMA3) and name.endswith("norm.weight"):
        return (lambda x: x + np.float32(1)), (lambda x: x - np.float32(1))
    return (lambda x: x), (lambda x: x)


def random_blocks(shape: tuple, kind: Q, rng) -> np.ndarray:
    """Bytes of a k-quant tensor: any bytes are valid, only the f16 scales are chosen, for weights of about 0.05."""
    block_len, n_bytes = gguf.GGML_QUANT_SIZES[kind]
    raw = rng.integers(0, 256, (math.prod(shape) // block_len, n_bytes), dtype=np.uint8)
    scale = {Q.Q4_K: [2e-4, 15e-4], Q.Q5_K: [1e-4, 15.5e-4], Q.Q6_K: [4e-5]}[kind]
    scale = np.array(scale, dtype=np.float16).view(np.uint8)
    at = n_bytes - 2 if kind == Q.Q6_K else 0
    raw[:, at:at + len(scale)] = scale
    return raw.reshape(*shape[:-1], shape[-1] // block_len * n_bytes)


def stored(values: np.ndarray, kind: Q, rng) -> np.ndarray:
    """The tensor as the file has it."""
    if kind in (Q.Q4_K, Q.Q5_K, Q.Q6_K):
        return random_blocks(values.shape, kind, rng)
    return gguf.quants.quantize(values, kind)


def rope_factors(config) -> np.ndarray:
    """By how much `llama3` scaling divides each rotary frequency."""
    scaling, dim = config.rope_parameters, config.head_dim
    factors = []
    for i in range(0, dim, 2):
        wavelength = 2 * math.pi * scaling["rope_theta"] ** (i / dim)
        turns = scaling["original_max_position_embeddings"] / wavelength
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        smooth = min(max((turns - low) / (high - low), 0.0), 1.0)
        factors.append(1 / ((1 - smooth) / scaling["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def write_metadata(writer: gguf.GGUFWriter, case: Case):
    """The keys llama.cpp's converter writes for the family."""
    config, arch = case.config, case.arch
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name("tiny random")
    writer.add_file_type(gguf.LlamaFileType.GUESSED)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    if case.extra.get("key_length") or arch in (gguf.MODEL_ARCH.QWEN3, gguf.MODEL_ARCH.GEMMA2, gguf.MODEL_ARCH.GEMMA3):
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    if arch == gguf.MODEL_ARCH.LLAMA:
        writer.add_vocab_size(config.vocab_size)
        writer.add_rope_dimension_count(config.head_dim)
    if arch in (gguf.MODEL_ARCH.GEMMA2, gguf.MODEL_ARCH.GEMMA3):
        writer.add_sliding_window(config.sliding_window)
    if arch == gguf.MODEL_ARCH.GEMMA2:
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    else:
        write_rope(writer, config.rope_parameters)


def write_rope(writer: gguf.GGUFWriter, parameters: dict):
    parameters = parameters.get("full_attention", parameters)
    writer.add_rope_freq_base(parameters["rope_theta"])
    kind = {"linear": gguf.RopeScalingType.LINEAR, "yarn": gguf.RopeScalingType.YARN}.get(parameters["rope_type"])
    if kind is not None:
        writer.add_rope_scaling_type(kind)
        writer.add_rope_scaling_factor(parameters["factor"])
    if kind == gguf.RopeScalingType.YARN:
        writer.add_rope_scaling_orig_ctx_len(parameters["original_max_position_embeddings"])


def draw(name: str, shape: tuple, rng) -> np.ndarray:
    """Weights wide enough that every bias and norm moves the logits."""
    values = rng.standard_normal(shape).astype(np.float32)
    if name.endswith("norm.weight"):
        return (1 + 0.3 * values).astype(np.float32)
    spread = 0.3 if len(shape) == 1 else 1.2 / math.sqrt(shape[-1])
    return (spread * values).astype(np.float32)


def write_tensors(writer: gguf.GGUFWriter, case: Case, model, rng) -> dict:
    """Adds every tensor to the file and returns the state dict of the twin."""
    names = gguf.get_tensor_name_map(case.arch, case.config.num_hidden_layers)
    twin = {}
    if case.config.rope_parameters.get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", rope_factors(case.config))
    gemma = case.arch in (gguf.MODEL_ARCH.GEMMA2, gguf.MODEL_ARCH.GEMMA3)
    for name, parameter in model.state_dict().items():
        if name == "lm_head.weight" and case.config.tie_word_embeddings:
            continue
        gguf_name = names.get_name(name, try_suffixes=(".weight", ".bias"))
        forward, inverse = transforms(case, name)
        values = draw(name, tuple(parameter.shape), rng)
        values = forward(values - np.float32(1) if gemma and name.endswith("norm.weight") else values)
        kind = Q.F32 if values.ndim == 1 else next(k for end, k in case.types.items() if gguf_name.endswith(end))
        raw = stored(np.ascontiguousarray(values), kind, rng)
        writer.add_tensor(gguf_name, raw, raw_dtype=kind)
        twin[name] = np.ascontiguousarray(inverse(gguf.quants.dequantize(raw, kind).reshape(values.shape)))
    return twin


def checksum(values: np.ndarray) -> str:
    bits = values.astype(np.float32).ravel().view(np.uint32).astype(np.uint64)
    with np.errstate(over="ignore"):
        return format(int((bits * np.arange(1, bits.size + 1, dtype=np.uint64)).sum(dtype=np.uint64)), "016x")


def config_json(config) -> dict:
    noise = {"transformers_version", "_name_or_path", "id2label", "label2id", "architectures", "initializer_range"}
    return {key: value for key, value in config.to_dict().items() if key not in noise}


def last_logits(model, ids: list):
    if not ids:
        return None
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0, -1]
    assert torch.isfinite(logits).all()
    return [float(f"{value:.7g}") for value in logits.tolist()]


def check_longrope(case: Case, twin: dict, model, ids: list):
    """`longrope` with these factors is the same network: the form in which a reader may keep unknown factors."""
    factors = rope_factors(case.config).tolist()
    config = transformers.LlamaConfig(**{**case.config.to_dict(), "rope_parameters": {
        "rope_type": "longrope", "rope_theta": case.config.rope_parameters["rope_theta"], "short_factor": factors,
        "long_factor": factors, "attention_factor": 1.0, "factor": 1.0,
        "original_max_position_embeddings": case.config.max_position_embeddings}})
    other = transformers.LlamaForCausalLM._from_config(config, attn_implementation="eager").eval()
    other.load_state_dict(model.state_dict())
    difference = (model(torch.tensor([ids])).logits - other(torch.tensor([ids])).logits).abs().max().item()
    assert difference < 1e-5, difference


def texts(name: str, tokenizer: gguf_tokenizers.TinyTokenizer, model) -> list:
    rows = []
    special = SPECIAL_TEXT[name if name in SPECIAL_TEXT else tokenizer.pre if tokenizer.pre in SPECIAL_TEXT else "gemma"]
    for text in [*TEXTS, special]:
        ids = tokenizer.hf(text)["input_ids"]
        plain = tokenizer.hf(text, add_special_tokens=False)["input_ids"]
        if tokenizer.original is not None and text != special:
            assert plain == tokenizer.original.encode(text), (text, plain, tokenizer.original.encode(text))
        rows.append({"text": text, "ids": ids, "plain_ids": plain,
                     "decoded": tokenizer.hf.decode(ids, skip_special_tokens=True), "logits": last_logits(model, ids)})
    return rows


def write_case(name: str, case: Case):
    rng = np.random.default_rng(sum(name.encode()))
    tokenizer = getattr(gguf_tokenizers, case.tokenizer)()
    for kind in ("bos", "eos", "pad"):
        setattr(case.config, f"{kind}_token_id", getattr(tokenizer.hf, f"{kind}_token_id"))
    path = ROOT / f"{name}.gguf"
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[case.arch])
    write_metadata(writer, case)
    tokenizer.write(writer, case.config.vocab_size)
    model = transformers.AutoModelForCausalLM.from_config(case.config, attn_implementation="eager").eval()
    twin = write_tensors(writer, case, model, rng)
    state = {key: torch.from_numpy(value) for key, value in twin.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    rows = texts(case.tokenizer, tokenizer, model)
    if name == "llama_spm":
        check_longrope(case, twin, model, rows[0]["ids"])
    chat = tokenizer.hf.apply_chat_template(MESSAGES, tokenize=False, add_generation_prompt=True)
    golden = {
        "source": "reference/gguf_models.py", "architecture": gguf.MODEL_ARCH_NAMES[case.arch],
        "tokenizer_model": tokenizer.model, "pre": tokenizer.pre, "add_bos": tokenizer.adds_bos(),
        "add_space_prefix": tokenizer.add_space_prefix, "config": config_json(case.config),
        "tensors": {k: {"shape": list(v.shape), "checksum": checksum(v)} for k, v in twin.items()},
        "texts": rows, "chat": {"messages": MESSAGES, "text": chat},
    }
    out = path.with_suffix(".json")
    out.write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
    spread = np.std(rows[0]["logits"])
    print(f"{name}: {path.stat().st_size} + {out.stat().st_size} bytes, logits' deviation {spread:.3f}")


def main():
    torch.set_num_threads(1)
    ROOT.mkdir(parents=True, exist_ok=True)
    for name, case in cases().items():
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            write_case(name, case)


if __name__ == "__main__":
    main()
