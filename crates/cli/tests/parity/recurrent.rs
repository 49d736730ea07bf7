//! Recurrent layers over rows of several lengths: values and gradients.

use burn::tensor::{Device, Tensor};
use hybrid_kernels::recurrent::{LstmState, RecurrentWeights, gru, lstm};

use crate::devices::{SAME_WORK, same};
use crate::numbers::{leaf, line, with_gradients};

/// Rows, steps, width of the input and of the state; and the steps that each row takes.
const CASES: [([usize; 4], &[usize]); 4] = [
    ([1, 1, 1, 1], &[1]),
    ([3, 5, 7, 9], &[5, 0, 3]),
    ([2, 7, 1, 17], &[1, 6]),
    ([5, 3, 13, 1], &[2, 3, 1, 0, 3]),
];

/// A layer before its first step, and the leaves that it is made of.
struct Layer {
    leaves: Vec<(&'static str, Tensor<1>)>,
    input: Tensor<3>,
    weights: RecurrentWeights,
    start: Tensor<2>,
}

impl Layer {
    fn new(gates: usize, [b, t, inputs, e]: [usize; 4], device: &Device) -> Self {
        let columns = gates * e;
        let leaves = vec![
            ("input", leaf(1, b * t * inputs, device)),
            ("input's weight", leaf(2, inputs * columns, device)),
            ("state's weight", leaf(3, e * columns, device)),
            ("input's bias", leaf(4, columns, device)),
            ("state's bias", leaf(5, columns, device)),
            ("start", leaf(6, b * e, device)),
        ];
        let of = |place: usize| leaves[place].1.clone();
        // Gates that are neither open nor shut.
        let small = |place: usize| of(place) * 0.3;
        let weights = RecurrentWeights {
            input: small(1).reshape([inputs, columns]),
            hidden: small(2).reshape([e, columns]),
            input_bias: small(3),
            hidden_bias: small(4),
        };
        let (input, start) = (of(0).reshape([b, t, inputs]), of(5).reshape([b, e]));
        Self { leaves, input, weights, start }
    }
}

#[test]
fn lstm_over_time() {
    for (sizes, lengths) in CASES {
        same(&format!("LSTM {sizes:?}"), SAME_WORK, |device| {
            let [b, _, _, e] = sizes;
            let Layer { mut leaves, input, weights, start } = Layer::new(4, sizes, device);
            let cell = leaf(7, b * e, device);
            let start = LstmState { hidden: start, cell: cell.clone().reshape([b, e]) };
            leaves.push(("cell", cell));
            let output = lstm(input, weights, start, lengths);
            let outputs = vec![
                line("states", output.states),
                line("last state", output.last.hidden),
                line("last cell", output.last.cell),
            ];
            with_gradients(outputs, &leaves, device)
        });
    }
}

#[test]
fn gru_over_time() {
    for (sizes, lengths) in CASES {
        same(&format!("GRU {sizes:?}"), SAME_WORK, |device| {
            let Layer { leaves, input, weights, start } = Layer::new(3, sizes, device);
            let output = gru(input, weights, start, lengths);
            let outputs = vec![line("states", output.states), line("last state", output.last)];
            with_gradients(outputs, &leaves, device)
        });
    }
}
