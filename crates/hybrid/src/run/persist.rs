//! A run on disk: checkpoints, and the weights that are written for others.

use std::collections::BTreeMap;
use std::path::Path;

use hybrid_data::order::BatchState;
use hybrid_model::weights;
use serde::{Deserialize, Serialize};

use super::{Observer, Run, models};
use crate::checkpoint::{
    PartsError, SavedData, SavedTensor, read_json, read_tensors, write_json, write_tensors,
};
use crate::cursor::Cursor;
use crate::error::HybridError;
use crate::feed::FeedState;
use crate::merge::{Ema, MergeTensor, NamedTensors};
use crate::metrics::Metrics;
use crate::trainer::HybridTrainer;

/// The small part of a run's state; the trainer's lies beside it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunState {
    /// Where the run stands in its phases.
    pub cursor: Cursor,
    /// Where it stands in its data.
    pub feed: Option<FeedState>,
    /// Where each task of the heads stands in its rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heads: Vec<BatchState>,
    /// What the rewards remember.
    pub reward: Option<serde_json::Value>,
    /// Measured before the first step.
    pub before: BTreeMap<String, f64>,
    /// Measured after the last step.
    pub after: BTreeMap<String, f64>,
    /// The newest value of the metric by which the best checkpoint is kept.
    pub best_metric: Option<f64>,
    /// Bytes of `metrics.jsonl` and of `samples.jsonl`.
    pub log_bytes: [u64; 2],
    /// Seconds spent.
    pub elapsed_s: f64,
    /// True once the last measurement is done.
    pub finished: bool,
}

impl RunState {
    /// The metric that a scheduler on a plateau watches.
    pub(super) fn watched(&self, metrics: &Metrics) -> Option<f64> {
        ["eval/sft_loss", "sft/loss"].iter().find_map(|name| metrics.get(name))
    }
}

/// [`RunState`] in a checkpoint.
const STATE: &str = "run.json";
/// The moving average of the weights in a checkpoint.
const EMA: &str = "ema.safetensors";
/// The weights from before the supervised steps of the present cycle.
const BEFORE_SFT: &str = "before_sft";
/// The weights for others, in the run directory.
const MERGED: &str = "merged";

impl Run {
    pub(super) fn save_if_due(&mut self, observer: &mut dyn Observer) -> Result<(), HybridError> {
        let output = &self.trainer.config().output;
        let step = self.trainer.counters().steps;
        let due = |every: usize| every > 0 && step.is_multiple_of(every as u64);
        let (save, merge) = (due(output.save_every), output.merge_every.is_some_and(due));
        if save {
            self.save(observer)?;
        }
        if merge {
            self.merge_now()?;
        }
        Ok(())
    }

    /// Writes a checkpoint of the present step.
    pub(super) fn save(&mut self, observer: &mut dyn Observer) -> Result<(), HybridError> {
        observer.working("saving a checkpoint");
        let mut state = self.state.clone();
        state.feed = Some(self.feed.state());
        state.heads = self.heads.state();
        state.reward = self.scorer.as_ref().and_then(|scorer| scorer.reward().state());
        state.elapsed_s = self.elapsed().as_secs_f64();
        // A log that is behind its checkpoint could not be continued.
        self.logs.metrics.flush()?;
        self.logs.samples.flush()?;
        state.log_bytes = [self.logs.metrics.bytes()?, self.logs.samples.bytes()?];
        let (trainer, ema, before_sft) = (&self.trainer, &self.ema, &self.before_sft);
        let step = trainer.counters().steps;
        let mut parts = |folder: &Path| -> Result<(), PartsError> {
            trainer.save(folder)?;
            if let Some(ema) = ema {
                write_tensors(&folder.join(EMA), &saved(ema.average()))?;
            }
            if let Some(decoder) = before_sft {
                models::write_trained(&folder.join(BEFORE_SFT), decoder)?;
            }
            write_json(&folder.join(STATE), &state)?;
            Ok(())
        };
        self.writer.save(step, state.best_metric, &mut parts)?;
        Ok(())
    }

    /// Goes on from a checkpoint.
    pub(super) fn restore(&mut self, checkpoint: &Path) -> Result<(), HybridError> {
        let state: RunState = read_json(&checkpoint.join(STATE))?;
        self.trainer.load(checkpoint)?;
        let [metrics, samples] = state.log_bytes;
        self.logs.metrics.truncate(metrics)?;
        self.logs.samples.truncate(samples)?;
        if let Some(decay) = self.trainer.config().output.merge_ema {
            let average = named(read_tensors(&checkpoint.join(EMA))?);
            self.ema = Some(Ema::new(decay, average)?);
        }
        if checkpoint.join(BEFORE_SFT).exists() {
            let policy = &self.trainer.policy().decoder;
            self.before_sft = Some(models::recall(&checkpoint.join(BEFORE_SFT), policy)?);
        }
        if let Some(feed) = state.feed {
            self.feed.resume(feed)?;
        }
        self.heads.resume(&state.heads)?;
        if let (Some(scorer), Some(reward)) = (&self.scorer, &state.reward) {
            scorer.reward().load_state(reward).map_err(|error| HybridError::Resume {
                path: checkpoint.to_owned(),
                reason: error.to_string(),
            })?;
        }
        self.state = state;
        self.restore_reference()
    }

    /// Writes the present weights, or their moving average, as a Hugging Face folder.
    pub(super) fn merge_now(&mut self) -> Result<(), HybridError> {
        if self.trainer.config().output.merge_every.is_none() {
            return Ok(());
        }
        let policy = &self.trainer.policy().decoder;
        let folder = self.dir.path().join(MERGED);
        models::replace(&folder, policy, self.trainer.tokenizer())?;
        if let Some(ema) = &self.ema {
            write_tensors(&folder.join("model.safetensors"), &saved(ema.average()))?;
        }
        Ok(())
    }

    /// Takes the weights after a step into their moving average.
    pub(super) fn update_ema(&mut self) -> Result<(), HybridError> {
        if let Some(ema) = &mut self.ema {
            ema.update(&weights_of(&self.trainer))?;
        }
        Ok(())
    }

    /// Starts the moving average, where one is asked for.
    pub(super) fn start_ema(&mut self) -> Result<(), HybridError> {
        if let Some(decay) = self.trainer.config().output.merge_ema {
            self.ema = Some(Ema::new(decay, weights_of(&self.trainer))?);
        }
        Ok(())
    }
}

/// The policy's weights under the names they have in a file.
fn weights_of(trainer: &HybridTrainer) -> NamedTensors {
    let stored = weights::save::stored_tensors(&trainer.policy().decoder);
    let tensor = |(name, shape, values)| (name, MergeTensor { shape, values });
    stored.into_iter().map(tensor).collect()
}

fn saved(tensors: &NamedTensors) -> BTreeMap<String, SavedTensor> {
    let tensor = |(name, tensor): (&String, &MergeTensor)| {
        let data = SavedData::F32(tensor.values.clone());
        (name.clone(), SavedTensor { shape: tensor.shape.clone(), data })
    };
    tensors.iter().map(tensor).collect()
}

fn named(tensors: BTreeMap<String, SavedTensor>) -> NamedTensors {
    let tensor = |(name, tensor): (String, SavedTensor)| match tensor.data {
        SavedData::F32(values) => Some((name, MergeTensor { shape: tensor.shape, values })),
        SavedData::U8(_) => None,
    };
    tensors.into_iter().filter_map(tensor).collect()
}
