//! From responses to scores: the reward of a run, on prompts and responses of a trainer.

use std::collections::BTreeMap;

use hybrid_rewards::column::Part;
use hybrid_rewards::{Column, Context, RewardTree, Sample};
use serde_json::{Map, Value};

use crate::error::HybridError;
use crate::prompt::{Prompt, Response};

/// A reward that scores responses.
#[derive(Debug)]
pub struct Scorer {
    reward: RewardTree,
}

/// The score of one response.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scored {
    /// The combined score; `None` where there is none.
    pub score: Option<f64>,
    /// The components by name.
    pub components: Vec<(String, Option<f64>)>,
}

impl Scored {
    /// The components as a JSON object.
    #[must_use]
    pub fn components_json(&self) -> Map<String, Value> {
        self.components.iter().map(|(name, value)| (name.clone(), Value::from(*value))).collect()
    }
}

impl Scorer {
    /// Scores with `reward`.
    #[must_use]
    pub fn new(reward: RewardTree) -> Self {
        Self { reward }
    }

    /// The reward.
    #[must_use]
    pub fn reward(&self) -> &RewardTree {
        &self.reward
    }

    /// Scores every response to the prompt beside it. `train` tells rewards that remember whether
    /// they may learn from this batch.
    ///
    /// # Errors
    ///
    /// [`HybridError::Reward`] where a reward fails as a whole; a single response it cannot score
    /// has no score instead.
    pub fn score(
        &self,
        prompts: &[&Prompt],
        responses: &[Response],
        step: u64,
        train: bool,
    ) -> Result<Vec<Scored>, HybridError> {
        let samples: Vec<Sample<'_>> = prompts
            .iter()
            .zip(responses)
            .map(|(prompt, response)| sample(prompt, response))
            .collect();
        let context = if train { Context::training(step) } else { Context::evaluation() };
        let column = self.reward.score(&samples, &context)?;
        for note in &column.notes {
            tracing::warn!("{note}");
        }
        Ok(rows(column, responses.len()))
    }

    /// The values of every component that has one, by name.
    #[must_use]
    pub fn by_component(scored: &[Scored]) -> BTreeMap<String, Vec<f64>> {
        let mut columns: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (name, value) in scored.iter().flat_map(|row| &row.components) {
            columns.entry(name.clone()).or_default().extend(*value);
        }
        columns
    }
}

fn sample<'a>(prompt: &'a Prompt, response: &'a Response) -> Sample<'a> {
    Sample {
        id: prompt.id,
        prompt: &prompt.text,
        response: &response.text,
        targets: &prompt.targets,
        token_ids: Some(&response.completion_ids),
        fields: &prompt.fields,
        // Responses to one prompt are compared with each other.
        group: prompt.id,
    }
}

fn rows(column: Column, count: usize) -> Vec<Scored> {
    let components = |row: usize| {
        let part = |part: &Part| (part.path.clone(), part.value.get(row).copied().flatten());
        column.parts.iter().map(part).collect()
    };
    (0..count)
        .map(|row| Scored {
            score: column.value.get(row).copied().flatten(),
            components: components(row),
        })
        .collect()
}
