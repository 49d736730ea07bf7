//! The LSTM's cell, forwards and back.

use std::sync::Arc;

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::packing::Packing;
use super::{Layer, four, map, span};
use crate::flex::product::Write;
use crate::flex::vector::{sigmoid, tanh, vectorised};
use crate::flex::{self, Fused, Inputs, Values};
use crate::recurrent::{LstmOutput, LstmState, RecurrentWeights};

pub(in crate::recurrent) fn lstm(
    input: Tensor<3>,
    weights: RecurrentWeights,
    start: LstmState,
    lengths: &[usize],
) -> Option<LstmOutput> {
    let ([b, t, inputs], [_, width]) = (input.dims(), start.hidden.dims());
    let operands = Inputs::new([
        input.into_dispatch(),
        weights.input.into_dispatch(),
        weights.hidden.into_dispatch(),
        weights.input_bias.into_dispatch(),
        weights.hidden_bias.into_dispatch(),
        start.hidden.into_dispatch(),
        start.cell.into_dispatch(),
    ])?;
    let [input, input_weight, hidden_weight, input_bias, hidden_bias, hidden, cell] =
        operands.values.clone();
    let packing = Arc::new(Packing::new(lengths, t));
    let columns = 4 * width;
    let layer = Layer { input, input_weight, hidden_weight, packing, inputs, width, columns };
    let saved = forward(layer, [&input_bias, &hidden_bias], [&hidden, &cell]);
    let output = flex::tensor(saved.output(), [b, t + 1, width]);
    let output: Tensor<3> = operands.finish::<Lstm, 3>(output, saved);
    let of = |place: usize| output.clone().slice_dim(1, place..place + 1).squeeze_dim::<2>(1);
    let last = LstmState { hidden: of(t - 1), cell: of(t) };
    Some(LstmOutput { states: output.slice_dim(1, 0..t), last })
}

/// What the forward pass leaves.
#[derive(Debug, Clone)]
struct Saved {
    layer: Layer,
    /// The four gates of every step, `[n, 4·e]`.
    gates: Arc<Vec<f32>>,
    /// Hidden states, `[b + n, e]`.
    hidden: Arc<Vec<f32>>,
    /// Cells, `[b + n, e]`.
    cells: Arc<Vec<f32>>,
}

impl Saved {
    /// The hidden state after every step, and then the last cell, `[b, t + 1, e]`.
    fn output(&self) -> Vec<f32> {
        let Layer { packing, width, .. } = &self.layer;
        let (t, places) = (packing.times(), packing.times() + 1);
        let mut output = packing.by_row(&self.hidden, *width, places);
        packing.put_last(&self.cells, *width, (t, places), &mut output);
        output
    }
}

fn forward(layer: Layer, biases: [&[f32]; 2], [hidden, cell]: [&[f32]; 2]) -> Saved {
    let Layer { packing, width, columns, .. } = &layer;
    let (width, columns, at_once) = (*width, *columns, layer.rows_at_once());
    let mut gates = layer.products(biases[0]);
    let mut hidden = packing.states(hidden, width);
    let mut cells = packing.states(cell, width);
    let mut terms = vec![0.0; packing.rows() * columns];
    for time in 0..packing.reached() {
        let (steps, before, after) =
            (packing.steps(time), packing.before(time), packing.after(time));
        let terms = &mut terms[..steps.len() * columns];
        layer.terms(&hidden[span(&before, width)], biases[1], terms);
        let (earlier, later) = cells.split_at_mut(after.start * width);
        let earlier = earlier[span(&before, width)].par_chunks(at_once * width);
        let later = later[..after.len() * width].par_chunks_mut(at_once * width);
        let hidden = hidden[span(&after, width)].par_chunks_mut(at_once * width);
        let gates = gates[span(&steps, columns)].par_chunks_mut(at_once * columns);
        let pieces = gates.zip(terms.par_chunks(at_once * columns)).zip(earlier).zip(later);
        pieces.zip(hidden).for_each(|((((gates, terms), earlier), later), hidden)| {
            step(width, gates, terms, earlier, later, hidden);
        });
    }
    let (gates, hidden, cells) = (Arc::new(gates), Arc::new(hidden), Arc::new(cells));
    Saved { layer, gates, hidden, cells }
}

vectorised! {
    /// Steps some rows: `gates` hold the input's part and become the gates.
    fn step(
        width: usize,
        gates: &mut [f32],
        terms: &[f32],
        earlier: &[f32],
        later: &mut [f32],
        hidden: &mut [f32],
    ) {
        for (gate, term) in gates.iter_mut().zip(terms) {
            *gate += term;
        }
        let cells = earlier.chunks_exact(width).zip(later.chunks_exact_mut(width));
        let rows = gates.chunks_exact_mut(4 * width).zip(cells);
        for ((row, (earlier, later)), hidden) in rows.zip(hidden.chunks_exact_mut(width)) {
            let [input, forget, new, output] = four(row, width);
            map(input, sigmoid);
            map(forget, sigmoid);
            map(new, tanh);
            map(output, sigmoid);
            let kept = forget.iter().zip(earlier);
            let added = input.iter().zip(new.iter());
            for (((f, c), (i, g)), cell) in kept.zip(added).zip(later.iter_mut()) {
                *cell = f * c + i * g;
            }
            for ((cell, o), hidden) in later.iter().zip(output.iter()).zip(hidden) {
                *hidden = o * tanh(*cell);
            }
        }
    }
}

#[derive(Debug)]
struct Lstm;

impl Fused<7> for Lstm {
    type Saved = Saved;

    fn backward(saved: Saved, gradient: Values, wanted: [bool; 7]) -> [Option<FlexTensor>; 7] {
        let Saved { layer, gates, hidden, cells } = saved;
        let Layer { packing, width, columns, .. } = &layer;
        let (width, columns, at_once) = (*width, *columns, layer.rows_at_once());
        let (rows, t, places) = (packing.rows(), packing.times(), packing.times() + 1);
        let mut gates = Arc::unwrap_or_clone(gates);
        let mut d_hidden = vec![0.0; rows * width];
        let mut d_cells = vec![0.0; rows * width];
        packing.add_place(&gradient, width, (t, places), &mut d_cells);
        for time in (0..t).rev() {
            packing.add_place(&gradient, width, (time, places), &mut d_hidden);
            if time >= packing.reached() {
                continue;
            }
            let (steps, before, after) =
                (packing.steps(time), packing.before(time), packing.after(time));
            let d_hidden = &mut d_hidden[..steps.len() * width];
            let d_cells = d_cells[..steps.len() * width].par_chunks_mut(at_once * width);
            let gates = &mut gates[span(&steps, columns)];
            let earlier = cells[span(&before, width)].par_chunks(at_once * width);
            let later = cells[span(&after, width)].par_chunks(at_once * width);
            let pieces = gates.par_chunks_mut(at_once * columns).zip(earlier).zip(later);
            let pieces = pieces.zip(d_hidden.par_chunks(at_once * width)).zip(d_cells);
            pieces.for_each(|((((gates, earlier), later), d_hidden), d_cells)| {
                step_back(width, gates, earlier, later, d_hidden, d_cells);
            });
            layer.carry(gates, d_hidden, Write::Over);
        }
        let [input, input_weight, hidden_weight, input_bias, hidden_bias] =
            layer.backward(&gates, &gates, &hidden, &wanted);
        let start =
            |sorted: &[f32]| flex::tensor(packing.in_batch_order(sorted, width), [rows, width]);
        let start_hidden = wanted[5].then(|| start(&d_hidden));
        let start_cell = wanted[6].then(|| start(&d_cells));
        [input, input_weight, hidden_weight, input_bias, hidden_bias, start_hidden, start_cell]
    }
}

vectorised! {
    /// The same rows back: `gates` become the gradients of their sums, `d_cells`, of the cells
    /// after the step, that of the cells before it.
    fn step_back(
        width: usize,
        gates: &mut [f32],
        earlier: &[f32],
        later: &[f32],
        d_hidden: &[f32],
        d_cells: &mut [f32],
    ) {
        let cells = earlier.chunks_exact(width).zip(later.chunks_exact(width));
        let gradients = d_hidden.chunks_exact(width).zip(d_cells.chunks_exact_mut(width));
        let rows = gates.chunks_exact_mut(4 * width).zip(cells).zip(gradients);
        for ((row, (earlier, later)), (d_hidden, d_cells)) in rows {
            let [input, forget, new, output] = four(row, width);
            let upstream = d_hidden.iter().zip(d_cells.iter_mut());
            for ((o, cell), (dh, dc)) in output.iter_mut().zip(later).zip(upstream) {
                let squashed = tanh(*cell);
                *dc += dh * *o * (1.0 - squashed * squashed);
                *o = dh * squashed * *o * (1.0 - *o);
            }
            let inner = input.iter_mut().zip(new.iter_mut());
            let kept = forget.iter_mut().zip(earlier);
            for (((i, g), (f, cell)), dc) in inner.zip(kept).zip(d_cells) {
                let d = *dc;
                *dc = d * *f;
                *f = d * cell * *f * (1.0 - *f);
                let d_input = d * *g * *i * (1.0 - *i);
                *g = d * *i * (1.0 - *g * *g);
                *i = d_input;
            }
        }
    }
}
