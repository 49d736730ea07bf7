//! The GRU's cell, forwards and back.

use std::sync::Arc;

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::packing::Packing;
use super::{Layer, map, span, three};
use crate::flex::product::Write;
use crate::flex::vector::{sigmoid, tanh, vectorised};
use crate::flex::{self, Fused, Inputs, Values};
use crate::recurrent::{GruOutput, RecurrentWeights};

pub(in crate::recurrent) fn gru(
    input: Tensor<3>,
    weights: RecurrentWeights,
    start: Tensor<2>,
    lengths: &[usize],
) -> Option<GruOutput> {
    let ([b, t, inputs], [_, width]) = (input.dims(), start.dims());
    let operands = Inputs::new([
        input.into_dispatch(),
        weights.input.into_dispatch(),
        weights.hidden.into_dispatch(),
        weights.input_bias.into_dispatch(),
        weights.hidden_bias.into_dispatch(),
        start.into_dispatch(),
    ])?;
    let [input, input_weight, hidden_weight, input_bias, hidden_bias, start] =
        operands.values.clone();
    let packing = Arc::new(Packing::new(lengths, t));
    let columns = 3 * width;
    let layer = Layer { input, input_weight, hidden_weight, packing, inputs, width, columns };
    let saved = forward(layer, [&input_bias, &hidden_bias], &start);
    let output = saved.layer.packing.by_row(&saved.states, width, t);
    let states: Tensor<3> = operands.finish::<Gru, 3>(flex::tensor(output, [b, t, width]), saved);
    let last = states.clone().slice_dim(1, t - 1..t).squeeze_dim::<2>(1);
    Some(GruOutput { states, last })
}

/// What the forward pass leaves.
#[derive(Debug, Clone)]
struct Saved {
    layer: Layer,
    /// The three gates of every step, `[n, 3·e]`.
    gates: Arc<Vec<f32>>,
    /// The state's part of their sums, `[n, 3·e]`: that of the last is what the reset gate scales.
    terms: Arc<Vec<f32>>,
    /// `[b + n, e]`.
    states: Arc<Vec<f32>>,
}

fn forward(layer: Layer, biases: [&[f32]; 2], start: &[f32]) -> Saved {
    let Layer { packing, width, columns, .. } = &layer;
    let (width, columns, at_once) = (*width, *columns, layer.rows_at_once());
    let mut gates = layer.products(biases[0]);
    let mut terms = vec![0.0; gates.len()];
    let mut states = packing.states(start, width);
    for time in 0..packing.reached() {
        let (steps, before, after) =
            (packing.steps(time), packing.before(time), packing.after(time));
        let (earlier, later) = states.split_at_mut(after.start * width);
        let earlier = &earlier[span(&before, width)];
        let terms = &mut terms[span(&steps, columns)];
        layer.terms(earlier, biases[1], terms);
        let gates = gates[span(&steps, columns)].par_chunks_mut(at_once * columns);
        let later = later[..after.len() * width].par_chunks_mut(at_once * width);
        let pieces = gates.zip(terms.par_chunks(at_once * columns));
        let pieces = pieces.zip(earlier.par_chunks(at_once * width)).zip(later);
        pieces.for_each(|(((gates, terms), earlier), later)| {
            step(width, gates, terms, earlier, later);
        });
    }
    Saved { layer, gates: Arc::new(gates), terms: Arc::new(terms), states: Arc::new(states) }
}

vectorised! {
    /// Steps some rows: `gates` hold the input's part and become the gates.
    fn step(width: usize, gates: &mut [f32], terms: &[f32], earlier: &[f32], later: &mut [f32]) {
        let states = earlier.chunks_exact(width).zip(later.chunks_exact_mut(width));
        let rows = gates.chunks_exact_mut(3 * width).zip(terms.chunks_exact(3 * width));
        for ((row, terms), (earlier, later)) in rows.zip(states) {
            let (to_both, to_new) = terms.split_at(2 * width);
            let (both, _) = row.split_at_mut(2 * width);
            for (gate, term) in both.iter_mut().zip(to_both) {
                *gate += term;
            }
            map(both, sigmoid);
            let [reset, update, new] = three(row, width);
            for ((n, r), term) in new.iter_mut().zip(reset.iter()).zip(to_new) {
                *n = tanh(*n + r * term);
            }
            let gates = new.iter().zip(update.iter());
            for (((n, z), before), after) in gates.zip(earlier).zip(later) {
                *after = n + z * (before - n);
            }
        }
    }
}

#[derive(Debug)]
struct Gru;

impl Fused<6> for Gru {
    type Saved = Saved;

    fn backward(saved: Saved, gradient: Values, wanted: [bool; 6]) -> [Option<FlexTensor>; 6] {
        let Saved { layer, gates, terms, states } = saved;
        let Layer { packing, width, columns, .. } = &layer;
        let (width, columns, at_once) = (*width, *columns, layer.rows_at_once());
        let (rows, t) = (packing.rows(), packing.times());
        let (mut gates, mut terms) = (Arc::unwrap_or_clone(gates), Arc::unwrap_or_clone(terms));
        let mut d_states = vec![0.0; rows * width];
        for time in (0..t).rev() {
            packing.add_place(&gradient, width, (time, t), &mut d_states);
            if time >= packing.reached() {
                continue;
            }
            let (steps, before) = (packing.steps(time), packing.before(time));
            let d_states = &mut d_states[..steps.len() * width];
            let terms = &mut terms[span(&steps, columns)];
            let gates = gates[span(&steps, columns)].par_chunks_mut(at_once * columns);
            let earlier = states[span(&before, width)].par_chunks(at_once * width);
            let pieces = gates.zip(terms.par_chunks_mut(at_once * columns)).zip(earlier);
            let pieces = pieces.zip(d_states.par_chunks_mut(at_once * width));
            pieces.for_each(|(((gates, terms), earlier), d_states)| {
                step_back(width, gates, terms, earlier, d_states);
            });
            layer.carry(terms, d_states, Write::Add);
        }
        let [input, input_weight, hidden_weight, input_bias, hidden_bias] =
            layer.backward(&gates, &terms, &states, &wanted);
        let start = || flex::tensor(packing.in_batch_order(&d_states, width), [rows, width]);
        [input, input_weight, hidden_weight, input_bias, hidden_bias, wanted[5].then(start)]
    }
}

vectorised! {
    /// The same rows back: `gates` become the gradients of the input's part of their sums, `terms`
    /// those of the state's part, and `d_states`, of the states after the step, what reaches those
    /// before it past the products.
    fn step_back(
        width: usize,
        gates: &mut [f32],
        terms: &mut [f32],
        earlier: &[f32],
        d_states: &mut [f32],
    ) {
        let states = earlier.chunks_exact(width).zip(d_states.chunks_exact_mut(width));
        let rows = gates.chunks_exact_mut(3 * width).zip(terms.chunks_exact_mut(3 * width));
        for ((row, terms), (earlier, d_states)) in rows.zip(states) {
            let [reset, update, new] = three(row, width);
            let [to_reset, to_update, to_new] = three(terms, width);
            let state = earlier.iter().zip(d_states);
            let blend = update.iter_mut().zip(new.iter_mut());
            for ((z, n), (before, d)) in blend.zip(state) {
                let of_new = *d * (1.0 - *z) * (1.0 - *n * *n);
                let of_update = *d * (before - *n) * *z * (1.0 - *z);
                *d *= *z;
                *n = of_new;
                *z = of_update;
            }
            let scaled = reset.iter_mut().zip(to_new).zip(new.iter());
            for (((r, term), d), to_reset) in scaled.zip(to_reset) {
                let of_reset = d * *term * *r * (1.0 - *r);
                *term = d * *r;
                *r = of_reset;
                *to_reset = of_reset;
            }
            to_update.copy_from_slice(update);
        }
    }
}
