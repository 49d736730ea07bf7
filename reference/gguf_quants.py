"""Writes blocks of every supported GGUF tensor type, and what the `gguf` package dequantises them to.

    pip install gguf && python reference/gguf_quants.py

`golden/gguf/quants.gguf` holds one tensor per type, named after it, of random bytes; the first blocks' scales (and
minimums) are the f16 patterns on which conversions go wrong: zeros, subnormals, the largest finite values,
infinities, quiet and signalling NaNs. `golden/gguf/quants.f32` holds the little-endian float32 values of all tensors,
one after the other in the file's order.
"""

from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Q

ROOT = Path(__file__).resolve().parent.parent / "golden" / "gguf"
NASTY = [0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0x7C01, 0xFE55]
# Type -> byte positions of the f16 values in a block.
SCALES = {Q.Q4_0: [0], Q.Q4_1: [0, 2], Q.Q5_0: [0], Q.Q5_1: [0, 2], Q.Q8_0: [0], Q.Q4_K: [0, 2], Q.Q5_K: [0, 2],
          Q.Q6_K: [208]}


def plain(kind: Q, rng) -> np.ndarray:
    """F32, F16 and BF16: random bits, zeros, subnormals, infinities and NaNs among them."""
    width = {Q.F32: np.uint32, Q.F16: np.uint16, Q.BF16: np.uint16}[kind]
    bits = rng.integers(0, np.iinfo(width).max, 512, dtype=width, endpoint=True)
    nasty = NASTY if kind == Q.F16 else [0x0000, 0x8000, 0x0001, 0x807F, 0x7F7F, 0x7F80, 0xFF80, 0x7FC0, 0x7F81]
    bits[:len(nasty)] = np.array(nasty, dtype=width) << (16 if kind == Q.F32 else 0)
    return bits.view(np.uint8)


def blocks(kind: Q, rng) -> np.ndarray:
    """Random blocks; in the first ones each scale takes every nasty value beside tame and nasty others."""
    _, n_bytes = gguf.GGML_QUANT_SIZES[kind]
    raw = rng.integers(0, 256, (len(NASTY) + 8, n_bytes), dtype=np.uint8)
    halves = rng.normal(0, 0.1, (len(raw), 2)).astype(np.float16).view(np.uint16)
    for column, at in enumerate(SCALES[kind]):
        bits = halves[:, column].copy()
        bits[:len(NASTY)] = np.roll(NASTY, 5 * column)
        raw[:, at:at + 2] = bits.astype("<u2").view(np.uint8).reshape(-1, 2)
    # A tame scale with a nasty minimum.
    if len(SCALES[kind]) == 2:
        raw[len(NASTY), 2:4] = np.array([0x7C00], dtype="<u2").view(np.uint8)
    return raw.reshape(-1)


def main():
    rng = np.random.default_rng(20)
    ROOT.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(ROOT / "quants.gguf", "llama")
    expected = []
    for kind in [Q.F32, Q.F16, Q.BF16, *SCALES]:
        raw = blocks(kind, rng) if kind in SCALES else plain(kind, rng)
        with np.errstate(all="ignore"):
            expected.append(gguf.quants.dequantize(raw, kind).astype("<f4"))
        writer.add_tensor(kind.name, raw, raw_shape=raw.shape, raw_dtype=kind)
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    (ROOT / "quants.f32").write_bytes(b"".join(values.tobytes() for values in expected))
    print(f"{len(expected)} types, {sum(len(values) for values in expected)} values")


if __name__ == "__main__":
    main()
