//! What each task teaches in a step: its loss, the gradients, and how much of them the trunk takes.
//!
//! Which module holds trunk and heads, and what steps it, is the caller's: a run of heads alone, or
//! a language model that has heads beside it.

use burn::module::Module;
use burn::tensor::{Gradients, Tensor};
use hybrid_heads::TaskKind;
use hybrid_heads::balance::{Hierarchy, TaskLoss, TaskSampler, Uncertainty, Weighting, task_seed};
use hybrid_heads::losses::{HeadLoss, LossStats};
use hybrid_heads::reinforce::EmaBaseline;
use hybrid_heads::task::Level;
use hybrid_model::MultiHead;
use hybrid_model::heads::Freeze;
use hybrid_rewards::RewardTree;

use super::example::{Example, TaskRows, TextRow};
use super::feedback::{Feedback, Rewarded};
use super::forward::{Features, Said, passes, read, token_rows};
use super::loss::Criterion;
use super::measure;
use super::spans::SpanReading;
use super::surgery;
use super::task::Task;
use crate::config::{MixingConfig, TaskConfig};
use crate::error::HybridError;
use crate::metrics::Metrics;

/// What a run says of its tasks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LessonConfig<'a> {
    pub(crate) seed: u64,
    pub(crate) head: &'a [TaskConfig],
    pub(crate) heads: &'a MixingConfig,
    /// Most tokens that go through the trunk at once, padding counted.
    pub(crate) micro_tokens: usize,
    pub(crate) freeze: Freeze,
}

/// The tasks while they are trained.
#[derive(Debug)]
pub(crate) struct Lessons {
    tasks: Vec<Learnt>,
    weights: Vec<f64>,
    weighting: Weighting,
    sampler: TaskSampler,
    hierarchy: Option<Hierarchy>,
    micro_tokens: usize,
    seed: u64,
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

/// What a step did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeadsStats {
    /// As named metrics.
    pub metrics: Metrics,
    /// Tokens that went through the trunk, padding not counted.
    pub tokens: usize,
}

/// One task's part of a step: its losses by pass, and what makes means of them.
pub(crate) struct Part {
    pub(crate) task: usize,
    pub(crate) gradients: Vec<Gradients>,
    pub(crate) mean: f64,
}

/// Gradients, and how much of them head and trunk take.
pub(crate) struct Share {
    gradients: Gradients,
    own: f64,
    of_trunk: f64,
}

impl Share {
    /// The gradients, and the factor of each parameter by its path.
    pub(crate) fn split(self) -> (Gradients, impl Fn(&str) -> f64) {
        let Self { gradients, own, of_trunk } = self;
        // A head is one task's own; the trunk is where tasks meet.
        (gradients, move |path: &str| if path.contains(".heads.") { own } else { of_trunk })
    }
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

impl Lessons {
    /// Lessons of the tasks in `rows`, on a trunk of `layers` layers; `rewards` holds, for each, what
    /// its predictions are worth, where its configuration names a reward.
    ///
    /// # Errors
    ///
    /// [`HybridError`] for class weights that do not fit.
    pub(crate) fn new(
        config: LessonConfig<'_>,
        layers: usize,
        rows: &[TaskRows],
        rewards: Vec<Option<RewardTree>>,
    ) -> Result<Self, HybridError> {
        let LessonConfig { seed, head, heads, micro_tokens, freeze } = config;
        let examples: Vec<usize> = rows.iter().map(|rows| rows.train.len()).collect();
        let sampler = TaskSampler::new(&examples, heads.mixing, seed)?;
        let depths: Vec<usize> = head.iter().map(|head| head.layer.unwrap_or(layers)).collect();
        let hierarchy = heads.order.map(|order| Hierarchy::new(&depths, order)).transpose()?;
        let mut rewards = rewards.into_iter();
        let mut tasks = Vec::with_capacity(rows.len());
        for (head, rows) in head.iter().zip(rows) {
            let reward = rewards.next().flatten();
            let is_fixed = freeze == Freeze::Trunk && rows.task.kind.level() == Level::Text;
            tasks.push(Learnt {
                task: rows.task.clone(),
                criterion: Criterion::new(head, rows)?,
                feedback: head.feedback.clone().map(|config| Feedback::new(config, reward)),
                features: is_fixed.then(|| Features::new(&rows.train, micro_tokens)),
            });
        }
        let weights = head.iter().map(|head| head.weight).collect();
        let weighting = heads.weighting;
        Ok(Self { tasks, weights, weighting, sampler, hierarchy, micro_tokens, seed })
    }

    /// The tasks, in the order of the heads.
    pub(crate) fn tasks(&self) -> impl ExactSizeIterator<Item = &Task> + Clone {
        self.tasks.iter().map(|learnt| &learnt.task)
    }

    /// The tasks that step `step` of the heads trains: one, or all where their gradients are
    /// compared.
    pub(crate) fn next_tasks(&self, step: u64) -> Result<Vec<usize>, HybridError> {
        let active = match &self.hierarchy {
            Some(hierarchy) => hierarchy.active(step),
            None => (0..self.tasks.len()).collect(),
        };
        if self.weighting.needs_gradients() {
            return Ok(active);
        }
        Ok(vec![self.sampler.task_among(&active, step)?])
    }

    /// The losses of one task and their gradients, pass by pass.
    pub(crate) fn part(
        &mut self,
        (model, uncertainty): (&MultiHead, Option<&Uncertainty>),
        step: u64,
        (task, examples): (usize, &[&Example]),
        stats: &mut HeadsStats,
    ) -> Result<Part, HybridError> {
        let (size, seed) = (self.micro_tokens, self.seed);
        let Some(learnt) = self.tasks.get_mut(task) else {
            return Err(HybridError::Missing(format!("there is no task {task}")));
        };
        let weight = learnt.criterion.weight(examples)?;
        // Without gradients: for features that are kept, and for predictions that are drawn.
        let is_needed = learnt.features.is_some() || learnt.feedback.is_some();
        let frozen = is_needed.then(|| model.valid());
        let rewarded = match &frozen {
            Some(frozen) => {
                learnt.rewarded(frozen, task, examples, size, (task_seed(seed, task), step))?
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
                    let vectors = features.of(frozen, task, &pass, &model.device())?;
                    Said::Texts(model.logits_of(task, vectors))
                }
                _ if learnt.task.kind.level() == Level::Token => {
                    Said::Tokens(model.token_logits(task, &rows)?)
                }
                _ => Said::Texts(model.text_logits(task, &rows)?),
            };
            let loss = learnt.criterion.loss(&said, &pass)?;
            let mut total = loss.over(weight)?;
            if let (Some(feedback), Some(rewarded)) = (&mut learnt.feedback, &rewarded) {
                total = total * feedback.config.supervised_coef;
                if let Some(part) = feedback.loss(&said, &places, rewarded)? {
                    total = total + part;
                }
            }
            let total = match uncertainty {
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

    /// The gradients of all parts of a step, each with as much of it as the weighting says.
    pub(crate) fn shares(
        &self,
        model: &MultiHead,
        parts: Vec<Part>,
        step: u64,
        metrics: &mut Metrics,
    ) -> Result<Vec<Share>, HybridError> {
        let weight_of = |task: usize| self.weights.get(task).copied().unwrap_or(1.0);
        let weights: Vec<f64> = parts.iter().map(|part| weight_of(part.task)).collect();
        let of_trunk = if self.weighting.needs_gradients() {
            let step = (self.weighting, self.seed, step);
            surgery::shares(model.trunk(), &parts, &weights, step, metrics)?
        } else {
            weights.clone()
        };
        let mut shares = Vec::new();
        for ((part, own), of_trunk) in parts.into_iter().zip(weights).zip(of_trunk) {
            let share = |gradients| Share { gradients, own, of_trunk };
            shares.extend(part.gradients.into_iter().map(share));
        }
        Ok(shares)
    }

    /// Gives reward models the scale of their held-out texts, and heads of kind `span_or_none` the
    /// threshold of theirs.
    pub(crate) fn settle(
        &mut self,
        model: &MultiHead,
        rows: &[TaskRows],
    ) -> Result<(), HybridError> {
        for (head, (learnt, rows)) in self.tasks.iter_mut().zip(rows).enumerate() {
            let task = &learnt.task;
            if task.kind == TaskKind::Pairwise && !rows.held_out.is_empty() {
                let held_out = &rows.held_out;
                let scale = measure::scale(model, head, task, held_out, self.micro_tokens)?;
                learnt.task.scale = scale;
            }
            if let Some(reading) = learnt.task.span {
                let size = self.micro_tokens;
                let none_above =
                    measure::none_above(model, head, &learnt.task, &rows.held_out, size)?;
                learnt.task.span = Some(SpanReading { none_above, ..reading });
            }
        }
        Ok(())
    }

    /// All that the tasks remember between steps.
    pub(crate) fn averages(&self) -> Vec<Option<EmaBaseline>> {
        let average = |learnt: &Learnt| learnt.feedback.as_ref().map(|it| it.average);
        self.tasks.iter().map(average).collect()
    }

    /// Goes on with saved tasks and with what [`Self::averages`] gave.
    pub(crate) fn restore(&mut self, tasks: Vec<Task>, averages: Vec<Option<EmaBaseline>>) {
        for (learnt, saved) in self.tasks.iter_mut().zip(tasks) {
            learnt.task = saved;
        }
        for (learnt, average) in self.tasks.iter_mut().zip(averages) {
            if let (Some(feedback), Some(average)) = (&mut learnt.feedback, average) {
                feedback.average = average;
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
