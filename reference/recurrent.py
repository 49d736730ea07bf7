"""Writes `golden/recurrent.json`: states and gradients of PyTorch's LSTM and GRU.

    pip install torch && python reference/recurrent.py

A list of cases, in float64. `sizes` are [rows, steps, inputs, width]; operands are multiples of 1/64, exact in float32.
Matrices are [inputs, gates * width] and [width, gates * width], the transposes of PyTorch's. Rows have the `lengths`
given, at least 1, by `pack_padded_sequence`; past its length a row's states are its last one. The loss is the sum of
all states times `upstream`, of the last states times `upstream_last`, and, in an LSTM, of the last cells times
`upstream_last_cell`; `expected` has the states and the gradients of every operand. What is said of cells a GRU does not
read.
"""

import json
from pathlib import Path

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.set_num_threads(1)
GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "recurrent.json"
LAYERS = {"lstm": (torch.nn.LSTM, 4), "gru": (torch.nn.GRU, 3)}
CASES = [([1, 1, 2, 1], [1]), ([2, 3, 3, 5], [3, 3]), ([3, 4, 2, 3], [2, 4, 1])]


def flat(tensor):
    return [float(f"{value:.8g}") for value in tensor.detach().flatten().tolist()]


def case(layer_name, sizes, lengths):
    rows, steps, inputs, width = sizes
    layer_class, gates = LAYERS[layer_name]
    has_cell = layer_name == "lstm"

    def draw(*shape):
        return (torch.randint(-64, 65, shape) / 64).double()

    x = draw(rows, steps, inputs)
    weights = [draw(inputs, gates * width), draw(width, gates * width), draw(gates * width), draw(gates * width)]
    start, start_cell = draw(1, rows, width), draw(1, rows, width)
    for leaf in [x, start, start_cell]:
        leaf.requires_grad_()
    upstream, upstream_last, upstream_last_cell = draw(rows, steps, width), draw(rows, width), draw(rows, width)

    layer = layer_class(inputs, width, batch_first=True).double()
    parameters = [layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0]
    with torch.no_grad():
        for parameter, weight in zip(parameters, weights):
            parameter.copy_(weight.T if weight.ndim == 2 else weight)
    packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    state = (start, start_cell) if has_cell else start
    out, last = layer(packed, state)
    last, last_cell = (last[0][0], last[1][0]) if has_cell else (last[0], None)
    states, _ = pad_packed_sequence(out, batch_first=True, total_length=steps)
    runs = torch.arange(steps) < torch.tensor(lengths)[:, None]
    states = torch.where(runs[:, :, None], states, last[:, None])

    loss = (states * upstream).sum() + (last * upstream_last).sum()
    if has_cell:
        loss = loss + (last_cell * upstream_last_cell).sum()
    loss.backward()
    expected = {
        "states": flat(states),
        "last": flat(last),
        "d_input": flat(x.grad),
        "d_input_weight": flat(parameters[0].grad.T),
        "d_hidden_weight": flat(parameters[1].grad.T),
        "d_input_bias": flat(parameters[2].grad),
        "d_hidden_bias": flat(parameters[3].grad),
        "d_start": flat(start.grad),
    }
    if has_cell:
        expected |= {"last_cell": flat(last_cell), "d_start_cell": flat(start_cell.grad)}
    return {
        "layer": layer_name,
        "sizes": sizes,
        "lengths": lengths,
        "input": flat(x),
        "input_weight": flat(weights[0]),
        "hidden_weight": flat(weights[1]),
        "input_bias": flat(weights[2]),
        "hidden_bias": flat(weights[3]),
        "start": flat(start),
        "start_cell": flat(start_cell),
        "upstream": flat(upstream),
        "upstream_last": flat(upstream_last),
        "upstream_last_cell": flat(upstream_last_cell),
        "expected": expected,
    }


def main():
    torch.manual_seed(0)
    cases = [case(layer, sizes, lengths) for layer in LAYERS for sizes, lengths in CASES]
    GOLDEN.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


main()
