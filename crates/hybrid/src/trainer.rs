//! The trainer, step by step: supervised steps, rollouts and PPO updates on one set of weights.
//!
//! Each step can be called on its own, with batches, responses and scores from anywhere; the phases
//! of a run ([`crate::run`]) are written on top of them.

mod checks;
mod heads_step;
mod ppo_step;
mod sft_step;
mod state;

pub use crate::heads::trainer::HeadsStats;
pub use ppo_step::{Mix, PpoStats};
pub use sft_step::SftStats;
pub use state::TrainerState;
pub(crate) use state::{check_sizes, restored, saved};

use hybrid_data::encode::Encoded;
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::Decoder;
use hybrid_model::generate::GenerateOptions;
use hybrid_optim::{StepStats, Stepper};
use hybrid_ppo::{KlController, ScoreMoments};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::config::{OnNonFinite, RunConfig};
use crate::error::HybridError;
use crate::heads::lessons::Lessons;
use crate::policy::{Policy, ValueSource};
use crate::prompt::{Prompt, Response};
use crate::reference::Reference;
use crate::rollout::{self, Note, RespondOptions};

/// Trains one policy by supervised steps and PPO updates.
#[derive(Debug)]
pub struct HybridTrainer {
    config: RunConfig,
    tokenizer: Tokenizer,
    /// Ids the tokenizer has no text for; never produced.
    forbidden: Vec<u32>,
    /// Empty only inside [`Self::apply`].
    policy: Option<Policy>,
    reference: Option<Reference>,
    /// Whether the reference still holds the policy's weights.
    reference_is_policy: bool,
    steppers: Steppers,
    kl: KlController,
    scores: ScoreMoments,
    counters: Counters,
    /// What the task heads learn, where the policy has any.
    lessons: Option<Lessons>,
    /// The phase whose first update has not yet been checked.
    unchecked_phase: Option<usize>,
    /// Updates of the policy since this trainer was made.
    version: u64,
}

/// One optimizer state for everything, or one for each kind of step.
#[derive(Debug)]
struct Steppers {
    sft: Stepper,
    ppo: Option<Stepper>,
}

/// Which kind of step an update belongs to; that of task heads counts as supervised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sft,
    Ppo,
}

impl Steppers {
    fn of(&mut self, kind: Kind) -> &mut Stepper {
        match (kind, &mut self.ppo) {
            (Kind::Ppo, Some(stepper)) => stepper,
            _ => &mut self.sft,
        }
    }
}

/// What a trainer has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counters {
    /// Steps: an optimizer step of SFT or of the heads, or a whole PPO update.
    pub steps: u64,
    /// Steps of the heads.
    #[serde(default)]
    pub heads_steps: u64,
    /// PPO updates.
    pub ppo_updates: u64,
    /// Responses drawn for training: the random stream of the next one.
    pub responses: u64,
    /// Optimizer steps taken.
    pub optimizer_steps: u64,
    /// Updates left out because a loss or gradient was not finite.
    pub skipped_updates: u64,
    /// Responses without a usable score.
    pub null_scores: u64,
}

impl HybridTrainer {
    /// A trainer of `decoder`, or of new adapters in it, with `horizon` steps ahead of the scheduler
    /// where the configuration names none. `prompts` and demonstrations come with each call.
    ///
    /// # Errors
    ///
    /// [`HybridError`] for a configuration out of range, a tokenizer of another model, or adapters
    /// that do not fit.
    pub fn new(
        config: RunConfig,
        decoder: Decoder,
        tokenizer: Tokenizer,
        horizon: usize,
    ) -> Result<Self, HybridError> {
        config.validate()?;
        let rows = decoder.config().vocab_size;
        if tokenizer.vocab_size() > rows {
            return Err(HybridError::Missing(format!(
                "the tokenizer knows {} tokens, but the model's embedding has only {rows} rows: \
                 they belong to different models",
                tokenizer.vocab_size()
            )));
        }
        let forbidden = (tokenizer.vocab_size()..rows).map(|id| id as u32).collect();
        let decoder = match &config.model.lora {
            Some(lora) => decoder.adapted(lora, config.seed)?,
            None => decoder,
        };
        let values = value_source(&config);
        let stepper = || Stepper::new(&config.optim, horizon);
        let ppo = (!config.train.shared_optimizer).then(stepper).transpose()?;
        let steppers = Steppers { sft: stepper()?, ppo };
        let kl = KlController::new(&config.ppo.kl, config.total_episodes());
        Ok(Self {
            policy: Some(Policy::new(decoder, values)),
            reference: None,
            reference_is_policy: false,
            steppers,
            kl,
            scores: ScoreMoments::default(),
            counters: Counters::default(),
            lessons: None,
            unchecked_phase: None,
            version: 0,
            forbidden,
            tokenizer,
            config,
        })
    }

    /// The weights as they are now.
    ///
    /// # Panics
    ///
    /// Never: the policy is only away while `apply` holds the trainer.
    #[must_use]
    #[expect(clippy::expect_used, reason = "`apply` puts the policy back before it returns")]
    pub fn policy(&self) -> &Policy {
        self.policy.as_ref().expect("the policy is in its place")
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// The tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The frozen policy that KL is measured against, if one was set.
    #[must_use]
    pub fn reference(&self) -> Option<&Reference> {
        self.reference.as_ref()
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The learning rate of the next step.
    #[must_use]
    pub fn lr(&self) -> f64 {
        self.steppers.sft.lr()
    }

    /// Starts a phase: its KL is measured against `reference`, and its first update is checked.
    /// `is_policy` says that the reference holds the policy's weights.
    pub fn begin_phase(&mut self, phase: usize, reference: Option<Reference>, is_policy: bool) {
        self.reference_is_policy = is_policy && reference.is_some();
        self.reference = reference;
        self.unchecked_phase = Some(phase);
    }

    /// Sets the reference again after [`Self::load`].
    pub fn set_reference(&mut self, reference: Option<Reference>) {
        self.reference = reference;
    }

    /// Whether the reference still holds the policy's weights.
    #[must_use]
    pub fn reference_is_policy(&self) -> bool {
        self.reference_is_policy
    }

    /// Ends a step: the learning rate moves on. `metric` is for a scheduler that watches one.
    pub fn advance(&mut self, metric: Option<f64>) {
        self.counters.steps += 1;
        self.steppers.sft.advance(metric);
        if let Some(stepper) = &mut self.steppers.ppo {
            stepper.advance(metric);
        }
    }

    /// Answers `prompts` with the policy, `rollout.samples` times each, prompts in their order.
    ///
    /// # Errors
    ///
    /// [`HybridError::Generate`] for prompts the model cannot read.
    pub fn respond(&mut self, prompts: &[Prompt]) -> Result<Vec<Response>, HybridError> {
        let values = self.config.ppo.needs_values();
        let value_head = self.policy().value_head.clone().filter(|_| values);
        let note = Some(Note { version: self.version, value_head });
        let options = RespondOptions { note, ..self.respond_options() };
        let responses =
            rollout::respond(&self.policy().decoder, &self.tokenizer, prompts, &options)?;
        self.counters.responses += responses.len() as u64;
        Ok(responses)
    }

    /// How training rollouts are drawn now.
    pub(crate) fn respond_options(&self) -> RespondOptions {
        let rollout = &self.config.rollout;
        let eos_ids = if rollout.ignore_eos { &[] } else { self.tokenizer.eos_ids() };
        let generate = GenerateOptions {
            max_new_tokens: rollout.max_new_tokens,
            sampling: rollout.sampling(),
            eos_ids: eos_ids.to_vec(),
            samples: rollout.samples,
            seed: self.config.seed,
            first_stream: self.counters.responses,
            record_behaviour: rollout.sampling().is_truncated() || !self.forbidden.is_empty(),
            forbidden: self.forbidden.clone(),
        };
        let stop = rollout.stop.clone();
        RespondOptions { generate, batch_size: rollout.batch_size, stop, note: None }
    }

    /// A random stream of its own for each purpose and number, so that none has to be saved.
    fn stream(&self, purpose: u64, number: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.config.seed ^ purpose.rotate_left(32));
        rng.set_stream(number);
        rng
    }

    /// Updates the policy with the gradients that were accumulated.
    fn apply(&mut self, kind: Kind) -> Result<StepStats, HybridError> {
        let Some(policy) = self.policy.take() else {
            return Err(HybridError::Missing("the policy is in use".to_owned()));
        };
        let (policy, stats) = self.steppers.of(kind).step(policy);
        self.policy = Some(policy);
        self.version += 1;
        if stats.finite {
            self.reference_is_policy = false;
            self.counters.optimizer_steps += 1;
        } else {
            self.not_finite("the gradient")?;
        }
        Ok(stats)
    }

    /// Stops the run, or counts the update that is left out, as configured.
    fn not_finite(&mut self, what: &'static str) -> Result<(), HybridError> {
        let step = self.counters.steps + 1;
        match self.config.train.on_non_finite {
            OnNonFinite::Abort => Err(HybridError::NonFinite { what, step }),
            OnNonFinite::Skip => {
                tracing::warn!("{what} at step {step} is not finite; the update is left out");
                self.counters.skipped_updates += 1;
                Ok(())
            }
        }
    }
}

/// Tokens of the demonstrations that count in the loss.
fn counted_tokens(examples: &[&Encoded]) -> usize {
    let counted = |example: &&Encoded| example.loss_mask.iter().skip(1).filter(|it| **it).count();
    examples.iter().map(counted).sum()
}

fn value_source(config: &RunConfig) -> ValueSource {
    use hybrid_ppo::config::Critic;
    if !config.has_ppo() || !config.ppo.needs_values() {
        return ValueSource::None;
    }
    match config.ppo.critic {
        Critic::Shared => ValueSource::Shared,
        Critic::Separate => ValueSource::Separate,
    }
}

#[cfg(test)]
mod tests;
