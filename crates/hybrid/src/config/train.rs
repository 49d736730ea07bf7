//! The `[train]` table: batches, and what to do when numbers break.

use std::fmt;

use hybrid_data::encode::Side;
use hybrid_model::decoder::Keeps;
use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::check::Problem;

/// Batches, and what to do when numbers break.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Demonstrations of one SFT step, or examples of one step of a task head. At least 1.
    pub batch_size: usize,
    /// Sequences that go through the model at once, in SFT and PPO; gradients add up to the same
    /// step whatever it is. A number of at least 1, or `"auto"`: as many as fit the memory of 4,096
    /// tokens at `max_length`, so 8 at the default length.
    pub micro_batch: MicroBatch,
    /// Most tokens of a training sequence, and of prompt and completion together in a rollout; what
    /// is longer is cut. At least 2.
    pub max_length: usize,
    /// What a longer demonstration loses: `right`, its end; `left`, its beginning; or `prompt`, the beginning
    /// of its prompt, so that the completion stays. A prompt of a rollout always loses its beginning.
    pub truncation_side: Side,
    /// Put several demonstrations in one row, apart from each other, instead of padding each.
    pub packing: bool,
    /// What a training pass keeps for its backward pass: `normal`, all that it needs, or `low`, what
    /// each layer reads, from which the layers are computed a second time, one after the other. `low`
    /// needs a fraction of the memory that grows with tokens and layers, and about a quarter more time;
    /// gradients are the same within rounding. Not with task heads.
    pub memory: MemoryUse,
    /// What a loss, a gradient or a whole batch of scores that is NaN or infinite does: `abort` the
    /// run with an error, or `skip` the step and count it.
    pub on_non_finite: OnNonFinite,
    /// Whether SFT and PPO share one optimizer state, or each keeps its own; steps of task heads use
    /// that of SFT.
    pub shared_optimizer: bool,
    /// How far the log-probability of a token may differ, in nats, between generation and a full
    /// pass over the same tokens when a phase checks itself at its first PPO update. Above 0.
    pub check_tolerance: f64,
    /// PPO updates between two of which `kl/sft_drift` is measured: how far the supervised steps of
    /// a cycle, those of task heads among them, moved the policy. Costs a copy of the weights and a forward pass; 0 never measures.
    pub drift_every: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            batch_size: 16,
            micro_batch: MicroBatch::Sequences(4),
            max_length: 512,
            truncation_side: Side::Right,
            packing: false,
            memory: MemoryUse::Normal,
            on_non_finite: OnNonFinite::Abort,
            shared_optimizer: true,
            check_tolerance: 1e-4,
            drift_every: 10,
        }
    }
}

/// How much memory a training pass takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryUse {
    /// Everything the backward pass needs is kept.
    Normal,
    /// What each layer reads is kept; the rest is computed again.
    Low,
}

/// What a number that is not finite does to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNonFinite {
    /// The run ends with an error.
    Abort,
    /// The step is left out and counted.
    Skip,
}

/// How many sequences go through the model at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MicroBatch {
    /// As many as make 4,096 tokens of the longest rows.
    Auto,
    /// This many, at least 1.
    Sequences(usize),
}

/// Tokens of a micro-batch that `"auto"` aims at.
const AUTO_TOKENS: usize = 4096;

impl MicroBatch {
    /// The number of sequences for rows of at most `max_length` tokens, at least 1 and no more than
    /// `rows`, unless `rows` is 0.
    #[must_use]
    pub fn sequences(self, max_length: usize, rows: usize) -> usize {
        let wanted = match self {
            Self::Auto => AUTO_TOKENS.checked_div(max_length).unwrap_or(AUTO_TOKENS),
            Self::Sequences(count) => count,
        };
        wanted.clamp(1, rows.max(1))
    }
}

impl Serialize for MicroBatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Sequences(count) => serializer.serialize_u64(*count as u64),
        }
    }
}

impl<'de> Deserialize<'de> for MicroBatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MicroBatchVisitor)
    }
}

/// Written by hand because an untagged enum says only that no variant matched.
struct MicroBatchVisitor;

impl Visitor<'_> for MicroBatchVisitor {
    type Value = MicroBatch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of sequences, or \"auto\"")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<MicroBatch, E> {
        let wrong = || E::invalid_value(Unexpected::Unsigned(count), &self);
        usize::try_from(count).map(MicroBatch::Sequences).map_err(|_| wrong())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<MicroBatch, E> {
        match text {
            "auto" => Ok(MicroBatch::Auto),
            other => Err(E::invalid_value(Unexpected::Str(other), &self)),
        }
    }
}

impl TrainConfig {
    /// What the passes of a step keep for their backward passes.
    #[must_use]
    pub fn keeps(&self) -> Keeps {
        match self.memory {
            MemoryUse::Normal => Keeps::Everything,
            MemoryUse::Low => Keeps::BlockInputs,
        }
    }

    pub(super) fn validate(&self) -> Result<(), Problem> {
        if self.batch_size == 0 {
            return Err(Problem::range("train.batch_size", "0", "at least 1"));
        }
        if self.micro_batch == MicroBatch::Sequences(0) {
            return Err(Problem::range("train.micro_batch", "0", "at least 1, or \"auto\""));
        }
        if self.max_length < 2 {
            let value = self.max_length.to_string();
            let allowed = "at least 2: a token is predicted from the one before it";
            return Err(Problem::range("train.max_length", &value, allowed));
        }
        let tolerance = self.check_tolerance;
        if !(tolerance > 0.0 && tolerance.is_finite()) {
            let value = tolerance.to_string();
            return Err(Problem::range("train.check_tolerance", &value, "a finite number above 0"));
        }
        Ok(())
    }
}
