"""Compares a run's TensorBoard event files with its metrics.jsonl, read by TensorBoard itself.

    pip install tensorboard
    python reference/check_tensorboard.py RUN_DIR [EVENTS_FOLDER]

EVENTS_FOLDER is RUN_DIR/tensorboard where it is not given. Every number of metrics.jsonl must be there
at its step, to the precision of a 32-bit float, and nothing else; a null must not be there. Exits
with 1 and a list where they differ.
"""

import json
import math
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import (
    SCALARS,
    TENSORS,
    EventAccumulator,
)


def recorded(run_dir):
    """{key: {step: value}} of metrics.jsonl; a later line of the same step replaces."""
    metrics = {}
    for line in (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        for key, value in entry["metrics"].items():
            if value is not None:
                metrics.setdefault(key, {})[entry["step"]] = value
    return metrics


def shown(folder):
    """The same from the event files, and the texts by tag."""
    events = EventAccumulator(str(folder), size_guidance={SCALARS: 0, TENSORS: 0})
    events.Reload()
    tags = events.Tags()
    scalars = {
        tag: {event.step: event.value for event in events.Scalars(tag)} for tag in tags["scalars"]
    }
    texts, plugins = {}, {}
    for tag in tags["tensors"]:
        plugins[tag] = events.SummaryMetadata(tag).plugin_data.plugin_name
        tensors = events.Tensors(tag)
        if plugins[tag] == "text":
            texts[tag] = [event.tensor_proto.string_val[0].decode("utf-8") for event in tensors]
        else:
            scalars[tag] = {event.step: event.tensor_proto.float_val[0] for event in tensors}
    return scalars, texts


def single(value):
    """The nearest 32-bit float."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def differences(expected, actual):
    for key in sorted(expected.keys() | actual.keys()):
        ours, theirs = expected.get(key, {}), actual.get(key, {})
        for step in sorted(ours.keys() | theirs.keys()):
            if step not in ours or step not in theirs:
                yield f"{key} at step {step}: {ours.get(step)} recorded, {theirs.get(step)} shown"
            elif not math.isclose(single(ours[step]), theirs[step], rel_tol=1e-6):
                yield f"{key} at step {step}: {ours[step]} recorded, {theirs[step]} shown"


def main():
    run_dir = Path(sys.argv[1])
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else run_dir / "tensorboard"
    expected = recorded(run_dir)
    actual, texts = shown(folder)
    found = list(differences(expected, actual))
    print("\n".join(found[:40]))
    if found:
        sys.exit(f"{len(found)} differences")
    numbers = sum(len(steps) for steps in expected.values())
    count = sum(len(text) for text in texts.values())
    print(f"{numbers} numbers of {len(expected)} keys agree, {count} texts")


if __name__ == "__main__":
    main()
