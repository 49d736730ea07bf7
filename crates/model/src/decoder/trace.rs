//! A forward pass that keeps little, and its backward pass, which computes the rest again.
//!
//! A recorded pass keeps for its backward pass what every operation of every block read. With
//! [`Keeps::BlockInputs`] the blocks run unrecorded, and only what each of them read is kept:
//! `[b, t, d]` a block. On the way back, block by block from the last, each runs once more, recorded,
//! and gives its gradients: the memory of one block's pass for that of all, at the cost of a second
//! forward pass (Chen et al. 2016, <https://arxiv.org/abs/1604.06174>, with a segment for each block).
//!
//! The gradients of the loss come in parts, so that whoever adds them up never holds all of them
//! twice: first those of the head and the last norm, then those of each block, then the embedding's.

use std::fmt;

use burn::module::Module;
use burn::tensor::{Gradients, Int, Tensor};

use super::{Decoder, Patterns};
use crate::input::TokenInput;

/// What a forward pass keeps for its backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keeps {
    /// All that the backward pass reads.
    #[default]
    Everything,
    /// What each block read; the backward pass runs the blocks again.
    BlockInputs,
}

/// The way back from hidden states to the parameters below them, where the graph of the loss does
/// not hold it; empty where it does.
#[derive(Debug, Default)]
pub struct Trace(Option<Kept>);

#[derive(Debug)]
struct Kept {
    input: TokenInput,
    /// What each block read, `[b, t, d]`, the first block's first; constant.
    read: Vec<Tensor<3>>,
    /// What the last block gave, `[b, t, d]`: a leaf of the graph of the loss.
    last: Tensor<3>,
}

/// The part of a backward pass that is left below the last block's output.
#[derive(Debug)]
pub struct Remaining {
    input: TokenInput,
    read: Vec<Tensor<3>>,
    /// The gradient of what the last block gave, `[b, t, d]`.
    upstream: Tensor<3>,
}

/// Some of the gradients of a loss.
#[expect(clippy::large_enum_variant, reason = "a part is handed on at once, and never stored")]
pub enum Part {
    /// Of parameters as they stand in the decoder.
    Parameters(Gradients),
    /// Of a table's rows; its other rows have none.
    Rows {
        /// The table's path in the decoder's module tree.
        table: &'static str,
        /// The rows, `[n]`; one may be named more than once.
        rows: Tensor<1, Int>,
        /// The gradient that goes to each, `[n, e]`; constant.
        gradient: Tensor<2>,
    },
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameters(_) => f.write_str("Parameters"),
            Self::Rows { table, gradient, .. } => {
                f.debug_struct("Rows").field("table", table).field("gradient", gradient).finish()
            }
        }
    }
}

impl Decoder {
    /// As [`Decoder::hidden`] without a cache, and the way back.
    ///
    /// After the backward pass of the loss, [`Trace::remaining`] says what is left to do. The states
    /// are the same whatever is kept. Where the decoder records no gradients, nothing is kept.
    ///
    /// # Shapes
    ///
    /// - output: `[b, t, e]`
    ///
    /// # Panics
    ///
    /// When a learned position lies beyond the table.
    #[must_use]
    pub fn hidden_traced(&self, input: &TokenInput, keeps: Keeps) -> (Tensor<3>, Trace) {
        if keeps == Keeps::Everything || !self.device().is_autodiff() {
            return (self.hidden(input, None), Trace::default());
        }
        let unrecorded = self.valid();
        let plain_input = input.without_autodiff();
        let patterns = Patterns::new(&self.config, &plain_input, 0);
        let mut state = unrecorded.embed(&plain_input, 0);
        let mut read = Vec::with_capacity(self.blocks.len());
        for (index, block) in unrecorded.blocks.iter().enumerate() {
            read.push(state.clone());
            let layer = patterns.layer(&self.config, index);
            state = block.forward(state, &self.config, layer, None);
        }
        let last = leaf(state);
        let hidden = self.finished(last.clone());
        (hidden, Trace(Some(Kept { input: input.clone(), read, last })))
    }
}

impl Trace {
    /// What is left to do once `gradients`, those of a loss of the hidden states, are known; `None`
    /// where the loss did not reach them, or its graph held the whole way.
    #[must_use]
    pub fn remaining(self, gradients: &mut Gradients) -> Option<Remaining> {
        let Kept { input, read, last } = self.0?;
        let upstream = last.grad_remove(gradients)?;
        Some(Remaining { input, read, upstream })
    }
}

impl Remaining {
    /// Gives the gradients of `decoder`, which made the trace and was not changed since, to `take`,
    /// part by part: blocks from the last to the first, then what stands below them.
    pub fn backward(self, decoder: &Decoder, take: &mut dyn FnMut(Part)) {
        let Self { input, read, mut upstream } = self;
        let patterns = Patterns::new(&decoder.config, &input, 0);
        for (index, (block, state)) in decoder.blocks.iter().zip(read).enumerate().rev() {
            let state = leaf(state);
            let layer = patterns.layer(&decoder.config, index);
            let output = block.forward(state.clone(), &decoder.config, layer, None);
            let mut gradients = returned(output, upstream);
            let Some(below) = state.grad_remove(&mut gradients) else { return };
            upstream = below;
            take(Part::Parameters(gradients));
        }
        let [b, t] = input.dims();
        let rows = input.ids.clone().without_autodiff().reshape([b * t]);
        let table = &decoder.token_embedding;
        let embedded = leaf(table.val().without_autodiff().select(0, rows.clone()));
        let mut gradients = returned(decoder.placed(embedded.clone(), &input, 0), upstream);
        let gradient = embedded.grad_remove(&mut gradients);
        take(Part::Parameters(gradients));
        if let Some(gradient) = gradient.filter(|_| table.is_require_grad()) {
            take(Part::Rows { table: "token_embedding", rows, gradient });
        }
    }
}

/// A constant as the start of a graph, whose gradient is kept.
fn leaf<const D: usize>(constant: Tensor<D>) -> Tensor<D> {
    constant.autodiff().require_grad()
}

/// The gradients of what `output` was made of, from its own.
fn returned(output: Tensor<3>, upstream: Tensor<3>) -> Gradients {
    // The gradient of Σ output · upstream by output is upstream, to the last bit.
    (output * upstream.autodiff()).sum().backward()
}

#[cfg(test)]
mod tests;
