"""What PPO added in the quickstart: its run beside the twin of the same seed, which had the same supervised steps and no PPO.

    hybrid quickstart --seed 1
    hybrid quickstart --seed 1 --no-ppo
    python reference/quickstart_twins.py runs/quickstart-s1 runs/quickstart-no-ppo-s1

Both answered the same held-out prompts by the same seed. Prints the mean score after each, and their difference over the prompts
with its 95 % interval (paired t). Needs nothing but Python.
"""

import json
import math
import sys
from pathlib import Path
from statistics import mean, stdev


def after(run):
    """Mean score of each held-out prompt's answers after the run."""
    scores = {}
    # Not `splitlines`, which also cuts at separators inside a string.
    for line in (Path(run) / "samples.jsonl").read_text(encoding="utf-8").strip().split("\n"):
        row = json.loads(line)
        if row["split"] == "after" and row["score"] is not None:
            scores.setdefault(row["prompt"], []).append(row["score"])
    return {prompt: mean(values) for prompt, values in scores.items()}


def t_quantile(share, freedom):
    """By bisection over Simpson's rule on the density: far more digits than are printed."""
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)

    def below(t, steps=2000):
        width = t / steps
        density = [scale * (1 + (i * width) ** 2 / freedom) ** (-(freedom + 1) / 2) for i in range(steps + 1)]
        return 0.5 + width / 3 * (density[0] + density[-1] + 4 * sum(density[1:-1:2]) + 2 * sum(density[2:-1:2]))

    low, high = 0.0, 100.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < share else (low, middle)
    return low


def main(run, twin):
    ours, theirs = after(run), after(twin)
    if ours.keys() != theirs.keys():
        sys.exit(f"`{run}` and `{twin}` answered other prompts: are they of one seed?")
    leads = [ours[prompt] - theirs[prompt] for prompt in ours]
    margin = t_quantile(0.975, len(leads) - 1) * stdev(leads) / math.sqrt(len(leads))
    lead = mean(leads)
    print(f"after PPO {mean(ours.values()):.3f}, twin {mean(theirs.values()):.3f}, {len(leads)} prompts")
    print(f"lead {lead:+.3f}, 95 % interval {lead - margin:+.3f} to {lead + margin:+.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
