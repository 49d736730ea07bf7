//! Task heads on the policy's own decoder, and one optimizer step on their examples.

use burn::module::Module;
use hybrid_heads::balance::{Uncertainty, Weighting};
use hybrid_model::heads::Freeze;
use hybrid_model::{MultiHead, Trunk};
use hybrid_rewards::RewardTree;

use super::{HybridTrainer, Kind};
use crate::error::HybridError;
use crate::heads::lessons::{HeadsStats, LessonConfig, Lessons};
use crate::heads::{Example, Task, TaskRows};

impl HybridTrainer {
    /// The trainer with new heads on the policy's decoder, one for each `[[head]]` of its
    /// configuration, whose tasks `rows` holds in their order; `rewards` holds, for each, what its
    /// predictions are worth, where its configuration names a reward.
    ///
    /// # Errors
    ///
    /// [`HybridError`] for heads that cannot stand on the decoder, or that the rows do not fit.
    pub fn with_heads(
        mut self,
        rows: &[TaskRows],
        rewards: Vec<Option<RewardTree>>,
    ) -> Result<Self, HybridError> {
        let config = &self.config;
        if config.head.len() != rows.len() {
            return Err(HybridError::Missing(format!(
                "the configuration has {} heads, and there are rows for {}: give those of each, in \
                 the order of `[[head]]`",
                config.head.len(),
                rows.len()
            )));
        }
        if rows.is_empty() {
            return Ok(self);
        }
        let trunk = Trunk::Decoder(self.policy().decoder.clone());
        let lesson = LessonConfig {
            seed: config.seed,
            head: &config.head,
            heads: &config.heads,
            micro_tokens: config.heads_micro_tokens(),
            freeze: Freeze::Nothing,
        };
        let lessons = Lessons::new(lesson, trunk.layers(), rows, rewards)?;
        let heads = config.head.iter().zip(rows).map(|(head, rows)| rows.task.head(head));
        let model = MultiHead::new(trunk, heads.collect(), config.seed)?;
        let uncertainty = match config.heads.weighting {
            Weighting::Uncertainty => Some(Uncertainty::new(rows.len(), &model.device())?),
            _ => None,
        };
        if let Some(policy) = &mut self.policy {
            policy.take(model);
            policy.uncertainty = uncertainty;
        }
        self.lessons = Some(lessons);
        Ok(self)
    }

    /// The tasks of the heads, in their order; none where the policy has no heads.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> + Clone {
        self.lessons.iter().flat_map(Lessons::tasks)
    }

    /// The decoder as it is now with its heads, without what records gradients; `None` where it has
    /// none.
    #[must_use]
    pub fn heads_model(&self) -> Option<MultiHead> {
        Some(self.policy().with_heads()?.valid())
    }

    /// The tasks that the next step of the heads trains: one, or all where their gradients are
    /// compared.
    ///
    /// # Errors
    ///
    /// [`HybridError::Missing`] where the policy has no heads.
    pub fn next_tasks(&self) -> Result<Vec<usize>, HybridError> {
        self.lessons.as_ref().ok_or_else(no_heads)?.next_tasks(self.counters.heads_steps)
    }

    /// One optimizer step of heads and decoder on `batches`, each the examples of one task.
    ///
    /// # Errors
    ///
    /// [`HybridError`] for rows that the model cannot read, and [`HybridError::NonFinite`] where a
    /// loss or gradient is no number and such steps are not to be skipped.
    pub fn heads_step(
        &mut self,
        batches: &[(usize, Vec<&Example>)],
    ) -> Result<HeadsStats, HybridError> {
        let Self { policy, lessons, steppers, counters, .. } = self;
        let (Some(policy), Some(lessons)) = (policy.as_ref(), lessons) else {
            return Err(no_heads());
        };
        let model = policy.with_heads().ok_or_else(no_heads)?;
        let step = counters.heads_steps;
        counters.heads_steps += 1;
        let mut stats = HeadsStats::default();
        let mut parts = Vec::with_capacity(batches.len());
        for (task, examples) in batches {
            let model = (&model, policy.uncertainty.as_ref());
            parts.push(lessons.part(model, step, (*task, examples), &mut stats)?);
        }
        if parts.iter().any(|part| !part.mean.is_finite()) {
            self.not_finite("a head's loss")?;
            return Ok(stats);
        }
        let shares = lessons.shares(&model, parts, step, &mut stats.metrics)?;
        // The update changes the weights where they lie: nothing else may hold them by then.
        drop(model);
        for share in shares {
            let (gradients, factor) = share.split();
            steppers.of(Kind::Sft).accumulate_scaled(policy, gradients, factor);
        }
        let update = self.apply(Kind::Sft)?;
        stats.metrics.set("optim/lr", update.lr);
        stats.metrics.set("optim/grad_norm", update.grad_norm);
        Ok(stats)
    }

    /// Gives reward models among the heads the scale of the held-out texts in `rows`, and heads of kind
    /// `span_or_none` the threshold of their best F1 there.
    ///
    /// # Errors
    ///
    /// [`HybridError`] for a row that the model cannot read.
    pub fn settle(&mut self, rows: &[TaskRows]) -> Result<(), HybridError> {
        let model = self.heads_model();
        match (&mut self.lessons, model) {
            (Some(lessons), Some(model)) => lessons.settle(&model, rows),
            _ => Ok(()),
        }
    }
}

fn no_heads() -> HybridError {
    HybridError::Missing(
        "the policy has no task heads: the configuration needs a `[[head]]`, and the trainer its \
         rows, by `HybridTrainer::with_heads`"
            .to_owned(),
    )
}
