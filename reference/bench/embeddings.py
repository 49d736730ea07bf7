"""Speed of sentence-transformers and bert_score, to stand beside our `cosine_sts` and `bertscore`.

    pip install torch transformers sentence-transformers bert_score
    python reference/bench/rewards.py pairs WHEELS PAIRS.jsonl
    python reference/bench/embeddings.py FOLDER PAIRS.jsonl THREADS [ROWS]
    RAYON_NUM_THREADS=THREADS cargo run --release -p hybrid-rewards --features neural --example embedding_speed -- \\
        FOLDER PAIRS.jsonl [ROWS]

`FOLDER` holds all-MiniLM-L6-v2 or another encoder. Each scores the first ROWS pairs (1,000 where nothing is said), with the
batches that its users get by default, after a warm-up on a few; prints a JSON line for each: pairs a second and the mean
score, by which one sees that both computed the same. Run the two in turn in one session, on the same number of threads.
"""

import json
import sys
import time

import bert_score
import torch
from bert_score import utils
from sentence_transformers import SentenceTransformer


def encode(tokenizer, text):
    """What `sent_encode` means for a BERT, for any version of transformers."""
    limit = min(tokenizer.model_max_length, 512)
    return tokenizer.encode(text.strip(), add_special_tokens=True, max_length=limit, truncation=True)


def timed(name, pairs, score):
    score(pairs[:16])
    start = time.perf_counter()
    mean = score(pairs)
    seconds = time.perf_counter() - start
    line = {"metric": name, "rows": len(pairs), "rows_s": round(len(pairs) / seconds, 1), "mean": round(mean, 6)}
    print(json.dumps(line), flush=True)


def main(folder, path, threads, rows="1000"):
    torch.set_num_threads(int(threads))
    utils.sent_encode = encode
    with open(path, encoding="utf-8") as file:
        pairs = [(row["response"], row["target"]) for row in map(json.loads, file)][: int(rows)]
    model = SentenceTransformer(folder, device="cpu")
    scorer = bert_score.BERTScorer(model_type=folder, num_layers=model[0].auto_model.config.num_hidden_layers, device="cpu")

    def cosines(pairs):
        vectors = model.encode([text for pair in pairs for text in pair], convert_to_tensor=True)
        vectors = torch.nn.functional.normalize(vectors, dim=1).view(len(pairs), 2, -1)
        return ((1 + (vectors[:, 0] * vectors[:, 1]).sum(dim=1)) / 2).mean().item()

    def matches(pairs):
        responses, targets = zip(*pairs)
        return scorer.score(list(responses), list(targets))[2].mean().item()

    timed("cosine_sts", pairs, cosines)
    timed("bertscore", pairs, matches)


if __name__ == "__main__":
    main(*sys.argv[1:])
