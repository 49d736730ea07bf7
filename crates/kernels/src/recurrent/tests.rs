mod golden;

use burn::tensor::{Device, Gradients};
use proptest::prelude::*;

use super::*;
use crate::fixtures::{assert_close, cases, floats, numbers, tensor};

/// Which layer, by the kernel of this crate or composed.
#[derive(Debug, Clone, Copy)]
enum By {
    Lstm(fn(Tensor<3>, RecurrentWeights, LstmState, &[usize]) -> LstmOutput),
    Gru(fn(Tensor<3>, RecurrentWeights, Tensor<2>, &[usize]) -> GruOutput),
}

/// Both layers, each by the kernel and composed.
const PAIRS: [[By; 2]; 2] =
    [[By::Lstm(lstm), By::Lstm(composed::lstm)], [By::Gru(gru), By::Gru(composed::gru)]];

/// Operands and upstream gradients.
#[derive(Debug, Clone)]
struct Case {
    /// `[b, t, in, e]`.
    sizes: [usize; 4],
    lengths: Vec<usize>,
    input: Vec<f32>,
    /// Of the input, of the state, and the biases of both.
    weights: [Vec<f32>; 4],
    /// Hidden state and cell; a GRU has no cell.
    start: [Vec<f32>; 2],
    /// Of all states, of the last one, of the last cell.
    upstream: [Vec<f32>; 3],
}

/// Names with the values of outputs and gradients.
type Found = Vec<(&'static str, Vec<f32>)>;

impl Case {
    fn new(gates: usize, sizes: [usize; 4], lengths: Vec<usize>, seed: u64) -> Self {
        let [b, t, inputs, e] = sizes;
        let columns = gates * e;
        let values = |which: u64, count| numbers(seed * 16 + which, count);
        let small = |which, count| values(which, count).iter().map(|x| x * 0.3).collect();
        Self {
            sizes,
            lengths,
            input: values(0, b * t * inputs),
            weights: [
                small(1, inputs * columns),
                small(2, e * columns),
                small(3, columns),
                small(4, columns),
            ],
            start: [values(5, b * e), values(6, b * e)],
            upstream: [values(7, b * t * e), values(8, b * e), values(9, b * e)],
        }
    }

    fn run(&self, by: By) -> Found {
        let device = Device::flex().autodiff();
        let [b, t, inputs, e] = self.sizes;
        let [w, u, input_bias, hidden_bias] = &self.weights;
        let columns = input_bias.len();
        let input = tensor(&self.input, [b, t, inputs], &device).require_grad();
        let weights = RecurrentWeights {
            input: tensor(w, [inputs, columns], &device).require_grad(),
            hidden: tensor(u, [e, columns], &device).require_grad(),
            input_bias: tensor(input_bias, [columns], &device).require_grad(),
            hidden_bias: tensor(hidden_bias, [columns], &device).require_grad(),
        };
        let [hidden, cell] =
            self.start.each_ref().map(|values| tensor(values, [b, e], &device).require_grad());
        let fixed = |which: usize| tensor(&self.upstream[which], [b, e], &device);
        let of_states = tensor(&self.upstream[0], [b, t, e], &device);
        let (states, last, last_cell) = match by {
            By::Lstm(run) => {
                let start = LstmState { hidden: hidden.clone(), cell: cell.clone() };
                let output = run(input.clone(), weights.clone(), start, &self.lengths);
                (output.states, output.last.hidden, Some(output.last.cell))
            }
            By::Gru(run) => {
                let output = run(input.clone(), weights.clone(), hidden.clone(), &self.lengths);
                (output.states, output.last, None)
            }
        };
        let loss = (states.clone() * of_states).sum() + (last.clone() * fixed(1)).sum();
        let loss = match last_cell.clone() {
            Some(cell) => loss + (cell * fixed(2)).sum(),
            None => loss,
        };
        let gradients = loss.backward();
        let mut found = vec![
            ("states", floats(states)),
            ("last", floats(last)),
            ("d_input", slope(&input, &gradients)),
            ("d_input_weight", slope(&weights.input, &gradients)),
            ("d_hidden_weight", slope(&weights.hidden, &gradients)),
            ("d_input_bias", slope(&weights.input_bias, &gradients)),
            ("d_hidden_bias", slope(&weights.hidden_bias, &gradients)),
            ("d_start", slope(&hidden, &gradients)),
        ];
        if let Some(last_cell) = last_cell {
            found.push(("last_cell", floats(last_cell)));
            found.push(("d_start_cell", slope(&cell, &gradients)));
        }
        found
    }
}

fn slope<const D: usize>(tensor: &Tensor<D>, gradients: &Gradients) -> Vec<f32> {
    floats(tensor.grad(gradients).unwrap())
}

fn gates(by: By) -> usize {
    match by {
        By::Lstm(_) => 4,
        By::Gru(_) => 3,
    }
}

fn assert_same(ours: &Found, theirs: &Found, tolerance: f32) {
    assert_eq!(ours.len(), theirs.len());
    for ((name, ours), (_, theirs)) in ours.iter().zip(theirs) {
        assert_close(name, ours, theirs, tolerance);
    }
}

proptest! {
    #![proptest_config(cases(40))]
    #[test]
    fn the_kernels_and_their_gradients_are_the_composed_ones(
        sizes in [1_usize..6, 1_usize..7, 1_usize..20, 1_usize..40],
        picks in prop::collection::vec(0_usize..100, 5),
        seed in 0_u64..1000,
    ) {
        let [b, t, ..] = sizes;
        let lengths: Vec<usize> = picks[..b].iter().map(|pick| pick % (t + 1)).collect();
        for [ours, theirs] in PAIRS {
            let case = Case::new(gates(ours), sizes, lengths.clone(), seed);
            assert_same(&case.run(ours), &case.run(theirs), 2e-5);
        }
    }
}

#[test]
fn wide_layers_and_many_rows_are_shared_among_threads() {
    // More rows than one task takes, and products that several threads share.
    let sizes = [70, 3, 5, 130];
    let lengths: Vec<usize> = (0..70).map(|row| row % 4).collect();
    for [ours, theirs] in PAIRS {
        let case = Case::new(gates(ours), sizes, lengths.clone(), 3);
        assert_same(&case.run(ours), &case.run(theirs), 5e-5);
        assert_eq!(case.run(ours), case.run(ours), "not the same bits twice");
    }
}

#[test]
fn the_kernels_run_with_and_without_gradients() {
    let weights = |gates: usize, device: &Device| RecurrentWeights {
        input: Tensor::zeros([2, gates * 3], device),
        hidden: Tensor::zeros([3, gates * 3], device),
        input_bias: Tensor::zeros([gates * 3], device),
        hidden_bias: Tensor::zeros([gates * 3], device),
    };
    for device in [Device::flex(), Device::flex().autodiff()] {
        let (input, start) = (Tensor::zeros([1, 2, 2], &device), Tensor::zeros([1, 3], &device));
        let state = LstmState { hidden: start.clone(), cell: start.clone() };
        assert!(fused::lstm::lstm(input.clone(), weights(4, &device), state, &[2]).is_some());
        assert!(fused::gru::gru(input, weights(3, &device), start, &[2]).is_some());
    }
}

#[test]
fn what_stands_behind_an_end_is_not_read() {
    let sizes = [3, 4, 2, 5];
    let lengths = vec![2, 0, 4];
    for by in PAIRS.as_flattened() {
        let case = Case::new(gates(*by), sizes, lengths.clone(), 8);
        let mut spoilt = case.clone();
        for (row, length) in lengths.iter().enumerate() {
            spoilt.input[(row * 4 + length) * 2..(row + 1) * 4 * 2].fill(f32::NAN);
        }
        let (found, spoilt) = (case.run(*by), spoilt.run(*by));
        assert_eq!(found, spoilt);
        for (name, values) in &found {
            assert!(values.iter().all(|value| value.is_finite()), "{name}");
        }
        // The row of no steps is where it began.
        let (states, last) = (&found[0].1, &found[1].1);
        assert_eq!(last[5..10], case.start[0][5..10]);
        for step in 0..4 {
            assert_eq!(states[(4 + step) * 5..][..5], case.start[0][5..10]);
        }
        // And a row that has ended stays where it was.
        assert_eq!(states[2 * 5..3 * 5], states[5..10]);
        assert_eq!(last[..5], states[5..10]);
    }
}

#[test]
fn no_steps_and_no_rows() {
    let device = Device::flex();
    let weights = RecurrentWeights {
        input: Tensor::zeros([2, 9], &device),
        hidden: Tensor::zeros([3, 9], &device),
        input_bias: Tensor::zeros([9], &device),
        hidden_bias: Tensor::zeros([9], &device),
    };
    let start = tensor(&[1.0, 2.0, 3.0], [1, 3], &device);
    let output = gru(Tensor::zeros([1, 0, 2], &device), weights.clone(), start, &[0]);
    assert_eq!(output.states.dims(), [1, 0, 3]);
    assert_eq!(floats(output.last), [1.0, 2.0, 3.0]);
    let none = gru(Tensor::zeros([0, 4, 2], &device), weights, Tensor::zeros([0, 3], &device), &[]);
    assert_eq!((none.states.dims(), none.last.dims()), ([0, 4, 3], [0, 3]));
}

#[test]
#[should_panic(expected = "no length may exceed 2 steps")]
fn a_length_beyond_the_steps_is_refused() {
    let device = Device::flex();
    let weights = RecurrentWeights {
        input: Tensor::zeros([1, 3], &device),
        hidden: Tensor::zeros([1, 3], &device),
        input_bias: Tensor::zeros([3], &device),
        hidden_bias: Tensor::zeros([3], &device),
    };
    let start = Tensor::zeros([1, 1], &device);
    let _ = gru(Tensor::zeros([1, 2, 1], &device), weights, start, &[3]);
}
