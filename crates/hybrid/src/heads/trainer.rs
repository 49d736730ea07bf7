//! One step at a time: the losses of one task, or of all, to an update of trunk and heads.

mod state;
mod surgery;

use burn::module::Module;
use burn::tensor::{Gradients, Tensor};
use hybrid_heads::balance::{Hierarchy, TaskLoss, TaskSampler, Uncertainty, Weighting, task_seed};
use hybrid_heads::losses::{HeadLoss, LossStats};
use hybrid_heads::task::Level;
use hybrid_model::MultiHead;
use hybrid_model::heads::Freeze;
use hybrid_optim::Stepper;
use hybrid_rewards::RewardTree;
use serde::{Deserialize, Serialize};

use super::example::{Example, TaskRows, TextRow};
use super::feedback::{Feedback, Rewarded};
use super::forward::{Features, Said, passes, read, token_rows};
use super::loss::Criterion;
use super::measure;
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
    tasks: Vec<Learnt>,
    sampler: TaskSampler,
    hierarchy: Option<Hierarchy>,
    counters: HeadsCounters,
}

/// A task while it is trained.
#[derive(Debug)]
struct Learnt {
    task: Task,
    criterion: Criterion,
    feedback: Option<Feedback>,
    /// Where the trunk is frozen and the head reads whole texts.
    features: Option<Features>,
}

impl Learnt {
    /// What the head's predictions of a step are worth, where it learns from that.
    fn rewarded(
        &mut self,
        frozen: &MultiHead,
        head: usize,
        examples: &[&Example],
        micro_tokens: usize,
        draw: (u64, u64),
    ) -> Result<Option<Rewarded>, HybridError> {
        let Some(feedback) = &mut self.feedback else { return Ok(None) };
        let said = match &mut self.features {
            Some(features) => {
                let vectors = features.of(frozen, head, examples, &frozen.device())?;
                read(frozen.logits_of(head, vectors))?
            }
            None => {
                let rows: Vec<&TextRow> =
                    examples.iter().flat_map(|example| &example.rows).collect();
                measure::logits(frozen, head, &self.task, &rows, micro_tokens)?.concat()
            }
        };
        feedback.rewarded(&self.task, &said, examples, draw).map(Some)
    }
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

/// What a step did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeadsStats {
    /// As named metrics.
    pub metrics: Metrics,
    /// Tokens that went through the trunk, padding not counted.
    pub tokens: usize,
}

/// One task's part of a step: its losses by pass, and what makes means of them.
struct Part {
    task: usize,
    gradients: Vec<Gradients>,
    mean: f64,
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
        let examples: Vec<usize> = rows.iter().map(|rows| rows.train.len()).collect();
        let sampler = TaskSampler::new(&examples, config.heads.mixing, config.seed)?;
        let layers = model.trunk().layers();
        let depths: Vec<usize> =
            config.head.iter().map(|head| head.layer.unwrap_or(layers)).collect();
        let hierarchy =
            config.heads.order.map(|order| Hierarchy::new(&depths, order)).transpose()?;
        let mut rewards = rewards.into_iter();
        let mut tasks = Vec::with_capacity(rows.len());
        for (head, rows) in config.head.iter().zip(rows) {
            let reward = rewards.next().flatten();
            let is_fixed = freeze == Freeze::Trunk && rows.task.kind.level() == Level::Text;
            tasks.push(Learnt {
                task: rows.task.clone(),
                criterion: Criterion::new(head, rows)?,
                feedback: head.feedback.clone().map(|config| Feedback::new(config, reward)),
                features: is_fixed.then(|| Features::new(&rows.train, config.train.micro_tokens)),
            });
        }
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
        Ok(Self { config, learner, stepper, tasks, sampler, hierarchy, counters })
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
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = &Task> {
        self.tasks.iter().map(|learnt| &learnt.task)
    }

    /// Sets the scale of a reward model.
    pub fn set_scale(&mut self, task: usize, scale: Option<super::task::Scale>) {
        if let Some(learnt) = self.tasks.get_mut(task) {
            learnt.task.scale = scale;
        }
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
        let step = self.counters.steps;
        let active = match &self.hierarchy {
            Some(hierarchy) => hierarchy.active(step),
            None => (0..self.tasks.len()).collect(),
        };
        if self.config.heads.weighting.needs_gradients() {
            return Ok(active);
        }
        Ok(vec![self.sampler.task_among(&active, step)?])
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
        let mut stats = HeadsStats::default();
        let mut parts = Vec::with_capacity(batches.len());
        for (task, examples) in batches {
            parts.push(self.part(*task, examples, &mut stats)?);
        }
        if parts.iter().any(|part| !part.mean.is_finite()) {
            self.not_finite("a head's loss")?;
            return Ok(stats);
        }
        self.accumulate(parts, &mut stats.metrics)?;
        self.apply(&mut stats.metrics)?;
        Ok(stats)
    }

    /// Ends a step: the learning rate moves on. `metric` is for a scheduler that watches one.
    pub fn advance(&mut self, metric: Option<f64>) {
        self.counters.steps += 1;
        self.stepper.advance(metric);
    }

    /// The losses of one task and their gradients, pass by pass.
    fn part(
        &mut self,
        task: usize,
        examples: &[&Example],
        stats: &mut HeadsStats,
    ) -> Result<Part, HybridError> {
        let Self { config, learner, tasks, counters, .. } = self;
        let (Some(learner), Some(learnt)) = (learner, tasks.get_mut(task)) else {
            return Err(HybridError::Missing(format!("there is no task {task}")));
        };
        let weight = learnt.criterion.weight(examples)?;
        let size = config.train.micro_tokens;
        // Without gradients: for features that are kept, and for predictions that are drawn.
        let is_needed = learnt.features.is_some() || learnt.feedback.is_some();
        let frozen = is_needed.then(|| learner.model.valid());
        let rewarded = match &frozen {
            Some(frozen) => {
                let draw = (task_seed(config.seed, task), counters.steps);
                learnt.rewarded(frozen, task, examples, size, draw)?
            }
            None => None,
        };
        let (mut losses, mut gradients) = (Vec::new(), Vec::new());
        for places in passes(examples, size) {
            let pass: Vec<&Example> =
                places.iter().filter_map(|place| examples.get(*place).copied()).collect();
            let rows = token_rows(&pass);
            stats.tokens += rows.iter().map(|row| row.ids.len()).sum::<usize>();
            let said = match (&mut learnt.features, &frozen) {
                (Some(features), Some(frozen)) => {
                    let vectors = features.of(frozen, task, &pass, &learner.model.device())?;
                    Said::Texts(learner.model.logits_of(task, vectors))
                }
                _ if learnt.task.kind.level() == Level::Token => {
                    Said::Tokens(learner.model.token_logits(task, &rows)?)
                }
                _ => Said::Texts(learner.model.text_logits(task, &rows)?),
            };
            let loss = learnt.criterion.loss(&said, &pass)?;
            let mut total = loss.over(weight)?;
            if let (Some(feedback), Some(rewarded)) = (&mut learnt.feedback, &rewarded) {
                total = total * feedback.config.supervised_coef;
                if let Some(part) = feedback.loss(&said, &places, rewarded)? {
                    total = total + part;
                }
            }
            let total = match &learner.uncertainty {
                Some(uncertainty) => {
                    let factor = learnt.task.kind.uncertainty_factor();
                    // The noise's own term is in the loss once, however many passes there are.
                    let share = loss.weight / weight;
                    weighed(uncertainty, TaskLoss { task, loss: total, factor }, share)?
                }
                None => total,
            };
            gradients.push(total.backward());
            losses.push(HeadLoss { sum: loss.sum.detach(), ..loss });
        }
        let sums = LossStats::read(&losses)?;
        let name = &learnt.task.name;
        stats.metrics.set(format!("heads/loss/{name}"), sums.mean());
        if let Some(rewarded) = rewarded {
            stats.metrics.set(format!("heads/reward/{name}"), rewarded.mean);
        }
        Ok(Part { task, gradients, mean: sums.mean() })
    }

    /// Adds the gradients of all parts, each as much as the weighting says.
    fn accumulate(&mut self, parts: Vec<Part>, metrics: &mut Metrics) -> Result<(), HybridError> {
        let Self { config, learner, stepper, counters, .. } = self;
        let Some(learner) = learner else { return Ok(()) };
        let weight_of = |task: usize| config.head.get(task).map_or(1.0, |head| head.weight);
        let weighting = config.heads.weighting;
        let shares = if weighting.needs_gradients() {
            let weights: Vec<f64> = parts.iter().map(|part| weight_of(part.task)).collect();
            let step = (weighting, config.seed, counters.steps);
            surgery::shares(learner, &parts, &weights, step, metrics)?
        } else {
            parts.iter().map(|part| weight_of(part.task)).collect()
        };
        for (part, share) in parts.into_iter().zip(shares) {
            let own = weight_of(part.task);
            for gradients in part.gradients {
                // A head is one task's own; the trunk is where tasks meet.
                let factor = |path: &str| if path.contains(".heads.") { own } else { share };
                stepper.accumulate_scaled(learner, gradients, factor);
            }
        }
        Ok(())
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

/// The loss of a pass under the task's noise; `share` is the pass's part of the step.
fn weighed(
    uncertainty: &Uncertainty,
    loss: TaskLoss,
    share: f64,
) -> Result<Tensor<1>, HybridError> {
    let task = loss.task;
    let total = uncertainty.total(&[loss])?;
    let own = uncertainty.log_variances().narrow(0, task, 1);
    Ok(total - own * (0.5 * (1.0 - share)))
}
