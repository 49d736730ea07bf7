"""What PyTorch reaches on this machine at most: products of large matrices. Beside ours, so that the ceiling is nobody's own.

    pip install torch
    python reference/bench/ceiling.py --case ceiling --threads 2

Prints one JSON line: billions of operations a second in f32, the best of several sizes and passes.
"""

import json

import cases

SIDES = [1024, 2048, 3072]
PASSES = 7


def products(side):
    import torch

    a, b = torch.rand(side, side), torch.rand(side, side)
    a @ b
    return 2 * side**3 / min(cases.seconds(lambda: a @ b) for _ in range(PASSES)) / 1e9


def main():
    options, _ = cases.arguments(__doc__, ["torch"])
    try:
        import torch
    except ImportError as error:
        cases.absent(error)
    torch.set_num_threads(options.threads)
    best = max(products(side) for side in ([64] if options.trial else SIDES))
    line = {"case": "ceiling", "by": cases.versions(torch), "threads": torch.get_num_threads(), "gflops": best}
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
