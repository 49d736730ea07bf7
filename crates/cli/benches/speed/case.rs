//! `benches/cases.json`: models and pieces of work, one table for us, our peers and `cargo xtask`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use burn::tensor::Device;
use hybrid_model::Decoder;
use hybrid_model::init::{InitConfig, init};
use serde::Deserialize;

const TABLE: &str = include_str!("../../../../benches/cases.json");

/// The model that only tries a case out.
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
    model: String,
    rows: usize,
    length: usize,
    #[serde(default)]
    new: usize,
    #[serde(default)]
    epochs: usize,
    #[serde(default = "default_warm_up")]
    warm_up: usize,
    repetitions: usize,
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
}

/// One case with its model.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// As it is called on the command line.
    pub(crate) name: String,
    pub(crate) work: Kind,
    pub(crate) model: InitConfig,
    /// Rows of a batch.
    pub(crate) rows: usize,
    /// Tokens of a row, or of its prompt.
    pub(crate) length: usize,
    /// Tokens that are made after each prompt.
    pub(crate) new: usize,
    /// Passes of PPO over its rollout.
    pub(crate) epochs: usize,
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
        let Row { name, work, model, rows, mut length, mut new, epochs, mut warm_up, repetitions } =
            row;
        let mut repetitions = repetitions;
        let mut wanted = model.as_str();
        if trial {
            wanted = TRIAL;
            (length, new) = (length.min(TRIAL_LENGTH), new.min(TRIAL_LENGTH));
            (warm_up, repetitions) = (1, 1);
        }
        let model = self.models.get(wanted).cloned();
        let model = model.with_context(|| format!("case `{name}` names no model: `{wanted}`"))?;
        Ok(Case { name, work, model, rows, length, new, epochs, warm_up, repetitions })
    }
}

impl Case {
    /// The model with random weights.
    pub(crate) fn decoder(&self, seed: u64, device: &Device) -> Result<Decoder> {
        Ok(init(&self.model.to_config()?, seed, device))
    }

    /// Rows of `length` ids that every model here has; another `batch` gives others.
    pub(crate) fn ids(&self, batch: usize) -> Vec<Vec<u32>> {
        let id = |row: usize, place: usize| {
            (place * 7919 + row * 104_729 + batch * 15_485_863) % self.model.vocab_size
        };
        let row = |row: usize| (0..self.length).map(|place| id(row, place) as u32).collect();
        (0..self.rows).map(row).collect()
    }
}
