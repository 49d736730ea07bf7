"""Writes `golden/heads.json`: losses by PyTorch, metrics by scikit-learn, SciPy and seqeval, on random and nasty cases.

    pip install torch scikit-learn seqeval && python reference/heads.py

Losses are computed in f64 and hold their gradients; a target of `null` does not count. What the packages have no word for
follows a definition: TRL's pairwise loss, missing labels (left out before the package is asked), SQuAD's scores, bins of
confidence. Where a package warns and gives a number for 0 / 0 that our metrics call absent, the case holds `null`.

Losses are compared within 1e-5, metrics within 1e-9.
"""

import collections
import json
import math
import random
import re
import string
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats
from seqeval.metrics.sequence_labeling import get_entities, precision_recall_fscore_support as lenient_scores
from seqeval.metrics.v1 import precision_recall_fscore_support as strict_scores
from seqeval.scheme import IOB2, Entities
from sklearn import metrics as sk

OUT = Path(__file__).resolve().parent.parent / "golden" / "heads.json"
IGNORED = -100
AVERAGES = ["macro", "micro", "weighted"]
rng = random.Random(5)
gen = torch.Generator().manual_seed(5)
warnings.filterwarnings("ignore")


def normal(*shape, scale=2.0):
    """Numbers of three decimals that require a gradient."""
    values = (torch.randn(*shape, generator=gen, dtype=torch.float64) * scale * 1000).round() / 1000
    return values.requires_grad_()


def holes(values, share=0.25):
    """The same without some; the first and the last stay."""
    last = len(values) - 1
    return [None if 0 < i < last and rng.random() < share else v for i, v in enumerate(values)]


def with_gradients(loss, **inputs):
    grads = torch.autograd.grad(loss, list(inputs.values()))
    return {"loss": loss.item(), **{name: grad.tolist() for name, grad in zip(inputs, grads)}}


# Losses


def cross_entropy(rows, classes, weights, smoothing, targets=None):
    logits = normal(rows, classes)
    targets = targets or holes([rng.randrange(classes) for _ in range(rows)])
    loss_of = torch.nn.CrossEntropyLoss(
        weight=None if weights is None else torch.tensor(weights, dtype=torch.float64),
        ignore_index=IGNORED,
        label_smoothing=smoothing,
    )
    loss = loss_of(logits, torch.tensor([IGNORED if t is None else t for t in targets]))
    case = {"logits": logits.tolist(), "targets": targets, "weights": weights, "smoothing": smoothing}
    return case | with_gradients(loss, grad=logits)


def known(targets):
    mask = torch.tensor([t is not None for t in targets])
    return mask, torch.tensor([t for t in targets if t is not None], dtype=torch.float64)


def binary(rows, labels, pos_weight, shares, scale=2.0):
    logits = normal(rows, labels, scale=scale)
    draw = (lambda: round(rng.random(), 3)) if shares else (lambda: float(rng.randrange(2)))
    targets = holes([draw() for _ in range(rows * labels)])
    mask, y = known(targets)
    weights = torch.tensor(pos_weight or [1.0] * labels, dtype=torch.float64).repeat(rows)[mask]
    loss = F.binary_cross_entropy_with_logits(logits.flatten()[mask], y, pos_weight=weights)
    return {"logits": logits.tolist(), "targets": targets, "pos_weight": pos_weight} | with_gradients(loss, grad=logits)


def regression(rows, numbers, delta):
    predicted = normal(rows, numbers)
    targets = holes([round(rng.gauss(0, 3), 3) for _ in range(rows * numbers)])
    mask, y = known(targets)
    own = predicted.flatten()[mask]
    loss = F.mse_loss(own, y) if delta is None else F.huber_loss(own, y, delta=delta)
    return {"predicted": predicted.tolist(), "targets": targets, "delta": delta} | with_gradients(loss, grad=predicted)


def span(lengths):
    width = max(lengths) + 2
    start, end = normal(len(lengths), width), normal(len(lengths), width)
    targets = []
    for i, length in enumerate(lengths):
        a = rng.randrange(length)
        targets.append({"start": a, "end": rng.randrange(a, length)})
        if i == 1:
            targets[i] = {"start": 0, "end": 0}
    targets = holes(targets, share=0.4)
    losses = []
    for i, (length, target) in enumerate(zip(lengths, targets)):
        if target is not None:
            for logits, key in ((start, "start"), (end, "end")):
                losses.append(F.cross_entropy(logits[i : i + 1, :length], torch.tensor([target[key]])))
    loss = torch.stack(losses).mean()
    case = {"start": start.tolist(), "end": end.tolist(), "lengths": lengths, "targets": targets}
    return case | with_gradients(loss, grad_start=start, grad_end=end)


def pairwise(rows, margins, center, scale=1.0):
    chosen, rejected = normal(rows, scale=scale), normal(rows, scale=scale)
    m = [round(rng.random(), 3) for _ in range(rows)] if margins else None
    lead = chosen - rejected - (torch.tensor(m, dtype=torch.float64) if margins else 0.0)
    loss = -F.logsigmoid(lead).mean() + center * ((chosen + rejected) ** 2).mean()
    case = {"chosen": chosen.tolist(), "rejected": rejected.tolist(), "margins": m, "center": center}
    return case | with_gradients(loss, grad_chosen=chosen, grad_rejected=rejected)


def losses():
    weights = [0.3, 2.0, 0.0, 1.5]
    return {
        "cross_entropy": [
            cross_entropy(8, 4, None, 0.0),
            cross_entropy(8, 4, weights, 0.0, [0, 1, None, 3, 2, None, 1, 1]),
            cross_entropy(8, 4, None, 0.1),
            cross_entropy(9, 4, weights, 0.2, [3, None, 0, 0, 2, 1, None, None, 1]),
            cross_entropy(1, 2, None, 0.0, [1]),
            cross_entropy(5, 3, None, 0.3, [None, 2, None, None, 2]),
        ],
        "binary": [
            binary(5, 3, None, False),
            binary(5, 3, [0.5, 3.0, 0.0], False),
            binary(4, 4, [2.0, 1.0, 0.1, 7.5], True),
            binary(4, 2, None, True, scale=60.0),
        ],
        "regression": [regression(7, 1, None), regression(4, 3, None), regression(7, 2, 1.0), regression(6, 1, 0.25)],
        "span": [span([5, 3, 8, 1, 6]), span([4]), span([2, 7, 7, 3, 5, 4])],
        "pairwise": [
            pairwise(6, False, 0.0),
            pairwise(6, True, 0.0),
            pairwise(6, True, 0.01),
            pairwise(3, False, 0.5, scale=50.0),
        ],
    }


# Metrics of classes and labels


def prf(function, *args, **kwargs):
    return [float(x) for x in function(*args, zero_division=0, **kwargs)[:3]]


def classes(name, actual, predicted, count):
    each = sk.precision_recall_fscore_support(actual, predicted, labels=range(count), zero_division=0)[:3]
    scores = sk.precision_recall_fscore_support
    return {
        "name": name,
        "actual": actual,
        "predicted": predicted,
        "classes": count,
        "confusion": sk.confusion_matrix(actual, predicted, labels=range(count)).tolist(),
        "accuracy": sk.accuracy_score(actual, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(actual, predicted),
        "mcc": sk.matthews_corrcoef(actual, predicted),
        "each": np.array(each).T.tolist(),
        **{average: prf(scores, actual, predicted, average=average) for average in AVERAGES},
    }


def no_rows():
    """scikit-learn refuses no rows; nothing is defined but what 0 / 0 is declared to be."""
    zeros = {average: [0.0] * 3 for average in AVERAGES}
    case = {"name": "no rows", "actual": [], "predicted": [], "classes": 2, "confusion": [[0, 0], [0, 0]]}
    return case | {"accuracy": None, "balanced_accuracy": None, "mcc": 0.0, "each": [[0.0] * 3] * 2, **zeros}


def class_cases():
    def drawn(count, rows, right):
        actual = [min(int(rng.expovariate(0.8)), count - 1) for _ in range(rows)]
        return actual, [a if rng.random() < right else rng.randrange(count) for a in actual]

    three, five, two = drawn(3, 40, 0.6), drawn(5, 30, 0.3), drawn(2, 25, 0.4)
    return [
        classes("three", *three, 3),
        classes("five", *five, 5),
        classes("two", *two, 2),
        classes("a class that never occurs", *three, 4),
        classes("a class that is only predicted", [0, 0, 1, 1, 1], [0, 2, 1, 2, 0], 3),
        classes("one class", [1, 1, 1], [1, 1, 1], 2),
        classes("one actual class", [0, 0, 0, 0], [0, 1, 1, 0], 2),
        classes("one predicted class", [0, 1, 1, 2], [1, 1, 1, 1], 3),
        classes("all wrong", [0, 1, 2, 0], [1, 2, 0, 2], 3),
        classes("one row", [1], [0], 2),
        no_rows(),
    ]


def labels(actual, predicted):
    """Rows of labels, `None` where unknown: the entries that are known, label by label and together."""
    scores = sk.precision_recall_fscore_support
    flat = [(a, p) for row, own in zip(actual, predicted) for a, p in zip(row, own) if a is not None]
    each, support = [], []
    for of_label in zip(*[list(zip(row, own)) for row, own in zip(actual, predicted)]):
        rows = [(a, p) for a, p in of_label if a is not None]
        a, p = [r[0] for r in rows], [r[1] for r in rows]
        each.append(prf(scores, a, p, average="binary", pos_label=True) if rows else [0.0] * 3)
        support.append(sum(a))
    micro = prf(scores, [r[0] for r in flat], [r[1] for r in flat], average="binary", pos_label=True)
    weighted = np.average(each, axis=0, weights=support).tolist() if sum(support) else [0.0] * 3
    case = {"macro": np.mean(each, axis=0).tolist(), "micro": micro, "weighted": weighted}
    complete = [r for r in zip(actual, predicted) if any(a is not None for a in r[0])]
    right = [all(a is None or a == p for a, p in zip(*r)) for r in complete]
    if all(a is not None for row in actual for a in row):
        # Nothing is missing: the package itself, on the whole matrix.
        a, p = np.array(actual, dtype=int), np.array(predicted, dtype=int)
        theirs = {average: prf(scores, a, p, average=average) for average in AVERAGES}
        assert all(np.allclose(case[k], theirs[k], atol=1e-12) for k in AVERAGES)
        assert math.isclose(np.mean(right), sk.accuracy_score(a, p))
    flat_of = lambda rows: [x for row in rows for x in row]
    sizes = {"labels": len(actual[0]), "subset_accuracy": float(np.mean(right)) if right else None}
    return case | sizes | {"actual": flat_of(actual), "predicted": flat_of(predicted)}


def label_cases():
    def drawn(rows, count, share):
        return [[rng.random() < share for _ in range(count)] for _ in range(rows)]

    actual, predicted = drawn(20, 4, 0.4), drawn(20, 4, 0.5)
    missing = [[None if rng.random() < 0.3 else a for a in row] for row in actual]
    missing[3] = [None] * 4
    return [
        labels(actual, predicted),
        labels(missing, predicted),
        labels([[False, False]] * 3, [[False, True]] * 3),
        labels([[True, False]] * 3, [[True, False]] * 3),
    ]


# Rankings and numbers


def ranking(scores, is_positive):
    both, some = len(set(is_positive)) == 2, any(is_positive)
    return {
        "scores": scores,
        "labels": is_positive,
        "auc": sk.roc_auc_score(is_positive, scores) if both else None,
        "average_precision": sk.average_precision_score(is_positive, scores) if some else None,
    }


def ranking_cases():
    flags = [rng.random() < 0.4 for _ in range(30)]
    return [
        ranking([round(rng.gauss(0.8 * f, 1), 3) for f in flags], flags),
        ranking([float(rng.randrange(4)) for _ in flags], flags),
        ranking([1.0] * 6, [True, False] * 3),
        ranking([1.0, 2.0, 3.0, 4.0], [False, False, True, True]),
        ranking([4.0, 3.0, 2.0, 1.0], [False, False, True, True]),
        ranking([1.0, 2.0], [True, True]),
        ranking([1.0, 2.0], [False, False]),
        ranking([], []),
    ]


def ranking_classes(actual, count):
    z = np.array([[rng.gauss(1.0 * (c == a), 1) for c in range(count)] for a in actual])
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    every = set(actual) == set(range(count))
    auc = sk.roc_auc_score(actual, p, multi_class="ovr", average="macro") if every else None
    return {"scores": p.tolist(), "actual": actual, "classes": count, "auc": auc}


def numbers(predicted, actual):
    def finite(x):
        return float(x) if math.isfinite(x) else None

    varied = len(actual) > 1 and len(set(actual)) > 1
    both = varied and len(set(predicted)) > 1
    pearson = stats.pearsonr(predicted, actual) if both else None
    interval = pearson.confidence_interval() if both and len(actual) > 3 else (math.nan, math.nan)
    return {
        "predicted": predicted,
        "actual": actual,
        "mse": sk.mean_squared_error(actual, predicted),
        "mae": sk.mean_absolute_error(actual, predicted),
        "r2": sk.r2_score(actual, predicted) if varied else None,
        "pearson": finite(pearson.statistic) if both else None,
        "pearson_low": finite(interval[0]),
        "pearson_high": finite(interval[1]),
        "spearman": finite(stats.spearmanr(predicted, actual).statistic) if both else None,
    }


def number_cases():
    actual = [round(rng.gauss(2, 3), 3) for _ in range(25)]
    return [
        numbers([round(0.5 * a + rng.gauss(0, 1), 3) for a in actual], actual),
        numbers([float(rng.randrange(4)) for _ in range(25)], [float(rng.randrange(3)) for _ in range(25)]),
        numbers([round(math.exp(a), 6) for a in actual], actual),
        numbers([0.1] * 7, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]),
        numbers([1.0, 2.0, 3.0], [0.3, 0.3, 0.3]),
        numbers([1.0, 5.0, 2.0], [0.0, 1.0, 0.5]),
        numbers([2.0], [1.0]),
    ]


# Entities

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def entities(tags, scheme):
    if scheme == "lenient":
        found = [(kind, start, end + 1) for kind, start, end in get_entities(tags)]
    else:
        found = [(e.tag, e.start, e.end) for e in Entities([tags], IOB2).entities[0]]
    return [{"kind": kind, "start": start, "end": end} for kind, start, end in found]


def entity_scores(actual, predicted, scheme):
    scores = lenient_scores if scheme == "lenient" else lambda *a, **k: strict_scores(*a, scheme=IOB2, **k)
    found = {key: [entities(t, scheme) for t in texts] for key, texts in (("actual", actual), ("predicted", predicted))}
    kinds = sorted({e["kind"] for texts in found.values() for text in texts for e in text})
    each = scores(actual, predicted, average=None, zero_division=0)[:3]
    means = {average: prf(scores, actual, predicted, average=average) for average in AVERAGES}
    return found | {"kinds": kinds, "each": np.array(each).T.tolist()} | means


def entity_cases():
    texts = [["B-PER", "I-PER", "O"], ["I-PER", "I-PER"], ["B-PER", "I-LOC", "I-LOC"], ["B-PER", "B-PER"], [], ["O"]]
    texts += [["I-LOC"], ["B-LOC", "O", "I-LOC"], ["O", "I-PER", "B-PER", "I-PER", "I-LOC"]]
    texts += [[rng.choice(TAGS) for _ in range(rng.randint(1, 8))] for _ in range(40)]

    def drawn(share):
        actual = [[rng.choice(TAGS) for _ in range(rng.randint(2, 9))] for _ in range(12)]
        return actual, [[t if rng.random() < share else rng.choice(TAGS) for t in text] for text in actual]

    pairs = [drawn(0.8), drawn(0.4), ([["B-PER", "O"]], [["B-LOC", "O"]]), ([["B-PER", "O"]], [["O", "O"]])]
    return {
        "texts": [{"tags": t, **{s: entities(t, s) for s in ("lenient", "strict")}} for t in texts],
        "scores": [entity_scores(*pair, scheme) for pair in pairs for scheme in ("lenient", "strict")],
    }


# Answers: the definitions of SQuAD 2's evaluation


def plain(text):
    kept = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(?:the|an|a)\b", " ", kept).split()


def answer_scores(predicted, answers):
    own = plain(predicted)
    best = [0.0, 0.0]
    for words in [w for w in map(plain, answers) if w] or [[]]:
        common = sum((collections.Counter(own) & collections.Counter(words)).values())
        f1 = 2 * common / (len(own) + len(words)) if own and words else float(own == words)
        best = [max(best[0], float(own == words)), max(best[1], f1)]
    return best


def answer_cases():
    rows = [
        ("Denver Broncos", ["Denver Broncos", "The Denver Broncos"]),
        ("the denver broncos!", ["Denver Broncos"]),
        ("Broncos", ["Denver Broncos", "the Broncos of Denver"]),
        ("in 1833", ["1833", "1832"]),
        ("a a b", ["b b a c"]),
        ("the", ["a"]),
        ("the", ["cat"]),
        ("", ["cat"]),
        ("", []),
        ("...", []),
        ("cat", []),
        ("Größe über alles", ["GRÖSSE Über"]),
        ("U.S. dollars", ["US dollars", "dollar"]),
        ("l’a dit", ["l’ dit"]),
        ("to be or not to be", ["be not", "or to be be to"]),
    ]
    scored = [answer_scores(*row) for row in rows]
    mean = lambda keep: np.mean([s for s, (_, answers) in zip(scored, rows) if keep(answers)], axis=0).tolist()
    return {
        "rows": [{"predicted": p, "answers": a, "exact": e, "f1": f} for (p, a), (e, f) in zip(rows, scored)],
        "all": mean(lambda answers: True),
        "with": mean(bool),
        "without": mean(lambda answers: not answers),
    }


# Calibration


def calibration(confidence, right, bins):
    rows, gaps = [], []
    for k in range(bins):
        low, high = k / bins, (k + 1) / bins
        inside = [(p, r) for p, r in zip(confidence, right) if low < p <= high or (k == 0 and p == 0)]
        rows.append(len(inside))
        gaps.append(abs(np.mean([p for p, _ in inside]) - np.mean([r for _, r in inside])) if inside else None)
    found = [g for g in gaps if g is not None]
    expected = sum(n * g for n, g in zip(rows, gaps) if n) / len(right) if right else None
    case = {"confidence": confidence, "right": right, "bins": bins, "rows": rows}
    return case | {"expected_error": expected, "largest_error": max(found) if found else None}


def calibration_cases():
    p = [round(0.3 + 0.7 * rng.random(), 4) for _ in range(60)]
    right = [rng.random() < x**2 for x in p]
    return [
        calibration(p, right, 15),
        calibration(p, right, 4),
        calibration([0.0, 0.25, 0.5, 0.75, 1.0], [False, False, True, True, True], 4),
        calibration([1.0, 1.0], [True, False], 10),
        calibration([], [], 3),
    ]


def rounded(value):
    """Twelve significant digits: more than anything is compared to, in less space."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, float):
        assert math.isfinite(value), "a case holds a number that is not finite"
        return float(f"{value:.12g}")
    if isinstance(value, (list, tuple)):
        return [rounded(x) for x in value]
    return {key: rounded(x) for key, x in value.items()} if isinstance(value, dict) else value


golden = {
    "losses": losses(),
    "classes": class_cases(),
    "labels": label_cases(),
    "ranking": ranking_cases(),
    "ranking_classes": [
        ranking_classes([rng.randrange(3) for _ in range(20)], 3),
        ranking_classes([0, 1, 2, 3, 3], 4),
        ranking_classes([0, 1, 1, 0], 3),
    ],
    "regression": number_cases(),
    "entities": entity_cases(),
    "answers": answer_cases(),
    "calibration": calibration_cases(),
}
OUT.write_text(json.dumps(rounded(golden), separators=(",", ":"), ensure_ascii=False) + "\n")
