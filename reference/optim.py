"""Writes `golden/optim.json`: fifty steps of every optimizer, forty of every schedule, and the 8-bit value tables.

    pip install torch transformers numpy && python reference/optim.py

- `optimizers`: each case has our `config`, and every parameter's values after the steps named in `snapshots`. Start
  values and gradients are drawn by `Lcg`, a generator of one line that the reader repeats: first the values of every
  parameter in the order of `params`, then for every step every parameter's gradients. PyTorch steps the parameters in
  float32, as three groups: decayed, not decayed, and the value head with its own learning rate; gradients are clipped
  with `torch.nn.utils.clip_grad_norm_`. `missing` steps leave one parameter without a gradient, `zero` steps give one
  parameter zeros. Step sizes vary with the step, so that some are clipped and some are not.
- Lion, LAMB and Adan, which PyTorch lacks, are the papers' algorithms, in float64. Muon is `torch.optim.Muon` with its
  Newton-Schulz iteration in float32 (PyTorch's runs in bfloat16, whose rounding is larger than any tolerance); our
  matrices are [inputs, outputs], so PyTorch is given the transpose. Adafactor is the one of `transformers`.
- `schedules`: learning rates before each step, from `transformers` where it has the schedule, else from PyTorch, with a
  warm-up put before by `SequentialLR`. `metrics` feed `reduce_on_plateau`.
- `dynamic_map`: the 256 values of the signed and of the unsigned table, built as the authors' code builds them: bounds
  by `linspace`, then the means of neighbours.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from torch.optim import lr_scheduler
from transformers import get_scheduler
from transformers.optimization import Adafactor, get_cosine_with_min_lr_schedule_with_warmup

torch.set_num_threads(1)
GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "optim.json"
STEPS = 50
SNAPSHOTS = [1, 10, 25, 50]
PARAMS = {
    "bias": [7],
    "cube": [2, 3, 4],
    "norm": [1],
    "token_embedding": [4, 5],
    "value_head": [5, 1],
    "weight": [6, 4],
}
NOT_DECAYED = ["bias", "norm", "token_embedding"]
MISSING = {"param": "bias", "steps": [21, 22, 23]}
ZERO = {"param": "weight", "steps": [10]}
LR, VALUE_LR = 1e-2, 3e-3


class Lcg:
    """Knuth's MMIX generator; the upper 24 bits as a number in [-0.5, 0.5), exact in float32."""

    def __init__(self):
        self.state = 1

    def draw(self, shape):
        values = []
        for _ in range(math.prod(shape)):
            self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
            values.append((self.state >> 40) / 2**24 - 0.5)
        return torch.tensor(values, dtype=torch.float32).reshape(shape)


def scale(step):
    return 2.0 ** (step % 7 - 5)


class Written:
    """An optimizer written out from its paper, in float64."""

    def __init__(self, groups, rule):
        self.groups, self.rule, self.state = groups, rule, {}

    def step(self):
        for group in self.groups:
            for p in group["params"]:
                if p.grad is not None:
                    state = self.state.setdefault(p, {"t": 0})
                    state["t"] += 1
                    w, g = p.data.numpy(), p.grad.numpy()
                    p.data = torch.from_numpy(self.rule(w, g, state, group["lr"], group["weight_decay"]))


def lion(beta1, beta2):
    def rule(w, g, s, lr, decay):
        m = s.get("m", np.zeros_like(w))
        c = beta1 * m + (1 - beta1) * g
        s["m"] = beta2 * m + (1 - beta2) * g
        return w - lr * (np.sign(c) + decay * w)

    return rule


def lamb(beta1, beta2, eps):
    def rule(w, g, s, lr, decay):
        s["m"] = beta1 * s.get("m", np.zeros_like(w)) + (1 - beta1) * g
        s["v"] = beta2 * s.get("v", np.zeros_like(w)) + (1 - beta2) * g**2
        m_hat, v_hat = s["m"] / (1 - beta1 ** s["t"]), s["v"] / (1 - beta2 ** s["t"])
        r = m_hat / (np.sqrt(v_hat) + eps)
        update = r + decay * w
        norm_w, norm_u = np.linalg.norm(w), np.linalg.norm(update)
        ratio = norm_w / norm_u if norm_w > 0 and norm_u > 0 else 1.0
        return w - lr * ratio * update

    return rule


def adan(beta1, beta2, beta3, eps):
    def rule(w, g, s, lr, decay):
        diff = g - s["g"] if "g" in s else np.zeros_like(w)
        s["g"] = g
        s["m"] = beta1 * s.get("m", np.zeros_like(w)) + (1 - beta1) * g
        s["v"] = beta2 * s.get("v", np.zeros_like(w)) + (1 - beta2) * diff
        s["n"] = beta3 * s.get("n", np.zeros_like(w)) + (1 - beta3) * (g + beta2 * diff) ** 2
        m, v, n = (s[k] / (1 - b ** s["t"]) for k, b in (("m", beta1), ("v", beta2), ("n", beta3)))
        step = lr / (np.sqrt(n) + eps)
        return (w - step * (m + beta2 * v)) / (1 + lr * decay)

    return rule


def newton_schulz(matrix, coefficients, steps, eps):
    """The iteration of torch.optim.Muon, in the matrix's own type, through the singular values' polynomial."""
    a, b, c = coefficients
    u, s, vt = torch.linalg.svd(matrix.double(), full_matrices=False)
    s = s / max(float(torch.linalg.norm(matrix.double())), eps)
    for _ in range(steps):
        s = a * s + b * s**3 + c * s**5
    return (u * s @ vt).to(matrix.dtype)


class MuonAndAdamW:
    """torch.optim.Muon for the matrix, torch.optim.AdamW for the rest."""

    def __init__(self, groups, names, adamw_lr_ratio, adamw_betas, **options):
        from torch.optim import _muon

        _muon._zeropower_via_newtonschulz = newton_schulz
        self.matrix = next(p for p, name in names.items() if name == "weight")
        group = next(g for g in groups if any(p is self.matrix for p in g["params"]))
        self.twin = torch.nn.Parameter(self.matrix.detach().T.clone())
        self.muon = torch.optim.Muon([self.twin], lr=group["lr"], weight_decay=group["weight_decay"], **options)
        rest = [
            dict(g, params=[p for p in g["params"] if p is not self.matrix], lr=g["lr"] * adamw_lr_ratio)
            for g in groups
        ]
        self.adamw = torch.optim.AdamW(rest, betas=adamw_betas)

    def step(self):
        self.twin.grad = self.matrix.grad.T.clone()
        self.muon.step()
        self.adamw.step()
        self.matrix.data.copy_(self.twin.detach().T)


def torch_case(make):
    return lambda groups, names: make(groups)


def written_case(rule):
    return lambda groups, names: Written(groups, rule)


O = torch.optim
OPTIMIZERS = [
    # name, our optimizer, weight decay, max_grad_norm, constructor
    ("adamw", "adamw", 0.1, 1.0, torch_case(lambda g: O.AdamW(g))),
    (
        "adamw_betas",
        {"type": "adamw", "betas": [0.8, 0.95], "eps": 1e-3},
        0.1,
        0.0,
        torch_case(lambda g: O.AdamW(g, betas=(0.8, 0.95), eps=1e-3)),
    ),
    ("adamw_default_decay", "adamw", None, 1.0, torch_case(lambda g: O.AdamW(g))),
    ("adam", "adam", 0.1, 1.0, torch_case(lambda g: O.Adam(g))),
    ("sgd", "sgd", 0.1, 1.0, torch_case(lambda g: O.SGD(g))),
    (
        "sgd_momentum",
        {"type": "sgd", "momentum": 0.9, "dampening": 0.2},
        0.1,
        1.0,
        torch_case(lambda g: O.SGD(g, momentum=0.9, dampening=0.2)),
    ),
    (
        "sgd_nesterov",
        {"type": "sgd", "momentum": 0.9, "nesterov": True},
        0.1,
        1.0,
        torch_case(lambda g: O.SGD(g, momentum=0.9, nesterov=True)),
    ),
    ("rmsprop", "rmsprop", 0.1, 1.0, torch_case(lambda g: O.RMSprop(g))),
    (
        "rmsprop_momentum_centered",
        {"type": "rmsprop", "alpha": 0.9, "eps": 1e-3, "momentum": 0.5, "centered": True},
        0.1,
        1.0,
        torch_case(lambda g: O.RMSprop(g, alpha=0.9, eps=1e-3, momentum=0.5, centered=True)),
    ),
    ("adagrad", "adagrad", 0.1, 1.0, torch_case(lambda g: O.Adagrad(g))),
    (
        "adagrad_decay",
        {"type": "adagrad", "lr_decay": 0.05, "initial_accumulator_value": 0.1, "eps": 1e-6},
        0.1,
        1.0,
        torch_case(lambda g: O.Adagrad(g, lr_decay=0.05, initial_accumulator_value=0.1, eps=1e-6)),
    ),
    (
        "adafactor",
        "adafactor",
        0.1,
        1.0,
        torch_case(lambda g: Adafactor(g, relative_step=False, lr=LR)),
    ),
    (
        "adafactor_momentum",
        {
            "type": "adafactor",
            "beta1": 0.9,
            "scale_parameter": False,
            "clip_threshold": 0.5,
            "decay_rate": -0.5,
            "eps": [1e-8, 1e-2],
        },
        0.1,
        1.0,
        torch_case(
            lambda g: Adafactor(
                g,
                relative_step=False,
                lr=LR,
                beta1=0.9,
                scale_parameter=False,
                clip_threshold=0.5,
                decay_rate=-0.5,
                eps=(1e-8, 1e-2),
            )
        ),
    ),
    (
        "muon",
        "muon",
        0.1,
        1.0,
        lambda g, n: MuonAndAdamW(g, n, 1.0, (0.9, 0.999)),
    ),
    (
        "muon_options",
        {
            "type": "muon",
            "momentum": 0.9,
            "nesterov": False,
            "ns_steps": 3,
            "adjust_lr": "match_rms_adamw",
            "adamw_lr_ratio": 0.5,
            "adamw_betas": [0.9, 0.95],
        },
        0.1,
        1.0,
        lambda g, n: MuonAndAdamW(
            g,
            n,
            0.5,
            (0.9, 0.95),
            momentum=0.9,
            nesterov=False,
            ns_steps=3,
            adjust_lr_fn="match_rms_adamw",
        ),
    ),
    ("lion", {"type": "lion", "betas": [0.9, 0.98]}, 0.1, 1.0, written_case(lion(0.9, 0.98))),
    ("lamb", "lamb", 0.1, 1.0, written_case(lamb(0.9, 0.999, 1e-6))),
    ("adan", "adan", 0.1, 1.0, written_case(adan(0.98, 0.92, 0.99, 1e-8))),
]
DEFAULT_DECAY = {"adamw": 0.01}


def optimizer_case(name, spec, decay, max_norm, make):
    lcg = Lcg()
    written = name in ("lion", "lamb", "adan")
    dtype = torch.float64 if written else torch.float32
    params = {k: torch.nn.Parameter(lcg.draw(shape).to(dtype)) for k, shape in PARAMS.items()}
    effective = DEFAULT_DECAY[spec] if decay is None else decay
    decayed = [p for k, p in params.items() if k not in NOT_DECAYED and k != "value_head"]
    groups = [
        {"params": decayed, "lr": LR, "weight_decay": effective},
        {"params": [params[k] for k in NOT_DECAYED], "lr": LR, "weight_decay": 0.0},
        {"params": [params["value_head"]], "lr": VALUE_LR, "weight_decay": effective},
    ]
    optimizer = make(groups, {p: k for k, p in params.items()})
    snapshots, norms = {}, []
    for step in range(1, STEPS + 1):
        for key, p in params.items():
            gradient = (lcg.draw(PARAMS[key]) * scale(step)).to(dtype)
            if key == ZERO["param"] and step in ZERO["steps"]:
                gradient = torch.zeros_like(gradient)
            p.grad = None if key == MISSING["param"] and step in MISSING["steps"] else gradient
        limit = max_norm if max_norm > 0 else float("inf")
        norms.append(float(torch.nn.utils.clip_grad_norm_(params.values(), limit)))
        optimizer.step()
        if step in SNAPSHOTS:
            snapshots[str(step)] = {
                k: [float(f"{x:.9g}") for x in p.detach().double().flatten().tolist()] for k, p in params.items()
            }
    config = {"optimizer": spec, "lr": LR, "value_head_lr": VALUE_LR, "max_grad_norm": max_norm}
    if decay is not None:
        config["weight_decay"] = decay
    norms = [float(f"{x:.9g}") for x in norms]
    return {"name": name, "config": config, "norms": norms, "snapshots": snapshots}


LENGTH = 40


def optimizer_for(lr):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def after_warmup(optimizer, warmup, make):
    if warmup == 0:
        return make(optimizer)
    rise = lr_scheduler.LambdaLR(optimizer, lambda t: t / warmup)
    return lr_scheduler.SequentialLR(optimizer, [rise, make(optimizer)], milestones=[warmup])


def hf(name, **options):
    def make(optimizer, warmup):
        return get_scheduler(
            name, optimizer, num_warmup_steps=warmup, num_training_steps=LENGTH, scheduler_specific_kwargs=options
        )

    return make


def sequential(make):
    return lambda optimizer, warmup: after_warmup(optimizer, warmup, make)


def inverse_sqrt(optimizer, warmup):
    return get_scheduler("inverse_sqrt", optimizer, num_warmup_steps=warmup)


S = lr_scheduler
SCHEDULES = [
    ("constant", lambda o, w: get_scheduler("constant_with_warmup", o, num_warmup_steps=w)),
    ("linear", hf("linear")),
    ("cosine", hf("cosine")),
    ({"type": "cosine", "num_cycles": 1.25}, hf("cosine", num_cycles=1.25)),
    (
        {"type": "cosine", "min_lr_ratio": 0.1},
        lambda o, w: get_cosine_with_min_lr_schedule_with_warmup(o, w, LENGTH, min_lr_rate=0.1),
    ),
    ("cosine_with_restarts", hf("cosine_with_restarts")),
    ({"type": "cosine_with_restarts", "num_cycles": 3}, hf("cosine_with_restarts", num_cycles=3)),
    ("polynomial", hf("polynomial")),
    ({"type": "polynomial", "power": 2.0, "lr_end": 1e-4}, hf("polynomial", power=2.0, lr_end=1e-4)),
    ("inverse_sqrt", inverse_sqrt),
    (
        {"type": "inverse_sqrt", "timescale": 20},
        lambda o, w: get_scheduler(
            "inverse_sqrt", o, num_warmup_steps=w, scheduler_specific_kwargs={"timescale": 20}
        ),
    ),
    ({"type": "exponential", "gamma": 0.9}, sequential(lambda o: S.ExponentialLR(o, 0.9))),
    ({"type": "step", "step_size": 7, "gamma": 0.5}, sequential(lambda o: S.StepLR(o, 7, 0.5))),
    ({"type": "wsd", "decay_steps": 12}, hf("warmup_stable_decay", num_decay_steps=12)),
    (
        {"type": "wsd", "decay_steps": 9, "decay_type": "1-sqrt", "warmup_type": "cosine", "min_lr_ratio": 0.2},
        hf(
            "warmup_stable_decay",
            num_decay_steps=9,
            decay_type="1-sqrt",
            warmup_type="cosine",
            min_lr_ratio=0.2,
        ),
    ),
    (
        {"type": "wsd", "decay_steps": 9, "decay_type": "linear", "warmup_type": "1-sqrt"},
        hf("warmup_stable_decay", num_decay_steps=9, decay_type="linear", warmup_type="1-sqrt"),
    ),
]
PLATEAUS = [
    {"factor": 0.5, "patience": 2},
    {"factor": 0.3, "patience": 1, "mode": "max", "threshold": 0.05, "threshold_mode": "abs", "cooldown": 3},
    {"factor": 0.1, "patience": 0, "min_lr": 2e-4, "threshold": 0.1},
    {"factor": 0.9, "patience": 0, "eps": 1e-3},
]


def schedule_cases():
    cases = []
    for spec, make in SCHEDULES:
        for warmup in (0, 10):
            optimizer = optimizer_for(LR)
            schedule = make(optimizer, warmup)
            lrs = []
            for _ in range(LENGTH + 1):
                lrs.append(optimizer.param_groups[0]["lr"])
                optimizer.step()
                schedule.step()
            cases.append({"scheduler": spec, "warmup": warmup, "lrs": lrs})
    lcg = Lcg()
    metrics = [math.cos(i / 4) + float(lcg.draw([1])) + 1.5 for i in range(LENGTH)]
    metrics[5] = math.nan
    for options in PLATEAUS:
        optimizer = optimizer_for(LR)
        schedule = lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        lrs = []
        for metric in metrics:
            lrs.append(optimizer.param_groups[0]["lr"])
            schedule.step(metric)
        cases.append({"scheduler": {"type": "reduce_on_plateau", **options}, "warmup": 0, "lrs": lrs})
    return cases, [None if math.isnan(m) else m for m in metrics]


def dynamic_map(signed):
    data = [0.0, 1.0]
    for i in range(7):
        items = 2**i + 1 if signed else 2 ** (i + 1) + 1
        bounds = np.linspace(0.1, 1.0, items)
        means = (bounds[:-1] + bounds[1:]) / 2.0 * 10.0 ** (i - 6)
        data += means.tolist() + ((-means).tolist() if signed else [])
    assert len(data) == 256
    return [float(f"{x:.9g}") for x in sorted(data)]


def main():
    schedules, metrics = schedule_cases()
    golden = {
        "torch": torch.__version__.split("+")[0],
        "params": PARAMS,
        "missing": MISSING,
        "zero": ZERO,
        "optimizers": [optimizer_case(*case) for case in OPTIMIZERS],
        "schedule_steps": LENGTH,
        "metrics": metrics,
        "schedules": schedules,
        "dynamic_map": {"signed": dynamic_map(True), "unsigned": dynamic_map(False)},
    }
    GOLDEN.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
