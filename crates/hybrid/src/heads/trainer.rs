//! One step at a time: the losses of one task, or of all, to an update of trunk and heads.

mod state;

use burn::module::Module;
use hybrid_heads::balance::{Uncertainty, Weighting};
use hybrid_model::MultiHead;
use hybrid_optim::Stepper;
use hybrid_rewards::RewardTree;
use serde::{Deserialize, Serialize};

use super::example::{Example, TaskRows};
pub use super::lessons::HeadsStats;
use super::lessons::{LessonConfig, Lessons};
use super::task::Task;
use crate::config::{HeadsConfig, OnNonFinite};
use crate::error::HybridError;
use crate::metrics::Metrics;

/// Trunk, heads, and what is learnt beside them: one module, so that one optimizer holds all.
#[derive(Module, Debug)]
pub struct Learner {
    /// Trunk and heads.
    pub model: MultiHead,
    /// The noise of each task, where it weighs the losses.
    uncertainty: Option<Uncertainty>,
}

/// Trains heads on one trunk.
#[derive(Debug)]
pub struct HeadsTrainer {
    config: HeadsConfig,
    /// Empty only inside [`Self::apply`].
    learner: Option<Learner>,
    stepper: Stepper,
    lessons: Lessons,
    counters: HeadsCounters,
}

/// What a trainer has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadsCounters {
    /// Steps.
    pub steps: u64,
    /// Updates left out because a loss or gradient was not finite.
    pub skipped_updates: u64,
}

impl HeadsTrainer {
    /// A trainer of `model`, whose heads are those of `rows` in their order; `rewards` holds, for
    /// each task, what its predictions are worth, where its configuration names a reward.
    ///
    /// # Errors
    ///
    /// [`HybridError`] for a configuration out of range, or class weights that do not fit.
    pub fn new(
        config: HeadsConfig,
        model: MultiHead,
        rows: &[TaskRows],
        rewards: Vec<Option<RewardTree>>,
    ) -> Result<Self, HybridError> {
        config.validate()?;
        let freeze = config.model.freeze;
        let lesson = LessonConfig {
            seed: config.seed,
            head: &config.head,
            heads: &config.heads,
            micro_tokens: config.train.micro_tokens,
            freeze,
        };
        let lessons = Lessons::new(lesson, model.trunk().layers(), rows, rewards)?;
        let device = model.device();
        let is_noisy = config.heads.weighting == Weighting::Uncertainty;
        let uncertainty =
            is_noisy.then(|| Uncertainty::new(config.head.len(), &device)).transpose()?;
        let stepper = Stepper::new(&config.optim, config.horizon())?;
        let model = match &config.model.lora {
            Some(lora) => model.adapted(lora, freeze, config.seed)?,
            None => model,
        };
        let learner = Some(Learner { model: model.frozen(freeze), uncertainty });
        let counters = HeadsCounters::default();
        Ok(Self { config, learner, stepper, lessons, counters })
    }

    /// The weights as they are now.
    ///
    /// # Panics
    ///
    /// Never: the learner is only away while `apply` holds the trainer.
    #[must_use]
    #[expect(clippy::expect_used, reason = "`apply` puts the learner back before it returns")]
    pub fn model(&self) -> &MultiHead {
        &self.learner.as_ref().expect("the learner is in its place").model
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &HeadsConfig {
        &self.config
    }

    /// The tasks, in the order of the heads.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = &Task> + Clone {
        self.lessons.tasks()
    }

    /// Gives reward models the scale of the held-out texts in `rows`, and heads of kind `span_or_none`
    /// the threshold of their best F1 there.
    ///
    /// # Errors
    ///
    /// [`HybridError`] for a row that the model cannot read.
    pub fn settle(&mut self, rows: &[TaskRows]) -> Result<(), HybridError> {
        let model = self.frozen_model();
        self.lessons.settle(&model, rows)
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> HeadsCounters {
        self.counters
    }

    /// The tasks that the next step trains: one, or all where their gradients are compared.
    ///
    /// # Errors
    ///
    /// [`HybridError::Heads`]: none, while the configuration is one that was checked.
    pub fn next_tasks(&self) -> Result<Vec<usize>, HybridError> {
        self.lessons.next_tasks(self.counters.steps)
    }

    /// One optimizer step on `batches`, each the examples of one task.
    ///
    /// A task's loss is the mean over all its targets, however they are cut into passes.
    ///
    /// # Errors
    ///
    /// [`HybridError`] for rows that the model cannot read, and [`HybridError::NonFinite`] where a
    /// loss or gradient is no number and such steps are not to be skipped.
    pub fn step(&mut self, batches: &[(usize, Vec<&Example>)]) -> Result<HeadsStats, HybridError> {
        let Self { learner, lessons, stepper, counters, .. } = self;
        let Some(learner) = learner else {
            return Err(HybridError::Missing("the heads are in use".to_owned()));
        };
        let mut stats = HeadsStats::default();
        let mut parts = Vec::with_capacity(batches.len());
        for (task, examples) in batches {
            let model = (&learner.model, learner.uncertainty.as_ref());
            parts.push(lessons.part(model, counters.steps, (*task, examples), &mut stats)?);
        }
        if parts.iter().any(|part| !part.mean.is_finite()) {
            self.not_finite("a head's loss")?;
            return Ok(stats);
        }
        for share in lessons.shares(&learner.model, parts, counters.steps, &mut stats.metrics)? {
            let (gradients, factor) = share.split();
            stepper.accumulate_scaled(learner, gradients, factor);
        }
        self.apply(&mut stats.metrics)?;
        Ok(stats)
    }

    /// Ends a step: the learning rate moves on. `metric` is for a scheduler that watches one.
    pub fn advance(&mut self, metric: Option<f64>) {
        self.counters.steps += 1;
        self.stepper.advance(metric);
    }

    fn apply(&mut self, metrics: &mut Metrics) -> Result<(), HybridError> {
        let Some(learner) = self.learner.take() else {
            return Err(HybridError::Missing("the heads are in use".to_owned()));
        };
        let (learner, stats) = self.stepper.step(learner);
        self.learner = Some(learner);
        metrics.set("optim/lr", stats.lr);
        metrics.set("optim/grad_norm", stats.grad_norm);
        if stats.finite { Ok(()) } else { self.not_finite("the gradient") }
    }

    fn not_finite(&mut self, what: &'static str) -> Result<(), HybridError> {
        let step = self.counters.steps + 1;
        self.stepper.discard();
        match self.config.train.on_non_finite {
            OnNonFinite::Abort => Err(HybridError::NonFinite { what, step }),
            OnNonFinite::Skip => {
                tracing::warn!("{what} at step {step} is not finite; the update is left out");
                self.counters.skipped_updates += 1;
                Ok(())
            }
        }
    }
}
