"""Writes golden/data/order.json: draws and permutations by the definition in `crates/data/src/order.rs`.

    python reference/data_order.py

Pure Python, written from RFC 8439 (with 8 rounds instead of 20, and the original 64-bit counter and nonce), so that
the expectation shares no code with the Rust crate. It checks itself against the published ChaCha8 keystream of the
all-zero key first.
"""

import json
import struct
from pathlib import Path

EPOCH, BATCHES, SHUFFLE, HOLDOUT = 1, 2, 3, 4
MASK = 0xFFFFFFFF


def rotate(value, bits):
    return ((value << bits) | (value >> (32 - bits))) & MASK


def quarter_round(state, a, b, c, d):
    state[a] = (state[a] + state[b]) & MASK
    state[d] = rotate(state[d] ^ state[a], 16)
    state[c] = (state[c] + state[d]) & MASK
    state[b] = rotate(state[b] ^ state[c], 12)
    state[a] = (state[a] + state[b]) & MASK
    state[d] = rotate(state[d] ^ state[a], 8)
    state[c] = (state[c] + state[d]) & MASK
    state[b] = rotate(state[b] ^ state[c], 7)


def block(key, counter):
    start = list(struct.unpack("<4I", b"expand 32-byte k")) + list(struct.unpack("<8I", key))
    start += [counter & MASK, counter >> 32, 0, 0]
    state = list(start)
    for _ in range(4):
        for columns in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)):
            quarter_round(state, *columns)
        for diagonals in ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter_round(state, *diagonals)
    return struct.pack("<16I", *((a + b) & MASK for a, b in zip(state, start)))


def words(key):
    counter = 0
    while True:
        yield from struct.unpack("<8Q", block(key, counter))
        counter += 1


def below(source, count):
    limit = 2**64 // count * count
    return next(word for word in source if word < limit) % count


def permutation(length, seed, purpose, epoch):
    source = words(struct.pack("<4Q", seed, purpose, epoch, 0))
    order = list(range(length))
    for last in range(length - 1, 0, -1):
        other = below(source, last + 1)
        order[last], order[other] = order[other], order[last]
    return order


def main():
    # The first bytes of the ECRYPT test vector for ChaCha8, 256-bit zero key, zero IV.
    assert block(bytes(32), 0).hex().startswith("3e00ef2f895f40d67f5bb8e81f09a5a1"), block(bytes(32), 0).hex()
    cases = [
        (1, 0, EPOCH, 0),
        (2, 0, EPOCH, 0),
        (10, 0, EPOCH, 0),
        (10, 0, EPOCH, 1),
        (10, 2**64 - 1, EPOCH, 2**64 - 1),
        (10, 42, SHUFFLE, 0),
        (10, 42, HOLDOUT, 0),
        (100, 42, BATCHES, 3),
    ]
    keys = ("length", "seed", "purpose", "epoch")
    rows = [dict(zip(keys, case), permutation=permutation(*case)) for case in cases]
    # Of a count just above 2^63 about half of all words are skipped; of a power of two none.
    draws = []
    for count in (2**63 + 1, 2**63, 1, 3):
        source = words(struct.pack("<4Q", 7, EPOCH, 0, 0))
        draws.append(dict(count=count, numbers=[below(source, count) for _ in range(8)]))
    tables = dict(permutations=rows, draws=draws)
    path = Path(__file__).resolve().parent.parent / "golden" / "data" / "order.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    tables = (f'"{name}": [\n' + ",\n".join(map(json.dumps, table)) + "\n]" for name, table in tables.items())
    path.write_text("{\n" + ",\n".join(tables) + "\n}\n")


main()
