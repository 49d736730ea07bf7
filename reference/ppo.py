"""Writes `golden/ppo.json`: rollouts, losses and two full updates by the equations of `docs/algorithms/ppo.md`, in f64.

    pip install torch transformers && python reference/ppo.py

Sums are written as the definitions have them, not as recurrences; clipped losses case by case, not as a maximum. A
configuration is the `[ppo]` table. Three lists:

- `rollouts`: `episodes` (`score` is a number, null, "nan", "inf", or a list with one a token), `kl_coef`, `minibatches`
  (rows to ask advantages of), and as expected `rows` (null for a null row), `minibatch_advantages` and `metrics`;
- `losses`: `inputs`, `update`, and as expected `total`, the gradients in `logprobs`, `values` and `entropy`, and
  `metrics`;
- `updates`: two PPO updates of the tiny GPT-2 in `golden/models/gpt2` with a value head on its last hidden state,
  AdamW, an adaptive KL coefficient. `rounds` hold prompts, responses, scores and orders; `expected` the metrics of each
  round, the coefficient after it, and at the end log-probabilities of the last round's responses.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from transformers import GPT2LMHeadModel

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "golden" / "ppo.json"
NAN = float("nan")

DEFAULTS = {
    "estimator": "gae", "baseline": "batch_mean", "clip_range": 0.2, "value_clip_range": 0.2, "value_coef": 0.1,
    "entropy_coef": 0.0, "gamma": 1.0, "gae_lambda": 0.95, "dual_clip": None, "whiten_rewards": False,
    "whiten_advantages": True, "whiten_scope": "batch", "missing_eos_penalty": None, "truncated": "terminal",
    "score_at": "last",
}  # fmt: skip
ROLLOUTS = {
    "defaults": {},
    "all_post_processing": {
        "gamma": 0.97, "gae_lambda": 0.8, "whiten_rewards": True, "missing_eos_penalty": 0.7, "kl": {"clip": 0.1},
        "scores": {"normalize": "standardize", "clip": 0.9},
    },
    "per_token_and_bootstrap": {
        "score_at": "per_token", "whiten_advantages": False, "truncated": "bootstrap", "gamma": 0.9,
        "scores": {"normalize": "scale"},
    },
    "bootstrap_without_lambda": {"truncated": "bootstrap", "gae_lambda": 0.0, "whiten_scope": "minibatch"},
    "a2c": {"estimator": "a2c", "gamma": 0.9, "truncated": "bootstrap", "whiten_advantages": False},
    "reinforce": {"estimator": "reinforce", "whiten_advantages": False, "gamma": 0.95},
    "reinforce_plain": {"estimator": "reinforce", "baseline": "none", "whiten_advantages": False},
    "reinforce_value": {"estimator": "reinforce", "baseline": "value"},
    "kl_in_the_loss": {"kl": {"placement": "loss"}},
}  # fmt: skip
LOSSES = {
    "defaults": {},
    "dual_clip": {"dual_clip": 1.5, "clip_range": 0.1},
    "no_value_clip": {"value_clip_range": 0.0, "value_coef": 0.5},
    "entropy": {"entropy_coef": 0.02},
    "k2": {"kl": {"placement": "loss"}},
    "k3": {"kl": {"placement": "loss", "estimator": "k3"}},
    "k3_plus": {"kl": {"placement": "both", "estimator": "k3_plus"}, "entropy_coef": 0.01},
    "weights": {"kl": {"placement": "loss"}},
    "reinforce": {"estimator": "reinforce"},
    "a2c": {"estimator": "a2c", "entropy_coef": 0.01},
    "critic_only": {},
}


def full(config):
    """The configuration with the defaults that matter here."""
    kl = {"placement": "reward", "estimator": None, "clip": None} | config.get("kl", {})
    scores = {"normalize": "none", "clip": None} | config.get("scores", {})
    return DEFAULTS | config | {"kl": kl, "scores": scores}


def spread(values):
    return math.sqrt(np.mean((np.array(values) - np.mean(values)) ** 2))


def total(score):
    listed = score if isinstance(score, list) else [score]
    numbers = [NAN if number is None else float(number) for number in listed]
    return sum(numbers) if all(math.isfinite(number) for number in numbers) else None


def whitened(rows, keep_mean):
    numbers = np.concatenate(rows)
    if len(numbers) < 2:
        return rows
    mean, variance = numbers.mean(), numbers.var()
    return [(row - mean) / math.sqrt(variance + 1e-8) + (mean if keep_mean else 0.0) for row in rows]


def bounded(number, limit):
    return number if limit is None else max(-limit, min(limit, number))


def token_scores(episode, config, moments):
    n, (mean, std) = len(episode["logprobs"]), moments
    scale = std if std > 1e-8 else 1.0

    def process(score):
        kind = config["scores"]["normalize"]
        score = {"none": score, "scale": score / scale, "standardize": (score - mean) / scale}[kind]
        return bounded(score, config["scores"]["clip"])

    if isinstance(episode["score"], list) and config["score_at"] == "per_token":
        scores = np.array([process(score) for score in episode["score"]])
    else:
        scores = np.zeros(n)
        scores[-1] = process(total(episode["score"]))
    if config["missing_eos_penalty"] is not None and episode["end"] == "truncated":
        scores[-1] -= config["missing_eos_penalty"]
    return scores


def estimates(rewards, values, after, config):
    """Advantages and returns of a row, term by term."""
    n, gamma = len(rewards), config["gamma"]
    following = np.append(values, after)
    returns = np.array(
        [sum(gamma ** (k - t) * rewards[k] for k in range(t, n)) + gamma ** (n - t) * after for t in range(n)]
    )
    if config["estimator"] == "gae":
        delta = [rewards[t] + gamma * following[t + 1] - values[t] for t in range(n)]
        decay = gamma * config["gae_lambda"]
        advantages = np.array([sum(decay ** (k - t) * delta[k] for k in range(t, n)) for t in range(n)])
        return advantages, advantages + values
    return returns - values, returns


def rollout(episodes, kl_coef, config, minibatches):
    config = full(config)
    has_critic = config["estimator"] != "reinforce" or config["baseline"] == "value"
    counted = [i for i, e in enumerate(episodes) if e["logprobs"] and total(e["score"]) is not None]
    raw = [total(episodes[i]["score"]) for i in counted]
    moments = (np.mean(raw), spread(raw))
    rewards, values, after, kls, scores = [], [], [], [], []
    for i in counted:
        episode = episodes[i]
        n = len(episode["logprobs"])
        kl = np.array([bounded(p - q, config["kl"]["clip"]) for p, q in zip(episode["logprobs"], episode["ref_logprobs"])])
        kls.append(kl)
        scores.append(token_scores(episode, config, moments))
        weight = kl_coef if config["kl"]["placement"] != "loss" else 0.0
        rewards.append(-weight * kl + scores[-1])
        values.append(np.array(episode["values"][:n]) if has_critic else np.zeros(n))
        cut = episode["end"] == "truncated" and config["truncated"] == "bootstrap"
        after.append(episode["values"][n] if cut else 0.0)
    weight = kl_coef if config["kl"]["placement"] != "loss" else 0.0
    if config["whiten_rewards"]:
        rewards = whitened(rewards, keep_mean=True)
    pairs = [estimates(*row, config) for row in zip(rewards, values, after)]
    advantages, returns = [a for a, _ in pairs], [g for _, g in pairs]
    if config["estimator"] == "reinforce" and config["baseline"] == "batch_mean":
        others = [np.concatenate([g for j, g in enumerate(returns) if j != i]).mean() for i in range(len(returns))]
        advantages = [g - mean for g, mean in zip(returns, others)]
    lengths = [len(row) for row in rewards]
    flat = np.concatenate(returns)
    sequence = [-sum(episodes[i]["logprobs"]) for i in counted]
    metrics = {
        "rollout/rows": len(episodes),
        "rollout/null_rows": len(episodes) - len(counted),
        "rollout/completion_tokens_mean": np.mean(lengths),
        "rollout/truncated_fraction": np.mean([episodes[i]["end"] == "truncated" for i in counted]),
        "rollout/score_mean": np.mean(raw),
        "rollout/score_std": spread(raw),
        "rollout/score_min": min(raw),
        "rollout/score_max": max(raw),
        "rollout/processed_score_mean": np.mean([row.sum() for row in scores]),
        "rollout/ref_kl": np.mean([row.sum() for row in kls]),
        "rollout/ref_kl_token": np.concatenate(kls).mean(),
        "rollout/kl_reward": np.mean([-weight * row.sum() for row in kls]),
        "rollout/reward_mean": np.mean([s.sum() - weight * k.sum() for s, k in zip(scores, kls)]),
        "rollout/sequence_entropy": np.mean(sequence),
        "ppo/advantage_mean": np.concatenate(advantages).mean(),
        "ppo/advantage_std": np.concatenate(advantages).std(),
        "ppo/return_mean": flat.mean(),
        "ppo/value_mean": np.concatenate(values).mean() if has_critic else None,
        "ppo/explained_variance": 1 - np.var(flat - np.concatenate(values)) / np.var(flat) if has_critic else None,
    }
    if config["whiten_advantages"] and config["whiten_scope"] == "batch":
        advantages = whitened(advantages, keep_mean=False)
    rows = [None] * len(episodes)
    for place, *row in zip(counted, advantages, returns, values, rewards):
        rows[place] = dict(zip(["advantages", "returns", "old_values", "rewards"], row))
        if not has_critic:
            rows[place]["old_values"] = []
    parts = []
    for minibatch in minibatches:
        part = [rows[i]["advantages"] for i in minibatch]
        in_parts = config["whiten_advantages"] and config["whiten_scope"] == "minibatch"
        parts.append(whitened(part, keep_mean=False) if in_parts else part)
    return {"rows": rows, "minibatch_advantages": parts, "metrics": metrics}


def make_episodes(rng):
    scores = [1.5, -0.3, [0.5, 0.0, -1.0, 0.25], None, 2.25, "nan", 0.75, [0.1, "inf"], -1.0, [-0.2, 0.4, 0.6], 0.5]
    lengths = [5, 1, 4, 3, 7, 2, 6, 2, 1, 3, 0]
    ends = ["terminated", "truncated"]
    episodes = []
    for i, (n, score) in enumerate(zip(lengths, scores)):
        row = {
            "logprobs": (-rng.exponential(1.0, n)).tolist(),
            "values": rng.normal(0.3, 0.8, n + 1).tolist(),
            "score": score,
            "end": ends[i % 2 if i != 4 else 1],
        }
        row["ref_logprobs"] = [min(0.0, p + d) for p, d in zip(row["logprobs"], rng.normal(0, 0.3, n))]
        episodes.append(row)
    return episodes


def kl_term(logprobs, ref_logprobs, weight, estimator):
    """A loss with the value of the estimate and the gradient that belongs to it, `slope · grad log pi`."""
    gap = (logprobs - ref_logprobs).detach()
    inverse = torch.exp(-gap)
    k2, k3 = gap * gap / 2, inverse - 1 + gap
    value, slope = {"k2": (k2, gap), "k3": (k3, 1 - inverse), "k3_plus": (k3, gap)}[estimator]
    return (weight * (value + slope * (logprobs - logprobs.detach()))).sum()


def surrogate(ratio, advantages, config):
    """PPO's loss a token, case by case of the advantage's sign, and whether the clip was what counted."""
    if config["estimator"] != "gae":
        return -advantages * ratio, torch.zeros_like(ratio)
    low, high = 1 - config["clip_range"], 1 + config["clip_range"]
    good = torch.where(ratio > high, torch.full_like(ratio, high), ratio)
    bad = torch.where(ratio < low, torch.full_like(ratio, low), ratio)
    if config["dual_clip"] is not None:
        bad = torch.where(bad > config["dual_clip"], torch.full_like(ratio, config["dual_clip"]), bad)
    clipped = torch.where(advantages > 0, ratio > high, (ratio < low) & (advantages < 0))
    return -advantages * torch.where(advantages >= 0, good, bad), clipped.double()


def value_loss(values, old_values, returns, limit):
    error = (values - returns) ** 2
    if limit == 0:
        return error / 2, torch.zeros_like(values)
    moved = values - old_values
    near = torch.where(moved > limit, old_values + limit, torch.where(moved < -limit, old_values - limit, values))
    clipped = (near - returns) ** 2
    return torch.where(clipped > error, clipped, error) / 2, (clipped > error).double()


def losses(inputs, update, config):
    """The loss over some tokens and sums for the metrics."""
    config = full(config)
    tokens = update["tokens"]
    log_ratio = inputs["logprobs"] - inputs["old_logprobs"]
    ratio = log_ratio.exp()
    weights = inputs.get("weights", torch.ones_like(ratio))
    policy, clipped = surrogate(ratio, inputs["advantages"], config)
    policy = (policy * weights).sum()
    estimator = config["kl"]["estimator"] or "k2"
    kl = kl_term(inputs["logprobs"], inputs["ref_logprobs"], ratio.detach() * weights, estimator)
    loss = torch.zeros((), dtype=torch.float64)
    if update["trains_policy"]:
        loss = policy / tokens
        if config["kl"]["placement"] != "reward":
            loss = loss + update["kl_coef"] * kl / tokens
        if config["entropy_coef"] > 0:
            loss = loss - config["entropy_coef"] * inputs["entropy"].sum() / tokens
    sums = {
        "ppo/policy_loss": policy, "ppo/clip_fraction": clipped.sum(), "ppo/kl_loss": kl,
        "ppo/ref_kl": ((inputs["logprobs"] - inputs["ref_logprobs"]) * ratio * weights).sum(),
        "ppo/approx_kl": (ratio - 1 - log_ratio).sum(), "ppo/ratio_mean": ratio.sum(), "squares": (ratio**2).sum(),
    }  # fmt: skip
    if "entropy" in inputs:
        sums["ppo/entropy"] = inputs["entropy"].sum()
    if "values" in inputs:
        limit = config["value_clip_range"]
        value, value_clipped = value_loss(inputs["values"], inputs["old_values"], inputs["returns"], limit)
        loss = loss + config["value_coef"] * value.sum() / tokens
        sums |= {"ppo/value_loss": value.sum(), "ppo/value_clip_fraction": value_clipped.sum()}
    sums = {name: float(value.detach()) for name, value in sums.items()}
    return loss, sums | {"tokens": len(ratio), "ppo/ratio_max": ratio.max().item(), "ppo/ratio_min": ratio.min().item()}


def means(parts, config):
    """Metrics from the sums of all parts of an update."""
    count = sum(part["tokens"] for part in parts)
    names = [name for name in parts[0] if name.startswith("ppo/") and not name.endswith(("_max", "_min"))]
    metrics = {name: sum(part[name] for part in parts) / count for name in names}
    metrics["ppo/ratio_variance"] = sum(part["squares"] for part in parts) / count - metrics["ppo/ratio_mean"] ** 2
    metrics["ppo/ratio_max"] = max(part["ppo/ratio_max"] for part in parts)
    metrics["ppo/ratio_min"] = min(part["ppo/ratio_min"] for part in parts)
    if full(config)["kl"]["placement"] == "reward":
        del metrics["ppo/kl_loss"]
    return metrics


def loss_case(name, config, rng):
    n = 24
    tensor = lambda values: torch.tensor(np.float32(values).astype(np.float64))
    inputs = {"old_logprobs": tensor(-rng.exponential(1.0, n)), "advantages": tensor(rng.normal(0, 1, n))}
    inputs["advantages"][5] = 0.0
    shift = rng.normal(0, 0.35, n)
    shift[:4] = [0.0, 1.2, -1.2, 0.05]
    inputs["logprobs"] = tensor(inputs["old_logprobs"].numpy() + shift)
    inputs["ref_logprobs"] = tensor(inputs["old_logprobs"].numpy() + rng.normal(0, 0.4, n))
    inputs |= {"entropy": tensor(rng.uniform(0.1, 2, n))}
    if config.get("estimator") != "reinforce":
        inputs |= {"old_values": tensor(rng.normal(0, 1, n)), "returns": tensor(rng.normal(0, 1, n))}
        inputs["values"] = tensor(inputs["old_values"].numpy() + rng.normal(0, 0.3, n))
    if name == "weights":
        inputs["weights"] = tensor(rng.uniform(0.2, 2, n))
    for leaf in ["logprobs", "values", "entropy"]:
        if leaf in inputs:
            inputs[leaf].requires_grad_()
    update = {"kl_coef": 0.3, "tokens": 37, "trains_policy": name != "critic_only"}
    loss, sums = losses(inputs, update, config)
    loss.backward()
    gradient = lambda leaf: None if inputs[leaf].grad is None else inputs[leaf].grad.tolist()
    expected = {"total": loss.item(), "metrics": means([sums], config)}
    expected["gradients"] = {leaf: gradient(leaf) for leaf in ["logprobs", "values", "entropy"] if leaf in inputs}
    inputs = {leaf: values.tolist() for leaf, values in inputs.items()}
    return {"name": name, "config": config, "inputs": inputs, "update": update, "expected": expected}


class Policy(torch.nn.Module):
    """The tiny GPT-2 with a value head on its last hidden state."""

    def __init__(self, head):
        super().__init__()
        self.trunk = GPT2LMHeadModel.from_pretrained(ROOT / "golden" / "models" / "gpt2").double()
        self.head = torch.nn.Parameter(torch.tensor(head, dtype=torch.float64))

    def forward(self, prompt, response, temperature):
        ids = torch.tensor([prompt + response])
        hidden = self.trunk.transformer(ids).last_hidden_state[0, len(prompt) - 1 : -1]
        logprobs = (self.trunk.lm_head(hidden) / temperature).log_softmax(-1)
        chosen = logprobs[torch.arange(len(response)), torch.tensor(response)]
        return chosen, -(logprobs.exp() * logprobs).sum(-1), hidden @ self.head


UPDATE = {
    "config": {
        "epochs": 2, "minibatch_size": 3, "entropy_coef": 0.01, "value_coef": 0.5, "clip_range": 0.05,
        "value_clip_range": 0.1, "gamma": 0.99, "missing_eos_penalty": 0.25,
        "kl": {"kind": "adaptive", "coef": 0.1, "target": 0.5, "horizon": 32},
    },
    "lr": 3e-4, "eps": 1e-5, "weight_decay": 0.01, "temperature": 0.8,
}  # fmt: skip


def two_updates(rng):
    config = UPDATE["config"]
    head = np.float32(rng.normal(0, 0.2, 24)).astype(np.float64).tolist()
    policy, reference = Policy(head), Policy(head)
    optimizer = torch.optim.AdamW(
        policy.parameters(), lr=UPDATE["lr"], eps=UPDATE["eps"], weight_decay=UPDATE["weight_decay"]
    )
    coef, rounds, expected = config["kl"]["coef"], [], []
    for _ in range(2):
        given = make_round(rng)
        rounds.append(given)
        rows = list(zip(given["prompts"], given["responses"]))
        with torch.no_grad():
            old = [policy(*row, UPDATE["temperature"]) for row in rows]
            ref = [reference(*row, UPDATE["temperature"])[0] for row in rows]
        episodes = [
            {"logprobs": o[0].tolist(), "ref_logprobs": r.tolist(), "values": o[2].tolist(), "score": s, "end": e}
            for o, r, s, e in zip(old, ref, given["scores"], given["ends"])
        ]
        prepared = rollout(episodes, coef, config, [])
        parts = []
        for order in given["orders"]:
            for start in range(0, len(order), config["minibatch_size"]):
                minibatch = order[start : start + config["minibatch_size"]]
                new = [policy(*rows[i], UPDATE["temperature"]) for i in minibatch]
                constant = lambda name: torch.tensor(np.concatenate([prepared["rows"][i][name] for i in minibatch]))
                inputs = {name: constant(name) for name in ["advantages", "returns", "old_values"]}
                inputs |= {
                    "logprobs": torch.cat([row[0] for row in new]), "entropy": torch.cat([row[1] for row in new]),
                    "values": torch.cat([row[2] for row in new]), "old_logprobs": torch.cat([old[i][0] for i in minibatch]),
                    "ref_logprobs": torch.cat([ref[i] for i in minibatch]),
                }  # fmt: skip
                update = {"kl_coef": coef, "tokens": len(inputs["logprobs"]), "trains_policy": True}
                loss, sums = losses(inputs, update, config)
                parts.append(sums)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        metrics = prepared["metrics"] | means(parts, config)
        error = metrics["rollout/ref_kl"] / config["kl"]["target"] - 1
        coef *= 1 + max(-1.0, min(1.0, error)) * len(rows) / config["kl"]["horizon"]
        expected.append({"metrics": metrics, "kl_coef": coef})
    with torch.no_grad():
        final = [policy(*row, UPDATE["temperature"]) for row in rows]
    last = {"logprobs": [row[0].tolist() for row in final], "values": [row[2].tolist() for row in final]}
    return UPDATE | {"head": head, "rounds": rounds, "expected": expected, "final": last}


def make_round(rng):
    lengths = rng.integers(1, 9, 8)
    return {
        "prompts": [rng.integers(0, 53, rng.integers(1, 7)).tolist() for _ in lengths],
        "responses": [rng.integers(0, 53, n).tolist() for n in lengths],
        "scores": rng.normal(0, 1, 8).tolist(),
        "ends": [["terminated", "truncated"][int(draw < 0.3)] for draw in rng.uniform(0, 1, 8)],
        "orders": [rng.permutation(8).tolist() for _ in range(UPDATE["config"]["epochs"])],
    }


def rounded(value):
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.9g}")
    if isinstance(value, (list, tuple, np.ndarray)):
        return [rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return int(value) if isinstance(value, np.integer) else value


def main():
    torch.set_num_threads(1)
    rng = np.random.default_rng(3)
    episodes = rounded(make_episodes(rng))
    minibatches = [[0, 4, 2], [1], [6, 8, 9]]
    rollouts = [
        {"name": name, "config": config, "expected": rollout(episodes, 0.2, config, minibatches)}
        for name, config in ROLLOUTS.items()
    ]
    golden = {
        "episodes": episodes,
        "kl_coef": 0.2,
        "minibatches": minibatches,
        "rollouts": rollouts,
        "losses": [loss_case(name, config, rng) for name, config in LOSSES.items()],
        "updates": two_updates(rng),
    }
    GOLDEN.write_text(json.dumps(rounded(golden), separators=(",", ":"), allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
