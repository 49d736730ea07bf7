//! What a spec becomes: a tree that checks rows, scores batches and saves what it remembers.

use serde_json::Value;

use super::node::Node;
use crate::column::Column;
use crate::error::{RewardError, StateError};
use crate::reward::Needs;
use crate::sample::{Context, Sample};

/// A reward built from a spec.
pub struct RewardTree {
    root: Node,
    leaves: Vec<(String, Needs)>,
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
        let needs = self.needs();
        for sample in batch {
            let Some(what) = missing(sample, &needs) else { continue };
            let reads = |(_, needs): &&(String, Needs)| missing(sample, needs) == Some(what);
            let path = self.leaves.iter().find(reads).map_or("", |(path, _)| path);
            let (what, path) = (what.to_owned(), path.to_owned());
            return Err(RewardError::Missing { row: sample.id, what, path });
        }
        Ok(())
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
