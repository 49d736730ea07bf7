"""What the peers' benchmarks share: `benches/cases.json`, models with random weights, timing, one JSON line a case.

Imported by `generate.py`, `sft.py`, `ppo.py`, `texts.py` and `ceiling.py` in this folder; `cargo xtask bench --peers PYTHON` runs those.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

# What a script ends with where its peer is not installed.
ABSENT = 3
TRIAL_LENGTH = 16


def arguments(description, peers):
    """The command line, which is that of our own program where both know an option, and the case it names."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--case", required=True, help="its name in benches/cases.json")
    parser.add_argument("--peer", choices=peers, default=peers[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repetitions", type=int, help="in place of the case's own")
    parser.add_argument("--trial", action="store_true", help="a tiny model and short rows: only tries the script out")
    parser.add_argument("--started", type=float, help="when the process was started, in seconds since 1970")
    options = parser.parse_args()
    return options, None if options.case == "ceiling" else case_of(options, parser)


def case_of(options, parser):
    table = json.loads((Path(__file__).resolve().parents[2] / "benches" / "cases.json").read_text(encoding="utf-8"))
    known = {case["name"]: case for case in table["cases"]}
    if options.case not in known:
        parser.error(f"no case `{options.case}`; there are: {', '.join(known)}")
    case = {"new": 0, "epochs": 0, "warm_up": 2} | known[options.case]
    if "model" in case:
        case["sizes"] = table["models"][case["model"]]
    if options.trial:
        if "model" in case:
            # The family stays.
            case["sizes"] = table["models"]["trial"] | {"model_type": case["sizes"]["model_type"]}
        case |= {key: min(case[key], TRIAL_LENGTH) for key in ("length", "new")}
        case |= {"warm_up": 1, "repetitions": 1}
    if options.repetitions:
        case["repetitions"] = options.repetitions
    return case


def absent(error):
    """Ends the script where a package is not there."""
    print(f"not installed: {error}", file=sys.stderr)
    sys.exit(ABSENT)


def config_of(case, **more):
    """The `transformers` configuration of the case's model, without dropout."""
    from transformers import GPT2Config, LlamaConfig

    sizes = case["sizes"]
    more = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None} | more
    if sizes["model_type"] == "gpt2":
        dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        return GPT2Config(
            vocab_size=sizes["vocab_size"],
            n_embd=sizes["hidden_size"],
            n_layer=sizes["layers"],
            n_head=sizes["heads"],
            n_positions=sizes["context"],
            **dropout,
            **more,
        )
    return LlamaConfig(
        vocab_size=sizes["vocab_size"],
        hidden_size=sizes["hidden_size"],
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        num_key_value_heads=sizes.get("kv_heads", sizes["heads"]),
        intermediate_size=sizes.get("intermediate_size", 4 * sizes["hidden_size"]),
        max_position_embeddings=sizes["context"],
        tie_word_embeddings=True,
        **more,
    )


def model_of(case, **more):
    """The case's model with random weights, in f32."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config_of(case, **more), dtype=torch.float32)


def tokenizer_of(case, side="right"):
    """A word for every id, the first two being padding and end."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {"[PAD]": 0, "[EOS]": 1} | {f"t{i}": i for i in range(2, case["sizes"]["vocab_size"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[EOS]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", eos_token="[EOS]", padding_side=side)


def ids_of(case, rows, first=0):
    """Random rows of the case's length."""
    import torch

    generator = torch.Generator().manual_seed(1)
    return torch.randint(first, case["sizes"]["vocab_size"], (rows, case["length"]), generator=generator)


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def repeated(case, measure):
    """Seconds of each repetition that counts."""
    for _ in range(case["warm_up"]):
        measure()
    return [measure() for _ in range(case["repetitions"])]


def peak_megabytes():
    """The largest memory that this process has held; known on Linux."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return None
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return round(int(line.split()[1]) * 1024 / 1e6)


def report(case, by, runs, amount):
    """Prints the line that stands beside ours; `amount` counts tokens, or pairs of texts."""
    # What does without PyTorch is plain Python.
    threads = sys.modules["torch"].get_num_threads() if "torch" in sys.modules else 1
    line = {"case": case["name"], "by": by, "threads": threads, "seconds": statistics.median(runs)}
    line |= {"runs": runs, "amount": amount, "peak_mb": peak_megabytes()}
    print(json.dumps(line), flush=True)


def versions(*modules):
    return ", ".join(f"{module.__name__} {module.__version__.split('+')[0]}" for module in modules)
