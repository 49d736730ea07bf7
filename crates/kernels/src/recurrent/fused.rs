//! Recurrent layers on the CPU backend: one product for the inputs of all steps, one a step for the
//! states, and back through time by hand.

pub(super) mod gru;
pub(super) mod lstm;
mod packing;

use std::ops::Range;
use std::sync::Arc;

use burn_flex::FlexTensor;

use crate::flex::product::{Matrix, Threads, Write, new_product, product};
use crate::flex::rows::{add_to_rows, sum_of_rows};
use crate::flex::{self, PIECE, Values};
use packing::Packing;

/// What both kinds of layer know in both passes.
#[derive(Debug, Clone)]
struct Layer {
    /// `[b, t, in]`.
    input: Values,
    /// `[in, g·e]`.
    input_weight: Values,
    /// `[e, g·e]`.
    hidden_weight: Values,
    packing: Arc<Packing>,
    inputs: usize,
    width: usize,
    /// Columns of the gates, `g·e`.
    columns: usize,
}

/// The gradients of input, both weights, both biases.
type LayerGradients = [Option<FlexTensor>; 5];

impl Layer {
    /// `x·W + b` of all steps taken, `[n, g·e]`.
    fn products(&self, bias: &[f32]) -> Vec<f32> {
        let input = self.packing.gathered(&self.input, self.inputs);
        let input = Matrix::new(&input, self.packing.taken(), self.inputs);
        let weight = Matrix::new(&self.input_weight, self.inputs, self.columns);
        let mut products = new_product(input, weight, 1.0, Threads::All);
        add_to_rows(&mut products, bias);
        products
    }

    /// `h·U + c` of the rows `states`, `[rows, g·e]`.
    fn terms(&self, states: &[f32], bias: &[f32], terms: &mut [f32]) {
        terms.chunks_exact_mut(self.columns).for_each(|row| row.copy_from_slice(bias));
        let states = Matrix::new(states, states.len() / self.width, self.width);
        product(states, self.hidden(), 1.0, terms, Write::Add, Threads::All);
    }

    /// What the gradients `d_terms` of a step's terms say of the states before it, `[rows, e]`.
    fn carry(&self, d_terms: &[f32], d_states: &mut [f32], write: Write) {
        let d_terms = Matrix::new(d_terms, d_terms.len() / self.columns, self.columns);
        product(d_terms, self.hidden().transposed(), 1.0, d_states, write, Threads::All);
    }

    fn hidden(&self) -> Matrix<'_> {
        Matrix::new(&self.hidden_weight, self.width, self.columns)
    }

    /// Gradients from those of [`Self::products`] and of all [`Self::terms`], `[n, g·e]` each;
    /// `states` are hidden, `[b + n, e]`. The first five of `wanted` count.
    fn backward(
        &self,
        d_products: &[f32],
        d_terms: &[f32],
        states: &[f32],
        wanted: &[bool],
    ) -> LayerGradients {
        let Self { packing, inputs, width, columns, .. } = self;
        let (taken, inputs, width, columns) = (packing.taken(), *inputs, *width, *columns);
        let (of_products, of_terms) =
            (Matrix::new(d_products, taken, columns), Matrix::new(d_terms, taken, columns));
        let of_input = || {
            let weight = Matrix::new(&self.input_weight, inputs, columns);
            let d_input = by(of_products, weight.transposed());
            self.input.like(packing.scattered(&d_input, inputs))
        };
        let of_input_weight = || {
            let input = packing.gathered(&self.input, inputs);
            let input = Matrix::new(&input, taken, inputs).transposed();
            flex::tensor(by(input, of_products), [inputs, columns])
        };
        let of_hidden_weight = || {
            let before = packing.all_before(states, width);
            let before = Matrix::new(&before, taken, width).transposed();
            flex::tensor(by(before, of_terms), [width, columns])
        };
        let of_bias = |gradient| flex::tensor(sum_of_rows(gradient, columns), [columns]);
        [
            wanted[0].then(of_input),
            wanted[1].then(of_input_weight),
            wanted[2].then(of_hidden_weight),
            wanted[3].then(|| of_bias(d_products)),
            wanted[4].then(|| of_bias(d_terms)),
        ]
    }

    /// Rows of a step that one task works on.
    fn rows_at_once(&self) -> usize {
        (PIECE / self.columns).max(1)
    }
}

fn by(lhs: Matrix<'_>, rhs: Matrix<'_>) -> Vec<f32> {
    new_product(lhs, rhs, 1.0, Threads::All)
}

/// Where the values of some rows lie.
fn span(rows: &Range<usize>, width: usize) -> Range<usize> {
    rows.start * width..rows.end * width
}

#[inline(always)]
fn map(values: &mut [f32], f: impl Fn(f32) -> f32) {
    for value in values {
        *value = f(*value);
    }
}

/// Three gates of a row.
#[inline(always)]
fn three(row: &mut [f32], width: usize) -> [&mut [f32]; 3] {
    let (first, rest) = row.split_at_mut(width);
    let (second, third) = rest.split_at_mut(width);
    [first, second, third]
}

/// Four gates of a row.
#[inline(always)]
fn four(row: &mut [f32], width: usize) -> [&mut [f32]; 4] {
    let (first, rest) = row.split_at_mut(width);
    let [second, third, fourth] = three(rest, width);
    [first, second, third, fourth]
}
