"""Writes `golden/lora.safetensors` and `golden/lora_llama.safetensors`: what peft's LoRA makes of the tiny BERT of
`golden/encoders/bert` and of the tiny Llama, which has fewer keys than queries, of `golden/encoders/llama`.

    pip install torch transformers peft && python reference/lora.py

In float32 by eager attention, on the rows of the model's own `expected.safetensors`, each alone:

- `NAME.lora_A.weight` [r, in] and `NAME.lora_B.weight` [out, r]: the adapters under the names of their modules in the
  base model, drawn wide. Rank 3, alpha 12;
- `hidden` [n, d]: the last hidden states; `rslora` the same with `use_rslora`;
- `weights` [n, d], and `grad.NAME…`: the gradient of `sum(hidden * weights)` for each of the adapters' tensors.

The script checks that the merged model gives the same states, and that nothing else has a gradient.
"""

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModel

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
TARGETS = {
    "bert": ["query", "value", "attention.output.dense", "intermediate.dense", "output.dense"],
    "llama": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
}
FILES = {"bert": "lora.safetensors", "llama": "lora_llama.safetensors"}


def adapted(case, **more):
    base = AutoModel.from_pretrained(GOLDEN / "encoders" / case, attn_implementation="eager")
    config = LoraConfig(r=3, lora_alpha=12, target_modules=TARGETS[case], lora_dropout=0.0, **more)
    model = get_peft_model(base, config).eval()
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.15)
    return model


def hidden(model, rows):
    states = []
    for row in rows:
        output = model(**{name: ids[None] for name, ids in row.items()})
        states.append(output.last_hidden_state[0])
    return torch.cat(states)


def write(case):
    expected = load_file(GOLDEN / "encoders" / case / "expected.safetensors")
    lengths = expected["lengths"].tolist()
    rows = [{"input_ids": ids} for ids in expected["ids"].split(lengths)]
    if "types" in expected:
        for row, types in zip(rows, expected["types"].split(lengths)):
            row["token_type_ids"] = types

    model = adapted(case)
    states = hidden(model, rows)
    weights = torch.randn(states.shape, generator=torch.Generator().manual_seed(12))
    (states * weights).sum().backward()
    tensors = {"hidden": states.detach(), "weights": weights}
    for name, parameter in model.named_parameters():
        assert ("lora_" in name) == (parameter.grad is not None), name
        if parameter.grad is None:
            continue
        own = name.removeprefix("base_model.model.").replace(".default", "")
        tensors[own] = parameter.detach().clone()
        tensors[f"grad.{own}"] = parameter.grad
    with torch.no_grad():
        tensors["rslora"] = hidden(adapted(case, use_rslora=True), rows)
        merged = hidden(model.merge_and_unload(), rows)
    assert torch.allclose(merged, tensors["hidden"], atol=1e-5)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, GOLDEN / FILES[case])


if __name__ == "__main__":
    for case in TARGETS:
        write(case)
