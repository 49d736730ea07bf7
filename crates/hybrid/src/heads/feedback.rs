//! Rewards of a head's own predictions.

use hybrid_heads::losses::HeadLoss;
use hybrid_heads::reinforce::{EmaBaseline, predict, reinforce};
use hybrid_rewards::{Context, RewardTree, Sample};

use super::example::{Example, Target};
use super::forward::{Said, read};
use super::task::Task;
use crate::config::FeedbackConfig;
use crate::error::HybridError;

/// A head that learns from what its predictions are worth.
#[derive(Debug)]
pub(super) struct Feedback {
    pub(super) config: FeedbackConfig,
    /// What a prediction is worth; `None` is 1 where it is right and 0 elsewhere.
    reward: Option<RewardTree>,
    /// All that it remembers.
    pub(super) average: EmaBaseline,
}

/// The loss of a pass, and what was predicted.
pub(super) struct Rewarded {
    pub(super) loss: HeadLoss,
    /// The sum of the rewards.
    pub(super) rewards: f64,
}

impl Feedback {
    pub(super) fn new(config: FeedbackConfig, reward: Option<RewardTree>) -> Self {
        Self { config, reward, average: EmaBaseline::default() }
    }

    /// Predicts, rewards, and makes a loss of it; `None` where no prediction has a reward.
    pub(super) fn loss(
        &mut self,
        task: &Task,
        said: &Said,
        examples: &[&Example],
        seed: u64,
        stream: u64,
    ) -> Result<Option<Rewarded>, HybridError> {
        let logits = said.logits();
        let numbers = read(logits.clone().detach())?;
        let predicted = predict(&numbers, task.outputs, self.config.pick, seed, stream)?;
        let rewards = self.rewards(task, &predicted, examples)?;
        let sum = rewards.iter().flatten().sum();
        if rewards.iter().all(Option::is_none) {
            return Ok(None);
        }
        let options = &self.config.options;
        let loss = reinforce(logits, &predicted, &rewards, options, &mut self.average)?;
        Ok(Some(Rewarded { loss, rewards: sum }))
    }

    fn rewards(
        &self,
        task: &Task,
        predicted: &[usize],
        examples: &[&Example],
    ) -> Result<Vec<Option<f64>>, HybridError> {
        let actual = |example: &Example| match example.target {
            Target::Class(class) => Some(class),
            _ => None,
        };
        let Some(reward) = &self.reward else {
            let right = predicted.iter().zip(examples).map(|(own, example)| {
                actual(example).map(|class| if class == *own { 1.0 } else { 0.0 })
            });
            return Ok(right.collect());
        };
        let name = |class: usize| {
            let labels = task.labels.as_ref();
            labels.and_then(|labels| labels.name(class)).unwrap_or_default().to_owned()
        };
        let targets: Vec<Vec<String>> = examples
            .iter()
            .map(|example| actual(example).map(name).into_iter().collect())
            .collect();
        let responses: Vec<String> = predicted.iter().map(|class| name(*class)).collect();
        let samples: Vec<Sample<'_>> = responses
            .iter()
            .zip(examples)
            .zip(&targets)
            .enumerate()
            .map(|(row, ((response, example), targets))| Sample {
                prompt: &example.text,
                targets,
                ..Sample::of_response(row as u64, response)
            })
            .collect();
        Ok(reward.score(&samples, &Context::training(0))?.value)
    }
}
