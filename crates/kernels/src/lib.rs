//! Fused operations with gradients of their own, each behind one function.
//!
//! Every function here composes burn's own operations on any backend. On burn's CPU backend
//! (feature `flex`), for 32-bit floats, it runs one kernel instead: a single pass on all cores, with
//! a backward pass written by hand that keeps little and computes the rest again. The two agree
//! within rounding, and a kernel gives the same bits however its threads are timed: work is cut
//! by shape alone, and every sum has a fixed order. Read it in this order:
//!
//! 1. [`head`]: from hidden states to log-probabilities, without the logits of all rows at once.
//! 2. [`attention`]: grouped heads, rotary positions, and which keys a query sees.
//! 3. [`linear`], with [`lora`] beside it, [`norm`] and [`gate`]: the rest of a layer; [`embedding`],
//!    before the first.
//! 4. [`packed`]: products of a few rows with a weight laid out once, for decoding.
//! 5. [`recurrent`]: LSTM and GRU over the steps of rows of several lengths.
//! 6. [`adamw`], [`lion`], [`sgd`] and [`elementwise`]: what an optimizer does to every parameter.
//!
//! # Shapes
//!
//! `b` is the batch, `t` the queries of a row, `s` the keys, `h` query heads, `kv` key-value heads,
//! `hd` the size of a head, `n` rows, `e` the width of a hidden state, `v` the vocabulary.

pub mod adamw;
pub mod attention;
pub mod elementwise;
pub mod embedding;
pub mod gate;
pub mod head;
pub mod linear;
pub mod lion;
pub mod lora;
pub mod norm;
pub mod packed;
pub mod recurrent;
pub mod sgd;

#[cfg(feature = "flex")]
mod host;

#[cfg(feature = "flex")]
mod flex;

use burn::tensor::{Device, Tensor};

/// Whether tensors of this device run the kernels of this crate rather than composed operations.
#[must_use]
pub fn is_fused(device: &Device) -> bool {
    #[cfg(feature = "flex")]
    return flex::holds(device);
    #[cfg(not(feature = "flex"))]
    {
        let _ = device;
        false
    }
}

/// `cap · tanh(x / cap)`: bounds `x` by `cap` smoothly (Gemma 2).
#[must_use]
pub fn softcap<const D: usize>(input: Tensor<D>, cap: f64) -> Tensor<D> {
    (input / cap).tanh() * cap
}

#[cfg(test)]
mod fixtures;

#[cfg(test)]
mod tests;
