//! From prompts to completions: batched, cached, one host round trip a step.

mod batch;
pub mod beam;

use std::ops::Range;

use burn::module::Module;
use hybrid_kernels::packed::MOST_ROWS;
pub use hybrid_kernels::packed::WeightStorage;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::decoder::Decoder;
use crate::sampling::{Behaviour, Choice, Drawn, History, Sampler, SamplingConfig, SamplingError};
use crate::value::ValueHead;
use batch::{Batch, HostStates};

/// How completions are made.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateOptions {
    /// Most tokens of a completion. A completion also ends where it fills, with its prompt, the
    /// model's context, however long the other prompts of the batch are.
    pub max_new_tokens: usize,
    /// How each token is chosen.
    pub sampling: SamplingConfig,
    /// What the weights are rounded to, for prompts and new tokens alike, where the device has a
    /// kernel for it ([`crate::ops::is_fused`]); elsewhere they stay as they are.
    pub weights: WeightStorage,
    /// Tokens that end a completion; the produced one is kept in it.
    pub eos_ids: Vec<u32>,
    /// Tokens that are never chosen, such as those the tokenizer cannot decode. Ids beyond the
    /// vocabulary change nothing.
    pub forbidden: Vec<u32>,
    /// Whether [`Completion::behaviour`] is recorded.
    pub record_behaviour: bool,
    /// Completions of each prompt; the prompt is read once for all of them that begin together.
    pub samples: usize,
    /// Most completions that grow at once, which bounds the cache; others take the places of those
    /// that end, with the tokens that they would have had. `None` for all; 0 counts as 1.
    pub slots: Option<usize>,
    /// Completion `i` (of prompt `i / samples`) draws from stream `first_stream + i` of this seed,
    /// whatever else is in the batch.
    pub seed: u64,
    /// Completions made before this call: a caller that cuts its prompts into batches counts them
    /// here, so that the batch size does not change what is drawn.
    pub first_stream: u64,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            max_new_tokens: 64,
            sampling: SamplingConfig::default(),
            weights: WeightStorage::F32,
            eos_ids: Vec::new(),
            forbidden: Vec::new(),
            record_behaviour: false,
            samples: 1,
            slots: None,
            seed: 0,
            first_stream: 0,
        }
    }
}

/// Why a completion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The model produced an end token.
    Eos,
    /// The observer said so: a stop string, for instance.
    Stop,
    /// The token limit or the context was reached, or the generation was cancelled.
    Length,
}

/// One completion.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// Its tokens, a produced end token included.
    pub token_ids: Vec<u32>,
    /// Their log-probabilities, see [`Choice::logprob`].
    pub logprobs: Vec<f32>,
    /// The entropies they were drawn with, see [`Choice::entropy`].
    pub entropies: Vec<f32>,
    /// The value of the state each token was drawn in, from [`generate_with_values`].
    pub values: Option<Vec<f32>>,
    /// What each token was drawn from, one entry a token, where
    /// [`GenerateOptions::record_behaviour`] asks for it.
    pub behaviour: Option<Vec<Behaviour>>,
    /// Why it ended.
    pub stop_reason: StopReason,
}

/// What happens after a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The row goes on.
    Continue,
    /// The row ends here, with [`StopReason::Stop`].
    StopRow,
    /// Every row ends here, with [`StopReason::Length`].
    Cancel,
}

/// A generation that cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// A prompt without tokens.
    #[error("prompt {row} has no tokens; a model needs at least one to continue from")]
    EmptyPrompt {
        /// Its place, from 0.
        row: usize,
    },
    /// A prompt that leaves no room for an answer.
    #[error(
        "prompt {row} has {tokens} tokens, but the model's context is {context}: shorten it to at \
         most {} tokens", context.saturating_sub(1)
    )]
    PromptTooLong {
        /// Its place, from 0.
        row: usize,
        /// Its length.
        tokens: usize,
        /// The model's context.
        context: usize,
    },
    /// An id outside the embedding.
    #[error(
        "prompt {row} holds token {id}, but the model has only {vocab_size}: the tokenizer belongs \
         to another model"
    )]
    UnknownToken {
        /// Its place, from 0.
        row: usize,
        /// The id.
        id: u32,
        /// Rows of the embedding.
        vocab_size: usize,
    },
    /// A sampling setting out of range.
    #[error("the sampling settings are not usable")]
    Sampling(#[from] SamplingError),
    /// A setting of the beam search out of range.
    #[error("the beam search settings are not usable: `{field}` is {value}, must be {allowed}")]
    Beams {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Logits that do not come back from the device.
    #[error("the logits cannot be read from the device: {reason}")]
    Device {
        /// What the backend says.
        reason: String,
    },
    /// Logits no token can be drawn from.
    #[error(
        "no token can be chosen for prompt {row} at step {step}: the logits hold NaN or infinity, \
         or every token is forbidden"
    )]
    NoToken {
        /// The prompt's place, from 0.
        row: usize,
        /// Tokens made before.
        step: usize,
    },
}

/// Continues every prompt; completions come in the order of prompts, the samples of one together. A
/// prompt is read when its completions begin.
///
/// `observe(row, choice)` is called for every token as it comes, where `row` counts completions;
/// its verdict can end the row or everything. No gradient is recorded, whatever the device.
///
/// # Errors
///
/// [`GenerateError`] before any work for bad prompts and settings, or at the step whose logits
/// allow no token.
pub fn generate(
    decoder: &Decoder,
    prompts: &[Vec<u32>],
    options: &GenerateOptions,
    observe: &mut dyn FnMut(usize, Choice) -> Verdict,
) -> Result<Vec<Completion>, GenerateError> {
    continued(decoder, None, prompts, options, observe)
}

/// As [`generate`], with [`Completion::values`] by a value head that shares the decoder's trunk: they
/// cost nothing here and a forward pass later.
///
/// # Errors
///
/// As [`generate`].
pub fn generate_with_values(
    decoder: &Decoder,
    value_head: &ValueHead,
    prompts: &[Vec<u32>],
    options: &GenerateOptions,
    observe: &mut dyn FnMut(usize, Choice) -> Verdict,
) -> Result<Vec<Completion>, GenerateError> {
    continued(decoder, Some(value_head.valid()), prompts, options, observe)
}

fn continued(
    decoder: &Decoder,
    value_head: Option<ValueHead>,
    prompts: &[Vec<u32>],
    options: &GenerateOptions,
    observe: &mut dyn FnMut(usize, Choice) -> Verdict,
) -> Result<Vec<Completion>, GenerateError> {
    options.sampling.validate()?;
    let limits = check_prompts(decoder, prompts, options.max_new_tokens)?;
    let longest = limits.iter().copied().max().unwrap_or(0);
    let mut run = Run::new(prompts, limits, options, value_head.is_some());
    if run.waiting.is_empty() || longest == 0 {
        return Ok(run.completions);
    }
    let slots = options.slots.unwrap_or(usize::MAX).clamp(1, run.waiting.len());
    let decoder = ready(decoder, slots, longest, options.weights);
    let (mut batch, mut states) = run.begin(&decoder, value_head.as_ref(), slots)?;
    loop {
        let next = run.step(&states, observe)?;
        let (kept, ids): (Vec<usize>, Vec<u32>) = next.into_iter().unzip();
        let free = slots - kept.len();
        if kept.is_empty() {
            if run.waiting.is_empty() {
                return Ok(run.completions);
            }
            (batch, states) = run.begin(&decoder, value_head.as_ref(), free)?;
            continue;
        }
        batch.select_rows(&kept);
        states = batch.push(&ids)?;
        if !run.waiting.is_empty() && free >= slots.div_ceil(REFILL) {
            let (others, their_states) = run.begin(&decoder, value_head.as_ref(), free)?;
            batch.join(others, run.longest());
            states.join(their_states);
        }
    }
}

/// The share of the slots that must be free before they are filled: reading one prompt costs as much
/// as a step of all rows.
const REFILL: usize = 4;

/// The decoder as it decodes best: packing the weights costs about what one step does without it.
/// Rounded weights are used however few the steps are, so that what is drawn does not depend on it.
fn ready(decoder: &Decoder, rows: usize, steps: usize, weights: WeightStorage) -> Decoder {
    let gains = steps >= WORTH_PACKING && rows <= MOST_ROWS;
    if gains || weights != WeightStorage::F32 {
        decoder.for_decoding(weights)
    } else {
        decoder.valid()
    }
}

/// Steps from which on packed weights win.
const WORTH_PACKING: usize = 4;

/// Checks that the model can read the prompts; returns how many tokens each completion may have.
fn check_prompts(
    decoder: &Decoder,
    prompts: &[Vec<u32>],
    max_new_tokens: usize,
) -> Result<Vec<usize>, GenerateError> {
    let config = decoder.config();
    let (vocab_size, context) = (config.vocab_size, config.max_positions);
    let check = |(row, prompt): (usize, &Vec<u32>)| {
        if prompt.is_empty() {
            return Err(GenerateError::EmptyPrompt { row });
        }
        if prompt.len() >= context {
            return Err(GenerateError::PromptTooLong { row, tokens: prompt.len(), context });
        }
        if let Some(id) = prompt.iter().find(|id| **id as usize >= vocab_size) {
            return Err(GenerateError::UnknownToken { row, id: *id, vocab_size });
        }
        Ok(max_new_tokens.min(context - prompt.len()))
    };
    prompts.iter().enumerate().map(check).collect()
}

/// The completions being made, and which of them are still growing.
struct Run<'a> {
    prompts: &'a [Vec<u32>],
    /// Most tokens of each prompt's completions.
    limits: Vec<usize>,
    options: &'a GenerateOptions,
    completions: Vec<Completion>,
    rngs: Vec<ChaCha8Rng>,
    /// Completion of each row of the batch.
    active: Vec<usize>,
    /// Completions that have not begun.
    waiting: Range<usize>,
}

impl<'a> Run<'a> {
    fn new(
        prompts: &'a [Vec<u32>],
        limits: Vec<usize>,
        options: &'a GenerateOptions,
        has_values: bool,
    ) -> Self {
        let count = prompts.len() * options.samples;
        let empty = Completion {
            token_ids: Vec::new(),
            logprobs: Vec::new(),
            entropies: Vec::new(),
            values: has_values.then(Vec::new),
            behaviour: options.record_behaviour.then(Vec::new),
            stop_reason: StopReason::Length,
        };
        let stream = |row: usize| {
            let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
            rng.set_stream(options.first_stream.wrapping_add(row as u64));
            rng
        };
        Self {
            prompts,
            limits,
            options,
            completions: vec![empty; count],
            rngs: (0..count).map(stream).collect(),
            active: Vec::new(),
            waiting: 0..count,
        }
    }

    /// Begins at most `count` of the completions that wait: reads their prompts.
    fn begin<'d>(
        &mut self,
        decoder: &'d Decoder,
        value_head: Option<&ValueHead>,
        count: usize,
    ) -> Result<(Batch<'d>, HostStates), GenerateError> {
        let samples = self.options.samples;
        let begun =
            self.waiting.start..self.waiting.end.min(self.waiting.start.saturating_add(count));
        self.waiting.start = begun.end;
        self.active.extend(begun.clone());
        let first = begun.start / samples;
        let prompts = &self.prompts[first..begun.end.div_ceil(samples)];
        let rows: Vec<usize> = begun.map(|completion| completion / samples - first).collect();
        let (mut batch, mut states) =
            Batch::read(decoder, value_head.cloned(), prompts, self.longest())?;
        if !rows.iter().copied().eq(0..prompts.len()) {
            batch.select_rows(&rows);
            states.select_rows(&rows);
        }
        Ok((batch, states))
    }

    /// Most tokens that a growing completion may still have.
    fn longest(&self) -> usize {
        let rest = |row: &usize| {
            let limit = self.limits[row / self.options.samples];
            limit.saturating_sub(self.completions[*row].token_ids.len())
        };
        self.active.iter().map(rest).max().unwrap_or(0)
    }

    /// Chooses one token a row; returns row of the batch and token of those that go on.
    fn step(
        &mut self,
        states: &HostStates,
        observe: &mut dyn FnMut(usize, Choice) -> Verdict,
    ) -> Result<Vec<(usize, u32)>, GenerateError> {
        let drawn = self.choose(states)?;
        let mut next = Vec::with_capacity(drawn.len());
        let mut cancelled = false;
        for (slot, Drawn { choice, behaviour }) in drawn.into_iter().enumerate() {
            let row = self.active[slot];
            let completion = &mut self.completions[row];
            completion.token_ids.push(choice.token);
            completion.logprobs.push(choice.logprob);
            completion.entropies.push(choice.entropy);
            if let Some(values) = &mut completion.values {
                values.extend(states.value(slot));
            }
            if let Some(recorded) = &mut completion.behaviour {
                recorded.extend(behaviour);
            }
            let verdict = observe(row, choice);
            cancelled |= verdict == Verdict::Cancel;
            if self.options.eos_ids.contains(&choice.token) {
                completion.stop_reason = StopReason::Eos;
            } else if verdict == Verdict::StopRow {
                completion.stop_reason = StopReason::Stop;
            } else if completion.token_ids.len() < self.limits[row / self.options.samples] {
                next.push((slot, choice.token));
            }
        }
        if cancelled {
            next.clear();
            self.waiting.start = self.waiting.end;
        }
        self.active = next.iter().map(|(slot, _)| self.active[*slot]).collect();
        Ok(next)
    }

    /// One token a row. The rows draw from streams of their own, so their order does not matter.
    fn choose(&mut self, states: &HostStates) -> Result<Vec<Drawn>, GenerateError> {
        let sampler = Sampler {
            config: &self.options.sampling,
            forbidden: &self.options.forbidden,
            record_behaviour: self.options.record_behaviour,
        };
        let mut rngs: Vec<ChaCha8Rng> =
            self.active.iter().map(|row| self.rngs[*row].clone()).collect();
        let rows = self.active.par_iter().zip(states.logits()).zip(&mut rngs);
        let drawn = rows.map(|((row, logits), rng)| {
            let prompt = row / self.options.samples;
            let completion = &self.completions[*row].token_ids;
            let history = History { prompt: &self.prompts[prompt], completion };
            let step = completion.len();
            sampler.choose(logits, history, rng).ok_or(GenerateError::NoToken { row: prompt, step })
        });
        let drawn = drawn.collect::<Result<Vec<_>, _>>()?;
        for (row, rng) in self.active.iter().zip(rngs) {
            self.rngs[*row] = rng;
        }
        Ok(drawn)
    }
}

#[cfg(test)]
mod tests;
