//! `benches/cases.json`: models and pieces of work, one table for us, our peers and `cargo xtask`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use burn::tensor::Device;
use hybrid::config::{MemoryUse, RolloutWeights};
use hybrid_model::Decoder;
use hybrid_model::init::{InitConfig, init};
use serde::Deserialize;

const TABLE: &str = include_str!("../../../../benches/cases.json");

/// The sizes that only try a case out, of whatever model.
const TRIAL: &str = "trial";
/// The most tokens of a row, and of what is made after it, in a trial.
const TRIAL_LENGTH: usize = 16;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    models: BTreeMap<String, InitConfig>,
    cases: Vec<Row>,
}

/// One case, as it is written.
#[derive(Debug, Clone, Deserialize)]
struct Row {
    name: String,
    work: Kind,
    model: Option<String>,
    rows: usize,
    length: usize,
    #[serde(default)]
    new: usize,
    #[serde(default)]
    epochs: usize,
    #[serde(default = "default_memory")]
    memory: MemoryUse,
    #[serde(default)]
    weights: RolloutWeights,
    reward: Option<String>,
    #[serde(default = "default_warm_up")]
    warm_up: usize,
    repetitions: usize,
}

fn default_memory() -> MemoryUse {
    MemoryUse::Normal
}

fn default_warm_up() -> usize {
    2
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// An SFT step of `rows` of `length` tokens.
    Sft,
    /// From the start of the process to the end of the first such step.
    Start,
    /// A PPO update with a critic of its own and a reward model of the policy's size.
    Ppo,
    /// A PPO update with the critic on the policy's trunk and a reward by a list of words.
    PpoShared,
    /// One pass over `length` tokens, as before decoding.
    Prefill,
    /// The log-probability of every token of the rows.
    Logprobs,
    /// The steps after a prompt of `length`.
    Decode,
    /// Prompt and steps.
    Generate,
    /// The cosines of pairs of texts by a sentence encoder.
    Embeddings,
    /// BERTScore of pairs of texts.
    Bertscore,
    /// A reward of pairs of texts that needs no network.
    Rewards,
}

/// One case with its model.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// As it is called on the command line.
    pub(crate) name: String,
    pub(crate) work: Kind,
    /// None where no network runs.
    pub(crate) model: Option<InitConfig>,
    /// Rows of a batch, or pairs of texts.
    pub(crate) rows: usize,
    /// Tokens of a row, or of its prompt; the most words of a text.
    pub(crate) length: usize,
    /// Tokens that are made after each prompt.
    pub(crate) new: usize,
    /// Passes of PPO over its rollout.
    pub(crate) epochs: usize,
    /// How training goes about memory.
    pub(crate) memory: MemoryUse,
    /// What the weights are rounded to for decoding.
    pub(crate) weights: RolloutWeights,
    /// The type of the reward in a spec.
    pub(crate) reward: Option<String>,
    /// Repetitions before those that count.
    pub(crate) warm_up: usize,
    pub(crate) repetitions: usize,
}

impl Table {
    /// The table that was compiled in.
    pub(crate) fn read() -> Result<Self> {
        serde_json::from_str(TABLE).context("benches/cases.json is not what this program knows")
    }

    /// Every case; as a `trial` they are all small and run once.
    pub(crate) fn cases(&self, trial: bool) -> Result<Vec<Case>> {
        self.cases.iter().cloned().map(|row| self.case(row, trial)).collect()
    }

    fn case(&self, row: Row, trial: bool) -> Result<Case> {
        let (mut length, mut new) = (row.length, row.new);
        let (mut warm_up, mut repetitions) = (row.warm_up, row.repetitions);
        if trial {
            (length, new) = (length.min(TRIAL_LENGTH), new.min(TRIAL_LENGTH));
            (warm_up, repetitions) = (1, 1);
        }
        let model = row.model.as_deref().map(|model| self.model(model, trial)).transpose();
        let model = model.with_context(|| format!("case `{}`", row.name))?;
        let Row { name, work, rows, epochs, memory, weights, reward, .. } = row;
        Ok(Case {
            name,
            work,
            model,
            rows,
            length,
            new,
            epochs,
            memory,
            weights,
            reward,
            warm_up,
            repetitions,
        })
    }

    /// A model by its name; in a trial one of the same family with the sizes of [`TRIAL`].
    fn model(&self, name: &str, trial: bool) -> Result<InitConfig> {
        let known = |name: &str| {
            let model = self.models.get(name).cloned();
            model.with_context(|| format!("benches/cases.json has no model `{name}`"))
        };
        let wanted = known(name)?;
        if !trial {
            return Ok(wanted);
        }
        Ok(InitConfig { model_type: wanted.model_type, ..known(TRIAL)? })
    }
}

impl Case {
    /// The sizes of the network that runs.
    pub(crate) fn network(&self) -> Result<&InitConfig> {
        let model = self.model.as_ref();
        model.with_context(|| self.lacks("model"))
    }

    /// What is said where a key that the work needs is not there.
    pub(crate) fn lacks(&self, key: &str) -> String {
        format!("case `{}` in benches/cases.json has no `{key}`", self.name)
    }

    /// The model with random weights.
    pub(crate) fn decoder(&self, seed: u64, device: &Device) -> Result<Decoder> {
        Ok(init(&self.network()?.to_config()?, seed, device))
    }

    /// Rows of `length` ids that every model here has; another `batch` gives others.
    pub(crate) fn ids(&self, batch: usize) -> Result<Vec<Vec<u32>>> {
        let vocabulary = self.network()?.vocab_size;
        let id = |row: usize, place: usize| {
            (place * 7919 + row * 104_729 + batch * 15_485_863) % vocabulary
        };
        let row = |row: usize| (0..self.length).map(|place| id(row, place) as u32).collect();
        Ok((0..self.rows).map(row).collect())
    }
}
