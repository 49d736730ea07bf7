//! One place in the tree: a reward with its name, its post-processing and its time limit.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::column::{Column, Part};
use crate::error::{RewardError, StateError, join_names};
use crate::post::PostProcess;
use crate::reward::{Needs, Reward};
use crate::sample::{Context, Sample};

/// A reward as one component of a tree.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) reward: Box<dyn Reward>,
    pub(crate) post: Vec<Box<dyn PostProcess>>,
    pub(crate) timeout: Option<Duration>,
    /// The leaves at or below this place: their paths as in [`Part::path`], and what they read.
    pub(crate) leaves: Vec<(String, Needs)>,
    pub(crate) is_leaf: bool,
    /// Whether anything at or below this place compares the responses to one prompt.
    pub(crate) compares_group: bool,
}

impl Node {
    /// Scores `batch`; the parts' paths begin with this node's name.
    pub(crate) fn score(
        &self,
        batch: &[Sample<'_>],
        context: &Context<'_>,
    ) -> Result<Column, RewardError> {
        let mut inner = *context;
        inner.row_limit = self.timeout.or(context.row_limit);
        let start = context.now();
        let scored = self.reward.score(batch, &inner).map_err(|error| error.below(&self.name))?;
        let Column { mut value, mut parts, notes } = scored;
        if value.len() != batch.len() {
            let path = self.name.clone();
            return Err(RewardError::Length { path, got: value.len(), want: batch.len() });
        }
        let mut nonfinite = drop_nonfinite(&mut value);
        for post in &self.post {
            post.apply(&mut value, batch, context);
            nonfinite += drop_nonfinite(&mut value);
        }
        for part in &mut parts {
            part.path = join_names(&self.name, &part.path);
        }
        if self.is_leaf {
            let elapsed = start.zip(context.now()).map(|(start, now)| now.saturating_sub(start));
            let path = self.name.clone();
            parts.insert(0, Part { path, value: value.clone(), nonfinite, elapsed });
        }
        Ok(Column { value, parts, notes })
    }

    /// The state of the reward and of its post-processors.
    pub(crate) fn state(&self) -> Option<Value> {
        let mut state = Map::new();
        if let Some(reward) = self.reward.state() {
            state.insert("reward".into(), reward);
        }
        let post: Vec<Option<Value>> = self.post.iter().map(|post| post.state()).collect();
        if post.iter().any(Option::is_some) {
            let post = post.into_iter().map(|state| state.unwrap_or(Value::Null)).collect();
            state.insert("postprocess".into(), Value::Array(post));
        }
        (!state.is_empty()).then_some(Value::Object(state))
    }

    pub(crate) fn load_state(&self, state: &Value) -> Result<(), StateError> {
        self.load(state).map_err(|error| error.below(&self.name))
    }

    fn load(&self, state: &Value) -> Result<(), StateError> {
        match (self.reward.state().is_some(), state.get("reward")) {
            (true, Some(saved)) => self.reward.load_state(saved)?,
            (false, None) => {}
            (true, None) => return Err(StateError::unexpected("that of a reward that remembers")),
            (false, Some(_)) => {
                return Err(StateError::unexpected("that of something that remembers nothing"));
            }
        }
        let saved = state.get("postprocess").and_then(Value::as_array);
        let remembering = self.post.iter().any(|post| post.state().is_some());
        let saved = match saved {
            None if !remembering => return Ok(()),
            Some(saved) if saved.len() == self.post.len() => saved,
            _ => {
                let expected = format!("that of {} post-processors", self.post.len());
                return Err(StateError::unexpected(expected));
            }
        };
        for (post, saved) in self.post.iter().zip(saved) {
            match (post.state().is_some(), saved) {
                (false, Value::Null) => {}
                (true, saved) => post.load_state(saved)?,
                (false, _) => {
                    return Err(StateError::unexpected("that of something that remembers nothing"));
                }
            }
        }
        Ok(())
    }
}

/// Infinite and NaN scores become `None`; returns how many.
fn drop_nonfinite(values: &mut [Option<f64>]) -> usize {
    let mut dropped = 0;
    for value in values {
        if value.is_some_and(|value| !value.is_finite()) {
            *value = None;
            dropped += 1;
        }
    }
    dropped
}
