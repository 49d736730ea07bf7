//! The ground of every reward that runs a network: what is known is not computed again, the rest is
//! sorted by length and cut into batches.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hybrid_model::ragged::batches;
use rayon::prelude::*;
use serde_json::json;

use crate::cache::{Cache, Pending};
use crate::column::Column;
use crate::error::RewardError;
use crate::reward::{Needs, Reward};
use crate::sample::{Context, Sample};

/// What a network makes of one row.
pub(super) trait Network: Send + Sync {
    /// A row as the network reads it.
    type Input: Send + Sync;

    /// What is read of a row besides the response; a score depends on nothing else.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// The inputs of a row, of whose scores [`fold`](Self::fold) makes one; none where it has no score.
    ///
    /// # Errors
    ///
    /// Why the row cannot be read, in one sentence; it then has no score.
    fn inputs(&self, sample: &Sample<'_>) -> Result<Vec<Self::Input>, String>;

    /// How many tokens an input has.
    fn length(&self, input: &Self::Input) -> usize;

    /// The scores of a batch, in its order.
    fn run(&self, inputs: &[&Self::Input]) -> Vec<f64>;

    /// The score of a row by those of its inputs, at least one: the best, or NaN where one is, so
    /// that it is seen.
    fn fold(&self, scored: &[(&Self::Input, f64)]) -> f64 {
        scored.iter().map(|(_, score)| *score).fold(f64::NEG_INFINITY, better)
    }
}

/// A network as a reward.
pub(super) struct Batched<N> {
    network: N,
    batch_tokens: usize,
    cache: Mutex<Cache<f64>>,
}

impl<N: Network> Batched<N> {
    /// Runs `network` on at most `batch_tokens` tokens at once and remembers `cache` scores.
    pub(super) fn new(network: N, batch_tokens: usize, cache: usize) -> Self {
        Self { network, batch_tokens, cache: Mutex::new(Cache::new(cache)) }
    }

    /// How many rows were answered from memory so far.
    #[cfg(test)]
    pub(super) fn hits(&self) -> u64 {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).hits()
    }

    /// The score of each row that is not known.
    fn compute(
        &self,
        pending: &[Pending<&Sample<'_>>],
        context: &Context<'_>,
    ) -> (Vec<Option<f64>>, Vec<String>) {
        let read = |row: &Pending<&Sample<'_>>| self.network.inputs(row.row);
        let inputs: Vec<Result<Vec<N::Input>, String>> = pending.par_iter().map(read).collect();
        let mut flat: Vec<(usize, &N::Input)> = Vec::new();
        let mut refused: Vec<(usize, &String)> = Vec::new();
        for (row, inputs) in inputs.iter().enumerate() {
            match inputs {
                Ok(inputs) => flat.extend(inputs.iter().map(|input| (row, input))),
                Err(reason) => refused.push((row, reason)),
            }
        }
        let lengths: Vec<usize> =
            flat.iter().map(|(_, input)| self.network.length(input)).collect();
        let mut found: Vec<Option<f64>> = vec![None; flat.len()];
        for batch in batches(&lengths, self.batch_tokens) {
            let members: Vec<(usize, &N::Input)> =
                batch.iter().filter_map(|at| Some((*at, flat.get(*at)?.1))).collect();
            let batch: Vec<&N::Input> = members.iter().map(|(_, input)| *input).collect();
            let start = context.now();
            let scores = self.network.run(&batch);
            if is_late(context, start, batch.len()) {
                continue;
            }
            for ((at, _), score) in members.iter().zip(scores) {
                if let Some(slot) = found.get_mut(*at) {
                    *slot = Some(score);
                }
            }
        }
        let scores = self.fold_rows(&flat, &found, pending.len());
        let places = |row: usize| pending.get(row).map_or(0, |row| row.places.len());
        let lost: usize = refused.iter().map(|(row, _)| places(*row)).sum();
        let note =
            refused.first().map(|(_, reason)| format!("{lost} rows have no score: {reason}"));
        (scores, note.into_iter().collect())
    }

    /// One score for each of `rows` rows by those of its inputs, which stand together with the row's
    /// number; none where an input has none.
    fn fold_rows(
        &self,
        inputs: &[(usize, &N::Input)],
        found: &[Option<f64>],
        rows: usize,
    ) -> Vec<Option<f64>> {
        let mut scores = vec![None; rows];
        let mut rest = found;
        for own in inputs.chunk_by(|one, next| one.0 == next.0) {
            let (scored, others) = rest.split_at(own.len());
            rest = others;
            let pairs = own.iter().zip(scored).map(|((_, input), score)| Some((*input, (*score)?)));
            let pairs: Option<Vec<(&N::Input, f64)>> = pairs.collect();
            let row = own.first().and_then(|(row, _)| scores.get_mut(*row));
            if let (Some(pairs), Some(slot)) = (pairs, row) {
                *slot = Some(self.network.fold(&pairs));
            }
        }
        scores
    }
}

impl<N: Network> Reward for Batched<N> {
    fn needs(&self) -> Needs {
        self.network.needs()
    }

    fn score(&self, batch: &[Sample<'_>], context: &Context<'_>) -> Result<Column, RewardError> {
        let needs = self.network.needs();
        let mut value = vec![None; batch.len()];
        let rows = batch.iter().map(|sample| (content(sample, &needs), sample));
        let pending =
            self.cache.lock().unwrap_or_else(PoisonError::into_inner).pending(rows, &mut value);
        let (scores, notes) = self.compute(&pending, context);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        for (row, score) in pending.iter().zip(scores) {
            row.put(&mut value, score);
            // What is not finite becomes no score, and is counted each time.
            if let Some(score) = score.filter(|score| score.is_finite()) {
                cache.insert(row.key, score);
            }
        }
        tracing::debug!(
            rows = batch.len(),
            computed = pending.len(),
            hits = cache.hits(),
            "scored"
        );
        Ok(Column { value, notes, ..Column::default() })
    }
}

/// What the score of a row depends on.
fn content(sample: &Sample<'_>, needs: &Needs) -> String {
    let prompt = needs.prompt.then_some(sample.prompt);
    let targets = needs.target.then_some(sample.targets);
    let fields: Vec<_> = needs.fields.iter().map(|field| sample.fields.get(field)).collect();
    json!([sample.response, prompt, targets, fields]).to_string()
}

/// The better of two scores; NaN where one is.
fn better(before: f64, score: f64) -> f64 {
    if before.is_nan() || before > score { before } else { score }
}

/// The best of several scores; NaN where one is, so that it is seen.
pub(super) fn best(scores: impl Iterator<Item = f64>) -> Option<f64> {
    scores.reduce(better)
}

/// True where a batch took longer than its rows were given together.
pub(super) fn is_late(context: &Context<'_>, start: Option<Duration>, rows: usize) -> bool {
    let (Some(limit), Some(start), Some(now)) = (context.row_limit(), start, context.now()) else {
        return false;
    };
    now.saturating_sub(start) > limit.saturating_mul(u32::try_from(rows).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
