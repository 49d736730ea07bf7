//! The trait behind every reward, and the adapter that gives a per-row function all cores.

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde_json::Value;

use crate::column::Column;
use crate::error::{RewardError, StateError};
use crate::sample::{Context, Sample};

/// A reward function: a batch in, at most one finite number a row out.
pub trait Reward: Send + Sync {
    /// What every row must carry for this reward to mean anything.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Scores a whole batch; the result has one entry a row, in order.
    ///
    /// What remembers across batches changes once a call, after all rows are scored, so that a row's
    /// score does not depend on its place.
    ///
    /// # Errors
    ///
    /// [`RewardError`] where the batch as a whole cannot be scored. One row that cannot be scored is
    /// `None`.
    fn score(&self, batch: &[Sample<'_>], context: &Context<'_>) -> Result<Column, RewardError>;

    /// What is remembered across batches, for a checkpoint; `None` where nothing is.
    fn state(&self) -> Option<Value> {
        None
    }

    /// Takes back what [`state`](Self::state) gave.
    ///
    /// # Errors
    ///
    /// [`StateError`] where `state` was not written by this reward.
    fn load_state(&self, state: &Value) -> Result<(), StateError> {
        let _ = state;
        Err(StateError::unexpected("a reward that remembers nothing"))
    }
}

/// What a reward reads of a row besides the response.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// At least one target.
    pub target: bool,
    /// The prompt.
    pub prompt: bool,
    /// The ids of the response's tokens.
    pub token_ids: bool,
    /// Several responses to a prompt.
    pub group: bool,
    /// Other fields, by name.
    pub fields: BTreeSet<String>,
}

impl Needs {
    /// Needs a target and nothing else.
    pub fn target() -> Self {
        Self { target: true, ..Self::default() }
    }

    /// Needs the prompt and nothing else.
    pub fn prompt() -> Self {
        Self { prompt: true, ..Self::default() }
    }

    /// What either needs.
    pub fn union(mut self, other: &Self) -> Self {
        self.target |= other.target;
        self.prompt |= other.prompt;
        self.token_ids |= other.token_ids;
        self.group |= other.group;
        self.fields.extend(other.fields.iter().cloned());
        self
    }

    /// The needs as words, in a fixed order: `target`, `prompt`, `token_ids`, `group`, then fields.
    pub fn names(&self) -> Vec<&str> {
        let fixed = [
            (self.target, "target"),
            (self.prompt, "prompt"),
            (self.token_ids, "token_ids"),
            (self.group, "group"),
        ];
        let fields = self.fields.iter().map(String::as_str);
        fixed
            .into_iter()
            .filter(|(needed, _)| *needed)
            .map(|(_, name)| name)
            .chain(fields)
            .collect()
    }
}

/// A metric of one row, which touches no other row and remembers nothing.
pub trait RowMetric: Send + Sync {
    /// See [`Reward::needs`].
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// The row's score, or `None` where it has none.
    fn score_row(&self, sample: &Sample<'_>) -> Option<f64>;
}

/// Any [`RowMetric`] as a [`Reward`]: rows spread over all cores, one row a task.
#[derive(Debug)]
pub struct PerRow<M>(pub M);

impl<M: RowMetric> Reward for PerRow<M> {
    fn needs(&self) -> Needs {
        self.0.needs()
    }

    fn score(&self, batch: &[Sample<'_>], context: &Context<'_>) -> Result<Column, RewardError> {
        Ok(Column::of(score_rows(batch, context, |sample| self.0.score_row(sample))))
    }
}

/// Scores each row by `score`, on all cores and in the batch's order.
///
/// A row that takes longer than the context's limit has no score. A row cannot be interrupted, so
/// metrics whose cost is not linear bound their own input.
pub fn score_rows<F>(batch: &[Sample<'_>], context: &Context<'_>, score: F) -> Vec<Option<f64>>
where
    F: Fn(&Sample<'_>) -> Option<f64> + Sync,
{
    let timed = |sample: &Sample<'_>| {
        let (Some(limit), Some(start)) = (context.row_limit(), context.now()) else {
            return score(sample);
        };
        let value = score(sample);
        let took = context.now().map_or(limit, |now| now.saturating_sub(start));
        if took > limit { None } else { value }
    };
    batch.par_iter().map(timed).collect()
}

/// A function of one row as a reward: the shortest way to a reward of one's own.
pub struct Closure<F>(pub F);

impl<F> std::fmt::Debug for Closure<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Closure")
    }
}

impl<F> Reward for Closure<F>
where
    F: Fn(&Sample<'_>) -> Option<f64> + Send + Sync,
{
    fn score(&self, batch: &[Sample<'_>], context: &Context<'_>) -> Result<Column, RewardError> {
        Ok(Column::of(score_rows(batch, context, &self.0)))
    }
}
