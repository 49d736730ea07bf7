"""Speed of the originals of our rewards on pairs of texts, to stand beside ours.

    pip install torch transformers sentence-transformers bert_score
    pip install sacrebleu==2.6.0 rouge_score==0.1.2 rapidfuzz==3.14.6 vaderSentiment==3.3.2
    python reference/bench/texts.py --case embeddings/minilm --peer sentence-transformers --threads 2
    python reference/bench/texts.py --case bertscore/minilm --peer bert_score --threads 2
    python reference/bench/texts.py --case rewards/rouge_l --peer rouge_score

The case is one of `benches/cases.json`. The texts are made by the rule of `crates/cli/benches/speed/texts.rs`, word for word.
`embeddings` and `bertscore`: an encoder of the case's sizes with random weights and a WordPiece that knows every word, in the
batches that users get by default. `rewards`: one pair after the other by a scorer that is kept, as its library does it, on one
thread. Prints one JSON line: the median in seconds, all repetitions, pairs, peak memory.
"""

import importlib.metadata
import os
import shutil
import tempfile
from pathlib import Path

import cases
import rewards

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = 8000
FEWEST = 10
LISTED, LISTED_EVERY = 7500, 16
SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprtv" for vowel in "aeiou"]
ENDINGS = ["", "s", "ed", "ing", "er", "ly", "ness", "al"]


class Draws:
    """Numbers that look drawn: a linear congruential sequence of 64 bits, of which the upper half is taken."""

    def __init__(self, seed):
        self.state = seed
        self.draw()
        self.draw()

    def draw(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return self.state >> 33

    def below(self, limit):
        return self.draw() % limit

    def rank(self, count):
        """A number below `count`, small ones the more often."""
        return self.below(self.below(count) + 1)


def word(number):
    text, rest = "", number // len(ENDINGS)
    while True:
        text += SYLLABLES[rest % len(SYLLABLES)]
        rest //= len(SYLLABLES)
        if rest == 0:
            return text + ENDINGS[number % len(ENDINGS)]


def words_of(case):
    """How many words the texts are made of."""
    return case["sizes"]["vocab_size"] - len(SPECIAL) if "sizes" in case else VOCABULARY


def pairs_of(case):
    """A response and a target for each row."""
    count = words_of(case)
    fewest = min(FEWEST, case["length"])
    half = (case["length"] - fewest) // 2 + 1

    def pair(number):
        draws = Draws(number)
        length = fewest + draws.below(half) + draws.below(half)
        response, target = [draws.rank(count) for _ in range(length)], []
        for known in response:
            change = draws.below(8)
            if change in (1, 2):
                target.append(draws.rank(count))
            elif change > 2:
                target.append(known)
        return " ".join(map(word, response)), " ".join(map(word, target))

    return [pair(number) for number in range(case["rows"])]


def write_encoder(case, folder):
    """What `crates/cli/benches/speed/encoder.rs` writes, with random weights of its own."""
    import torch
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    sizes = case["sizes"]
    config = BertConfig(
        vocab_size=sizes["vocab_size"],
        hidden_size=sizes["hidden_size"],
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        intermediate_size=sizes.get("intermediate_size", 4 * sizes["hidden_size"]),
        max_position_embeddings=sizes["context"],
    )
    torch.manual_seed(0)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokens = SPECIAL + [word(number) for number in range(words_of(case))]
    inner = Tokenizer(models.WordPiece({token: id for id, token in enumerate(tokens)}, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.decoder = decoders.WordPiece()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    roles = dict(zip(["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"], SPECIAL))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, model_max_length=sizes["context"], **roles)
    tokenizer.save_pretrained(folder)


def cosines(case, folder):
    """(1 + c) / 2 of each pair, as `cosine_sts` has it."""
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu")

    def score(pairs):
        vectors = model.encode([text for pair in pairs for text in pair], convert_to_tensor=True, show_progress_bar=False)
        vectors = torch.nn.functional.normalize(vectors, dim=1).view(len(pairs), 2, -1)
        return ((1 + (vectors[:, 0] * vectors[:, 1]).sum(dim=1)) / 2).tolist()

    return score


def matches(case, folder):
    """F1 of each pair. bert_score asks tokenizers for a method that transformers 5 no longer has."""
    import bert_score
    from bert_score import utils

    def encode(tokenizer, text):
        limit = min(tokenizer.model_max_length, 512)
        return tokenizer.encode(text.strip(), add_special_tokens=True, max_length=limit, truncation=True)

    utils.sent_encode = encode
    scorer = bert_score.BERTScorer(model_type=folder, num_layers=case["sizes"]["layers"], device="cpu")

    def score(pairs):
        responses, targets = zip(*pairs)
        return scorer.score(list(responses), list(targets))[2].tolist()

    return score


def by_encoder(case, options, peer):
    """Who measured, and what scores all pairs."""
    import torch
    import transformers

    torch.set_num_threads(options.threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    # No random name: bert_score takes a path with `t5` in it for another model.
    folder = Path(tempfile.gettempdir()) / f"encoder-{os.getpid()}"
    folder.mkdir()
    try:
        write_encoder(case, folder)
        score = {"sentence-transformers": cosines, "bert_score": matches}[peer](case, str(folder))
    finally:
        shutil.rmtree(folder)
    by = f"{peer} {importlib.metadata.version(peer)}, {cases.versions(transformers, torch)}"
    return by, score


def by_library(case, peer):
    """As `by_encoder`, for a reward without a network."""
    _, make = rewards.ORIGINALS[case["reward"]]
    listed = {word(number * LISTED_EVERY): number % 9 - 4.0 for number in range(LISTED)}
    scorer = make(listed) if case["reward"] == "sentiment" else make()
    return f"{peer} {importlib.metadata.version(peer)}", lambda pairs: [scorer(*pair) for pair in pairs]


def main():
    peers = ["sentence-transformers", "bert_score", "sacrebleu", "rouge_score", "rapidfuzz", "vaderSentiment"]
    options, case = cases.arguments(__doc__, peers)
    peer = options.peer
    if peer not in case["peers"]:
        raise SystemExit(f"`{case['name']}` is no work of {peer}; give --peer {' or '.join(case['peers'])}")
    try:
        by, score = by_library(case, peer) if case["work"] == "rewards" else by_encoder(case, options, peer)
    except ImportError as error:
        cases.absent(error)
    pairs = pairs_of(case)
    cases.report(case, by, cases.repeated(case, lambda: cases.seconds(lambda: score(pairs))), len(pairs))


if __name__ == "__main__":
    main()
