//! Rewards that compare what an encoder makes of texts: each text is encoded once, whatever rows it
//! stands in, and the rows are scored from what came out.

use std::sync::{Mutex, PoisonError};

use hybrid_model::ragged::batches;
use rayon::prelude::*;

use super::batched::is_late;
use crate::cache::{Cache, Pending};
use crate::column::Column;
use crate::error::RewardError;
use crate::reward::{Needs, Reward};
use crate::sample::{Context, Sample};

/// Rows whose texts are held at once, so that a large batch needs no more memory than this many.
const ROWS: usize = 256;

/// From a text to what is compared.
pub(super) trait TextEncoder: Send + Sync {
    /// What comes out of a text; cheap to clone.
    type Value: Clone + Send + Sync;

    /// The tokens of a text, which [`encode`](Self::encode) can read.
    ///
    /// # Errors
    ///
    /// Why the text cannot be read, in one sentence.
    fn read(&self, text: &str) -> Result<Vec<u32>, String>;

    /// What comes out of a batch, in its order.
    ///
    /// # Errors
    ///
    /// The network's own, in one sentence.
    fn encode(&self, rows: &[&[u32]]) -> Result<Vec<Self::Value>, String>;
}

/// From encoded texts to a score.
pub(super) trait Compare<V>: Send + Sync {
    /// What is read of a row besides the response.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// The texts of a row that are encoded; none where it has no score.
    fn texts<'s>(&self, sample: &Sample<'s>) -> Vec<&'s str>;

    /// The score from what came out of those texts, in their order.
    fn score(&self, values: &[V]) -> Option<f64>;
}

/// An encoder and a comparison as a reward.
pub(super) struct Encoded<E: TextEncoder, C> {
    encoder: E,
    compare: C,
    batch_tokens: usize,
    cache: Mutex<Cache<E::Value>>,
}

impl<E: TextEncoder, C: Compare<E::Value>> Encoded<E, C> {
    /// Encodes at most `batch_tokens` tokens at once and remembers `cache` texts.
    pub(super) fn new(encoder: E, compare: C, batch_tokens: usize, cache: usize) -> Self {
        Self { encoder, compare, batch_tokens, cache: Mutex::new(Cache::new(cache)) }
    }

    /// What comes out of each text; nothing of one that could not be read in time or at all, and then
    /// the reason.
    fn values(
        &self,
        texts: &[&str],
        context: &Context<'_>,
    ) -> (Vec<Option<E::Value>>, Option<String>) {
        let mut values = vec![None; texts.len()];
        let rows = texts.iter().map(|text| (text, *text));
        let pending =
            self.cache.lock().unwrap_or_else(PoisonError::into_inner).pending(rows, &mut values);
        let (found, reason) = self.encode(&pending, context);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        for (text, value) in pending.iter().zip(found) {
            if let Some(value) = &value {
                cache.insert(text.key, value.clone());
            }
            text.put(&mut values, value);
        }
        tracing::debug!(
            texts = texts.len(),
            computed = pending.len(),
            hits = cache.hits(),
            "encoded"
        );
        (values, reason)
    }

    fn encode(
        &self,
        pending: &[Pending<&str>],
        context: &Context<'_>,
    ) -> (Vec<Option<E::Value>>, Option<String>) {
        let read: Vec<Result<Vec<u32>, String>> =
            pending.par_iter().map(|text| self.encoder.read(text.row)).collect();
        let mut reason = read.iter().find_map(|ids| ids.as_ref().err().cloned());
        let readable: Vec<(usize, &[u32])> = read
            .iter()
            .enumerate()
            .filter_map(|(at, ids)| ids.as_ref().ok().map(|ids| (at, ids.as_slice())))
            .collect();
        let lengths: Vec<usize> = readable.iter().map(|(_, ids)| ids.len()).collect();
        let mut found = vec![None; pending.len()];
        for batch in batches(&lengths, self.batch_tokens) {
            let members: Vec<(usize, &[u32])> =
                batch.iter().filter_map(|at| readable.get(*at).copied()).collect();
            let rows: Vec<&[u32]> = members.iter().map(|(_, ids)| *ids).collect();
            let start = context.now();
            let values = match self.encoder.encode(&rows) {
                Ok(values) => values,
                Err(error) => {
                    reason = reason.or(Some(error));
                    continue;
                }
            };
            if is_late(context, start, rows.len()) {
                continue;
            }
            for ((at, _), value) in members.into_iter().zip(values) {
                if let Some(slot) = found.get_mut(at) {
                    *slot = Some(value);
                }
            }
        }
        (found, reason)
    }

    /// The scores of a few rows, how many of them have a text without a value, and why.
    fn score_rows(
        &self,
        batch: &[Sample<'_>],
        context: &Context<'_>,
    ) -> (Vec<Option<f64>>, usize, Option<String>) {
        let texts: Vec<Vec<&str>> =
            batch.par_iter().map(|sample| self.compare.texts(sample)).collect();
        let flat: Vec<&str> = texts.iter().flatten().copied().collect();
        let (values, reason) = self.values(&flat, context);
        let mut values = values.into_iter();
        // A row without one of its values has no score.
        let rows: Vec<Option<Vec<E::Value>>> = texts
            .iter()
            .map(|texts| values.by_ref().take(texts.len()).collect::<Vec<_>>())
            .map(|row| row.into_iter().collect())
            .collect();
        let lost = rows.iter().filter(|row| row.is_none()).count();
        let score = |row: &Option<Vec<E::Value>>| {
            let row = row.as_ref().filter(|row| !row.is_empty())?;
            self.compare.score(row)
        };
        (rows.par_iter().map(score).collect(), lost, reason)
    }
}

impl<E: TextEncoder, C: Compare<E::Value>> Reward for Encoded<E, C> {
    fn needs(&self) -> Needs {
        self.compare.needs()
    }

    fn score(&self, batch: &[Sample<'_>], context: &Context<'_>) -> Result<Column, RewardError> {
        let (mut value, mut lost, mut reason) = (Vec::with_capacity(batch.len()), 0, None);
        for rows in batch.chunks(ROWS) {
            let (scores, without, why) = self.score_rows(rows, context);
            value.extend(scores);
            lost += without;
            reason = reason.or(why);
        }
        let note = reason.map(|reason| format!("{lost} rows have no score: {reason}"));
        Ok(Column { value, notes: note.into_iter().collect(), ..Column::default() })
    }
}

#[cfg(test)]
mod tests;
