"""Writes `golden/rewards/breadth.json`: rewards that follow a definition instead of a package, computed from the definition.

    pip install numpy && python reference/rewards_breadth.py

Counts of real tuples stand where the crate hashes, sums over all pairs where it sorts, Newton's method where it uses
L-BFGS. The texts are made of words that the crate's tokenizer, stemmer and list of function words leave as they are, so
that `str.split` is enough here. Compared within 1e-9, the fitted probabilities within 1e-7.
"""

import json
import math
import random
from collections import Counter
from pathlib import Path

import numpy as np

OUT = Path(__file__).resolve().parent.parent / "golden" / "rewards" / "breadth.json"
WORDS = "cat dog ship moon lamp fox hill jump salt king corn fish road tent wolf drum".split()
VOCABULARY = 1000
rng = random.Random(4)


def text(most):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(0, most)))


def grams(words, n):
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def distinct(words, n):
    all_grams = grams(words, n)
    return len(set(all_grams)) / len(all_grams) if all_grams else 0.0


def entropy(words, n):
    counts = Counter(grams(words, n))
    total = sum(counts.values())
    if total < 2:
        return 0.0
    return -sum(c / total * math.log(c / total) for c in counts.values()) / math.log(total)


def short_grams(words, n):
    return set(grams(words, min(n, len(words)))) if words else set()


class NgramModel:
    def __init__(self, n):
        self.n, self.counts = n, Counter()

    def places(self, words):
        padded = ["<s>"] * (self.n - 1) + words
        for i in range(self.n - 1, len(padded)):
            yield tuple(padded[i - self.n + 1 : i]), padded[i]

    def p(self, context, word):
        p = 1 / VOCABULARY
        for k in range(len(context) + 1):
            part = context[len(context) - k :]
            after = {w: c for (h, w), c in self.counts.items() if h == part}
            if not after:
                break
            total, types = sum(after.values()), len(after)
            p = (after.get(word, 0) + types * p) / (total + types)
        return p

    def learn(self, words):
        for context, word in self.places(words):
            for k in range(len(context) + 1):
                self.counts[(context[len(context) - k :], word)] += 1


def memories(batches):
    """Scores of three batches by what remembers, each batch against those before it."""
    seen, bonus, model, rows = set(), Counter(), NgramModel(3), []
    for batch in batches:
        scored = []
        for line in batch:
            words = line.split()
            g3, g2 = short_grams(words, 3), short_grams(words, 2)
            ps = [model.p(c, w) for c, w in model.places(words)]
            scored.append(
                {
                    "novelty": len(g3 - seen) / len(g3) if g3 else 0.0,
                    "exploration_bonus": sum(1 / math.sqrt(1 + bonus[g]) for g in g2) / len(g2) if g2 else 0.0,
                    "curiosity": sum(1 - p for p in ps) / len(ps) if ps else 0.0,
                    "nll": -sum(math.log(p) for p in ps) / len(ps) if ps else 0.0,
                }
            )
        for line in batch:
            words = line.split()
            seen |= short_grams(words, 3)
            bonus.update(short_grams(words, 2))
            model.learn(words)
        rows.append(scored)
    return rows


def idf(term, corpus):
    return math.log((1 + len(corpus)) / (1 + sum(term in doc.split() for doc in corpus))) + 1


def vector(words, corpus):
    v = {t: (1 + math.log(c)) * idf(t, corpus) for t, c in Counter(words).items()}
    length = math.sqrt(sum(x * x for x in v.values()))
    return {t: x / length for t, x in v.items()} if length else {}


def cosine(a, b):
    return sum(x * b.get(t, 0) for t, x in a.items())


def centroid(corpus):
    total = Counter()
    for doc in corpus:
        for t, x in vector(doc.split(), corpus).items():
            total[t] += x
    length = math.sqrt(sum(x * x for x in total.values()))
    return {t: x / length for t, x in total.items()}


def bm25(query, corpus, k1=1.2, b=0.75):
    docs = [doc.split() for doc in corpus]
    mean = sum(map(len, docs)) / len(docs)
    weight = {}
    for t in set(query):
        n = sum(t in d for d in docs)
        weight[t] = math.log(1 + (len(docs) - n + 0.5) / (n + 0.5))
    most = sum(weight.values()) * (k1 + 1)

    def score(d):
        return sum(
            weight[t] * d.count(t) * (k1 + 1) / (d.count(t) + k1 * (1 - b + b * len(d) / mean)) for t in weight
        )

    return max(map(score, docs)) / most if most else 0.0


def cohesion(sentences):
    vs = [vector(s.split(), []) for s in sentences]
    pairs = [cosine(a, b) for a, b in zip(vs, vs[1:])]
    return sum(pairs) / len(pairs) if pairs else None


def entity_grid(sentences):
    sets = [set(s.split()) for s in sentences]
    pairs = [(i, j) for i in range(len(sets)) for j in range(i + 1, len(sets))]
    if not pairs:
        return None
    return sum(1 / (j - i) for i, j in pairs if sets[i] & sets[j]) / sum(1 / (j - i) for i, j in pairs)


def auc(scores, labels):
    pos = [s for s, y in zip(scores, labels) if y]
    neg = [s for s, y in zip(scores, labels) if not y]
    win = [[1.0 if p > n else 0.5 if p == n else 0.0 for n in neg] for p in pos]
    w = np.array(win)
    value = w.mean()
    s10, s01 = w.mean(axis=1).var(ddof=1) / len(pos), w.mean(axis=0).var(ddof=1) / len(neg)
    half = 1.959963984540054 * math.sqrt(s10 + s01)
    return [value, max(0, value - half), min(1, value + half)]


def regression(rows, l2):
    """Newton's method on Σ log(1 + e^−yz) + l2/2·|w|²; TF-IDF of unigrams and bigrams of two rows or more."""
    docs = [r["text"].split() for r in rows]
    counts = [Counter([" ".join(g) for n in (1, 2) for g in grams(d, n)]) for d in docs]
    df = Counter(t for c in counts for t in c)
    terms = sorted(t for t, c in df.items() if c >= 2)
    x = np.zeros((len(rows), len(terms) + 1))
    for i, c in enumerate(counts):
        for j, t in enumerate(terms):
            if c[t]:
                x[i, j] = (1 + math.log(c[t])) * (math.log((1 + len(rows)) / (1 + df[t])) + 1)
        x[i] /= np.linalg.norm(x[i]) or 1
        x[i, -1] = 1
    y = np.array([float(r["label"]) for r in rows])
    w, penalty = np.zeros(x.shape[1]), np.array([l2] * len(terms) + [0.0])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ w))
        hessian = (x.T * (p * (1 - p))) @ x + np.diag(penalty)
        w -= np.linalg.solve(hessian, x.T @ (p - y) + penalty * w)
    return (x @ w).tolist()


def main():
    texts = ["", "cat", "cat cat", "cat dog cat dog"] + [text(14) for _ in range(16)]
    corpus = [text(20) + " cat" for _ in range(12)]
    batches = [[text(10) for _ in range(4)] for _ in range(3)]
    documents = [[text(6) + " moon"] for _ in range(2)] + [[text(7) + " cat" if i % 2 else text(7) + " dog" for i in range(n)] for n in (2, 3, 5, 8)]
    labelled = []
    for i in range(120):
        label = rng.random() < 0.5
        words = (text(8) + (" king" if label != (rng.random() < 0.2) else " fish")).split()
        labelled.append({"text": " ".join(words), "label": label})
    scores = [rng.randint(0, 6) for _ in range(60)]
    labels = [rng.random() < 0.2 + s / 12 for s in scores]
    mean = centroid(corpus)
    out = {
        "texts": [
            {
                "text": t,
                "distinct_1": distinct(t.split(), 1),
                "distinct_2": distinct(t.split(), 2),
                "entropy_1": entropy(t.split(), 1),
                "entropy_2": entropy(t.split(), 2),
                "tfidf": cosine(vector(t.split(), corpus), mean),
                "bm25": bm25(t.split(), corpus),
                "topic": cosine(vector(t.split(), []), vector(corpus[0].split(), [])),
                "topic_corpus": cosine(vector(t.split(), corpus), vector(corpus[0].split(), corpus)),
            }
            for t in texts
        ],
        "corpus": corpus,
        "batches": batches,
        "memories": memories(batches),
        "documents": [{"sentences": d, "cohesion": cohesion(d), "entity_grid": entity_grid(d)} for d in documents],
        "auc": {"scores": scores, "labels": labels, "interval": auc(scores, labels)},
        "regression": {"rows": labelled, "l2": 0.5, "logits": regression(labelled, 0.5)},
    }
    OUT.write_text(json.dumps(out) + "\n")


main()
