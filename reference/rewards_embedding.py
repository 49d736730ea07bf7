"""Writes `golden/rewards/embedding/`: two tiny encoders with tokenizers, and what rewards make of texts by them.

    pip install torch transformers sentence-transformers bert_score && python reference/rewards_embedding.py

`bert/` is a folder of sentence-transformers: a BERT with a WordPiece of its own, mean pooling, normalised, cut at 24
tokens. `roberta/` is a bare RoBERTa with a byte-level BPE, whose texts bert_score begins with a space. Both have random
weights.

`expected.json` holds, one text at a time, so that nothing is padded:

- `cosine`: for `bert` by sentence_transformers, for `roberta` by it with the mean pooling that it gives a bare encoder;
- `bertscore`: precision, recall and F1 by bert_score with `batch_size = 1`, by layer; with `idf` of `documents`, and
  rescaled by `baseline.tsv`; `several` takes the best of more references than one;
- `style`: cosine of each text and the mean of the exemplars' unit vectors;
- `coherence`: mean cosine of each two sentences that follow each other, cut here by hand.

bert_score asks tokenizers for methods and arguments that transformers 5 no longer has; `encode` stands in for its
`sent_encode` with the same meaning: stripped, a space before the first word for RoBERTa, special tokens, cut at the end.
"""

import json
import shutil
from collections import defaultdict
from math import log
from pathlib import Path

import bert_score
import torch
from bert_score import utils
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoModel, BertConfig, BertModel, PreTrainedTokenizerFast, RobertaConfig, RobertaModel

ROOT = Path(__file__).resolve().parent.parent / "golden" / "rewards" / "embedding"
CORPUS = [
    "The river runs past the old mill and under the bridge of stone.",
    "A child asked why the water never stops, and nobody in the village knew.",
    "In the morning the baker opens his shop; in the evening he closes it again.",
    "What is the name of the town? The town has no name, but the people have.",
    "Zürich is a city. A naïve café is a place where people drink and talk.",
] * 4
PAIRS = [
    ["The river runs past the old mill.", "The river runs past the old mill."],
    ["The river runs past the old mill.", "Under the bridge of stone the water never stops."],
    ["The baker opens his shop.", "What is the name of the town?"],
    ["water", "The water never stops, and nobody in the village knew why it runs past the mill and the shop."],
    ["The town has no name. " * 12, "the town"],
    ["", "The town has no name."],
    ["The town has no name.", ""],
    ["", ""],
    [" \t\n", "water"],
    ["Zürich, naïve café: 東京 🙂!", "A naïve café in Zürich."],
    ["  water\n\nwater ", "WATER water"],
    ["the [SEP] mill", "the mill </s>"],
]
SEVERAL = [
    ["The baker closes his shop.", ["The baker opens his shop.", "In the evening he closes it again.", "stone"]],
    ["water", ["", "the water"]],
    ["", ["water", "the mill"]],
]
DOCUMENTS = CORPUS[:5] + ["the", "The river.", "water water water"]
EXEMPLARS = ["The river runs past the old mill.", "Nobody knew why.", "the people drink and talk"]
SENTENCES = [
    ["The river runs past the mill.", "Nobody knew why the water never stops.", "The town has no name."],
    ["What is the name?", "It has none!"],
]
TEXTS = [response for response, _ in PAIRS]
LAYERS = {"bert": [0, 1, 2], "roberta": [2, 3]}


def bert_tokenizer():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    inner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=110, special_tokens=special, show_progress=False)
    inner.train_from_iterator(sorted(set(CORPUS)), trainer)
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    roles = dict(zip(["pad", "unk", "cls", "sep", "mask"], special))
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, model_max_length=24, **{f"{role}_token": token for role, token in roles.items()}
    )


def roberta_tokenizer():
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=310, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    inner.train_from_iterator(sorted(set(CORPUS)), trainer)
    inner.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, model_max_length=40, bos_token="<s>", eos_token="</s>", cls_token="<s>",
        sep_token="</s>", pad_token="<pad>", unk_token="<unk>", mask_token="<mask>",
    )


def randomise(model):
    torch.manual_seed(11)
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape)
        parameter.data.copy_(1 + 0.3 * noise if name.endswith("LayerNorm.weight") else 0.5 * noise)


def write():
    shutil.rmtree(ROOT, ignore_errors=True)
    (ROOT / "bert").mkdir(parents=True)
    sizes = {"hidden_size": 20, "num_attention_heads": 2, "intermediate_size": 24}
    tokenizer = bert_tokenizer()
    config = BertConfig(vocab_size=len(tokenizer), num_hidden_layers=2, max_position_embeddings=32, **sizes)
    save(BertModel(config, add_pooling_layer=False), tokenizer, ROOT / "bert")
    tokenizer = roberta_tokenizer()
    config = RobertaConfig(vocab_size=len(tokenizer), num_hidden_layers=3, max_position_embeddings=42, type_vocab_size=1, **sizes)
    save(RobertaModel(config, add_pooling_layer=False), tokenizer, ROOT / "roberta")
    folder = ROOT / "bert"
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 24, "do_lower_case": false}\n')
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 20, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling) + "\n")
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [
        {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for index, (path, kind) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules, indent=1) + "\n")
    rows = [[layer, 0.1 + 0.05 * layer, 0.2 - 0.03 * layer, 0.15 + 0.01 * layer] for layer in range(4)]
    table = "LAYER,P,R,F\n" + "".join(",".join(f"{x:.8g}" for x in row) + "\n" for row in rows)
    (ROOT / "baseline.tsv").write_text(table)


def save(model, tokenizer, folder):
    randomise(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for file in folder.iterdir():
        file.chmod(0o644)


def sentence_model(name):
    folder = str(ROOT / name)
    if name == "bert":
        return SentenceTransformer(folder, device="cpu")
    trunk = Transformer(folder)
    return SentenceTransformer(modules=[trunk, Pooling(20, pooling_mode="mean")], device="cpu")


def unit(model, text):
    vector = model.encode(text, convert_to_tensor=True).double()
    return vector / vector.norm()


def encode(tokenizer, text):
    """What `bert_score.utils.sent_encode` means, for any version of transformers."""
    text = text.strip()
    if text and tokenizer.cls_token == "<s>":
        text = " " + text
    return tokenizer.encode(text, add_special_tokens=True, max_length=tokenizer.model_max_length, truncation=True)


def bertscore(name, layer, **options):
    found = []
    # One pair a call: bert_score pads what it is given together.
    for pair in options.pop("pairs", PAIRS):
        scores = bert_score.score(
            [pair[0]], [pair[1]], model_type=str(ROOT / name), num_layers=layer, batch_size=1, device="cpu", **options
        )
        found.append([None if torch.isnan(score) else score.item() for score in scores])
    return found


def rarity(name):
    tokenizer = utils.get_tokenizer(str(ROOT / name))
    found = utils.get_idf_dict(DOCUMENTS, tokenizer, nthreads=0)
    seen = defaultdict(lambda: log(len(DOCUMENTS) + 1))
    seen.update(found)
    return seen


def expected(name):
    model = sentence_model(name)
    style = torch.stack([unit(model, text) for text in EXEMPLARS]).mean(dim=0)
    style = style / style.norm()
    follow = [[unit(model, sentence) for sentence in text] for text in SENTENCES]
    top = LAYERS[name][-1]
    return {
        "cosine": [(unit(model, a) @ unit(model, b)).item() for a, b in PAIRS],
        "style": [(unit(model, text) @ style).item() for text in TEXTS],
        "coherence": [
            sum((a @ b).item() for a, b in zip(text, text[1:])) / (len(text) - 1) for text in follow
        ],
        "bertscore": {str(layer): bertscore(name, layer) for layer in LAYERS[name]},
        "idf": bertscore(name, top, idf=rarity(name)),
        "rescaled": bertscore(name, top, rescale_with_baseline=True, lang="en", baseline_path=str(ROOT / "baseline.tsv")),
        "several": bertscore(name, top, pairs=SEVERAL),
    }


def main():
    utils.sent_encode = encode
    write()
    written = {name: expected(name) for name in LAYERS}
    written |= {
        "pairs": PAIRS, "several": SEVERAL, "documents": DOCUMENTS, "exemplars": EXEMPLARS, "sentences": SENTENCES,
    }
    (ROOT / "expected.json").write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")


main()
