"""METEOR, its tokenizer, GLEU and longest common subsequences, by NLTK and rapidfuzz.

    pip install nltk==3.10.4 rapidfuzz==3.14.6
    python reference/rewards_meteor.py [WORDNET]

WORDNET is a folder with the files of WordNet 3.0; Debian's package `wordnet-base` puts them into `/usr/share/wordnet`, which
is taken where none is named. Files in `golden/rewards`, each a JSON object a line:

- `meteor_nltk.jsonl`: tokens `hyp` and `ref` to METEOR without synonyms (`no_wordnet`), with them (`wordnet30`), with
  them and α 0.85, β 0.2, γ 0.6 (`alt_params`), and the pairs of places that are aligned with synonyms (`matches`).
- `treebank.jsonl`: `text` to the `tokens` of NLTK's word tokenizer, not cut into sentences before.
- `gleu.jsonl`: `hyp`, `refs`, `min_len`, `max_len` to the sentence's GLEU of words between white space.
- `lcs.jsonl`: `a`, `b` to the similarity of their `chars` and of their `words` between white space.
- `wordnet/`: the lines of WordNet (its licence stands in `wordnet/LICENSE`) that the rows of `meteor_nltk.jsonl` use, without
  their glosses.

The rows of `meteor_nltk.jsonl` are read from there and the numbers written anew; pairs drawn here are added.
Numbers are compared within 1e-9.
"""

import json
import random
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import nltk
from nltk.corpus.reader.wordnet import WordNetCorpusReader
from nltk.tokenize import NLTKWordTokenizer
from nltk.translate.gleu_score import sentence_gleu
from nltk.translate.meteor_score import align_words, meteor_score
from rapidfuzz.distance import LCSseq

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "rewards"
PARTS = ["noun", "verb", "adj", "adv"]
MEANINGS = [
    "children kids child kid youngsters",
    "buy purchase purchasing bought buys purchased",
    "car automobile cars autos machine",
    "begin start started beginning commence commenced",
    "big large larger biggest bigger great",
    "quickly rapidly speedily fast",
    "happy glad gladly happier felicitous",
    "house home houses dwelling firm",
    "men man mice mouse geese goose women",
    "said say tell state express",
    "better good well best",
    "Paris paris France french",
    "galore many cat dog ran the a of to , .",
]
TEXTS = [
    "",
    " ",
    "Good muffins cost $3.88\nin New York. Please buy me\ntwo of them.\nThanks.",
    "They'll save and invest more. I cannot, won't, can't; d'ye gimme gonna gotta lemme more'n wanna wanna go?",
    "'Tis the season, 'twas \"quoted\" ''twice'' (and [in] {brackets} <tags>).",
    "He said 'hello' and 'the cats' tails' — isn't it... well–known?! 100%, #1 & a@b.c *star*",
    "“Curly” ‘single’ «chevrons» „low” it’s the dogs’ bowls.",
    "Final quote.\" ",
    "Ends with a parenthesis.) \n",
    "Ends with a colon:",
    "Ends with a colon and a line:\n",
    "3,36 3, 36 a:b 12:30 end,",
    "'re 've 'll 'm 't 's 'd 'n 'em 'nuff 'S 'RE dogs'",
    "a--b---c ``quotes'' ` tick",
    "U.S.A. e.g. Mr. Smith's N'T n't don'T DON'T We'LL",
    "\x1cinfo\x1fseparators\u00a0and\u2003spaces\u0085.",
    "你好，世界。 مرحبا، بالعالم. שלום! 😀?!",
    "e\u0301'e\u0301 '\u00e9 x",
]


def rows(name):
    return [json.loads(line) for line in (GOLDEN / name).read_text("utf-8").splitlines()]


def write(name, data):
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in data)
    (GOLDEN / name).write_text(text, "utf-8")


class NoWordNet:
    @staticmethod
    def synsets(_):
        return []


class Recorder:
    """WordNet that remembers what it was asked."""

    def __init__(self, reader):
        self.reader, self.words = reader, set()

    def synsets(self, word):
        self.words.add(word.lower())
        return self.reader.synsets(word)


class Reader(WordNetCorpusReader):
    """Without the map to the edition of NLTK's download, which only other languages need."""

    def map_wn(self, version="wordnet"):
        return None


def open_wordnet(folder):
    """A reader, which needs one file more than Debian ships, for numbers that are not used here."""
    copy = Path(tempfile.mkdtemp())
    for part in PARTS:
        for name in (f"index.{part}", f"data.{part}", f"{part}.exc"):
            shutil.copy(folder / name, copy / name)
    (copy / "lexnames").write_text("".join(f"{n:02}\tnoun.file{n}\t1\n" for n in range(45)))
    nltk.data.path.append(str(copy))
    warnings.simplefilter("ignore")
    return Reader(str(copy), None)


def drawn(count):
    draw = random.Random(5)
    meanings = [words.split(" ") for words in MEANINGS]
    for _ in range(count):
        chosen = [draw.choice(meanings) for _ in range(draw.randint(1, 14))]
        reference = [draw.choice(words) for words in chosen]
        hypothesis = [draw.choice(words) for words in chosen if draw.random() < 0.85]
        if draw.random() < 0.4:
            draw.shuffle(hypothesis)
        yield hypothesis, reference


def meteor(wordnet):
    recorder = Recorder(wordnet)
    pairs = [(row["hyp"], row["ref"]) for row in rows("meteor_nltk.jsonl")]
    pairs += [pair for pair in map(tuple, drawn(60)) if pair not in pairs]

    def one(hyp, ref):
        return {
            "hyp": hyp,
            "ref": ref,
            "no_wordnet": meteor_score([ref], hyp, wordnet=NoWordNet),
            "wordnet30": meteor_score([ref], hyp, wordnet=recorder),
            "alt_params": meteor_score([ref], hyp, wordnet=recorder, alpha=0.85, beta=0.2, gamma=0.6),
            "matches": align_words(hyp, ref, wordnet=recorder)[0],
        }

    write("meteor_nltk.jsonl", [one(list(hyp), list(ref)) for hyp, ref in pairs])
    return recorder.words


def subset(folder, wordnet, words):
    """Keeps the lines that answer the questions about `words`, and about their base forms."""
    (GOLDEN / "wordnet").mkdir(exist_ok=True)
    licence = [line.split(" ", 3)[-1] for line in (folder / "data.noun").read_text().split("\n")[:29]]
    (GOLDEN / "wordnet" / "LICENSE").write_text("\n".join(line.strip() for line in licence).strip() + "\n")
    for part, tag in zip(PARTS, "nvar", strict=True):
        asked = {form for word in words for form in [word, *wordnet._morphy(word, tag)]}
        lines = (folder / f"index.{part}").read_text().split("\n")
        lines = [line for line in lines if line.split(" ")[0] in asked and line and line[0] != " "]
        (GOLDEN / "wordnet" / f"index.{part}").write_text("".join(line.strip() + "\n" for line in lines))
        offsets = {field for line in lines for field in line.split() if len(field) == 8 and field.isdigit()}
        lines = (folder / f"data.{part}").read_text().split("\n")
        lines = [line.split(" | ")[0] for line in lines if line.split(" ")[0] in offsets]
        (GOLDEN / "wordnet" / f"data.{part}").write_text("".join(f"{line} |\n" for line in map(shorten, lines)))
        lines = (folder / f"{part}.exc").read_text().split("\n")
        lines = [line for line in lines if line.split(" ")[0] in words and line]
        (GOLDEN / "wordnet" / f"{part}.exc").write_text("".join(line + "\n" for line in lines))


def shorten(line):
    """A line of a data file without its pointers to other synsets."""
    fields = line.split()
    return " ".join(fields[: 4 + 2 * int(fields[3], 16)] + ["000"])


def treebank():
    texts = TEXTS + [row["text"] for row in rows("tokenizers.jsonl")]
    cut = NLTKWordTokenizer().tokenize
    write("treebank.jsonl", [{"text": text, "tokens": cut(text)} for text in dict.fromkeys(texts)])


def gleu():
    pairs = [(" ".join(hyp), [" ".join(ref)]) for hyp, ref in drawn(20)]
    pairs += [("", [""]), ("", ["a"]), ("a", [""]), ("the the the", ["the", "the the cat sat"])]
    data = []
    for hyp, refs in pairs:
        for least, most in ((1, 4), (1, 1), (2, 3)):
            value = sentence_gleu([ref.split() for ref in refs], hyp.split(), least, most)
            data.append({"hyp": hyp, "refs": refs, "min_len": least, "max_len": most, "gleu": value})
    write("gleu.jsonl", data)


def lcs():
    def one(a, b):
        similarity = LCSseq.normalized_similarity
        return {"a": a, "b": b, "chars": similarity(a, b), "words": similarity(a.split(), b.split())}

    write("lcs.jsonl", [one(row["a"], row["b"]) for row in rows("edit.jsonl")])


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/wordnet")
    wordnet = open_wordnet(folder)
    subset(folder, wordnet, meteor(wordnet))
    treebank()
    gleu()
    lcs()


if __name__ == "__main__":
    main()
