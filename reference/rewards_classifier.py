"""Writes `golden/rewards/classifier/`: tiny sequence classifiers with tokenizers, and their answers to some texts.

    pip install torch transformers tokenizers && python reference/rewards_classifier.py

Four random checkpoints over two vocabularies made of the text below:

- `nli`: a BERT of three labels that exclude each other, whose pairs carry token types;
- `detox`: a BERT of six labels in Detoxify's order, without names and without a problem type;
- `mood`: a RoBERTa of three labels, whose pairs have two separators and no types;
- `quality`: a DistilBERT of one output, a number.

Configurations and tokenizer files are cut down to what is read. `expected.json` holds the texts and the pairs, and for
each model and each of them the token ids, the token types and the logits, in float32, one row at a time, cut by the
tokenizer itself to the model's length; then `softmax` and `sigmoid` of these by PyTorch in float64.
`supported` is the mean and the minimum over the sentences of a response, given by hand, of the highest probability of
entailment over the sources.
"""

import json
import re
import shutil
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    DistilBertConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
)

ROOT = Path(__file__).resolve().parent.parent / "golden" / "rewards" / "classifier"
CORPUS = [
    "The river runs past the old mill and under the bridge of stone.",
    "A child asked why the water never stops, and nobody in the village knew.",
    "In the morning the baker opens his shop; in the evening he closes it again.",
    "You are a fool. What a lovely day! The town has no name, but the people have.",
]
TEXTS = [
    "The river runs past the old mill.",
    "",
    "a",
    " \n ",
    "You are a fool, you fool.",
    "Zürich, naïve café: 東京 🙂!",
    "The town has no name. " * 12,
]
PAIRS = [
    ["The river runs past the old mill.", "The water stops."],
    ["Why?", ""],
    ["", ""],
    ["Why? " * 30, "Nobody in the village knew."],
    ["Why?", "Nobody in the village knew why the water never stops. " * 5],
    ["The town has no name, but the people have. " * 3, "In the evening he closes it again. " * 4],
]
SUPPORT = {
    "sources": ["The river runs past the old mill.", "A child asked why the water never stops."],
    "response": "The river runs. The water never stops! Nobody knew?",
    "sentences": ["The river runs.", "The water never stops!", "Nobody knew?"],
}
LENGTH = 24


def wordpiece():
    # Made by hand, for training breaks ties at random: every second word, and the letters.
    words = sorted({word for text in CORPUS for word in re.findall("[a-z]+", text.lower())})[::2]
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *".,?!:;", *letters, *("##" + letter for letter in letters)]
    pieces += [word for word in words if len(word) > 1]
    inner = Tokenizer(models.WordPiece({piece: index for index, piece in enumerate(pieces)}, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.add_special_tokens(pieces[:4])
    ids = [(token, inner.token_to_id(token)) for token in ["[CLS]", "[SEP]"]]
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=ids
    )
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=inner, model_input_names=inputs, **names)


def byte_level():
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(vocab_size=290, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    inner.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    names = {"unk_token": "<unk>", "pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    names |= {"cls_token": "<s>", "sep_token": "</s>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, model_input_names=["input_ids", "attention_mask"], **names
    )


def named(*names):
    return {"id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}


def cases():
    small = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    words, pieces = wordpiece(), byte_level()
    bert = {**small, "vocab_size": len(words), "max_position_embeddings": LENGTH}
    yield "nli", words, BertConfig(**bert, **named("CONTRADICTION", "NEUTRAL", "ENTAILMENT"))
    yield "detox", words, BertConfig(**bert, num_labels=6)
    roberta = {**small, "vocab_size": len(pieces), "max_position_embeddings": LENGTH + 2, "type_vocab_size": 1}
    yield "mood", pieces, RobertaConfig(**roberta, pad_token_id=1, **named("negative", "neutral", "positive"))
    distil = {"vocab_size": len(words), "dim": 12, "n_layers": 1, "n_heads": 2, "hidden_dim": 16}
    yield "quality", words, DistilBertConfig(**distil, max_position_embeddings=LENGTH, num_labels=1)


def write(name, tokenizer, config):
    folder = ROOT / name
    torch.manual_seed(len(name))
    model = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager")
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape)
        parameter.data.copy_(1 + 0.3 * noise if parameter.dim() == 1 else 0.4 * noise)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if name == "detox":
        file = folder / "config.json"
        kept = json.loads(file.read_text())
        kept.pop("problem_type", None)
        file.write_text(json.dumps(kept, indent=1) + "\n")
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(json.loads(file.read_text()), ensure_ascii=False, separators=(",", ":")) + "\n")
    for file in folder.iterdir():
        file.chmod(0o644)


class Answers:
    def __init__(self, name):
        folder = ROOT / name
        self.model = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    @torch.no_grad()
    def of(self, *texts):
        # As lists, for a lone text loses an empty second one.
        row = self.tokenizer(*([text] for text in texts), truncation=True, max_length=LENGTH, return_tensors="pt")
        if "token_type_ids" in row and "distil" in self.model.config.model_type:
            del row["token_type_ids"]
        logits = self.model(**row).logits[0]
        types = row.get("token_type_ids", [None])[0]
        return {
            "ids": row["input_ids"][0].tolist(),
            "types": [] if types is None else types.tolist(),
            "logits": logits.tolist(),
            "softmax": torch.softmax(logits.double(), 0).tolist(),
            "sigmoid": torch.sigmoid(logits.double()).tolist(),
        }


def support(answers):
    best = [
        max(answers.of(source, sentence)["softmax"][2] for source in SUPPORT["sources"])
        for sentence in SUPPORT["sentences"]
    ]
    return {"mean": sum(best) / len(best), "min": min(best)}


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    expected = {"texts": TEXTS, "pairs": PAIRS}
    for name, tokenizer, config in cases():
        write(name, tokenizer, config)
        answers = Answers(name)
        expected[name] = {
            "texts": [answers.of(text) for text in TEXTS],
            "pairs": [answers.of(first, second) for first, second in PAIRS],
        }
    expected["supported"] = {**SUPPORT, **support(Answers("nli"))}
    text = json.dumps(expected, ensure_ascii=False, separators=(",", ":"))
    (ROOT / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
