"""Writes tiny random encoders and classifiers under `golden/encoders/`, with what `transformers` computes for them.

    pip install torch transformers sentence-transformers && python reference/encoders.py

Each case is a folder with `config.json` and `model.safetensors` as `save_pretrained` writes them, and
`expected.safetensors`, in float32 by eager attention. Rows are ragged; all of a batch lie one after the other:

- `lengths` [b], `ids` [n], `types` [n] where the family has token types;
- `hidden.K` [n, d]: after layer K, 0 for the embeddings (encoders only); `pooled` [b, d] where there is a pooler;
- `logits` [b, labels], or [n, labels] of a token classifier;
- `weights`, as large as the logits, and `grad.NAME`: the gradient of `sum(logits * weights)` for every tensor of the
  file, under its name there.

Every row is computed alone; the script checks that a padded batch with its mask gives the same.

`sentence/` is a folder in the layout of sentence-transformers: a BERT in `0_Transformer`, poolings side by side, a
dense layer, a normalisation, each saved and computed by the library's own module; `expected.safetensors` holds the
rows as above, `pooled.MODE` of every pooling and the final `vectors`. `buckets.json` holds MPNet's bucket of every
distance from -200 to 200.

Weights are drawn wide, norms 1 +- 0.3 and their biases too, so that nothing hides. Rows hold no padding id: RoBERTa's
positions would skip it, and PyTorch drops the gradient of its embedding.
"""

import json
import shutil
import zlib
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from sentence_transformers.base.modules import Dense, Normalize
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    DistilBertConfig,
    GPT2Config,
    LlamaConfig,
    MPNetConfig,
    RobertaConfig,
    XLMRobertaConfig,
)
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

ROOT = Path(__file__).resolve().parent.parent / "golden" / "encoders"
LENGTHS = [5, 1, 12, 20]
VOCAB = 41
POSITIONS = 24
# Parameters whose gradient vanishes by definition: a key bias shifts a row of scores by a constant.
ZERO_GRADIENT = ("key.bias", "k_lin.bias", "attn.k.bias", "k_proj.bias")


def labels(*names, problem):
    return {
        "id2label": dict(enumerate(names)),
        "label2id": {name: index for index, name in enumerate(names)},
        "problem_type": problem,
    }


def bert_like(config_class, positions, **keys):
    """18 wide, three heads of 6."""
    sizes = {"hidden_size": 18, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 26}
    return config_class(vocab_size=VOCAB, max_position_embeddings=positions, **(sizes | keys))


def cases():
    offset = POSITIONS + 2
    three = labels("bad", "so-so", "good", problem="single_label_classification")
    many = labels("toxic", "obscene", "threat", "insult", problem="multi_label_classification")
    one = labels("rating", problem="regression")
    entities = labels("O", "B-PER", "I-PER", problem=None)
    sequence, token = AutoModelForSequenceClassification, AutoModelForTokenClassification
    distilbert = DistilBertConfig(
        vocab_size=VOCAB, max_position_embeddings=POSITIONS, dim=18, n_layers=2, n_heads=3, hidden_dim=26,
        activation="relu", **three,
    )
    roberta = {"type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1}
    gpt2 = GPT2Config(
        vocab_size=VOCAB, n_positions=POSITIONS, n_embd=18, n_layer=2, n_head=3, bos_token_id=1, eos_token_id=2,
        pad_token_id=0, **three,
    )
    llama = LlamaConfig(
        vocab_size=VOCAB, max_position_embeddings=POSITIONS, hidden_size=16, intermediate_size=20, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False, pad_token_id=0, **one,
    )
    return [
        ("bert", sequence, bert_like(BertConfig, POSITIONS, layer_norm_eps=1e-3, **three)),
        ("bert_tokens", token, bert_like(BertConfig, POSITIONS, hidden_act="gelu_new", **entities)),
        ("roberta", sequence, bert_like(RobertaConfig, offset, hidden_act="gelu_new", **roberta, **many)),
        ("xlm_roberta", sequence, bert_like(XLMRobertaConfig, offset + 1, **(roberta | {"pad_token_id": 2}), **one)),
        ("distilbert", sequence, distilbert),
        ("mpnet", sequence, bert_like(MPNetConfig, offset, **three)),
        ("gpt2", sequence, gpt2),
        ("llama", sequence, llama),
    ]


def generator(name):
    return torch.Generator().manual_seed(zlib.crc32(name.encode()))


def init_(model, name):
    gen = generator(name)
    for key, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape, generator=gen)
        is_norm = parameter.dim() == 1 and key.endswith("weight")
        std = 0.6 if "embed" in key or ".wte" in key or ".wpe" in key else 0.3
        parameter.data.copy_((1.0 if is_norm else 0.0) + std * noise)


def rows_of(name, with_types):
    """Ragged rows of ids from 3 on, and their token types: a first and a second segment."""
    gen = generator("rows of " + name)
    rows = []
    for length in LENGTHS:
        ids = torch.randint(3, VOCAB, (length,), generator=gen)
        types = (torch.arange(length) >= (length + 1) // 2).long()
        rows.append((ids, types if with_types else None))
    return rows


def forward(model, ids, types, **more):
    keys = {"input_ids": ids, **more}
    if types is not None:
        keys["token_type_ids"] = types
    return model(**keys)


def alone(model, rows):
    """Every row by itself, gradients kept: lists of hidden states by layer, pooled states, logits."""
    outputs = [forward(model, ids[None], None if types is None else types[None]) for ids, types in rows]
    return outputs


def padded_logits(model, rows):
    """The logits of the rows as one right-padded batch with its mask."""
    width = max(len(ids) for ids, _ in rows)
    pad = model.config.pad_token_id

    def column(values, fill):
        return torch.stack([torch.nn.functional.pad(value, (0, width - len(value)), value=fill) for value in values])

    ids = column([ids for ids, _ in rows], pad)
    types = None if rows[0][1] is None else column([types for _, types in rows], 0)
    mask = column([torch.ones_like(ids) for ids, _ in rows], 0)
    with torch.no_grad():
        return forward(model, ids, types, attention_mask=mask).logits


def hidden_states(folder, rows):
    """Packed hidden states of every layer and the pooler's output, by the base model of the same file."""
    model = AutoModel.from_pretrained(folder, attn_implementation="eager", output_hidden_states=True).eval()
    with torch.no_grad():
        outputs = alone(model, rows)
    layers = len(outputs[0].hidden_states)
    found = {f"hidden.{k}": torch.cat([out.hidden_states[k][0] for out in outputs]) for k in range(layers)}
    last = torch.cat([out.last_hidden_state[0] for out in outputs])
    assert torch.equal(last, found[f"hidden.{layers - 1}"])
    has_pooler = any(".pooler." in name for name in load_file(folder / "model.safetensors"))
    if has_pooler:
        found["pooled"] = torch.cat([out.pooler_output for out in outputs])
    return found


def packed(rows):
    tensors = {"lengths": torch.tensor([len(ids) for ids, _ in rows]), "ids": torch.cat([ids for ids, _ in rows])}
    if rows[0][1] is not None:
        tensors["types"] = torch.cat([types for _, types in rows])
    return tensors


def store(tensors, path):
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, path)
    path.chmod(0o644)


def write_case(name, auto, config):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = auto.from_config(config, attn_implementation="eager")
    init_(model, name)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    model, info = auto.from_pretrained(folder, attn_implementation="eager", output_loading_info=True)
    problems = {key: value for key, value in info.items() if value}
    assert not problems, problems
    model.eval()
    rows = rows_of(name, getattr(config, "type_vocab_size", 0) == 2)
    by_token = auto is AutoModelForTokenClassification
    outputs = [out.logits for out in alone(model, rows)]
    logits = torch.cat([out[0] for out in outputs]) if by_token else torch.cat(outputs)
    batch = padded_logits(model, rows)
    batch = torch.cat([row[:length] for row, length in zip(batch, LENGTHS)]) if by_token else batch
    assert (batch - logits).abs().max() < 1e-5, f"{name}: padding changes the logits"
    weights = torch.randn(logits.shape, generator=generator("weights of " + name))
    (logits * weights).sum().backward()
    tensors = packed(rows) | {"logits": logits, "weights": weights}
    if config.model_type not in ("gpt2", "llama"):
        tensors |= hidden_states(folder, rows)
    stored = load_file(folder / "model.safetensors")
    gradients = {key: parameter.grad for key, parameter in model.named_parameters()}
    assert gradients.keys() == stored.keys(), gradients.keys() ^ stored.keys()
    for key, gradient in gradients.items():
        tensors["grad." + key] = gradient
        assert key.endswith(ZERO_GRADIENT) or gradient.abs().max() > 1e-5, f"{name}: {key} has no gradient"
    assert torch.isfinite(logits).all() and 0.3 < logits.abs().max() < 200.0, logits
    store(tensors, folder / "expected.safetensors")
    (folder / "model.safetensors").chmod(0o644)
    report(folder)


def write_sentence():
    folder = ROOT / "sentence"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = bert_like(BertConfig, POSITIONS, num_hidden_layers=1)
    trunk = AutoModel.from_config(config, attn_implementation="eager").eval()
    init_(trunk, "sentence")
    trunk.save_pretrained(folder / "0_Transformer")
    (folder / "0_Transformer" / "sentence_bert_config.json").write_text('{"max_seq_length": 22}\n')
    d = config.hidden_size
    pooling = Pooling(d, pooling_mode=("cls", "mean"))
    dense = Dense(2 * d, 7)
    init_(dense, "dense")
    names = {"1_Pooling": pooling, "2_Dense": dense, "3_Normalize": Normalize()}
    for path, module in names.items():
        (folder / path).mkdir()
        module.save(str(folder / path))
    kinds = ["Transformer", "Pooling", "Dense", "Normalize"]
    modules = [
        {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for index, (path, kind) in enumerate(zip(["0_Transformer", *names], kinds))
    ]
    (folder / "modules.json").write_text(json.dumps(modules, indent=1) + "\n")
    rows = rows_of("sentence", True)
    tensors = packed(rows)
    found = {f"pooled.{mode}": [] for mode in Pooling.POOLING_MODES} | {"vectors": []}
    with torch.no_grad():
        for ids, types in rows:
            states = forward(trunk, ids[None], types[None]).last_hidden_state

            def features():
                return {"token_embeddings": states, "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}

            for mode in Pooling.POOLING_MODES:
                found[f"pooled.{mode}"].append(Pooling(d, pooling_mode=mode)(features())["sentence_embedding"])
            passed = features()
            for module in names.values():
                passed = module(passed)
            found["vectors"].append(passed["sentence_embedding"])
    tensors |= {name: torch.cat(parts) for name, parts in found.items()}
    store(tensors, folder / "expected.safetensors")
    for file in folder.rglob("*"):
        if file.is_file():
            file.chmod(0o644)
    report(folder)


def write_buckets():
    distances = torch.arange(-200, 201)
    buckets = MPNetEncoder.relative_position_bucket(distances)
    text = json.dumps({"first": -200, "buckets": buckets.tolist()})
    (ROOT / "buckets.json").write_text(text + "\n")


def report(folder):
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"{folder.name:14} {size / 1024:7.1f} KiB")


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for case in cases():
        write_case(*case)
    write_sentence()
    write_buckets()


if __name__ == "__main__":
    main()
