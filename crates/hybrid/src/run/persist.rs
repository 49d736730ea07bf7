//! A run on disk: checkpoints, and the weights that are written for others.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Observer, Run};
use crate::checkpoint::{PartsError, read_json, write_json};
use crate::cursor::Cursor;
use crate::error::HybridError;
use crate::feed::FeedState;
use crate::metrics::Metrics;

/// The small part of a run's state; the trainer's lies beside it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunState {
    /// Where the run stands in its phases.
    pub cursor: Cursor,
    /// Where it stands in its data.
    pub feed: Option<FeedState>,
    /// What the rewards remember.
    pub reward: Option<serde_json::Value>,
    /// Measured before the first step.
    pub before: BTreeMap<String, f64>,
    /// The newest value of the metric by which the best checkpoint is kept.
    pub best_metric: Option<f64>,
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
        state.reward = self.scorer.as_ref().and_then(|scorer| scorer.reward().state());
        state.elapsed_s = self.elapsed().as_secs_f64();
        let (trainer, ema) = (&self.trainer, &self.ema);
        let step = trainer.counters().steps;
        let mut parts = |folder: &Path| -> Result<(), PartsError> {
            trainer.save(folder)?;
            if let Some(ema) = ema {
                ema.save(&folder.join(EMA))?;
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
        if let Some(ema) = &mut self.ema {
            ema.load(&checkpoint.join(EMA))?;
        }
        if let Some(feed) = state.feed {
            self.feed.resume(feed)?;
        }
        if let (Some(scorer), Some(reward)) = (&self.scorer, &state.reward) {
            scorer.reward().load_state(reward).map_err(|error| HybridError::Resume {
                path: checkpoint.to_owned(),
                reason: error.to_string(),
            })?;
        }
        self.state = state;
        self.restore_reference()
    }

    /// Writes the present weights, or their moving average, as a Hugging Face directory.
    pub(super) fn merge_now(&mut self) -> Result<(), HybridError> {
        if self.trainer.config().output.merge_every.is_none() {
            return Ok(());
        }
        let policy = &self.trainer.policy().decoder;
        let averaged = self.ema.as_ref().map(|ema| ema.decoder(policy)).transpose()?;
        let decoder = averaged.as_ref().unwrap_or(policy);
        self.dir.replace_model("merged", decoder, self.trainer.tokenizer())
    }
}
