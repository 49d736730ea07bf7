"""Writes `golden/random_walks.json`: a random graph, walks on it, and how good they are, for `examples/random_walks`.

    pip install numpy && python reference/random_walks.py

The graph is drawn from NumPy's MT19937, `RandomState(1000)`: 21 nodes, an edge with probability 0.1, no loops, drawn
again until every node has a way out. Node 0 is the goal. A walk starts at any other node, goes along edges at random,
and ends at the goal or after 10 nodes. Its optimality is `(10 - length) / (10 - shortest)`, where `length` is the walk's
number of nodes (10 if it did not arrive) and `shortest` that of the shortest walk from its start: 1 is the best, 0 never
arrived. The script fails unless it finds the published baseline of the task.

- `adjacency`: a row a node, one character a node: `1` where an edge leads there.
- `shortest`: nodes on the shortest walk from each node, ends included.
- `walks`: nodes as letters, `a` is node 0.
- `edges` (those of the goal included), `goal_rate`, `mean_optimality`: of graph and walks; `mean_shortest`: over the 20
  starts.
"""

import json
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "random_walks.json"
SEED, NODES, P_EDGE, LONGEST, WALKS, GOAL = 1000, 21, 0.1, 10, 1000, 0
PUBLISHED = {"edges": 52, "mean_shortest": 3.65, "goal_rate": 0.56, "mean_optimality": 0.3515}


def draw_graph(rng):
    """A graph in which every node has a way out, without loops."""
    while True:
        adjacency = rng.rand(NODES, NODES) > 1 - P_EDGE
        np.fill_diagonal(adjacency, False)
        if adjacency.any(axis=1).all():
            return adjacency


def draw_walk(rng, adjacency):
    walk = [GOAL]
    while walk == [GOAL]:
        walk = [int(rng.randint(NODES))]
    while len(walk) < LONGEST and walk[-1] != GOAL:
        walk.append(int(rng.choice(np.flatnonzero(adjacency[walk[-1]]))))
    return walk


def shortest_walks(adjacency):
    """Nodes on the shortest walk to the goal from each node, `LONGEST` where there is none shorter."""
    nodes = np.full(NODES, LONGEST)
    nodes[GOAL] = 1
    for _ in range(NODES):
        for node in range(1, NODES):
            nodes[node] = min(LONGEST, nodes[node], 1 + nodes[adjacency[node]].min())
    return nodes


def main():
    rng = np.random.RandomState(SEED)
    adjacency = draw_graph(rng)
    walks = [draw_walk(rng, adjacency) for _ in range(WALKS)]
    shortest = shortest_walks(adjacency)

    lengths = np.array([len(walk) if walk[-1] == GOAL else LONGEST for walk in walks])
    best = np.array([shortest[walk[0]] for walk in walks])
    optimality = (LONGEST - lengths) / (LONGEST - best)
    found = {
        "edges": int(adjacency.sum()),
        "mean_shortest": round(float(shortest[1:].mean()), 4),
        "goal_rate": round(float(np.mean([walk[-1] == GOAL for walk in walks])), 4),
        "mean_optimality": round(float(optimality.mean()), 4),
    }
    if found != PUBLISHED:
        raise SystemExit(f"found {found}, expected {PUBLISHED}")
    golden = {
        **found,
        "adjacency": ["".join("01"[int(edge)] for edge in row) for row in adjacency],
        "shortest": shortest.tolist(),
        "walks": ["".join(chr(ord("a") + node) for node in walk) for walk in walks],
    }
    GOLDEN.write_text(json.dumps(golden, indent=0) + "\n")


if __name__ == "__main__":
    main()
