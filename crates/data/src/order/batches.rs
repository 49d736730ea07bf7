//! Batches of examples of like length, epoch after epoch, resumable at any batch.

use serde::{Deserialize, Serialize};

use super::{Purpose, permutation, same};
use crate::error::DataError;

/// Groups example indices into batches of like length, so that little is padding, without end.
///
/// Each epoch takes the examples in a new order, cuts that order into pools of
/// [`BatchOptions::pool`] batches, sorts each pool by length, cuts it into batches, and shuffles the
/// batches of the whole epoch. Every epoch has every example once; a batch never spans two epochs,
/// so one batch of an epoch may be smaller. Over no examples it yields nothing.
#[derive(Debug, Clone)]
pub struct Batches {
    lengths: Vec<usize>,
    state: BatchState,
    plan: Vec<Vec<usize>>,
}

/// How examples are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOptions {
    /// Examples of a batch; at least 1.
    pub batch_size: usize,
    /// Batches that are sorted by length together; at least 1. With 1 nothing is bucketed and the
    /// order is fully random; the more, the less padding and the less random.
    pub pool: usize,
    /// What the orders are drawn from.
    pub seed: u64,
}

/// Where [`Batches`] stand. All that has to be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchState {
    /// How many examples the batches are over.
    pub examples: u64,
    /// Examples of a batch.
    pub batch_size: u64,
    /// Batches that are sorted together.
    pub pool: u64,
    /// What the orders are drawn from.
    pub seed: u64,
    /// Epochs finished.
    pub epoch: u64,
    /// Batches of the current epoch that have been yielded.
    pub batch: u64,
}

impl Batches {
    /// Starts with the first epoch over examples of these `lengths`, in tokens.
    ///
    /// # Errors
    ///
    /// [`DataError::OutOfRange`] where an option is 0.
    pub fn new(lengths: Vec<usize>, options: BatchOptions) -> Result<Self, DataError> {
        for (field, value) in [("batch_size", options.batch_size), ("pool", options.pool)] {
            if value == 0 {
                let (field, value) = (field.to_owned(), "0".to_owned());
                return Err(DataError::OutOfRange { field, value, allowed: "at least 1".into() });
            }
        }
        let state = BatchState {
            examples: lengths.len() as u64,
            batch_size: options.batch_size as u64,
            pool: options.pool as u64,
            seed: options.seed,
            epoch: 0,
            batch: 0,
        };
        let mut batches = Self { lengths, state, plan: Vec::new() };
        batches.plan_epoch();
        Ok(batches)
    }

    /// Goes on where `state` was taken; the seed is the saved one.
    ///
    /// # Errors
    ///
    /// [`DataError::OrderMismatch`] where the state is over another number of examples, of other
    /// options, or past the end of its epoch.
    pub fn resume(
        lengths: Vec<usize>,
        options: BatchOptions,
        state: BatchState,
    ) -> Result<Self, DataError> {
        let mut batches = Self::new(lengths, BatchOptions { seed: state.seed, ..options })?;
        same("examples", state.examples, batches.state.examples)?;
        same("batch_size", state.batch_size, batches.state.batch_size)?;
        same("pool", state.pool, batches.state.pool)?;
        batches.state = state;
        batches.plan_epoch();
        let planned = batches.plan.len() as u64;
        if state.batch > planned {
            return Err(DataError::OrderMismatch {
                what: "batch",
                saved: state.batch,
                now: planned,
            });
        }
        Ok(batches)
    }

    /// Where the batches stand now.
    pub fn state(&self) -> BatchState {
        self.state
    }

    /// Batches of an epoch.
    pub fn per_epoch(&self) -> usize {
        self.plan.len()
    }

    fn plan_epoch(&mut self) {
        let BatchState { seed, epoch, .. } = self.state;
        let batch_size = self.state.batch_size as usize;
        let pool = batch_size.saturating_mul(self.state.pool as usize);
        let mut order = permutation(self.lengths.len(), seed, Purpose::Epoch, epoch);
        let mut batches = Vec::new();
        for pool in order.chunks_mut(pool) {
            // The sort is stable: examples of one length stay in the epoch's order.
            pool.sort_by_key(|index| self.lengths.get(*index));
            batches.extend(pool.chunks(batch_size).map(<[usize]>::to_vec));
        }
        let order = permutation(batches.len(), seed, Purpose::Batches, epoch);
        self.plan =
            order.into_iter().filter_map(|at| batches.get_mut(at).map(std::mem::take)).collect();
    }
}

impl Iterator for Batches {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        if self.state.batch >= self.plan.len() as u64 {
            self.state.epoch = self.state.epoch.wrapping_add(1);
            self.state.batch = 0;
            self.plan_epoch();
        }
        let batch = self.plan.get(self.state.batch as usize).cloned()?;
        self.state.batch += 1;
        Some(batch)
    }
}

#[cfg(test)]
mod tests;
