//! The trainer's whole state, in and out: what a run needs to go on as if it had not stopped.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use hybrid_heads::balance::Uncertainty;
use hybrid_heads::reinforce::EmaBaseline;
use hybrid_model::value::ValueHead;
use hybrid_model::weights::{self, Checkpoint};
use hybrid_model::{Decoder, MultiHead};
use hybrid_optim::{StateData, StateTensor, StepperState};
use hybrid_ppo::{KlController, ScoreMoments};
use serde::{Deserialize, Serialize};

use super::{Counters, HybridTrainer};
use crate::checkpoint::{
    SavedData, SavedTensor, read_json, read_tensors, write_json, write_tensors,
};
use crate::error::HybridError;
use crate::heads::forward::read;
use crate::heads::task::{self, Task};
use crate::policy::{Critic, Policy, tracked};

/// The small part of a trainer's state; tensors lie beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainerState {
    counters: Counters,
    kl: KlController,
    scores: ScoreMoments,
    sft: serde_json::Value,
    ppo: Option<serde_json::Value>,
    unchecked_phase: Option<usize>,
    /// Whether the reference still has the policy's weights.
    reference_is_policy: bool,
    /// Of the task heads, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heads: Option<SavedLessons>,
}

/// What the task heads remember beside their weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedLessons {
    /// Of each task.
    averages: Vec<Option<EmaBaseline>>,
    /// The noise of each task; empty where it weighs nothing.
    log_variances: Vec<f32>,
}

/// Value head, critic and optimizer state of a checkpoint.
const TENSORS: &str = "state.safetensors";
/// [`TrainerState`].
const STATE: &str = "trainer.json";

/// Why a checkpoint is not this run's.
const OTHER_ADAPTERS: &str = "its adapters are others than those of `model.lora`";

impl HybridTrainer {
    /// Writes weights, tokenizer, optimizer and every counter into `directory`, which is a Hugging
    /// Face directory of the policy, too, and one that [`crate::heads::Predictor`] reads where it has
    /// heads. The caller makes it appear at once, see
    /// [`crate::checkpoint`].
    ///
    /// # Errors
    ///
    /// [`HybridError`] naming the file that cannot be written.
    pub fn save(&self, directory: &Path) -> Result<(), HybridError> {
        let policy = self.policy();
        let heads = self.save_model(directory)?;
        self.tokenizer.save(directory)?;
        let mut tensors = value_tensors(policy);
        let sft = self.steppers.sft.state();
        let ppo = self.steppers.ppo.as_ref().map(hybrid_optim::Stepper::state);
        let state = TrainerState {
            counters: self.counters,
            kl: self.kl.clone(),
            scores: self.scores,
            sft: sft.scalars,
            ppo: ppo.as_ref().map(|state| state.scalars.clone()),
            unchecked_phase: self.unchecked_phase,
            reference_is_policy: self.reference_is_policy,
            heads,
        };
        tensors.extend(prefixed("optim", sft.tensors));
        if let Some(ppo) = ppo {
            tensors.extend(prefixed("optim_ppo", ppo.tensors));
        }
        let tensors = tensors.into_iter().map(|(name, tensor)| (name, saved(tensor))).collect();
        write_tensors(&directory.join(TENSORS), &tensors)?;
        write_json(&directory.join(STATE), &state)?;
        Ok(())
    }

    /// Takes over the state that [`Self::save`] wrote. The reference is the caller's to set again,
    /// by [`Self::set_reference`].
    ///
    /// # Errors
    ///
    /// [`HybridError::Resume`] where the checkpoint is of another model or configuration; errors of
    /// files that cannot be read.
    pub fn load(&mut self, directory: &Path) -> Result<(), HybridError> {
        let state: TrainerState = read_json(&directory.join(STATE))?;
        let tensors = read_tensors(&directory.join(TENSORS))?;
        let mut tensors: BTreeMap<String, StateTensor> =
            tensors.into_iter().map(|(name, tensor)| (name, restored(tensor))).collect();
        let mut policy = self.policy().clone();
        self.load_model(&mut policy, state.heads, directory)?;
        restore_values(&mut policy, &mut tensors)
            .map_err(|reason| HybridError::Resume { path: directory.to_owned(), reason })?;
        let sft = StepperState { tensors: taken("optim", &mut tensors), scalars: state.sft };
        self.steppers.sft.load_state(sft, &policy)?;
        match (&mut self.steppers.ppo, state.ppo) {
            (Some(stepper), Some(scalars)) => {
                let tensors = taken("optim_ppo", &mut tensors);
                stepper.load_state(StepperState { tensors, scalars }, &policy)?;
            }
            (None, None) => {}
            _ => {
                let reason = "`train.shared_optimizer` is not what it was".to_owned();
                return Err(HybridError::Resume { path: directory.to_owned(), reason });
            }
        }
        self.policy = Some(policy);
        self.counters = state.counters;
        self.kl = state.kl;
        self.scores = state.scores;
        self.unchecked_phase = state.unchecked_phase;
        self.reference_is_policy = state.reference_is_policy;
        Ok(())
    }

    /// Writes decoder and heads; returns what else belongs to the heads.
    fn save_model(&self, directory: &Path) -> Result<Option<SavedLessons>, HybridError> {
        let policy = self.policy();
        let (Some(lessons), Some(model)) = (&self.lessons, policy.with_heads()) else {
            weights::save_adapted(&policy.decoder, directory)?;
            return Ok(None);
        };
        model.save_with_language_model(directory)?;
        let tasks: Vec<Task> = lessons.tasks().cloned().collect();
        task::write(&tasks, directory)?;
        let noise = policy.uncertainty.as_ref().map(|noise| read(noise.log_variances()));
        let log_variances = noise.transpose()?.unwrap_or_default();
        Ok(Some(SavedLessons { averages: lessons.averages(), log_variances }))
    }

    /// Reads what [`Self::save_model`] wrote.
    fn load_model(
        &mut self,
        policy: &mut Policy,
        saved: Option<SavedLessons>,
        directory: &Path,
    ) -> Result<(), HybridError> {
        let device = policy.decoder.device();
        let other = |reason: &str| HybridError::Resume {
            path: directory.to_owned(),
            reason: reason.to_owned(),
        };
        let (lessons, SavedLessons { averages, log_variances }) = match (&mut self.lessons, saved) {
            (None, None) => {
                let read = weights::load_adapted(&Checkpoint::open(directory)?, &device)?;
                if read.adapters() != policy.decoder.adapters() {
                    return Err(other(OTHER_ADAPTERS));
                }
                policy.decoder = tracked(read);
                return Ok(());
            }
            (Some(lessons), Some(saved)) => (lessons, saved),
            _ => return Err(other("it has task heads, or lacks them, where this run does not")),
        };
        let model = MultiHead::load(directory, &device)?;
        if !policy.with_heads().is_some_and(|own| own.configs().eq(model.configs())) {
            return Err(other("its heads are others than the configuration's"));
        }
        if model.adapters() != policy.decoder.adapters() {
            return Err(other(OTHER_ADAPTERS));
        }
        policy.take(model);
        if policy.uncertainty.is_some() {
            policy.uncertainty = Some(Uncertainty::from_log_variances(&log_variances, &device)?);
        }
        lessons.restore(task::read(directory)?, averages);
        Ok(())
    }
}

/// Value head and critic by name.
fn value_tensors(policy: &Policy) -> BTreeMap<String, StateTensor> {
    let mut tensors = BTreeMap::new();
    let mut head = |prefix: &str, head: &ValueHead| {
        for (name, values) in head.to_values() {
            let shape = vec![values.len()];
            let tensor = StateTensor { shape, data: StateData::F32(values) };
            tensors.insert(format!("{prefix}/{name}"), tensor);
        }
    };
    if let Some(value_head) = &policy.value_head {
        head("value_head", value_head);
    }
    if let Some(critic) = &policy.critic {
        head("critic_head", &critic.value_head);
        for (name, values) in own_values(&critic.decoder) {
            let shape = vec![values.len()];
            let tensor = StateTensor { shape, data: StateData::F32(values) };
            tensors.insert(format!("critic/{name}"), tensor);
        }
    }
    tensors
}

/// The values that training changes: those of the adapters, or all where there are none.
fn own_values(decoder: &Decoder) -> BTreeMap<String, Vec<f32>> {
    if decoder.adapters().is_some() { decoder.adapter_values() } else { decoder.values() }
}

fn restore_values(
    policy: &mut Policy,
    tensors: &mut BTreeMap<String, StateTensor>,
) -> Result<(), String> {
    let device = policy.decoder.device();
    let width = policy.decoder.config().embedding_size;
    let mut head = |prefix: &str| -> Result<ValueHead, String> {
        let values = floats(taken(prefix, tensors))?;
        ValueHead::from_values(width, values, &device).map_err(|error| error.to_string())
    };
    if policy.value_head.is_some() {
        policy.value_head = Some(head("value_head")?);
    }
    if let Some(critic) = policy.critic.take() {
        let value_head = head("critic_head")?;
        let values: HashMap<String, Vec<f32>> =
            floats(taken("critic", tensors))?.into_iter().collect();
        check_sizes(&own_values(&critic.decoder), &values).map_err(|name| {
            format!("the critic's parameter `{name}` is missing or of another size")
        })?;
        // With adapters, all other weights are the policy's.
        policy.critic = Some(Critic { decoder: policy.decoder.refilled(values), value_head });
    }
    Ok(())
}

/// Compares `values` with those that they take the place of; the error is the first parameter that is
/// missing or of another size.
pub(crate) fn check_sizes(
    expected: &BTreeMap<String, Vec<f32>>,
    values: &HashMap<String, Vec<f32>>,
) -> Result<(), String> {
    let fits = |(name, old): &(&String, &Vec<f32>)| {
        values.get(*name).is_some_and(|new| new.len() == old.len())
    };
    match expected.iter().find(|entry| !fits(entry)) {
        Some((name, _)) => Err(name.clone()),
        None => Ok(()),
    }
}

pub(crate) fn saved(tensor: StateTensor) -> SavedTensor {
    let data = match tensor.data {
        StateData::F32(values) => SavedData::F32(values),
        StateData::U8(values) => SavedData::U8(values),
    };
    SavedTensor { shape: tensor.shape, data }
}

pub(crate) fn restored(tensor: SavedTensor) -> StateTensor {
    let data = match tensor.data {
        SavedData::F32(values) => StateData::F32(values),
        SavedData::U8(values) => StateData::U8(values),
    };
    StateTensor { shape: tensor.shape, data }
}

fn floats(tensors: BTreeMap<String, StateTensor>) -> Result<BTreeMap<String, Vec<f32>>, String> {
    let values = |(name, tensor): (String, StateTensor)| match tensor.data {
        StateData::F32(values) => Ok((name, values)),
        StateData::U8(_) => Err(format!("the tensor `{name}` holds bytes, not numbers")),
    };
    tensors.into_iter().map(values).collect()
}

fn prefixed(
    prefix: &'static str,
    tensors: BTreeMap<String, StateTensor>,
) -> impl Iterator<Item = (String, StateTensor)> {
    tensors.into_iter().map(move |(name, tensor)| (format!("{prefix}/{name}"), tensor))
}

/// Takes the tensors of one part out of all, without the part's name.
fn taken(
    prefix: &str,
    tensors: &mut BTreeMap<String, StateTensor>,
) -> BTreeMap<String, StateTensor> {
    let prefix = format!("{prefix}/");
    let names: Vec<String> =
        tensors.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
    let take = |name: String| {
        let short = name.strip_prefix(&prefix)?.to_owned();
        tensors.remove(&name).map(|tensor| (short, tensor))
    };
    names.into_iter().filter_map(take).collect()
}
