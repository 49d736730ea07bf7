//! The rows of the tasks, and where each task stands in its own.

use hybrid_data::order::{BatchOptions, BatchState, Batches};
use hybrid_heads::balance::task_seed;
use hybrid_model::Trunk;

use super::example::{Example, TaskRows};
use super::forward::token_rows;
use crate::error::HybridError;

/// Batches of like length are sorted over this many batches: little padding, still random.
const LENGTH_POOL: usize = 16;

/// Rows in batches, task by task.
#[derive(Debug, Default)]
pub(crate) struct HeadsFeed {
    rows: Vec<TaskRows>,
    batches: Vec<Batches>,
}

/// Examples of a task.
pub(crate) type TaskBatch<'a> = (usize, Vec<&'a Example>);

impl HeadsFeed {
    /// A feed at its start.
    pub(crate) fn new(
        rows: Vec<TaskRows>,
        batch_size: usize,
        seed: u64,
    ) -> Result<Self, HybridError> {
        let batches = rows.iter().enumerate().map(|(task, rows)| {
            let seed = task_seed(seed, task);
            let options = BatchOptions { batch_size, pool: LENGTH_POOL, seed };
            Ok(Batches::new(lengths(rows), options)?)
        });
        let batches = batches.collect::<Result<Vec<_>, HybridError>>()?;
        Ok(Self { rows, batches })
    }

    /// Refuses texts that the trunk cannot read.
    pub(crate) fn check(&self, trunk: &Trunk, max_length: usize) -> Result<(), HybridError> {
        for TaskRows { task, train, held_out } in &self.rows {
            let examples: Vec<&Example> = train.iter().chain(held_out).collect();
            let longest = examples.iter().map(|example| example.tokens()).max().unwrap_or(0);
            if longest > trunk.max_tokens() {
                return Err(HybridError::Missing(format!(
                    "`train.max_length` is {max_length}, and the longest text of the head `{}` has \
                     {longest} tokens, but the model reads {} at most; lower it",
                    task.name,
                    trunk.max_tokens()
                )));
            }
            trunk.check(&token_rows(&examples))?;
        }
        Ok(())
    }

    /// All rows, in the order of the tasks.
    pub(crate) fn rows(&self) -> &[TaskRows] {
        &self.rows
    }

    /// The next batch of each of `tasks`.
    pub(crate) fn next(&mut self, tasks: &[usize]) -> Vec<TaskBatch<'_>> {
        let Self { rows, batches } = self;
        let rows: &[TaskRows] = rows;
        let batch = |task: &usize| {
            let places = batches.get_mut(*task).and_then(Iterator::next).unwrap_or_default();
            let train = rows.get(*task).map(|rows| rows.train.as_slice()).unwrap_or_default();
            (*task, places.iter().filter_map(|place| train.get(*place)).collect())
        };
        tasks.iter().map(batch).collect()
    }

    /// Where every task stands.
    pub(crate) fn state(&self) -> Vec<BatchState> {
        self.batches.iter().map(Batches::state).collect()
    }

    /// Goes on where `states` were taken.
    pub(crate) fn resume(&mut self, states: &[BatchState]) -> Result<(), HybridError> {
        for ((batches, rows), saved) in self.batches.iter_mut().zip(&self.rows).zip(states) {
            let now = batches.state();
            let options = BatchOptions {
                batch_size: now.batch_size as usize,
                pool: now.pool as usize,
                seed: now.seed,
            };
            *batches = Batches::resume(lengths(rows), options, *saved)?;
        }
        Ok(())
    }
}

fn lengths(rows: &TaskRows) -> Vec<usize> {
    rows.train.iter().map(Example::tokens).collect()
}
