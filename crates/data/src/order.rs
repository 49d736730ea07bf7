//! The order in which examples are seen: one permutation an epoch, from a seed, resumable.
//!
//! Nothing is stored but counters: epoch `e` of seed `s` over `n` examples is always the same
//! permutation, on every machine and in every version of this crate.
//!
//! # The permutation
//!
//! ChaCha with 8 rounds, keyed by `seed` (8 bytes, little-endian), a purpose (8 bytes) and the epoch
//! (8 bytes), then 8 zero bytes; nonce 0, counter from 0. Its output is read as little-endian 64-bit
//! words. A word `x` gives a number below `n` as `x mod n`, where words of at least
//! `⌊2⁶⁴ / n⌋ · n` are skipped, so that every number is equally likely. Fisher–Yates then goes down
//! from the last place: place `i` is swapped with the place `j ≤ i` drawn.

mod batches;

pub use batches::{BatchOptions, BatchState, Batches};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::error::DataError;

/// What a random stream is for: two purposes never share numbers, whatever the seed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The order of examples within an epoch.
    Epoch = 1,
    /// The order of batches within an epoch.
    Batches = 2,
    /// Shuffling once, before records are selected.
    Shuffle = 3,
    /// Which records are held out.
    Holdout = 4,
}

/// The numbers `0..len` in the order that `seed`, `purpose` and `epoch` give.
pub(crate) fn permutation(len: usize, seed: u64, purpose: Purpose, epoch: u64) -> Vec<usize> {
    let mut rng = stream(seed, purpose, epoch);
    let mut order: Vec<usize> = (0..len).collect();
    for last in (1..len).rev() {
        order.swap(last, below(&mut rng, last + 1));
    }
    order
}

fn stream(seed: u64, purpose: Purpose, epoch: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    let words = [seed, purpose as u64, epoch];
    for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// A number below `count`, which is at least 1; every one is equally likely.
fn below(rng: &mut ChaCha8Rng, count: usize) -> usize {
    let count = count as u64;
    // 2⁶⁴ mod count, without the number 2⁶⁴.
    let surplus = (u64::MAX % count + 1) % count;
    loop {
        let word = rng.next_u64();
        if word <= u64::MAX - surplus {
            return (word % count) as usize;
        }
    }
}

/// Example indices, epoch after epoch, without end; each epoch has every index once, in an order of
/// its own. Over no examples it yields nothing.
#[derive(Debug, Clone)]
pub struct EpochOrder {
    state: OrderState,
    order: Vec<usize>,
}

/// Where an [`EpochOrder`] stands. All that has to be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderState {
    /// How many examples the order is over.
    pub examples: u64,
    /// What the permutations are drawn from.
    pub seed: u64,
    /// Epochs finished.
    pub epoch: u64,
    /// Examples of the current epoch that have been yielded.
    pub position: u64,
}

impl EpochOrder {
    /// Starts with the first epoch.
    pub fn new(examples: usize, seed: u64) -> Self {
        Self::at(OrderState { examples: examples as u64, seed, epoch: 0, position: 0 })
    }

    /// Goes on where `state` was taken.
    ///
    /// # Errors
    ///
    /// [`DataError::OrderMismatch`] where the state is over another number of examples or its
    /// position is past them.
    pub fn resume(examples: usize, state: OrderState) -> Result<Self, DataError> {
        same("examples", state.examples, examples as u64)?;
        if state.position > state.examples {
            let (saved, now) = (state.position, state.examples);
            return Err(DataError::OrderMismatch { what: "position", saved, now });
        }
        Ok(Self::at(state))
    }

    fn at(state: OrderState) -> Self {
        let order = permutation(state.examples as usize, state.seed, Purpose::Epoch, state.epoch);
        Self { state, order }
    }

    /// Where the order stands now.
    pub fn state(&self) -> OrderState {
        self.state
    }
}

impl Iterator for EpochOrder {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.state.position >= self.state.examples {
            let epoch = self.state.epoch.wrapping_add(1);
            *self = Self::at(OrderState { epoch, position: 0, ..self.state });
        }
        let index = self.order.get(self.state.position as usize).copied()?;
        self.state.position += 1;
        Some(index)
    }
}

pub(crate) fn same(what: &'static str, saved: u64, now: u64) -> Result<(), DataError> {
    if saved == now {
        return Ok(());
    }
    Err(DataError::OrderMismatch { what, saved, now })
}

#[cfg(test)]
mod tests;
