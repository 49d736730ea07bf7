//! A run that trains task heads alone: the file that has a `[[head]]` table and no phase of SFT or PPO.
//!
//! It shares `seed`, `[optim]` and the meaning of `[output]` with the run of a language model; all
//! else is its own.

mod task;

use std::path::PathBuf;

use hybrid_data::tokenizer::{TextLimit, TruncationSide};
use hybrid_heads::balance::{LevelOrder, Mixing, Weighting};
use hybrid_model::heads::Freeze;
use hybrid_model::lora::LoraConfig;
use hybrid_optim::OptimConfig;
use serde::{Deserialize, Serialize};

use super::check::{Problem, chain};
use super::error::{ConfigError, Place};
use super::train::OnNonFinite;

pub use task::{ClassWeights, FeedbackConfig, NeutralData, PairsData, TaskConfig, TaskData};

/// Everything about a run of task heads. The same seed, configuration and device give the same
/// bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadsConfig {
    /// Every random stream of the run derives from it. At most 2^63 − 1, the largest number of TOML.
    pub seed: u64,
    /// What the heads stand on.
    pub model: HeadsModel,
    /// The tasks, a head each. At least 1.
    pub head: Vec<TaskConfig>,
    /// How several tasks share the trunk.
    pub heads: MixingConfig,
    /// Batches, and what to do when numbers break.
    pub train: HeadsTrain,
    /// Optimizer and scheduler. `value_head_lr` is the heads' learning rate.
    pub optim: OptimConfig,
    /// What happens, in order. At least one phase.
    pub phase: Vec<HeadsPhase>,
    /// Measuring on held-out rows.
    pub eval: HeadsEval,
    /// The run directory and what is written there.
    pub output: HeadsOutput,
}

/// What the heads stand on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadsModel {
    /// A Hugging Face folder of an encoder or a causal model: a path, `hf:owner/name`, or a name of
    /// `hybrid assets list`.
    pub base: String,
    /// What of the trunk keeps its weights: `"nothing"`, `"trunk"`, or `{ below = 4 }` for the
    /// embeddings and the layers below the fifth.
    pub freeze: Freeze,
    /// Trains low-rank matrices beside the projections, which keep their weights like all of the
    /// trunk: `{}` or `{ rank = 8, alpha = 16.0 }`. With `freeze = { below = 4 }` they are in the
    /// layers that it leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraConfig>,
}

/// How several tasks share the trunk.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MixingConfig {
    /// Which task a step trains: `"round_robin"`, `"proportional"`, or
    /// `{ temperature = { temperature = 2.0 } }`. With `"pcgrad"` and `"mgda"` every step trains all.
    pub mixing: Mixing,
    /// What decides how much each task moves the trunk: `"fixed"`, `"uncertainty"`, `"pcgrad"` or
    /// `"mgda"`.
    pub weighting: Weighting,
    /// Tasks at lower layers come first: `{ join = { steps = 100 } }` or
    /// `{ cycle = { steps = 10 } }`; absent trains all from the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<LevelOrder>,
}

impl MixingConfig {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        if let Mixing::Temperature { temperature } = self.mixing
            && !(temperature >= 1.0 && temperature.is_finite())
        {
            let key = "heads.mixing.temperature.temperature";
            return Err(Problem::range(
                key,
                &temperature.to_string(),
                "a finite number of at least 1",
            ));
        }
        match self.order {
            Some(LevelOrder::Join { steps: 0 } | LevelOrder::Cycle { steps: 0 }) => {
                Err(Problem::range("heads.order", "of 0 steps", "of at least 1"))
            }
            _ => Ok(()),
        }
    }
}

/// Every `[[head]]`, and that they are not alike.
pub(super) fn check_tasks(heads: &[TaskConfig]) -> Result<(), Problem> {
    if heads.is_empty() {
        let text = "there is no `[[head]]`: say what to learn, as `[[head]]`, \
                    `task = \"sentiment\"`, `kind = \"classification\"`";
        return Err(Problem::new("head", text));
    }
    for (place, head) in heads.iter().enumerate() {
        let key = format!("head[{place}]");
        head.check(&key)?;
        if heads.iter().take(place).any(|other| other.task == head.task) {
            let text = format!("`{key}.task` is `{}`, which another head is, too", head.task);
            return Err(Problem::new(&format!("{key}.task"), text));
        }
    }
    if heads.iter().all(|head| head.weight == 0.0) {
        return Err(Problem::range("head[0].weight", "0", "above 0 for some head"));
    }
    Ok(())
}

/// Batches, and what to do when numbers break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadsTrain {
    /// Examples of a step, or of each task where a step trains all. At least 1.
    pub batch_size: usize,
    /// Most tokens that go through the trunk at once, padding counted; gradients add up to the same
    /// step whatever it is. At least 1.
    pub micro_tokens: usize,
    /// Most tokens of a text, special tokens counted; `truncation_side` says what longer ones lose.
    /// At least 4.
    pub max_length: usize,
    /// Where longer texts are cut: `right`, `left`, or `middle`, which keeps a quarter from the
    /// beginning and the rest from the end (Sun et al. 2019, arXiv 1905.05583). Rows of words always
    /// lose their end.
    pub truncation_side: TruncationSide,
    /// What a loss or gradient that is NaN or infinite does: `abort` or `skip`.
    pub on_non_finite: OnNonFinite,
}

impl HeadsTrain {
    /// How long a text may be.
    #[must_use]
    pub fn limit(&self) -> TextLimit {
        TextLimit { max_length: self.max_length, side: self.truncation_side }
    }
}

impl Default for HeadsTrain {
    fn default() -> Self {
        Self {
            batch_size: 32,
            micro_tokens: 4096,
            max_length: 256,
            truncation_side: TruncationSide::Right,
            on_non_finite: OnNonFinite::Abort,
        }
    }
}

/// A `[[phase]]` table of such a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadsPhase {
    /// What the phase does.
    pub kind: HeadsPhaseKind,
    /// Optimizer steps. At least 1.
    pub steps: usize,
}

/// What a phase of such a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadsPhaseKind {
    /// Trains the heads.
    Heads,
    /// The same for heads of kind `pairwise` alone: a reward model from preferences.
    #[serde(rename = "reward-model", alias = "reward_model")]
    RewardModel,
}

impl HeadsPhaseKind {
    /// Its name, as the configuration writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Heads => "heads",
            Self::RewardModel => "reward-model",
        }
    }
}

/// Measuring on held-out rows: before the first step, during, and after the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadsEval {
    /// Whether to measure before the first step, too.
    pub before: bool,
    /// Steps between two measurements; 0 measures at the start and the end only.
    pub every: usize,
    /// Most held-out rows of a task that are measured; absent means all. At least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// End the run after this many measurements in a row without progress of `eval/score`; absent
    /// never does. Each measurement that is the best so far is saved. At least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// What progress is at least. At least 0.
    pub min_delta: f64,
}

impl Default for HeadsEval {
    fn default() -> Self {
        Self { before: true, every: 0, rows: None, patience: None, min_delta: 0.0 }
    }
}

/// The run directory and what is written there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadsOutput {
    /// The run directory; made if absent, refused if it holds something and the run is not resumed.
    pub dir: PathBuf,
    /// Steps between two checkpoints; 0 saves at the end, and where the run is interrupted, only.
    pub save_every: usize,
    /// How many of the newest checkpoints are kept, beside the one with the best `eval/score`. At
    /// least 1.
    pub keep_last: usize,
    /// Steps between two lines of `metrics.jsonl`; steps in between are left out, not averaged. At
    /// least 1.
    pub log_every: usize,
    /// Whether metrics also go to TensorBoard event files.
    pub tensorboard: bool,
}

impl Default for HeadsOutput {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("runs/heads"),
            save_every: 0,
            keep_last: 1,
            log_every: 1,
            tensorboard: true,
        }
    }
}

impl Default for HeadsConfig {
    fn default() -> Self {
        Self {
            seed: 42,
            model: HeadsModel::default(),
            head: Vec::new(),
            heads: MixingConfig::default(),
            train: HeadsTrain::default(),
            optim: OptimConfig::default(),
            phase: Vec::new(),
            eval: HeadsEval::default(),
            output: HeadsOutput::default(),
        }
    }
}

impl HeadsConfig {
    /// The configuration with every default filled in, as TOML that is read back to an equal value.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a value cannot be written in TOML.
    pub fn effective(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|source| {
            ConfigError::key(Place::Value, "", format!("it cannot be written as TOML ({source})"))
        })
    }

    /// Steps of the whole run if it does not end early.
    #[must_use]
    pub fn total_steps(&self) -> usize {
        self.phase.iter().map(|phase| phase.steps).fold(0, usize::saturating_add)
    }

    /// The phase of a step, both from 0.
    #[must_use]
    pub fn phase_of(&self, step: u64) -> usize {
        let mut end = 0_u64;
        let ends = self.phase.iter().map(|phase| {
            end = end.saturating_add(phase.steps as u64);
            end
        });
        ends.take_while(|end| *end <= step).count()
    }

    /// Checks every range and what must fit together, before anything is loaded or allocated.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Key`] naming the first key that is wrong. NaN is out of every range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        Self::check(self)
            .map_err(|problem| ConfigError::key(Place::Value, &problem.key, problem.text))
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        if i64::try_from(self.seed).is_err() {
            let allowed = format!("at most {}", i64::MAX);
            return Err(Problem::range("seed", &self.seed.to_string(), &allowed));
        }
        if self.model.base.trim().is_empty() {
            let text = "`model.base` is missing; it names what the heads stand on, as \
                        `all-minilm-l6-v2`";
            return Err(Problem::new("model.base", text));
        }
        self.adapters()?;
        self.counts()?;
        self.optim.validate().map_err(|error| Problem::in_section("optim", &chain(&error)))?;
        let delta = self.eval.min_delta;
        if !(delta >= 0.0 && delta.is_finite()) {
            let allowed = "a finite number of at least 0";
            return Err(Problem::range("eval.min_delta", &delta.to_string(), allowed));
        }
        if self.output.dir.as_os_str().is_empty() {
            return Err(Problem::range("output.dir", "empty", "a folder, as `runs/mood`"));
        }
        self.heads.check()?;
        check_tasks(&self.head)?;
        self.phases()
    }

    fn adapters(&self) -> Result<(), Problem> {
        let Some(lora) = &self.model.lora else { return Ok(()) };
        lora.validate().map_err(|error| Problem::in_section("model.lora", &error.to_string()))?;
        if self.model.freeze == Freeze::Trunk {
            let text = "`model.lora` trains matrices within the trunk, but `model.freeze` is \
                        `trunk`, which leaves nothing of it to train: remove one of them";
            return Err(Problem::new("model.lora", text));
        }
        Ok(())
    }

    fn counts(&self) -> Result<(), Problem> {
        let at_least = [
            ("train.batch_size", Some(self.train.batch_size), 1),
            ("train.micro_tokens", Some(self.train.micro_tokens), 1),
            ("train.max_length", Some(self.train.max_length), 4),
            ("eval.rows", self.eval.rows, 1),
            ("eval.patience", self.eval.patience, 1),
            ("output.keep_last", Some(self.output.keep_last), 1),
            ("output.log_every", Some(self.output.log_every), 1),
        ];
        for (key, value, least) in at_least {
            let Some(value) = value.filter(|value| *value < least) else { continue };
            return Err(Problem::range(key, &value.to_string(), &format!("at least {least}")));
        }
        if self.eval.patience.is_some() && self.eval.every == 0 {
            let text = "`eval.patience` waits for measurements, but `eval.every` is 0, so none is \
                        made during the run; set it";
            return Err(Problem::new("eval.patience", text));
        }
        Ok(())
    }

    fn phases(&self) -> Result<(), Problem> {
        if self.phase.is_empty() {
            let text = "there is no `[[phase]]`: say how long to train, as `[[phase]]`, \
                        `kind = \"heads\"`, `steps = 500`";
            return Err(Problem::new("phase", text));
        }
        for (place, phase) in self.phase.iter().enumerate() {
            let key = format!("phase[{place}]");
            if phase.steps == 0 {
                return Err(Problem::range(&format!("{key}.steps"), "0", "at least 1"));
            }
            let other = self.head.iter().find(|head| head.kind != hybrid_heads::TaskKind::Pairwise);
            if let (HeadsPhaseKind::RewardModel, Some(other)) = (phase.kind, other) {
                let text = format!(
                    "`{key}.kind` is `reward-model`, which learns from preferences, but the head \
                     `{}` is none of kind `pairwise`; make it one, or use `heads`",
                    other.task
                );
                return Err(Problem::new(&format!("{key}.kind"), text));
            }
        }
        let (warmup, horizon) = (self.optim.warmup_steps, self.horizon());
        if warmup > horizon {
            let allowed = format!("at most the {horizon} steps of the schedule");
            return Err(Problem::range("optim.warmup_steps", &warmup.to_string(), &allowed));
        }
        Ok(())
    }

    /// Steps over which the scheduler runs: `optim.total_steps`, else [`Self::total_steps`].
    #[must_use]
    pub fn horizon(&self) -> usize {
        self.optim.total_steps.unwrap_or_else(|| self.total_steps())
    }
}

#[cfg(test)]
mod tests;
