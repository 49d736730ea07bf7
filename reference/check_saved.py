"""Loads a folder our binary saved with `transformers` and compares its logits with ours.

    pip install torch transformers && python reference/check_saved.py FOLDER --logits FILE

FILE is a safetensors file with `input_ids` [b,t] (integers) and `logits` [b,t,v] (float32) as we computed them, with
no padding. Exits 1, saying why, on any warning while loading, a missing, unexpected or misshapen tensor, or a
difference above `--tolerance` (1e-4); otherwise prints the largest difference and exits 0. With `--original FOLDER`,
the folder ours was made from, what `transformers` already says of that one is allowed: it gives advice on the longrope
keys of Phi-3's own configuration, for one.
"""

import argparse
import logging
import sys
import warnings

import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM


class Collector(logging.Handler):
    """Keeps every log record of `transformers` from WARNING up."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(f"{record.name}: {record.getMessage()}")


def loaded(folder):
    """The model in float32, and everything the library complained about."""
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_warning()
    collector = Collector()
    logging.getLogger("transformers").addHandler(collector)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        config = AutoConfig.from_pretrained(folder)
        model, info = AutoModelForCausalLM.from_pretrained(
            folder, config=config, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
        )
    complaints = collector.lines + [f"{w.category.__name__}: {w.message}" for w in caught]
    complaints += [f"{key}: {sorted(map(str, value))}" for key, value in info.items() if value]
    return model.eval(), complaints


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--logits", required=True)
    parser.add_argument("--original")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    options = parser.parse_args()
    torch.set_num_threads(1)
    allowed = loaded(options.original)[1] if options.original else []
    model, complaints = loaded(options.folder)
    complaints = [line for line in complaints if line not in allowed]
    if complaints:
        sys.exit("transformers complains about the folder:\n" + "\n".join(complaints))
    ours = load_file(options.logits)
    with torch.no_grad():
        theirs = model(input_ids=ours["input_ids"].long(), use_cache=False).logits
    if theirs.shape != ours["logits"].shape:
        sys.exit(f"logits have shape {list(ours['logits'].shape)}, expected {list(theirs.shape)}")
    difference = (theirs - ours["logits"].float()).abs().max().item()
    if not difference <= options.tolerance:  # also when it is NaN
        sys.exit(f"logits differ by {difference}, more than {options.tolerance}")
    print(f"largest difference {difference:.2e}")


if __name__ == "__main__":
    main()
