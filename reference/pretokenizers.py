"""Writes `golden/pretokenizers.json`: how each pre-tokenizer that GGUF files name cuts text into words.

    pip install torch transformers regex && python reference/pretokenizers.py

The patterns of `qwen2`, `llama-bpe` and `tekken` are those `transformers` has for GGUF files, GPT-2's is that of its
published encoder; the `regex` package applies them. `smollm` cuts out single digits first. Each case has `pre`, `text`
and `pieces`, which joined are the text.
"""

import json
from pathlib import Path

import regex
from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "pretokenizers.json"
GPT2 = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
TEXTS = [
    "Hello world, it's we'LL THEY'RE don'T",
    "1 12 123 1234 1234567 3.14159 x86 v2.0 ٣٤٥ ½²",
    "  two  spaces\n\n  and\tlines\r\n\r\n end   ",
    "camelCase HTTPServer XMLHttpRequest iPhone ÉCOLE écoleÉcole",
    "Grüße, 世界! Привет мир こんにちは 한국어 नमस्ते e\u0301a\u0300",
    "(x) => { return x//2; } // ... /* */ a_b-c@d.e #1!!!\n",
    "😀 👩‍👩‍👧x\u00a0y\u200bz\u3000.",
    "!?\n!? \n/\n/ a",
    "", " ", "\n", "'s", "'",
]


def gpt2(text):
    return regex.findall(GPT2, text)


def smollm(text):
    parts = [part for part in regex.split(r"(\p{N})", text) if part]
    return [piece for part in parts for piece in gpt2(part)]


def main():
    cutters = {"gpt-2": gpt2, "smollm": smollm}
    for name in ("qwen2", "llama-bpe", "tekken"):
        cutters[name] = lambda text, pattern=GGUF_PRE_TOKENIZER_SPLITS[name]: regex.findall(pattern, text)
    cases = [{"pre": pre, "text": text, "pieces": cut(text)} for pre, cut in cutters.items() for text in TEXTS]
    assert all("".join(case["pieces"]) == case["text"] for case in cases)
    GOLDEN.write_text(json.dumps(cases, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(f"{len(cases)} cases, {GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
