"""Heads on one trunk beside a run for each: what they reach, and the memory they take.

    python reference/bench/heads_together.py HYBRID examples/heads/together.toml FOLDER

`HYBRID` is the binary. Runs the file as it is and then, for each of its heads, a copy with that head alone and its share of
the steps, in `FOLDER`, which must not exist; so every head sees as many batches either way. Prints a JSON line a run: its
held-out metrics, seconds, and the peak memory of its process; then the joint memory as a share of the sum. Needs nothing
but Python.
"""

import json
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path


def alone(text, head, count):
    """The file with one of its `count` heads and that head's share of steps and warm-up."""
    before, *heads = re.split(r"(?m)^(?=\[\[head\]\])", text)
    last, after = re.split(r"(?m)^(?=\[heads\])", heads[-1])
    heads[-1] = last
    text = before + heads[head] + after
    for key in ("steps", "warmup_steps"):
        text = re.sub(rf"(?m)^{key} = (\d+)", lambda found: f"{key} = {int(found[1]) // count}", text)
    return text


def run(binary, text, folder):
    """Its last held-out metrics, seconds, and megabytes at the peak."""
    folder.mkdir(parents=True)
    file = folder / "run.toml"
    file.write_text(text, encoding="utf-8")
    start = time.perf_counter()
    command = [binary, "train", str(file), "--set", f'output.dir="{folder / "run"}"', "--set", "eval.before=false"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    found, peak = {}, 0.0
    for line in (folder / "run" / "metrics.jsonl").read_text(encoding="utf-8").strip().split("\n"):
        metrics = json.loads(line)["metrics"]
        peak = max(peak, metrics.get("time/peak_memory_mb", 0.0))
        found |= {key: value for key, value in metrics.items() if key.startswith("eval/")}
    return found, seconds, peak


def main(binary, file, folder):
    text = Path(file).read_text(encoding="utf-8")
    tasks = [head["task"] for head in tomllib.loads(text)["head"]]
    texts = {"together": text} | {task: alone(text, place, len(tasks)) for place, task in enumerate(tasks)}
    peaks = {}
    for name, text in texts.items():
        found, seconds, peaks[name] = run(binary, text, Path(folder) / name)
        shown = {key: round(value, 4) for key, value in found.items() if "loss" not in key}
        print(json.dumps({"run": name, "seconds": round(seconds), "peak_mb": round(peaks[name]), **shown}), flush=True)
    apart = sum(peaks[task] for task in tasks)
    print(json.dumps({"memory_share": round(peaks["together"] / apart, 3)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
