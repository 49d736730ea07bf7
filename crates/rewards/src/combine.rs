//! Several rewards to one: sums, products, gates, group-relative sums and learned multipliers.
//!
//! A combinator is a [`Rule`] over the columns of its components; `Combined` scores the
//! components, keeps their parts and carries their states. They nest freely.

use serde_json::{Map, Value};

use crate::column::{Column, Part};
use crate::error::{ParamError, RewardError, StateError};
use crate::reward::{Needs, Reward};
use crate::sample::{Context, Sample};
use crate::spec::info::Param;
use crate::spec::node::Node;
use crate::spec::registry::{RegisterError, Registry};

pub(crate) use self::group_normalize::normalize_groups;

mod counterfactual;
mod extremes;
mod gate;
mod group_normalize;
mod lagrangian;
mod product;
mod safety;
mod weighted_sum;

#[cfg(test)]
mod tests;

/// What a combinator is told of a component.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// Its name, unique among its siblings.
    pub name: String,
    /// Its weight; 1 where the spec has none. Finite, any sign.
    pub weight: f64,
}

/// How the columns of the components become one.
pub trait Rule: Send + Sync {
    /// Combines one column a component, each with one entry a row, into one entry a row.
    ///
    /// What the rule remembers changes once a call, and only where `context.train`.
    fn combine(
        &self,
        inputs: &[Vec<Option<f64>>],
        batch: &[Sample<'_>],
        context: &Context<'_>,
    ) -> Combination;

    /// Rows to score a second time with another text; most rules have none.
    fn rewrites(&self, batch: &[Sample<'_>]) -> Vec<Rewrite> {
        let _ = batch;
        Vec::new()
    }

    /// Takes into account how the components scored the `rewrites`, one column a component with one
    /// entry a rewrite. Only called where there are some.
    fn compare(
        &self,
        inputs: &[Vec<Option<f64>>],
        rewrites: &[Rewrite],
        rewritten: &[Vec<Option<f64>>],
        combined: &mut Combination,
    ) {
        let _ = (inputs, rewrites, rewritten, combined);
    }

    /// True where the rule compares responses to one prompt.
    fn needs_group(&self) -> bool {
        false
    }

    /// See [`Reward::state`].
    fn state(&self) -> Option<Value> {
        None
    }

    /// See [`Reward::load_state`].
    ///
    /// # Errors
    ///
    /// [`StateError`] where `state` was not written by this rule.
    fn load_state(&self, state: &Value) -> Result<(), StateError> {
        let _ = state;
        Err(StateError::unexpected("that of a combinator that remembers nothing"))
    }
}

/// A row with another text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// The row's place in the batch.
    pub row: usize,
    /// What it asks now.
    pub prompt: String,
    /// What it answers now.
    pub response: String,
}

/// What a rule returns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Combination {
    /// One entry a row.
    pub value: Vec<Option<f64>>,
    /// What a person should hear about this batch.
    pub notes: Vec<String>,
}

impl From<Vec<Option<f64>>> for Combination {
    fn from(value: Vec<Option<f64>>) -> Self {
        Self { value, notes: Vec::new() }
    }
}

/// What becomes of a row some of whose components have no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The row has no score.
    #[default]
    None,
    /// The component is left out as if it had scored nothing: it adds 0 to a sum.
    Skip,
    /// The component is left out and the others' weights grow to make up for its own.
    Renormalize,
}

pub(crate) const MISSING: Param = Param::new(
    "missing",
    "one of `none`, `skip` or `renormalize`",
    "what becomes of a row that a component has no score for; where all have none, so has the row",
);

/// A combinator with its components.
pub(crate) struct Combined {
    nodes: Vec<Node>,
    rule: Box<dyn Rule>,
}

impl Combined {
    pub(crate) fn new(nodes: Vec<Node>, rule: Box<dyn Rule>) -> Self {
        Self { nodes, rule }
    }
}

impl Combined {
    /// One column a component. Nothing is learnt from texts that nobody wrote.
    fn score_rewrites(
        &self,
        rewrites: &[Rewrite],
        batch: &[Sample<'_>],
        context: &Context<'_>,
    ) -> Result<Vec<Vec<Option<f64>>>, RewardError> {
        let context = Context { train: false, ..*context };
        let sample = |rewrite: &'_ Rewrite| batch.get(rewrite.row).copied();
        let samples: Vec<Sample<'_>> = rewrites
            .iter()
            .filter_map(|rewrite| {
                let (prompt, response) = (rewrite.prompt.as_str(), rewrite.response.as_str());
                // The ids are those of the text before.
                sample(rewrite).map(|old| Sample { prompt, response, token_ids: None, ..old })
            })
            .collect();
        self.nodes.iter().map(|node| Ok(node.score(&samples, &context)?.value)).collect()
    }
}

impl Reward for Combined {
    fn needs(&self) -> Needs {
        let own = Needs { group: self.rule.needs_group(), ..Needs::default() };
        let leaves = self.nodes.iter().flat_map(|node| &node.leaves);
        leaves.fold(own, |all, (_, needs)| all.union(needs))
    }

    fn score(&self, batch: &[Sample<'_>], context: &Context<'_>) -> Result<Column, RewardError> {
        let mut inputs = Vec::with_capacity(self.nodes.len());
        let mut parts: Vec<Part> = Vec::new();
        let mut notes = Vec::new();
        for node in self.nodes.iter() {
            let column = node.score(batch, context)?;
            inputs.push(column.value);
            parts.extend(column.parts);
            notes.extend(column.notes);
        }
        let mut combined = self.rule.combine(&inputs, batch, context);
        let rewrites = self.rule.rewrites(batch);
        if !rewrites.is_empty() {
            let rewritten = self.score_rewrites(&rewrites, batch, context)?;
            self.rule.compare(&inputs, &rewrites, &rewritten, &mut combined);
        }
        notes.extend(combined.notes);
        Ok(Column { value: combined.value, parts, notes })
    }

    fn state(&self) -> Option<Value> {
        let mut state = Map::new();
        if let Some(rule) = self.rule.state() {
            state.insert("rule".into(), rule);
        }
        let states = self.nodes.iter().filter_map(|node| Some((node.name.clone(), node.state()?)));
        let components: Map<String, Value> = states.collect();
        if !components.is_empty() {
            state.insert("components".into(), Value::Object(components));
        }
        (!state.is_empty()).then_some(Value::Object(state))
    }

    fn load_state(&self, state: &Value) -> Result<(), StateError> {
        match (self.rule.state().is_some(), state.get("rule")) {
            (true, Some(saved)) => self.rule.load_state(saved)?,
            (false, None) => {}
            _ => return Err(StateError::unexpected("that of this combinator")),
        }
        let nothing = Map::new();
        let saved = state.get("components").and_then(Value::as_object).unwrap_or(&nothing);
        let remembering = self.nodes.iter().filter(|node| node.state().is_some());
        let mut loaded = 0;
        for node in remembering {
            let Some(state) = saved.get(&node.name) else {
                let expected = format!("one that holds the component `{}`", node.name);
                return Err(StateError::unexpected(expected));
            };
            node.load_state(state)?;
            loaded += 1;
        }
        if loaded == saved.len() {
            Ok(())
        } else {
            Err(StateError::unexpected("one of the same components"))
        }
    }
}

/// Rows with what each component said of them, in the batch's order.
pub(crate) fn rows(
    inputs: &[Vec<Option<f64>>],
    len: usize,
) -> impl Iterator<Item = Vec<Option<f64>>> {
    (0..len).map(|row| inputs.iter().map(|input| input.get(row).copied().flatten()).collect())
}

/// The row numbers of each group, groups in the order of their first row.
pub(crate) fn group_rows(batch: &[Sample<'_>]) -> Vec<Vec<usize>> {
    let mut places = std::collections::HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (row, sample) in batch.iter().enumerate() {
        let place = *places.entry(sample.group).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        if let Some(group) = groups.get_mut(place) {
            group.push(row);
        }
    }
    groups
}

/// Refuses any other number of components than `wanted`.
pub(crate) fn require_components(
    children: &[Child],
    wanted: usize,
    which: &str,
) -> Result<(), ParamError> {
    if children.len() == wanted || children.is_empty() {
        // An empty list has been reported where it was read.
        return Ok(());
    }
    let reason = format!("has {} rewards, must have {wanted}: {which}", children.len());
    Err(ParamError::new("components", reason))
}

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    weighted_sum::register(registry)?;
    product::register(registry)?;
    counterfactual::register(registry)?;
    extremes::register(registry)?;
    gate::register(registry)?;
    group_normalize::register(registry)?;
    lagrangian::register(registry)?;
    safety::register(registry)
}
