"""Writes tiny random checkpoints of every supported family, with the numbers `transformers` gets for them.

    pip install torch transformers && python reference/tiny_models.py            # every case
    python reference/tiny_models.py llama_gqa gpt2                               # only these

Each case is a folder `golden/models/<case>/` with `config.json`, `model*.safetensors` (as `save_pretrained`
writes them), `expected.json` and `expected.safetensors`. The second holds, computed in float32 by the eager
attention of the reloaded checkpoint (so a bf16 or f16 file is computed from its rounded weights):

- `input_ids` [2,t] (right padded), `logits` [2,t,v]: the forward pass with no attention mask;
- `grad.<name>`: for every tensor of the checkpoint, under the file's own name, the gradient of the loss. The loss
  is the mean over rows' next-token negative log-likelihoods: position j predicts id j+1 whenever j+1 < lengths[row];
- `left_padded_ids` [2,t] and `left_padded_logits` [2,v]: the same rows padded on the left, run with an attention
  mask and positions that start at 0 on the first real token; logits at the last position;
- `decode_logits` [1,t,v]: row 0 fed token by token through the key-value cache, positions 0..t;
- `long_ids`, `long_logits` where the case has sequences beyond the original context (longrope).

`config.legacy.json`, where present, says the same as `config.json` in the keys of transformers 4 (`rope_theta` and
`rope_scaling`, `torch_dtype`, ...); the script checks that both give the same logits.

Weights are drawn wide (see `init_`), so that every bias, norm weight and rotary setting moves the logits.
The settings a case is about (`matters`) are checked by changing each and seeing the logits move. No checkpoint has a
pad id: PyTorch would drop the gradient of that id's embedding. The cases are in `tiny_cases.py`.
"""

import json
import shutil
import sys
import zlib
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from tiny_cases import CASES

ROOT = Path(__file__).resolve().parent.parent / "golden" / "models"
LENGTHS = [11, 7]
# Parameters whose gradient vanishes by definition: a key bias shifts a row of scores by a constant.
ZERO_GRADIENT = ("k_proj.bias",)
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def generator(name):
    return torch.Generator().manual_seed(zlib.crc32(name.encode()))


def init_(model, case):
    """Fills every parameter from the case's seed: norms 1 ± 0.3 (or 0 ± 0.3 for `1 + w` norms), the rest wide."""
    gen = generator(case.get("seed_of", case["name"]))
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape, generator=gen)
        is_norm = parameter.dim() == 1 and name.endswith("weight")
        center = 1.0 if is_norm and not case.get("gemma_norms") else 0.0
        std = case.get("embedding_std", 0.6) if "embed" in name or ".wte" in name or ".wpe" in name else 0.3
        parameter.data.copy_(center + std * noise)


def rows(case, vocab, lengths):
    """Random rows padded right with the last id of the vocabulary, an id like any other."""
    gen = generator("ids of " + case.get("seed_of", case["name"]))
    ids = torch.randint(0, vocab, (len(lengths), max(lengths)), generator=gen)
    for row, length in enumerate(lengths):
        ids[row, length:] = vocab - 1
    return ids


def legacy_config(folder, case):
    """The text of config.json as transformers 4 wrote it: `rope_theta` + `rope_scaling`, `torch_dtype`."""
    config = json.loads((folder / "config.json").read_text())
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.44.0"
    case["legacy"](config)
    return json.dumps(config, indent=2, sort_keys=True) + "\n"


def save(case, folder):
    config = case["config"]()
    config.dtype = case.get("dtype", "float32")
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32)
    init_(model, case)
    model = model.to(DTYPES[case.get("dtype", "float32")])
    saved = model.base_model if case.get("base_only") else model
    saved.save_pretrained(folder, max_shard_size=case.get("max_shard_size", "1GB"))
    (folder / "generation_config.json").unlink(missing_ok=True)
    for file in folder.iterdir():
        file.chmod(0o644)
    if "legacy" in case:
        target = "config.json" if case.get("twin") else "config.legacy.json"
        (folder / target).write_text(legacy_config(folder, case))


def reload(folder, config_file="config.json", **changes):
    """The checkpoint in float32, loaded without a missing, extra or misshapen tensor."""
    config = AutoConfig.from_pretrained(folder, _configuration_file=config_file)
    for key, value in changes.items():
        setattr(config, key, value)
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, config=config, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    problems = {key: list(value) for key, value in info.items() if value and key != "error_msgs"}
    if problems.get("missing_keys") == ["lm_head.weight"] and config.tie_word_embeddings:
        problems.pop("missing_keys")
    assert not problems, problems
    return model.eval()


def loss_of(model, ids, lengths):
    logits = model(input_ids=ids, use_cache=False).logits
    logprobs = torch.log_softmax(logits.float(), dim=-1)
    taken = logprobs[:, :-1].gather(-1, ids[:, 1:, None])[..., 0]
    counts = torch.arange(1, ids.shape[1])[None, :] < torch.tensor(lengths)[:, None]
    return logits, -(taken * counts).sum() / counts.sum()


def gradients(model, names):
    """Gradients under the checkpoint's names; a tied head shares the embedding's."""
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    prefix = model.base_model_prefix + "."
    taken = {}
    for name in names:
        key = name.replace("embed_out.", "lm_head.")  # GPT-NeoX files keep their head's first name
        key = key if key in found else prefix + key
        taken["grad." + name] = found.pop(key).float().contiguous()
    assert not found, f"parameters not in the file: {sorted(found)}"
    return taken


def left_padded(model, ids, lengths):
    """The rows padded on the left, and the logits after each row's last token."""
    batch, width = ids.shape
    padded = torch.full_like(ids, model.config.vocab_size - 1)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        padded[row, width - length :] = ids[row, :length]
        mask[row, width - length :] = 1
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.no_grad():
        logits = model(input_ids=padded, attention_mask=mask, position_ids=positions).logits[:, -1]
    return padded, logits.float()


def decoded(model, ids):
    """Row 0 through the cache, one token a call."""
    cache, logits = None, []
    with torch.no_grad():
        for position in range(ids.shape[1]):
            out = model(
                input_ids=ids[:1, position : position + 1],
                position_ids=torch.tensor([[position]]),
                attention_mask=torch.ones(1, position + 1, dtype=torch.long),
                past_key_values=cache,
                use_cache=True,
            )
            cache = out.past_key_values
            logits.append(out.logits)
    return torch.cat(logits, dim=1).float()


def stored_names(folder):
    return sorted(name for file in folder.glob("model*.safetensors") for name in load_file(file))


def check(case, folder, tensors, loss):
    """Catches a fixture that proves nothing: flat or wild logits, dead parameters, a padding that leaks."""
    logits = tensors["logits"]
    assert torch.isfinite(logits).all() and 0.5 < logits.abs().max() < 200.0, logits.abs().max()
    assert logits.std() > 0.3, logits.std()
    last = torch.stack([logits[row, length - 1] for row, length in enumerate(LENGTHS)])
    assert (last - tensors["left_padded_logits"]).abs().max() < 2e-4, "left padding changes the logits"
    if not case.get("decode_differs"):
        assert (logits[:1] - tensors["decode_logits"]).abs().max() < 2e-4, "cached decode differs"
    for name, value in tensors.items():
        if name.startswith("grad.") and not name.endswith(ZERO_GRADIENT):
            assert value.abs().max() > 1e-5, f"{name} has no gradient"
    if "long" in case:
        with torch.no_grad():
            short = reload(folder)(input_ids=tensors["long_ids"][:, :11], use_cache=False).logits
        assert (short - tensors["long_logits"][:, :11]).abs().max() > 1e-2, "the long sequence uses the short factors"
    twin = case.get("twin")
    if twin and (ROOT / twin / "expected.safetensors").exists():
        other = load_file(ROOT / twin / "expected.safetensors")["logits"]
        assert torch.equal(other, logits), f"the logits differ from those of {twin}"
    assert 0.1 < loss < 100.0, loss


def check_settings(case, folder, tensors):
    """Each setting the case is about moves the logits, and the legacy config gives the same ones."""
    ids = tensors["input_ids"]
    for key, value in case.get("matters", {}).items():
        moved = loss_of(reload(folder, **{key: value}), ids, LENGTHS)[0] - tensors["logits"]
        assert moved.abs().max() > 1e-2, f"{key} does not matter: {moved.abs().max()}"
    if (folder / "config.legacy.json").exists():
        logits, _ = loss_of(reload(folder, "config.legacy.json"), ids, LENGTHS)
        assert torch.equal(logits, tensors["logits"]), "the legacy config gives other logits"


def write_case(case):
    folder = ROOT / case["name"]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save(case, folder)
    model = reload(folder)
    ids = rows(case, model.config.vocab_size, LENGTHS)
    logits, loss = loss_of(model, ids, LENGTHS)
    loss.backward()
    tensors = {"input_ids": ids, "logits": logits.detach().float()}
    tensors |= gradients(model, stored_names(folder))
    tensors["left_padded_ids"], tensors["left_padded_logits"] = left_padded(model, ids, LENGTHS)
    tensors["decode_logits"] = decoded(model, ids)
    if "long" in case:
        tensors["long_ids"] = rows(case | {"seed_of": case["name"] + " long"}, model.config.vocab_size, [case["long"]])
        with torch.no_grad():
            tensors["long_logits"] = model(input_ids=tensors["long_ids"], use_cache=False).logits.float()
    check(case, folder, tensors, loss.item())
    check_settings(case, folder, tensors)
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / "expected.safetensors")
    (folder / "expected.safetensors").chmod(0o644)
    expected = {
        "family": model.config.model_type,
        "about": case["about"],
        "lengths": LENGTHS,
        "loss": loss.item(),
        "tied": bool(model.config.tie_word_embeddings),
        "twin": case.get("twin"),
        "transformers": transformers.__version__,
        "torch": torch.__version__.split("+")[0],
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{case['name']:28} loss {loss.item():8.4f}  max|logit| {logits.abs().max():7.2f}  {size / 1024:7.1f} KiB")
    return size


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    wanted = sys.argv[1:]
    unknown = set(wanted) - {case["name"] for case in CASES}
    assert not unknown, f"no such case: {unknown}"
    sizes = [write_case(case) for case in CASES if not wanted or case["name"] in wanted]
    print(f"{len(sizes)} cases, {sum(sizes) / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
