//! The run configuration: one TOML or JSON file that says everything about a run.
//!
//! [`RunConfig`] is the root. [`load()`] reads a file with overrides and the design document's own
//! keys, refuses what it does not know with the key's full path, and checks the whole;
//! [`RunConfig::effective`] writes it back with every default filled in.

mod check;
mod error;
mod eval;
mod heads;
mod json;
mod legacy;
mod load;
mod memory;
mod model;
mod output;
mod overrides;
mod path;
mod phase;
mod plateau;
mod rollout;
mod schedule;
mod train;
mod unknown;

pub use error::{ConfigError, Place};
pub use eval::EvalConfig;
pub use heads::{
    ClassWeights, FeedbackConfig, HeadsConfig, HeadsEval, HeadsModel, HeadsOutput, HeadsPhase,
    HeadsPhaseKind, HeadsTrain, MixingConfig, NeutralData, PairsData, TaskConfig, TaskData,
};
pub use load::{AnyConfig, load, load_any, parse, parse_any};
pub use memory::{MemoryEstimate, estimate};
pub use model::{BYTE_TOKENIZER, InitSection, ModelConfig};
pub use output::{KeepBest, Mode, OutputConfig};
pub use overrides::Override;
pub use phase::{CycleSteps, MixConfig, PhaseConfig, PhaseKind, PhasePlan};
pub use plateau::{Plateau, UntilConfig, Verdict};
pub use rollout::{RolloutConfig, RolloutWeights};
pub use schedule::{Curriculum, Measure, Schedule, ScheduleKind};
pub use train::{MemoryUse, MicroBatch, OnNonFinite, TrainConfig};

use hybrid_data::config::DataConfig;
use hybrid_optim::OptimConfig;
use hybrid_ppo::PpoConfig;
use hybrid_sft::SftConfig;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything about a run. The same seed, configuration and device give the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// Every random stream of the run derives from it. At most 2^63 − 1, the largest number of TOML.
    pub seed: u64,
    /// The model that is trained.
    pub model: ModelConfig,
    /// Demonstrations, prompts, and what is held out of them.
    pub data: DataConfig,
    /// Batches and what to do when numbers break.
    pub train: TrainConfig,
    /// The SFT loss.
    pub sft: SftConfig,
    /// How the policy answers prompts during PPO.
    pub rollout: RolloutConfig,
    /// Optimizer and scheduler.
    pub optim: OptimConfig,
    /// The PPO update.
    pub ppo: PpoConfig,
    /// What PPO maximises: a reward specification, see `docs/rewards.md`. PPO needs one; `eval`
    /// scores with it wherever it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reward: Option<Value>,
    /// Task heads on the model that is trained, as in a run of heads alone: see
    /// [heads.md](heads.md). Their texts are cut at `train.max_length`, and `train.batch_size` of
    /// them make a step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub head: Vec<TaskConfig>,
    /// How several heads share the model: see [heads.md](heads.md).
    #[serde(skip_serializing_if = "MixingConfig::is_default")]
    pub heads: MixingConfig,
    /// What happens, in order. At least one phase.
    pub phase: Vec<PhaseConfig>,
    /// Measuring on held-out data.
    pub eval: EvalConfig,
    /// The run directory and what is written there.
    pub output: OutputConfig,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            seed: 42,
            model: ModelConfig::default(),
            data: DataConfig::default(),
            train: TrainConfig::default(),
            sft: SftConfig::default(),
            rollout: RolloutConfig::default(),
            optim: OptimConfig::default(),
            ppo: PpoConfig::default(),
            reward: None,
            head: Vec::new(),
            heads: MixingConfig::default(),
            phase: Vec::new(),
            eval: EvalConfig::default(),
            output: OutputConfig::default(),
        }
    }
}

impl RunConfig {
    /// The configuration with every default filled in, as TOML that [`parse`] reads back to an
    /// equal value.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a value cannot be written in TOML: a seed or a number of the reward
    /// beyond 2^63 − 1.
    pub fn effective(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|source| {
            ConfigError::key(Place::Value, "", format!("it cannot be written as TOML ({source})"))
        })
    }

    /// Steps of the whole run if no phase ends early: optimizer steps of SFT and heads, plus PPO
    /// updates.
    #[must_use]
    pub fn total_steps(&self) -> usize {
        self.phase.iter().map(PhaseConfig::total_steps).fold(0, usize::saturating_add)
    }

    /// Steps over which the scheduler runs: `optim.total_steps`, else [`RunConfig::total_steps`].
    #[must_use]
    pub fn horizon(&self) -> usize {
        self.optim.total_steps.unwrap_or_else(|| self.total_steps())
    }

    /// Episodes of the whole run: completions that PPO is trained on.
    #[must_use]
    pub fn total_episodes(&self) -> usize {
        let updates = self.phase.iter().map(PhaseConfig::ppo_updates);
        updates.fold(0, usize::saturating_add).saturating_mul(self.rollout.rows())
    }

    /// Whether a phase takes PPO updates.
    #[must_use]
    pub fn has_ppo(&self) -> bool {
        self.phase.iter().any(PhaseConfig::has_ppo)
    }

    /// Whether a phase learns from demonstrations.
    #[must_use]
    pub fn has_sft(&self) -> bool {
        self.phase.iter().any(PhaseConfig::has_sft)
    }

    /// Whether a phase trains task heads.
    #[must_use]
    pub fn has_heads(&self) -> bool {
        self.phase.iter().any(PhaseConfig::has_heads)
    }

    /// Most tokens of the heads' texts that go through the model at once: those of a micro-batch.
    #[must_use]
    pub fn heads_micro_tokens(&self) -> usize {
        let TrainConfig { batch_size, micro_batch, max_length, .. } = self.train;
        micro_batch.sequences(max_length, batch_size).saturating_mul(max_length)
    }
}

#[cfg(test)]
mod tests;
