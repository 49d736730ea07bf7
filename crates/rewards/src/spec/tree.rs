//! What a spec becomes: a tree that checks rows, scores batches and saves what it remembers.

use serde_json::Value;

use super::node::Node;
use crate::column::Column;
use crate::error::{RewardError, StateError};
use crate::reward::Needs;
use crate::rows::Row;
use crate::sample::{Context, Sample};

/// A reward built from a spec.
pub struct RewardTree {
    root: Node,
    leaves: Vec<(String, Needs)>,
}

/// What a row lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lack<'a> {
    /// The field.
    pub what: &'a str,
    /// The leaf that reads it, by its path.
    pub path: &'a str,
}

impl std::fmt::Display for Lack<'_> {
    /// To stand after the place of the row: "has no `target`, which …".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, path } = self;
        write!(
            f,
            "has no `{what}`, which the reward `{path}` reads; add `{what}` to every row or take \
             `{path}` out of the spec"
        )
    }
}

impl std::fmt::Debug for RewardTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let leaves: Vec<&String> = self.leaves.iter().map(|(path, _)| path).collect();
        f.debug_struct("RewardTree").field("leaves", &leaves).finish()
    }
}

impl RewardTree {
    pub(crate) fn new(root: Node) -> Self {
        let strip = |(path, needs): &(String, Needs)| (below_root(&root, path), needs.clone());
        let leaves = root.leaves.iter().map(strip).collect();
        Self { root, leaves }
    }

    /// The name of the whole: the root's `name`, or its `type`.
    pub fn name(&self) -> &str {
        &self.root.name
    }

    /// The leaves by their paths as in [`crate::column::Part::path`], each with what it reads.
    pub fn leaves(&self) -> &[(String, Needs)] {
        &self.leaves
    }

    /// What the rows must carry, all leaves together.
    pub fn needs(&self) -> Needs {
        self.leaves.iter().fold(Needs::default(), |all, (_, needs)| all.union(needs))
    }

    /// True where a score depends on the other responses to its prompt: all rows of a group must
    /// then stand in one batch.
    pub fn compares_group(&self) -> bool {
        self.root.compares_group
    }

    /// Scores a batch: the total in `value`, every leaf in `parts`.
    ///
    /// # Errors
    ///
    /// [`RewardError`] where a row lacks what a leaf reads, or a leaf fails as a whole.
    pub fn score(
        &self,
        batch: &[Sample<'_>],
        context: &Context<'_>,
    ) -> Result<Column, RewardError> {
        self.check(batch)?;
        let mut column = self.root.score(batch, context)?;
        for part in &mut column.parts {
            part.path = below_root(&self.root, &part.path);
        }
        Ok(column)
    }

    /// Checks that every row carries what the leaves read.
    ///
    /// # Errors
    ///
    /// [`RewardError::Missing`] for the first row that does not.
    pub fn check(&self, batch: &[Sample<'_>]) -> Result<(), RewardError> {
        for sample in batch {
            let Some(Lack { what, path }) = self.missing(sample) else { continue };
            let (what, path) = (what.to_owned(), path.to_owned());
            return Err(RewardError::Missing { row: sample.id, what, path });
        }
        Ok(())
    }

    /// What `sample` lacks of what the first leaf in need reads. An empty prompt is a prompt.
    pub fn missing(&self, sample: &Sample<'_>) -> Option<Lack<'_>> {
        self.lack(|needs| missing(sample, needs))
    }

    /// As [`missing`](Self::missing), for a row of a file, which may also lack the prompt.
    pub fn missing_in(&self, row: &Row) -> Option<Lack<'_>> {
        self.lack(|needs| row.missing(needs))
    }

    fn lack<'s>(&'s self, missing: impl Fn(&'s Needs) -> Option<&'s str>) -> Option<Lack<'s>> {
        let lack = |(path, needs): &'s (String, Needs)| Some(Lack { what: missing(needs)?, path });
        self.leaves.iter().find_map(lack)
    }

    /// What the tree remembers, for a checkpoint; `None` where nothing in it remembers.
    pub fn state(&self) -> Option<Value> {
        self.root.state()
    }

    /// Takes back what [`state`](Self::state) gave.
    ///
    /// # Errors
    ///
    /// [`StateError`] where the state belongs to another spec.
    pub fn load_state(&self, state: &Value) -> Result<(), StateError> {
        self.root.load_state(state)
    }
}

/// The first thing that `sample` lacks of `needs`. An empty prompt is a prompt.
fn missing<'n>(sample: &Sample<'_>, needs: &'n Needs) -> Option<&'n str> {
    if needs.target && sample.targets.is_empty() {
        return Some("target");
    }
    if needs.token_ids && sample.token_ids.is_none() {
        return Some("token_ids");
    }
    let absent = |field: &&String| !sample.fields.contains_key(*field);
    needs.fields.iter().find(absent).map(String::as_str)
}

/// `path` without the root's own name, unless the root is the leaf.
fn below_root(root: &Node, path: &str) -> String {
    let rest = path.strip_prefix(root.name.as_str()).and_then(|rest| rest.strip_prefix('/'));
    match rest {
        Some(rest) if !root.is_leaf => rest.to_owned(),
        _ => path.to_owned(),
    }
}
