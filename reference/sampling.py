"""Writes `golden/sampling.json`: logits before and after each way of shaping them, as `transformers` computes it.

    pip install torch transformers && python reference/sampling.py

A case has `logits` (null is minus infinity), `ids` (prompt and generated tokens so far), `prompt_length`, `steps`
(applied in the order given) and `expected`. Step names are the options' names. Everything is float32.

- `order` is the order `generate` applies them in: biases, penalties and bans first, then, when sampling, temperature,
  top-k, top-p, min-p, typical. Presence and frequency penalties, which `transformers` lacks, are OpenAI's:
  `logit - count * frequency - (count > 0) * presence`, counted over the generated tokens only; they stand after the
  repetition penalty, which counts the prompt's tokens too.
- `tie_dependent` cases cut through equal logits: how many tokens of which value stay is defined, which ones is not
  (`transformers` keeps the highest ids). The script finds them by running each case on the reversed vocabulary.
- No other case has a probability within 1e-5 of the threshold it is compared with.
"""

import json
from pathlib import Path

import torch
from transformers import (
    MinPLogitsWarper,
    NoBadWordsLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "sampling.json"
INF = float("inf")
ORDER = [
    "logit_bias",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "no_repeat_ngram_size",
    "bad_words_ids",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
]
# Options that look at probabilities: a logit next to the threshold could fall either way.
THRESHOLDED = ("top_p", "min_p", "typical_p")


def logits_table():
    """Random logits, and the nasty ones: ties, minus infinities, one token far above, differences near rounding."""
    gen = torch.Generator().manual_seed(20)

    def draw(size, scale):
        return (torch.randn(size, generator=gen) * scale).mul(1e4).round().div(1e4)

    dominated = draw(16, 1.0)
    dominated[5] = 60.0
    holes = draw(24, 2.0)
    holes[[0, 3, 7, 23]] = -INF
    tied = torch.tensor([1.0, 3.0, 3.0, 0.5, 3.0, -2.0, 1.0, 1.0, 3.0, 0.0, -INF, 0.5])
    single = torch.full((13,), -INF)
    single[4] = -7.25
    return {
        "mild": draw(19, 1.0),
        "sharp": draw(40, 4.0),
        "dominated": dominated,
        "holes": holes,
        "tied": tied,
        "uniform": torch.zeros(16),
        "single": single,
        "huge": draw(17, 3000.0),
        "negative": draw(15, 1.0) - 30.0,
    }


def ids_for(size):
    """Six prompt and seven generated ids over few tokens, so that n-grams repeat; the last two occurred before."""
    return [t % size for t in (1, 2, 3, 4, 2, 3, 9, 2, 3, 4, 4, 2, 3)], 6


def presence(scores, generated, penalty):
    counts = torch.bincount(generated, minlength=scores.shape[-1])
    return scores - (counts > 0) * penalty


def frequency(scores, generated, penalty):
    return scores - torch.bincount(generated, minlength=scores.shape[-1]) * penalty


def apply(step, value, ids, prompt_length, scores):
    generated = ids[0, prompt_length:]
    if step == "presence_penalty":
        return presence(scores, generated, value)
    if step == "frequency_penalty":
        return frequency(scores, generated, value)
    processor = {
        "logit_bias": lambda: SequenceBiasLogitsProcessor({tuple(sequence): bias for sequence, bias in value}),
        "repetition_penalty": lambda: RepetitionPenaltyLogitsProcessor(value),
        "no_repeat_ngram_size": lambda: NoRepeatNGramLogitsProcessor(value),
        "bad_words_ids": lambda: NoBadWordsLogitsProcessor(value),
        "temperature": lambda: TemperatureLogitsWarper(value),
        "top_k": lambda: TopKLogitsWarper(value),
        "top_p": lambda: TopPLogitsWarper(value),
        "min_p": lambda: MinPLogitsWarper(value),
        "typical_p": lambda: TypicalLogitsWarper(value),
    }[step]()
    return processor(ids, scores)


def run(steps, ids, prompt_length, logits):
    scores = logits[None].clone()
    for step, value in steps:
        scores = apply(step, value, torch.tensor([ids]), prompt_length, scores)
    return scores[0]


def mirrored(steps, size):
    """The steps for a vocabulary numbered backwards."""
    flip = lambda sequence: [size - 1 - token for token in sequence]
    table = {
        "logit_bias": lambda value: [[flip(sequence), bias] for sequence, bias in value],
        "bad_words_ids": lambda value: [flip(sequence) for sequence in value],
    }
    return [(step, table.get(step, lambda value: value)(value)) for step, value in steps]


def near_threshold(steps, ids, prompt_length, logits):
    """Whether nudging a threshold by 1e-5 changes which tokens stay."""
    expected = run(steps, ids, prompt_length, logits).isneginf()
    for index, (step, value) in enumerate(steps):
        for nudge in (-1e-5, 1e-5) if step in THRESHOLDED else ():
            nudged = steps[:index] + [(step, min(max(value + nudge, 1e-9), 1 - 1e-9))] + steps[index + 1 :]
            if not torch.equal(run(nudged, ids, prompt_length, logits).isneginf(), expected):
                return True
    return False


def case(name, logits, steps):
    size = len(logits)
    ids, prompt_length = ids_for(size)
    expected = run(steps, ids, prompt_length, logits)
    assert not expected.isnan().any(), (name, steps)
    reverse_ids = [size - 1 - token for token in ids]
    reverse = run(mirrored(steps, size), reverse_ids, prompt_length, logits.flip(0)).flip(0)
    tie_dependent = not torch.allclose(reverse, expected, rtol=1e-6, atol=0)
    near = near_threshold(steps, ids, prompt_length, logits)
    if near and not tie_dependent:
        raise AssertionError(f"{name} {steps}: a token lies on the threshold, choose another value")
    finite = lambda row: [None if value == -INF else value for value in row.tolist()]
    return {
        "name": f"{name}: " + ", ".join(step for step, _ in steps),
        "logits": finite(logits),
        "ids": ids,
        "prompt_length": prompt_length,
        "steps": [{"step": step, "value": value} for step, value in steps],
        "tie_dependent": tie_dependent,
        "expected": finite(expected),
    }


ALONE = [
    ("temperature", 0.7),
    ("temperature", 2.5),
    ("top_k", 1),
    ("top_k", 5),
    ("top_k", 1000),
    ("top_p", 0.3),
    ("top_p", 0.92),
    ("min_p", 0.06),
    ("min_p", 0.5),
    ("typical_p", 0.2),
    ("typical_p", 0.88),
    ("repetition_penalty", 1.3),
    ("repetition_penalty", 0.8),
    ("presence_penalty", 0.6),
    ("frequency_penalty", 0.45),
    ("frequency_penalty", -0.5),
    ("no_repeat_ngram_size", 1),
    ("no_repeat_ngram_size", 2),
    ("no_repeat_ngram_size", 3),
    ("no_repeat_ngram_size", 20),
    ("bad_words_ids", [[5], [3, 0], [2, 3, 6], [3, 2, 7], [1] * 14 + [8]]),
    ("logit_bias", [[[0], 2.5], [[7], -3.0], [[3, 4], 5.0], [[2, 3, 4], -1.5], [[9, 9, 1], 4.0]]),
]
TOGETHER = [
    [("temperature", 0.8), ("top_k", 7), ("top_p", 0.85)],
    [("temperature", 1.6), ("min_p", 0.11), ("typical_p", 0.7)],
    [("repetition_penalty", 1.2), ("presence_penalty", 0.3), ("frequency_penalty", 0.2), ("temperature", 0.9)],
    [
        ("logit_bias", [[[2], 1.0], [[3, 6], 2.0]]),
        ("repetition_penalty", 1.1),
        ("no_repeat_ngram_size", 2),
        ("bad_words_ids", [[6], [3, 1]]),
        ("temperature", 1.3),
        ("top_k", 9),
        ("top_p", 0.9),
        ("min_p", 0.02),
        ("typical_p", 0.95),
    ],
]


def main():
    torch.set_num_threads(1)
    for steps in TOGETHER:
        assert [step for step, _ in steps] == sorted((step for step, _ in steps), key=ORDER.index)
    table = logits_table()
    cases = []
    for name, logits in table.items():
        for steps in [[step] for step in ALONE] + TOGETHER:
            bans = any(step in ("no_repeat_ngram_size", "bad_words_ids") for step, _ in steps)
            if not (name == "single" and bans):  # the one token left would be banned: nothing to sample from
                cases.append(case(name, logits, steps))
    golden = json.dumps({"order": ORDER, "cases": []})[:-2] + "\n"
    golden += ",\n".join(json.dumps(entry) for entry in cases) + "\n]}\n"
    json.loads(golden)
    GOLDEN.write_text(golden)
    ties = sum(entry["tie_dependent"] for entry in cases)
    print(f"{len(cases)} cases, {ties} of them cut through ties, {GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
