//! One PPO update: a rollout, measured once, and its epochs of minibatches.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use hybrid_data::encode::Encoded;
use hybrid_model::Decoder;
use hybrid_ppo::config::Truncated;
use hybrid_ppo::{
    self as ppo, Decision, End, Episode, Importance, LossInputs, LossSums, Normaliser, Prepared,
    Score, UpdateStats, ValueInputs,
};

use super::{HybridTrainer, Kind};
use crate::backward::Traces;
use crate::error::HybridError;
use crate::metrics::{Metrics, mean};
use crate::passes::{self, PassOptions, Sequence, forward, micro_batches};
use crate::prompt::{Prompt, Response};
use crate::reference::decoder_logprobs;

/// What a PPO update did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PpoStats {
    /// `rollout/…`, `ppo/…`, `kl/…` and `optim/…`, as `docs/metrics.md` defines them.
    pub metrics: Metrics,
    /// Prompt and completion tokens of the rollout.
    pub tokens: usize,
}

/// Demonstrations whose loss joins every optimizer step of a PPO update.
pub struct Mix<'a> {
    /// Factor of the supervised loss, which is a mean over its own tokens.
    pub sft_coef: f64,
    /// Gives the demonstrations of one optimizer step.
    pub next_batch: &'a mut dyn FnMut() -> Vec<Encoded>,
}

impl std::fmt::Debug for Mix<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mix").field("sft_coef", &self.sft_coef).finish_non_exhaustive()
    }
}

/// What the policy said about one row before the update.
#[derive(Debug, Clone, Default)]
pub(super) struct Measured {
    logprobs: Vec<f32>,
    values: Vec<f32>,
    entropy: Vec<f32>,
}

impl HybridTrainer {
    /// One PPO update on `responses` to `prompts`, scored by anyone: a whole pass of
    /// `ppo.epochs` over the rows.
    ///
    /// The three lists come in one order; only the prompt is the query, whatever its length and
    /// that of its response. A score is an `Option<f64>` for the whole response, or a [`Score`] with
    /// one for each of its tokens, which enter where `ppo.score_at` says. A response without a score
    /// (`None`, or one that is not finite) stays out of the losses and is counted.
    ///
    /// # Errors
    ///
    /// [`HybridError::Misaligned`], [`HybridError::Count`] and [`HybridError::Unusable`] for lists
    /// that do not belong together; [`HybridError::SelfCheck`] at the first update of a phase;
    /// [`HybridError::NonFinite`] where such updates are not to be skipped.
    pub fn ppo_step<S: Clone + Into<Score>>(
        &mut self,
        prompts: &[&Prompt],
        responses: &[Response],
        scores: &[S],
    ) -> Result<PpoStats, HybridError> {
        self.update(prompts, responses, scores.iter().cloned().map(S::into).collect(), None)
    }

    /// As [`Self::ppo_step`], with a supervised loss beside that of PPO in every optimizer step
    /// (InstructGPT's PPO-ptx, Ouyang et al. 2022, arXiv 2203.02155).
    ///
    /// # Errors
    ///
    /// As [`Self::ppo_step`] and [`Self::sft_step`].
    pub fn mixed_step<S: Clone + Into<Score>>(
        &mut self,
        prompts: &[&Prompt],
        responses: &[Response],
        scores: &[S],
        mix: &mut Mix<'_>,
    ) -> Result<PpoStats, HybridError> {
        self.update(prompts, responses, scores.iter().cloned().map(S::into).collect(), Some(mix))
    }

    fn update(
        &mut self,
        prompts: &[&Prompt],
        responses: &[Response],
        scores: Vec<Score>,
        mut mix: Option<&mut Mix<'_>>,
    ) -> Result<PpoStats, HybridError> {
        check_alignment(prompts, responses, scores.len())?;
        let rows = self.sequences(prompts, responses);
        let mut stats =
            PpoStats { tokens: rows.iter().map(Sequence::len).sum(), ..PpoStats::default() };
        let (episodes, entropy) = self.episodes(&rows, responses, scores)?;
        stats.metrics.set("rollout/entropy", entropy);
        let importance = self.importance(&episodes, responses);
        stats.metrics.extend(named(importance.iter().flat_map(Importance::metrics)));
        let prepared = ppo::prepare(&episodes, self.kl.coef(), &mut self.scores, &self.config.ppo)?;
        stats.metrics.extend(named(prepared.stats.metrics()));
        stats.metrics.set("ppo/kl_coef", self.kl.coef());
        let counted = prepared.counted();
        self.counters.null_scores += (episodes.len() - counted.len()) as u64;
        if counted.is_empty() {
            self.not_finite("every score")?;
            return Ok(stats);
        }
        let rollout = Rollout { rows, episodes, importance, prepared };
        let update = self.epochs(&rollout, &mut mix, &mut stats)?;
        stats.metrics.extend(named(update.metrics(&self.config.ppo)));
        Ok(stats)
    }

    /// All epochs of an update.
    fn epochs(
        &mut self,
        rollout: &Rollout<'_>,
        mix: &mut Option<&mut Mix<'_>>,
        stats: &mut PpoStats,
    ) -> Result<UpdateStats, HybridError> {
        let mut update = UpdateStats::default();
        let mut sft_losses = Vec::new();
        let (epochs, size) = (self.config.ppo.epochs, self.config.ppo.minibatch_size);
        let counted = rollout.prepared.counted();
        'update: for epoch in 0..epochs {
            let number = self.counters.ppo_updates * epochs as u64 + epoch as u64;
            let mut rng = self.stream(MINIBATCHES, number);
            for members in ppo::minibatches(&counted, size, &mut rng) {
                let sums = self.minibatch(rollout, &members, &mut update)?;
                if let Some(phase) = self.unchecked_phase.take() {
                    let off = (sums.ratio_max - 1.0).max(1.0 - sums.ratio_min);
                    self.check_ratio(phase, off)?;
                }
                let decision = update.decide(&self.config.ppo);
                if !sums.is_finite() {
                    self.not_finite("the PPO loss")?;
                }
                if decision != Decision::Apply || !sums.is_finite() {
                    self.steppers.of(Kind::Ppo).discard();
                    if decision == Decision::Stop {
                        break 'update;
                    }
                    continue;
                }
                if let Some(mix) = mix.as_deref_mut() {
                    let batch = (mix.next_batch)();
                    let batch: Vec<&Encoded> = batch.iter().collect();
                    sft_losses.push(self.accumulate_sft(&batch, mix.sft_coef, Kind::Ppo)?);
                }
                let step = self.apply(Kind::Ppo)?;
                stats.metrics.set("optim/lr", step.lr);
                stats.metrics.set("optim/grad_norm", step.grad_norm);
            }
        }
        if let Some(mix) = mix {
            stats.metrics.set("sft/loss", mean(sft_losses));
            stats.metrics.set("sft/coef", mix.sft_coef);
        }
        self.counters.ppo_updates += 1;
        self.kl.update(rollout.prepared.stats.ref_kl, counted.len());
        Ok(update)
    }

    /// Adds up the gradient of one minibatch.
    fn minibatch(
        &mut self,
        rollout: &Rollout<'_>,
        members: &[usize],
        update: &mut UpdateStats,
    ) -> Result<LossSums, HybridError> {
        let config = &self.config;
        let trl = config.ppo.is_trl();
        let lengths: Vec<usize> = members.iter().map(|row| rollout.rows[*row].len()).collect();
        let size = config.train.micro_batch.sequences(config.train.max_length, members.len());
        let groups = micro_batches(&lengths, size);
        let tokens = |rows: &[usize]| rows.iter().map(|row| rollout.episodes[*row].len()).sum();
        let advantages = rollout.prepared.advantages(members, &config.ppo);
        for group in &groups {
            let rows: Vec<usize> = group.iter().map(|place| members[*place]).collect();
            let own: Vec<f32> = group.iter().flat_map(|place| advantages[*place].clone()).collect();
            let normaliser = if trl {
                Normaliser::mean_of_means(tokens(&rows), rollout.slots(&rows), groups.len())
            } else {
                Normaliser::tokens(tokens(members))
            };
            let kl_coef = self.kl.coef();
            let trains_policy = config.ppo.trains_policy(self.counters.ppo_updates as usize);
            let (inputs, traces) = self.loss_inputs(rollout, &rows, own);
            let terms = ppo::Update { kl_coef, normaliser, trains_policy };
            let loss = ppo::loss(inputs, &terms, &self.config.ppo)?;
            if let Some(policy) = &self.policy {
                traces.backward(&loss.total, policy, self.steppers.of(Kind::Ppo));
            }
            update.add(LossSums::read(loss.sums)?);
        }
        Ok(*update.minibatch())
    }

    /// A forward pass with gradients over some rows, beside the constants of the rollout, and the way
    /// back.
    fn loss_inputs(
        &self,
        rollout: &Rollout<'_>,
        rows: &[usize],
        advantages: Vec<f32>,
    ) -> (LossInputs, Traces) {
        let config = &self.config.ppo;
        let sequences: Vec<Sequence<'_>> = rows
            .iter()
            .map(|row| Sequence {
                value_after: rollout.prepared.rows[*row].old_values.len()
                    > rollout.episodes[*row].len(),
                ..rollout.rows[*row]
            })
            .collect();
        let options = PassOptions {
            temperature: self.config.rollout.temperature,
            // Without a bonus the entropy is measured once, with the rollout.
            entropy: config.entropy_coef > 0.0,
            values: config.needs_values(),
            values_train_trunk: config.trains_policy(self.counters.ppo_updates as usize),
            keeps: self.config.train.keeps(),
        };
        let policy = self.policy();
        let pass = forward(policy, &sequences, options);
        let device = policy.decoder.device();
        let constant = |field: &dyn Fn(usize) -> Vec<f32>| {
            floats(rows.iter().flat_map(|row| field(*row)).collect(), &device)
        };
        let values = pass.values.map(|values| ValueInputs {
            values,
            old_values: constant(&|row| rollout.prepared.rows[row].old_values.clone()),
            returns: constant(&|row| rollout.prepared.rows[row].returns.clone()),
        });
        let widest = sequences.iter().map(|row| row.completion_ids.len()).max().unwrap_or(0);
        let inputs = LossInputs {
            logprobs: pass.logprobs,
            old_logprobs: constant(&|row| rollout.episodes[row].logprobs.clone()),
            ref_logprobs: constant(&|row| rollout.episodes[row].ref_logprobs.clone()),
            advantages: floats(advantages, &device),
            weights: rollout
                .importance
                .as_ref()
                .map(|importance| constant(&|row| importance.weights[row].clone())),
            entropy: pass.entropy,
            values,
            padded_slots: config.is_trl().then_some(rows.len() * widest),
        };
        (inputs, pass.traces)
    }

    /// Prompts and responses as rows of a pass.
    pub(super) fn sequences<'a>(
        &self,
        prompts: &[&'a Prompt],
        responses: &'a [Response],
    ) -> Vec<Sequence<'a>> {
        let config = &self.config;
        let bootstraps = config.ppo.truncated == Truncated::Bootstrap;
        let row = |(prompt, response): (&&'a Prompt, &'a Response)| {
            let has_room = response.completion_ids.len() < config.rollout.max_new_tokens;
            Sequence {
                prompt_ids: &prompt.ids,
                completion_ids: &response.completion_ids,
                kept: response.kept.as_deref(),
                value_after: (bootstraps && !response.is_terminated())
                    || (config.ppo.is_trl() && has_room),
            }
        };
        prompts.iter().zip(responses).map(row).collect()
    }

    /// Measures the rollout under the policy and the reference, and checks both at the first update
    /// of a phase.
    fn episodes(
        &self,
        rows: &[Sequence<'_>],
        responses: &[Response],
        scores: Vec<Score>,
    ) -> Result<(Vec<Episode>, f64), HybridError> {
        let size =
            self.config.train.micro_batch.sequences(self.config.train.max_length, rows.len());
        let measured = match self.as_drawn(rows, responses) {
            Some(measured) => measured,
            None => self.measure(rows, size),
        };
        let temperature = self.config.rollout.temperature;
        let reference =
            self.reference.as_ref().map(|reference| reference.logprobs(rows, temperature, size));
        if let Some(phase) = self.unchecked_phase {
            let old: Vec<&[f32]> = measured.iter().map(|row| row.logprobs.as_slice()).collect();
            self.check_logprobs(phase, responses, &old, reference.as_deref())?;
        }
        let entropy =
            mean(measured.iter().flat_map(|row| &row.entropy).map(|nats| f64::from(*nats)));
        let mut reference = reference.map(Vec::into_iter);
        let episodes = rows.iter().zip(responses).zip(measured).zip(scores);
        let episode = |(((row, response), measured), score): (
            ((&Sequence<'_>, &Response), Measured),
            Score,
        )| Episode {
            prompt_ids: row.prompt_ids.to_vec(),
            completion_ids: row.completion_ids.to_vec(),
            ref_logprobs: match &mut reference {
                Some(rows) => rows.next().unwrap_or_default(),
                // Without a reference nothing is penalised.
                None => measured.logprobs.clone(),
            },
            logprobs: measured.logprobs,
            values: measured.values,
            score,
            end: if response.is_terminated() { End::Terminated } else { End::Truncated },
        };
        Ok((episodes.map(episode).collect(), entropy))
    }

    /// What makes good that rounded weights drew the responses; `None` where the policy itself did.
    fn importance(&self, episodes: &[Episode], responses: &[Response]) -> Option<Importance> {
        let rollout = &self.config.rollout;
        let rows = episodes.iter().zip(responses);
        let rows = rows.map(|(episode, response)| (&episode.logprobs[..], &response.logprobs[..]));
        rollout.is_rounded().then(|| Importance::new(rows, rollout.importance_cap))
    }

    /// What the sampler noted of the rows, where it is all that a pass would say: the same numbers
    /// within the tolerance that the first update of a phase checks, with a pass of its own.
    pub(super) fn as_drawn(
        &self,
        rows: &[Sequence<'_>],
        responses: &[Response],
    ) -> Option<Vec<Measured>> {
        let config = &self.config.ppo;
        // TRL always measures again.
        if self.unchecked_phase.is_some() || config.is_trl() {
            return None;
        }
        let row = |(row, response): (&Sequence<'_>, &Response)| {
            let noted = response.noted.as_ref().filter(|noted| noted.version == self.version)?;
            // A value after the last token is not noted, nor anything of a kept set.
            if row.value_after || row.kept.is_some() {
                return None;
            }
            let values = match &noted.values {
                Some(values) => values.clone(),
                None if config.needs_values() => return None,
                None => Vec::new(),
            };
            let (logprobs, entropy) = (response.logprobs.clone(), noted.entropies.clone());
            Some(Measured { logprobs, values, entropy })
        };
        rows.iter().zip(responses).map(row).collect()
    }

    /// Log-probabilities and values of every row under the policy, without gradients.
    fn measure(&self, rows: &[Sequence<'_>], size: usize) -> Vec<Measured> {
        let policy = self.policy().valid();
        let options = PassOptions {
            entropy: true,
            values: self.config.ppo.needs_values(),
            ..PassOptions::logprobs(self.config.rollout.temperature)
        };
        let lengths: Vec<usize> = rows.iter().map(Sequence::len).collect();
        let mut measured = vec![Measured::default(); rows.len()];
        for group in micro_batches(&lengths, size) {
            let members: Vec<Sequence<'_>> = group.iter().map(|row| rows[*row]).collect();
            let pass = forward(&policy, &members, options);
            let logprobs = passes::read(pass.logprobs);
            let values = pass.values.map(passes::read).unwrap_or_default();
            let entropy = pass.entropy.map(passes::read).unwrap_or_default();
            let (mut logprobs, mut values) = (logprobs.as_slice(), values.as_slice());
            let mut entropy = entropy.as_slice();
            for (row, member) in group.iter().zip(&members) {
                let tokens = member.completion_ids.len();
                let states =
                    if options.values { tokens + usize::from(member.value_after) } else { 0 };
                measured[*row] = Measured {
                    logprobs: take(&mut logprobs, tokens),
                    values: take(&mut values, states),
                    entropy: take(&mut entropy, tokens),
                };
            }
        }
        measured
    }
}

/// Random streams that shuffle minibatches.
const MINIBATCHES: u64 = 1;

/// A rollout that was measured, ready for its epochs.
struct Rollout<'a> {
    rows: Vec<Sequence<'a>>,
    episodes: Vec<Episode>,
    importance: Option<Importance>,
    prepared: Prepared,
}

impl Rollout<'_> {
    /// Slots of the critic over some rows.
    fn slots(&self, rows: &[usize]) -> usize {
        rows.iter().map(|row| self.prepared.rows[*row].old_values.len()).sum()
    }
}

/// The first `count` numbers, which leave `rest`.
fn take(rest: &mut &[f32], count: usize) -> Vec<f32> {
    let (own, others) = rest.split_at(count.min(rest.len()));
    *rest = others;
    own.to_vec()
}

fn floats(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

fn named(
    metrics: impl IntoIterator<Item = (&'static str, f64)>,
) -> impl Iterator<Item = (String, f64)> {
    metrics.into_iter().map(|(name, value)| (name.to_owned(), value))
}

fn check_alignment(
    prompts: &[&Prompt],
    responses: &[Response],
    scores: usize,
) -> Result<(), HybridError> {
    let count = |what: &str, found: usize| {
        if found == responses.len() {
            return Ok(());
        }
        Err(HybridError::Count { responses: responses.len(), what: format!("{found} {what}") })
    };
    count("prompts", prompts.len())?;
    count("scores", scores)?;
    if responses.is_empty() {
        let what = "no prompt to learn from".to_owned();
        return Err(HybridError::Count { responses: 0, what });
    }
    for (row, (prompt, response)) in prompts.iter().zip(responses).enumerate() {
        if prompt.id != response.prompt {
            let (prompt, response) = (prompt.id, response.prompt);
            return Err(HybridError::Misaligned { row, prompt, response });
        }
        let unusable = |what, problem: &str| {
            Err(HybridError::Unusable { what, id: prompt.id, problem: problem.to_owned() })
        };
        let tokens = response.completion_ids.len();
        if prompt.ids.is_empty() {
            return unusable(
                "prompt",
                "has no tokens; the first answer needs a state to come from",
            );
        }
        if tokens == 0 {
            return unusable(
                "the response to prompt",
                "has no tokens, so there is nothing to learn",
            );
        }
        if response.logprobs.len() != tokens
            || response.kept.as_ref().is_some_and(|kept| kept.len() != tokens)
        {
            return unusable(
                "the response to prompt",
                "must have a log-probability (and, where given, a kept set) for every token",
            );
        }
    }
    Ok(())
}

impl HybridTrainer {
    /// How far the policy has moved from `before`, measured on its own `responses`: the mean over
    /// them of `Σ log π − log π_before`, in nats.
    #[must_use]
    pub fn drift(&self, before: &Decoder, prompts: &[&Prompt], responses: &[Response]) -> f64 {
        let rows = self.sequences(prompts, responses);
        let size =
            self.config.train.micro_batch.sequences(self.config.train.max_length, rows.len());
        let temperature = self.config.rollout.temperature;
        let total = |decoder: &Decoder| {
            let rows = decoder_logprobs(decoder, &rows, temperature, size);
            rows.iter().flat_map(|(_, row)| row).map(|nats| f64::from(*nats)).sum::<f64>()
        };
        let now = self.policy().decoder.valid();
        (total(&now) - total(before)) / responses.len() as f64
    }
}
