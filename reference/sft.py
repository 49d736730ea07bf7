"""Writes `golden/sft.json`: 20 steps of supervised fine-tuning of the tiny GPT-2 and Llama, as PyTorch makes them.

    pip install torch transformers && python reference/sft.py

The models are `golden/models/gpt2` and `golden/models/llama_gqa`, written by `tiny_models.py`. Batches are rows of
different length, padded on the right, each with a prompt that does not count and one more gap in the middle. The loss is
`transformers`' own: `LabelSmoother` where there is smoothing, the model's `loss` with labels of -100 where there is not,
plus the z-loss written from its definition (the mean of (log sum exp logits)^2, Chowdhery et al. 2022).

AdamW has an epsilon of 1e-5: with PyTorch's 1e-8 a gradient that vanishes but for rounding moves its weight by a full
step, and PyTorch in f32 and in f64 part by 2e-3 nats within three steps of the Llama.

For every run: `losses` (20 total losses, each before its update), `nlls` (their mean -log p of the counted tokens) and
`grad_norms` (the norm over all parameters' gradients together).
"""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM
from transformers.trainer_pt_utils import LabelSmoother

ROOT = Path(__file__).resolve().parent.parent / "golden"
MODELS = ["gpt2", "llama_gqa"]
STEPS = 20
VARIANTS = [
    {"label_smoothing": 0.0, "z_loss_coef": 0.0},
    {"label_smoothing": 0.1, "z_loss_coef": 0.0},
    {"label_smoothing": 0.0, "z_loss_coef": 0.01},
    {"label_smoothing": 0.2, "z_loss_coef": 0.003},
]
OPTIMIZERS = {"sgd": {"lr": 0.05}, "adamw": {"lr": 0.003, "eps": 1e-5, "weight_decay": 0.01, "betas": [0.9, 0.999]}}
IGNORED = -100


def load(name):
    path = ROOT / "models" / name
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").train()


def batches(vocab, seed):
    """Three batches, used in turn: ids, lengths, and which tokens count."""
    gen = torch.Generator().manual_seed(seed)
    made = []
    for lengths in ([9, 12, 5, 2], [7, 7, 11], [3, 10, 6, 8]):
        ids = torch.randint(0, vocab, (len(lengths), max(lengths)), generator=gen)
        counts = torch.zeros_like(ids, dtype=torch.bool)
        for row, length in enumerate(lengths):
            ids[row, length:] = vocab - 1
            counts[row, max(1, length // 3) : length] = True
            if length > 8:
                counts[row, 6] = False
        made.append({"ids": ids, "lengths": lengths, "counts": counts})
    return made


def loss_of(model, batch, variant):
    labels = batch["ids"].masked_fill(~batch["counts"], IGNORED)
    out = model(input_ids=batch["ids"], labels=labels, use_cache=False)
    nll, total = out.loss, out.loss
    if variant["label_smoothing"] > 0:
        smoother = LabelSmoother(epsilon=variant["label_smoothing"], ignore_index=IGNORED)
        total = smoother({"logits": out.logits}, labels, shift_labels=True)
    if variant["z_loss_coef"] > 0:
        log_z = torch.logsumexp(out.logits[:, :-1].float(), -1)[batch["counts"][:, 1:]]
        total = total + variant["z_loss_coef"] * (log_z**2).mean()
    return total, nll


def optimizer(name, model):
    settings = OPTIMIZERS[name]
    if name == "sgd":
        return torch.optim.SGD(model.parameters(), lr=settings["lr"])
    return torch.optim.AdamW(model.parameters(), **{**settings, "betas": tuple(settings["betas"])})


def train(name, data, kind, variant):
    model = load(name)
    steps = optimizer(kind, model)
    losses, nlls, norms = [], [], []
    for step in range(STEPS):
        total, nll = loss_of(model, data[step % len(data)], variant)
        steps.zero_grad()
        total.backward()
        squares = [parameter.grad.double().square().sum() for parameter in model.parameters()]
        steps.step()
        losses.append(total.item())
        nlls.append(nll.item())
        norms.append(sum(squares).sqrt().item())
    return {"model": name, "optimizer": kind, **variant, "losses": losses, "nlls": nlls, "grad_norms": norms}


def main():
    torch.set_num_threads(1)
    golden = {"optimizers": OPTIMIZERS, "batches": {}, "runs": []}
    for seed, name in enumerate(MODELS):
        data = batches(load(name).config.vocab_size, seed)
        for batch in data:
            golden["batches"].setdefault(name, []).append(
                {"ids": batch["ids"].tolist(), "lengths": batch["lengths"], "counts": batch["counts"].tolist()}
            )
        for variant in VARIANTS:
            golden["runs"] += [train(name, data, kind, variant) for kind in OPTIMIZERS]
    (ROOT / "sft.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
