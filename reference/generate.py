"""Writes `golden/generate.json`: greedy and beam-search continuations of tiny checkpoints by `transformers.generate`.

    pip install torch transformers && python reference/generate.py          # after reference/tiny_models.py

`greedy`: for each model a batch of two prompts of different length (each row is also what it gives alone), the new
ids up to and including the end-of-sequence id, and the log-probability of each under the full forward pass.
`beams`: every combination of length penalty and early stopping, four beams, four sequences returned, best first, with
scores: sum of log-probabilities / (new tokens, the end included) ** length penalty. The scores are checked here against
a full forward pass of each sequence, and the sequences against a run in float64, so that none rests on a near tie.
The end-of-sequence ids are tokens that these models really produce on the way.
"""

import json
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
MODELS = ["llama_gqa", "gpt2"]
PROMPTS = [[5, 17, 2, 40, 33, 8], [29, 11, 3]]
NEW_TOKENS = 8
BEAMS = 4


def load(name, dtype):
    folder = GOLDEN / "models" / name
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()


def logprobs(model, prompt, new):
    """Of each new token, from one forward pass over the whole sequence."""
    ids = torch.tensor([prompt + new])
    with torch.no_grad():
        rows = torch.log_softmax(model(input_ids=ids).logits[0, len(prompt) - 1 : -1].double(), dim=-1)
    return rows.gather(-1, torch.tensor(new)[:, None])[:, 0].tolist()


def cut(ids, eos):
    return ids[: ids.index(eos) + 1] if eos in ids else ids


def generate(model, prompts, eos, **options):
    width = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    return model.generate(
        input_ids=ids,
        attention_mask=mask,
        do_sample=False,
        max_new_tokens=NEW_TOKENS,
        eos_token_id=eos,
        pad_token_id=0,
        return_dict_in_generate=True,
        output_scores=True,
        **options,
    ), width


def greedy(name, model):
    free, width = generate(model, PROMPTS, None)
    eos = free.sequences[0, width + 4].item()
    out, width = generate(model, PROMPTS, eos)
    rows = []
    for row, prompt in enumerate(PROMPTS):
        new = cut(out.sequences[row, width:].tolist(), eos)
        alone, start = generate(model, [prompt], eos)
        assert new == cut(alone.sequences[0, start:].tolist(), eos), "a row of the batch differs from the row alone"
        rows.append({"prompt": prompt, "new_ids": new, "logprobs": logprobs(model, prompt, new)})
    return {"model": name, "eos_token_id": eos, "max_new_tokens": NEW_TOKENS, "rows": rows}


def beam_rows(model, prompt, eos, length_penalty, early_stopping):
    out, width = generate(
        model,
        [prompt],
        eos,
        num_beams=BEAMS,
        num_return_sequences=BEAMS,
        length_penalty=length_penalty,
        early_stopping=early_stopping,
    )
    lengths = (out.beam_indices >= 0).sum(-1)
    rows = [row[width : width + length].tolist() for row, length in zip(out.sequences, lengths)]
    return rows, out.sequences_scores.tolist()


def beam_case(name, models, prompt, eos, length_penalty, early_stopping):
    rows, scores = beam_rows(models[0], prompt, eos, length_penalty, early_stopping)
    again, _ = beam_rows(models[1], prompt, eos, length_penalty, early_stopping)
    assert rows == again, "the beams rest on a near tie"
    for row, score in zip(rows, scores):
        full = sum(logprobs(models[1], prompt, row)) / len(row) ** length_penalty
        assert abs(full - score) < 1e-4, (full, score)
    return {
        "model": name,
        "prompt": prompt,
        "eos_token_id": eos,
        "max_new_tokens": NEW_TOKENS,
        "num_beams": BEAMS,
        "length_penalty": length_penalty,
        "early_stopping": early_stopping,
        "sequences": rows,
        "scores": scores,
    }


def produced_on_the_way(model, prompt):
    """The id most beams hold at their third place: as an end it stops some beams early and not others."""
    rows, _ = beam_rows(model, prompt, None, 1.0, False)
    thirds = [row[2] for row in rows]
    return max(sorted(thirds), key=thirds.count)


def beams(name, models):
    cases = []
    for prompt in PROMPTS:
        eos = produced_on_the_way(models[0], prompt)
        for length_penalty in (0.0, 1.0, 2.0):
            for early_stopping in (False, True, "never"):
                cases.append(beam_case(name, models, prompt, eos, length_penalty, early_stopping))
    return cases


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    golden = {"greedy": [], "beams": []}
    for name in MODELS:
        models = [load(name, torch.float32), load(name, torch.float64)]
        golden["greedy"].append(greedy(name, models[0]))
        golden["beams"] += beams(name, models)
    parts = [f'"{key}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]" for key, rows in golden.items()]
    (GOLDEN / "generate.json").write_text("{" + ",\n".join(parts) + "}\n")
    distinct = len({json.dumps(case["sequences"]) for case in golden["beams"]})
    lengths = sorted({len(row) for case in golden["beams"] for row in case["sequences"]})
    print(f"{len(golden['beams'])} beam cases, {distinct} distinct outcomes, lengths {lengths}")


if __name__ == "__main__":
    main()
