//! Rewards of a head's own predictions.

use burn::tensor::Tensor;
use hybrid_heads::reinforce::{
    Baseline, EmaBaseline, ReinforceOptions, centred, predict, reinforce,
};
use hybrid_rewards::{Context, RewardTree, Sample};

use super::example::{Example, Target};
use super::forward::Said;
use super::task::Task;
use crate::config::FeedbackConfig;
use crate::error::HybridError;
use crate::metrics::mean;

/// A head that learns from what its predictions are worth.
#[derive(Debug)]
pub(super) struct Feedback {
    pub(super) config: FeedbackConfig,
    /// What a prediction is worth; `None` is 1 where it is right and 0 elsewhere.
    reward: Option<RewardTree>,
    /// All that it remembers.
    pub(super) average: EmaBaseline,
}

/// What a step's predictions were worth.
#[derive(Debug)]
pub(super) struct Rewarded {
    /// The predicted class of each example.
    predicted: Vec<usize>,
    /// Its reward minus the baseline, which is that of the whole step; `None` where it has none.
    advantages: Vec<Option<f64>>,
    /// Examples with a reward.
    count: usize,
    /// Their mean reward; NaN without any.
    pub(super) mean: f64,
}

impl Feedback {
    pub(super) fn new(config: FeedbackConfig, reward: Option<RewardTree>) -> Self {
        Self { config, reward, average: EmaBaseline::default() }
    }

    /// Predicts and rewards all examples of a step at once, whose logits are given one after the
    /// other: what a prediction is compared with must not depend on how the step is cut.
    pub(super) fn rewarded(
        &mut self,
        task: &Task,
        logits: &[f32],
        examples: &[&Example],
        (seed, step): (u64, u64),
    ) -> Result<Rewarded, HybridError> {
        let predicted = predict(logits, task.outputs, self.config.pick, seed, step)?;
        let rewards = self.rewards(task, &predicted, examples)?;
        let mean = mean(rewards.iter().flatten().copied());
        let count = rewards.iter().flatten().count();
        let advantages = centred(&rewards, self.config.options.baseline, &mut self.average);
        Ok(Rewarded { predicted, advantages, count, mean })
    }

    /// The part of the step's loss that the examples at `places` make; `None` where none of their
    /// predictions has a reward.
    pub(super) fn loss(
        &mut self,
        said: &Said,
        places: &[usize],
        rewarded: &Rewarded,
    ) -> Result<Option<Tensor<1>>, HybridError> {
        let of = |place: &usize| rewarded.advantages.get(*place).copied().flatten();
        let advantages: Vec<Option<f64>> = places.iter().map(of).collect();
        if advantages.iter().all(Option::is_none) {
            return Ok(None);
        }
        let class = |place: &usize| rewarded.predicted.get(*place).copied().unwrap_or(0);
        let predicted: Vec<usize> = places.iter().map(class).collect();
        let options = ReinforceOptions { baseline: Baseline::None, ..self.config.options };
        let loss = reinforce(said.logits(), &predicted, &advantages, &options, &mut self.average)?;
        Ok(Some(loss.over(rewarded.count as f64)? * self.config.coef))
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
