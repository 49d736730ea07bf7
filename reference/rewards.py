"""Recomputes every expectation in `golden/rewards/*.jsonl` with the Python packages that the metrics follow.

    pip install vaderSentiment==3.3.2 rapidfuzz==3.14.6 jiwer==4.0.0 sacrebleu==2.6.0 rouge_score==0.1.2 nltk==3.10.4 \
        && python reference/rewards.py

Since Python 3.12 `sum` of floats is compensated, which decides last digits; the script puts the same sum in place, so that
any version of Python writes the same. The inputs stand in the files themselves, one JSON object a line; the script keeps
them and replaces what is computed from them:

- `vader.jsonl`: `text` to VADER's four numbers.
- `vader_random.jsonl`: the same for sentences drawn, with a fixed seed, from words that the rules treat differently.
- `edit.jsonl`: `a`, `b` to distances and similarities of characters (rapidfuzz) and error rates with `b` as the reference
  (jiwer); `jaccard_ws_lower` is by its definition. jiwer refuses an empty reference; its older definition, edits for one
  word or character, stands there.
- `bleu_sentence.jsonl`, `chrf.jsonl`, `ter.jsonl`: `hyp`, `refs` and the keyword arguments `cfg` to sacrebleu's sentence
  scores, in [0, 100] (TER can exceed it).
- `bleu_corpus.jsonl`, `ter_corpus.jsonl`: `cfg` to sacrebleu's BLEU and TER of the pairs of `pairs.jsonl` taken as one corpus.
- `tokenizers.jsonl`: `text` to sacrebleu's tokenizers, tokens joined by single spaces.
- `rouge.jsonl`: `hyp`, `ref` and `stemmer` to rouge_score's precision, recall and F1.
- `porter.jsonl`: `w` to its stem with NLTK's extensions.
- `vader/*.txt`: the lines of VADER's two lexicons (MIT licence, C.J. Hutto) that the rows above use. A word that no row
  holds is not needed to score them.

Numbers are compared within 1e-9.
"""

import json
import random
import string
from pathlib import Path

import jiwer
import vaderSentiment
from nltk.stem.porter import PorterStemmer
from rapidfuzz import fuzz
from rapidfuzz.distance import OSA, DamerauLevenshtein, Indel, JaroWinkler, Levenshtein
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from sacrebleu.tokenizers.tokenizer_intl import TokenizerV14International
from sacrebleu.tokenizers.tokenizer_ter import TercomTokenizer
from sacrebleu.tokenizers.tokenizer_zh import TokenizerZh
from vaderSentiment import vaderSentiment as vader_module
from vaderSentiment.vaderSentiment import BOOSTER_DICT, NEGATE, SPECIAL_CASES, SentimentIntensityAnalyzer

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "rewards"
PACKAGE = Path(vaderSentiment.__file__).parent
WORDS = (
    "good great bad horrible love hate sad happy no kind of the movie is it a but BUT least at very not never so this "
    "without doubt yeah right bus stop bad ass to die for kiss of death beating heart sort just enough isn't can't or nor "
    "good! bad? :) :( :D <3 GREAT VERY Not, 'nice' (awful) no, no! dull; lol LOL ǅ ß É e\u0301 \U0001F600 \U0001F48B "
    "\u2764\ufe0f \U0001F44D\U0001F3FD !!! ??? ... x y2 \x1f \x1c\u200b"
).split(" ")


def rows(name):
    return [json.loads(line) for line in (GOLDEN / name).read_text().splitlines()]


def write(name, data):
    (GOLDEN / name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in data))


def sentences(count):
    draw = random.Random(7)
    special = sorted(BOOSTER_DICT) + sorted(NEGATE) + sorted(SPECIAL_CASES)
    pool = WORDS * 3 + special
    for _ in range(count):
        words = [draw.choice(pool) for _ in range(draw.randint(1, 12))]
        words = [word.upper() if draw.random() < 0.15 else word for word in words]
        yield " ".join(words) + draw.choice(["", "", "!", "!!", "?", "??", "!?!?!", "."])


def compensated_sum(values):
    """Neumaier's sum, which CPython 3.12 and later use for floats."""
    total = lost = 0.0
    for value in map(float, values):
        after = total + value
        lost += (total - after) + value if abs(total) >= abs(value) else (value - after) + total
        total = after
    return total + lost


def vader():
    vader_module.sum = compensated_sum
    analyzer = SentimentIntensityAnalyzer()
    texts = [row["text"] for row in rows("vader.jsonl")]
    write("vader.jsonl", [{"text": text, **analyzer.polarity_scores(text)} for text in texts])
    drawn = list(sentences(300))
    write("vader_random.jsonl", [{"text": text, **analyzer.polarity_scores(text)} for text in drawn])
    lexicons(" ".join(texts + drawn))


def lexicons(text):
    """Keeps the lines whose word occurs in the texts or in a description of an emoji that does."""
    (GOLDEN / "vader").mkdir(exist_ok=True)
    emoji = (PACKAGE / "emoji_utf8_lexicon.txt").read_text(encoding="utf-8").split("\n")
    emoji = [line for line in emoji if line and line.split("\t")[0] in text]
    spelled = " ".join([text] + [line.split("\t")[1] for line in emoji]).lower()
    tokens = set(spelled.split())
    tokens |= {token.strip(string.punctuation) for token in tokens}
    words = (PACKAGE / "vader_lexicon.txt").read_text(encoding="utf-8").split("\n")
    words = ["\t".join(line.split("\t")[:2]) for line in words if line and line.split("\t")[0] in tokens]
    (GOLDEN / "vader" / "vader_lexicon.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    (GOLDEN / "vader" / "emoji_utf8_lexicon.txt").write_text("\n".join(emoji) + "\n", encoding="utf-8")


def jaccard(a, b):
    a, b = set(a.lower().split()), set(b.lower().split())
    return len(a & b) / len(a | b) if a | b else 1.0


def edit():
    def one(a, b):
        return {
            "a": a,
            "b": b,
            "lev": Levenshtein.distance(a, b),
            "lev_norm_sim": Levenshtein.normalized_similarity(a, b),
            "indel": Indel.distance(a, b),
            "fuzz_ratio": fuzz.ratio(a, b),
            "osa": OSA.distance(a, b),
            "dl": DamerauLevenshtein.distance(a, b),
            "jw": JaroWinkler.similarity(a, b),
            "jaccard_ws_lower": jaccard(a, b),
            "wer": jiwer.wer(b, a) if b.split() else len(a.split()),
            "cer": jiwer.cer(b, a) if b.strip() else len(a.strip()),
        }

    write("edit.jsonl", [one(row["a"], row["b"]) for row in rows("edit.jsonl")])


def bleu_numbers(score):
    return {
        "score": score.score,
        "bp": score.bp,
        "precisions": score.precisions,
        "sys_len": score.sys_len,
        "ref_len": score.ref_len,
    }


def sacrebleu():
    def sentence(metric, row):
        return metric(**row["cfg"]).sentence_score(row["hyp"], row["refs"])

    def inputs(row):
        return {"cfg": row["cfg"], "hyp": row["hyp"], "refs": row["refs"]}

    bleu = rows("bleu_sentence.jsonl")
    write("bleu_sentence.jsonl", [inputs(row) | bleu_numbers(sentence(BLEU, row)) for row in bleu])
    chrf = rows("chrf.jsonl")
    write("chrf.jsonl", [inputs(row) | {"score": sentence(CHRF, row).score} for row in chrf])
    ter = [(row, sentence(TER, row)) for row in rows("ter.jsonl")]
    numbers = [(row, {"score": s.score, "num_edits": s.num_edits, "ref_length": s.ref_length}) for row, s in ter]
    write("ter.jsonl", [inputs(row) | some for row, some in numbers])
    pairs = rows("pairs.jsonl")
    texts = [row["hyp"] for row in pairs], [[row["ref"] for row in pairs]]
    configs = list({json.dumps(row["cfg"]): row["cfg"] for row in bleu}.values())
    scores = [(cfg, BLEU(**cfg).corpus_score(*texts)) for cfg in configs]
    write("bleu_corpus.jsonl", [{"cfg": cfg} | bleu_numbers(score) for cfg, score in scores])
    configs = list({json.dumps(row["cfg"]): row["cfg"] for row, _ in ter}.values())
    scores = [(cfg, TER(**cfg).corpus_score(*texts)) for cfg in configs]
    write("ter_corpus.jsonl", [{"cfg": cfg, "score": s.score, "num_edits": s.num_edits} for cfg, s in scores])


def tokenizers():
    known = {
        "t13a": Tokenizer13a(),
        "intl": TokenizerV14International(),
        "zh": TokenizerZh(),
        "tercom_norm": TercomTokenizer(normalized=True),
    }

    def one(text):
        return {"text": text} | {name: cut(text) for name, cut in known.items()}

    write("tokenizers.jsonl", [one(row["text"]) for row in rows("tokenizers.jsonl")])


def rouge():
    kinds = ["rouge1", "rouge2", "rouge3", "rougeL", "rougeLsum"]

    def one(row):
        found = RougeScorer(kinds, use_stemmer=row["stemmer"]).score(row["ref"], row["hyp"])
        inputs = {"stemmer": row["stemmer"], "hyp": row["hyp"], "ref": row["ref"]}
        return inputs | {kind: list(found[kind]) for kind in kinds}

    write("rouge.jsonl", [one(row) for row in rows("rouge.jsonl")])
    stemmer = PorterStemmer()
    write("porter.jsonl", [{"w": row["w"], "nltk": stemmer.stem(row["w"])} for row in rows("porter.jsonl")])


def main():
    vader()
    edit()
    sacrebleu()
    tokenizers()
    rouge()


if __name__ == "__main__":
    main()
