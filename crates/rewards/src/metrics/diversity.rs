//! How varied responses are: within themselves, among each other, and against what came before.

use crate::combine::group_rows;
use crate::sample::Sample;
use crate::spec::info::Param;
use crate::spec::registry::{RegisterError, Registry};

mod compression;
mod curiosity;
mod distinct;
mod entropy;
mod exploration;
mod novelty;
mod self_bleu;

#[cfg(test)]
mod tests;

/// What one score is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scope {
    /// A response.
    #[default]
    Row,
    /// All responses to a prompt together; each of them gets their score.
    Group,
}

const SCOPE: Param = Param::new(
    "scope",
    "one of `row` or `group`",
    "`row` looks at a response alone; `group` at all responses to its prompt together, which share the score",
);
const LOWERCASE: Param = Param::new("lowercase", "true or false", "compare in lower case");

/// One score a group, given by `score` from the group's responses, as one score a row.
fn by_group<F>(batch: &[Sample<'_>], score: F) -> Vec<Option<f64>>
where
    F: Fn(&[&str]) -> f64 + Sync,
{
    use rayon::prelude::*;
    let groups = group_rows(batch);
    let of_group = |rows: &Vec<usize>| {
        let texts: Vec<&str> =
            rows.iter().filter_map(|row| Some(batch.get(*row)?.response)).collect();
        score(&texts)
    };
    let scores: Vec<f64> = groups.par_iter().map(of_group).collect();
    let mut column = vec![None; batch.len()];
    for (rows, score) in groups.iter().zip(scores) {
        for row in rows {
            if let Some(slot) = column.get_mut(*row) {
                *slot = Some(score);
            }
        }
    }
    column
}

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    compression::register(registry)?;
    curiosity::register(registry)?;
    distinct::register(registry)?;
    entropy::register(registry)?;
    exploration::register(registry)?;
    novelty::register(registry)?;
    self_bleu::register(registry)
}
