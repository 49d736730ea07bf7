"""Speed of `transformers` on a GPT-2-small shape: prefill and decode, to stand beside ours.

    pip install torch transformers && python reference/bench/generate.py --threads 2 --repetitions 5

Random weights, float32, greedy, no end-of-sequence id, so that every run does the same work. Prefill: one forward pass
over 512 tokens whose logits are kept for the last position, as generation does. Decode: 64 new tokens after a prompt
of 64; once by `generate`, timed whole and less the time of its prompt (a run with one new token), and once by a plain
loop over `forward` with a `DynamicCache`, of which only the 63 steps after the prompt are timed. Prints one JSON line
with medians in tokens per second.
"""

import argparse
import json
import platform
import statistics
import time

import torch
import transformers
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel

PREFILL = 512
PROMPT = 64
NEW = 64


def model_of(size):
    config = GPT2Config(bos_token_id=None, eos_token_id=None)
    if size == "tiny":
        config = GPT2Config(n_embd=64, n_layer=2, n_head=4, vocab_size=512, bos_token_id=None, eos_token_id=None)
    torch.manual_seed(0)
    return GPT2LMHeadModel(config).eval()


def ids_of(model, batch, length):
    return torch.randint(0, model.config.vocab_size, (batch, length), generator=torch.Generator().manual_seed(1))


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rate(tokens, measure, repetitions):
    """Median tokens per second of `measure() -> seconds`, after one warm-up."""
    measure()
    return round(tokens / statistics.median(measure() for _ in range(repetitions)), 2)


def prefill(model, ids):
    return seconds(lambda: model(input_ids=ids, logits_to_keep=1, use_cache=True, past_key_values=DynamicCache()))


def whole_generate(model, ids, new):
    mask = torch.ones_like(ids)
    options = {"do_sample": False, "max_new_tokens": new, "min_new_tokens": new, "pad_token_id": 0}
    return seconds(lambda: model.generate(input_ids=ids, attention_mask=mask, **options))


def loop_steps(model, ids):
    cache = DynamicCache()
    step = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1].argmax(-1)

    def steps():
        token = step
        for _ in range(NEW - 1):
            out = model(input_ids=token[:, None], past_key_values=cache, use_cache=True, logits_to_keep=1)
            token = out.logits[:, -1].argmax(-1)

    return seconds(steps)


def measured(model, repetitions):
    result = {}
    for batch in (1, 4):
        ids = ids_of(model, batch, PREFILL)
        result[f"prefill_b{batch}x{PREFILL}"] = rate(batch * PREFILL, lambda: prefill(model, ids), repetitions)
    for batch in (1, 8):
        ids = ids_of(model, batch, PROMPT)
        tokens = batch * (NEW - 1)
        result[f"generate_b{batch}_whole"] = rate(batch * NEW, lambda: whole_generate(model, ids, NEW), repetitions)
        steps_only = lambda: whole_generate(model, ids, NEW) - whole_generate(model, ids, 1)
        result[f"generate_b{batch}_decode"] = rate(tokens, steps_only, repetitions)
        result[f"loop_b{batch}_decode"] = rate(tokens, lambda: loop_steps(model, ids), repetitions)
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--size", choices=["small", "tiny"], default="small", help="tiny only tries the script out")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    transformers.utils.logging.set_verbosity_error()
    with torch.inference_mode():
        result = measured(model_of(options.size), options.repetitions)
    head = {
        "peer": f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}",
        "machine": platform.machine(),
        "shape": f"gpt2-{options.size}",
        "threads": options.threads,
        "repetitions": options.repetitions,
    }
    print(json.dumps(head | {"tokens_per_second": result}))


if __name__ == "__main__":
    main()
