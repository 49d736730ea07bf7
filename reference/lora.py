"""Writes `golden/lora.safetensors`: what peft's LoRA makes of the tiny BERT of `golden/encoders/bert`.

    pip install torch transformers peft && python reference/lora.py

In float32 by eager attention, on the rows of the BERT's own `expected.safetensors`, each alone:

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
TARGETS = ["query", "value", "attention.output.dense", "intermediate.dense", "output.dense"]


def adapted(**more):
    base = AutoModel.from_pretrained(GOLDEN / "encoders" / "bert", attn_implementation="eager")
    config = LoraConfig(r=3, lora_alpha=12, target_modules=TARGETS, lora_dropout=0.0, **more)
    model = get_peft_model(base, config).eval()
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.15)
    return model


def hidden(model, rows):
    states = []
    for ids, types in rows:
        output = model(input_ids=ids[None], token_type_ids=types[None])
        states.append(output.last_hidden_state[0])
    return torch.cat(states)


def main():
    expected = load_file(GOLDEN / "encoders" / "bert" / "expected.safetensors")
    lengths = expected["lengths"].tolist()
    rows = list(zip(expected["ids"].split(lengths), expected["types"].split(lengths)))

    model = adapted()
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
        tensors["rslora"] = hidden(adapted(use_rslora=True), rows)
        merged = hidden(model.merge_and_unload(), rows)
    assert torch.allclose(merged, tensors["hidden"], atol=1e-5)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, GOLDEN / "lora.safetensors")


if __name__ == "__main__":
    main()
