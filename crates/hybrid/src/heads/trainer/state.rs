//! The trainer's whole state, in and out.

use std::path::Path;

use burn::module::Module;
use hybrid_heads::balance::{Uncertainty, Weighting};
use hybrid_heads::reinforce::EmaBaseline;
use hybrid_model::MultiHead;
use hybrid_optim::StepperState;
use serde::{Deserialize, Serialize};

use super::{HeadsCounters, HeadsTrainer, Learner};
use crate::checkpoint::{read_json, read_tensors, write_json, write_tensors};
use crate::error::HybridError;
use crate::heads::forward::read;
use crate::heads::task;
use crate::trainer::{restored, saved};

/// The small part of a trainer's state; tensors lie beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    counters: HeadsCounters,
    optim: serde_json::Value,
    /// Of each task.
    averages: Vec<Option<EmaBaseline>>,
    /// The noise of each task; empty where it weighs nothing.
    log_variances: Vec<f32>,
}

/// The optimizer's state.
const TENSORS: &str = "state.safetensors";
/// [`Saved`].
const STATE: &str = "trainer.json";

impl HeadsTrainer {
    /// Writes weights, tasks, optimizer and counters into `directory`; the tokenizer is the caller's.
    ///
    /// # Errors
    ///
    /// [`HybridError`] naming the file that cannot be written.
    pub fn save(&self, directory: &Path) -> Result<(), HybridError> {
        self.model().save(directory)?;
        let tasks: Vec<task::Task> = self.tasks().cloned().collect();
        task::write(&tasks, directory)?;
        let StepperState { tensors, scalars } = self.stepper.state();
        let tensors = tensors.into_iter().map(|(name, tensor)| (name, saved(tensor))).collect();
        write_tensors(&directory.join(TENSORS), &tensors)?;
        let noise = self.learner.as_ref().and_then(|learner| learner.uncertainty.as_ref());
        let noise = noise.map(|noise| read(noise.log_variances()));
        let state = Saved {
            counters: self.counters,
            optim: scalars,
            averages: self.lessons.averages(),
            log_variances: noise.transpose()?.unwrap_or_default(),
        };
        write_json(&directory.join(STATE), &state)?;
        Ok(())
    }

    /// Takes over the state that [`Self::save`] wrote.
    ///
    /// # Errors
    ///
    /// [`HybridError::Resume`] where the checkpoint is of other heads; errors of files that cannot
    /// be read.
    pub fn load(&mut self, directory: &Path) -> Result<(), HybridError> {
        let state: Saved = read_json(&directory.join(STATE))?;
        let device = self.model().device();
        let model = MultiHead::load(directory, &device)?;
        let other = |reason: &str| HybridError::Resume {
            path: directory.to_owned(),
            reason: reason.to_owned(),
        };
        if !model.configs().eq(self.model().configs()) {
            return Err(other("its heads are others than the configuration's"));
        }
        if model.adapters() != self.model().adapters() {
            return Err(other("its adapters are others than the configuration's"));
        }
        let tensors = read_tensors(&directory.join(TENSORS))?;
        let tensors = tensors.into_iter().map(|(name, tensor)| (name, restored(tensor))).collect();
        let tasks = task::read(directory)?;
        let is_noisy = self.config.heads.weighting == Weighting::Uncertainty;
        let noise = || Uncertainty::from_log_variances(&state.log_variances, &device);
        let learner = Learner {
            model: model.frozen(self.config.model.freeze),
            uncertainty: is_noisy.then(noise).transpose()?,
        };
        let optim = StepperState { tensors, scalars: state.optim };
        self.stepper.load_state(optim, &learner)?;
        self.learner = Some(learner);
        self.lessons.restore(tasks, state.averages);
        self.counters = state.counters;
        Ok(())
    }

    /// The weights without what records gradients, for measurements.
    #[must_use]
    pub fn frozen_model(&self) -> MultiHead {
        self.model().valid()
    }
}
