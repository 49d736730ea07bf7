//! Recurrent layers on any backend: one step after the other, each of all rows.

use burn::tensor::activation::sigmoid;
use burn::tensor::{Bool, Tensor, TensorData};

use super::{GruOutput, LstmOutput, LstmState, RecurrentWeights};

pub(super) fn lstm(
    input: Tensor<3>,
    weights: RecurrentWeights,
    start: LstmState,
    lengths: &[usize],
) -> LstmOutput {
    let layer = Layer::new(input, weights, lengths);
    let mut state = start;
    let mut states = Vec::with_capacity(layer.steps);
    for step in 0..layer.steps {
        let sums = layer.of_input(step) + layer.of_state(state.hidden.clone());
        let [input, forget, new, output] = layer.gates(sums);
        let kept = sigmoid(forget) * state.cell.clone();
        let cell = kept + sigmoid(input) * new.tanh();
        let hidden = sigmoid(output) * cell.clone().tanh();
        let runs = layer.runs(step);
        state = LstmState {
            hidden: state.hidden.mask_where(runs.clone(), hidden),
            cell: state.cell.mask_where(runs, cell),
        };
        states.push(state.hidden.clone());
    }
    LstmOutput { states: Tensor::stack(states, 1), last: state }
}

pub(super) fn gru(
    input: Tensor<3>,
    weights: RecurrentWeights,
    start: Tensor<2>,
    lengths: &[usize],
) -> GruOutput {
    let layer = Layer::new(input, weights, lengths);
    let mut state = start;
    let mut states = Vec::with_capacity(layer.steps);
    for step in 0..layer.steps {
        let [reset, update, new] = layer.gates(layer.of_input(step));
        let [to_reset, to_update, to_new] = layer.gates(layer.of_state(state.clone()));
        let reset = sigmoid(reset + to_reset);
        let update = sigmoid(update + to_update);
        let new = (new + reset * to_new).tanh();
        let next = new.clone() + update * (state.clone() - new);
        state = state.mask_where(layer.runs(step), next);
        states.push(state.clone());
    }
    GruOutput { states: Tensor::stack(states, 1), last: state }
}

struct Layer<'a> {
    /// Products of the input with its weight, with its bias, `[b, t, g·e]`.
    products: Tensor<3>,
    hidden: Tensor<2>,
    hidden_bias: Tensor<1>,
    lengths: &'a [usize],
    steps: usize,
    width: usize,
}

impl<'a> Layer<'a> {
    fn new(input: Tensor<3>, weights: RecurrentWeights, lengths: &'a [usize]) -> Self {
        let ([b, steps, inputs], [width, columns]) = (input.dims(), weights.hidden.dims());
        // Selected, not multiplied: what stands behind an end may be no number.
        let ended = lengths.iter().flat_map(|length| (0..steps).map(move |step| step >= *length));
        let ended = TensorData::new(ended.collect::<Vec<bool>>(), [b, steps, 1]);
        let ended: Tensor<3, Bool> = Tensor::from_data(ended, &input.device());
        let input = input.mask_fill(ended.expand([b, steps, inputs]), 0.0);
        let products = input.reshape([b * steps, inputs]).matmul(weights.input);
        let products = products + weights.input_bias.unsqueeze();
        Self {
            products: products.reshape([b, steps, columns]),
            hidden: weights.hidden,
            hidden_bias: weights.hidden_bias,
            lengths,
            steps,
            width,
        }
    }

    /// The input's part of the gates at a step, `[b, g·e]`.
    fn of_input(&self, step: usize) -> Tensor<2> {
        self.products.clone().slice_dim(1, step..step + 1).squeeze_dim::<2>(1)
    }

    /// The state's part, `[b, g·e]`.
    fn of_state(&self, state: Tensor<2>) -> Tensor<2> {
        state.matmul(self.hidden.clone()) + self.hidden_bias.clone().unsqueeze()
    }

    /// `[b, e]` for each gate.
    fn gates<const N: usize>(&self, sums: Tensor<2>) -> [Tensor<2>; N] {
        let width = self.width;
        std::array::from_fn(|gate| sums.clone().slice_dim(1, gate * width..(gate + 1) * width))
    }

    /// Where a row takes this step, `[b, e]`.
    fn runs(&self, step: usize) -> Tensor<2, Bool> {
        let runs: Vec<bool> = self.lengths.iter().map(|length| step < *length).collect();
        let b = runs.len();
        let runs: Tensor<2, Bool> =
            Tensor::from_data(TensorData::new(runs, [b, 1]), &self.products.device());
        runs.expand([b, self.width])
    }
}
