//! Beam search: the sequences of largest probability, as far as a few beams can see.
//!
//! Every step continues each beam by every token and keeps the best. The definitions are those of
//! `transformers`: a sequence's score is the sum of its log-probabilities divided by
//! `tokens ^ length_penalty`; penalties change the log-probabilities, which are not normalised
//! again.

use rayon::prelude::*;

use super::batch::{Batch, HostStates};
use super::{GenerateError, StopReason, WeightStorage, check_prompts, ready};
use crate::decoder::Decoder;
use crate::sampling::{self, History, LogSoftmax, SamplingConfig};

/// When a search ends before every beam has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EarlyStopping {
    /// As soon as `beams` sequences have ended (`early_stopping=True`).
    WhenFull,
    /// Once `beams` sequences have ended and the best running beam, had it ended now, would score
    /// below the worst of them (`early_stopping=False`).
    #[default]
    WhenUnlikely,
    /// Once `beams` sequences have ended and no running beam can still score above the worst of
    /// them: with a positive length penalty, judged at the longest length
    /// (`early_stopping="never"`).
    WhenImpossible,
}

/// How a search is made.
#[derive(Debug, Clone, PartialEq)]
pub struct BeamOptions {
    /// Sequences followed at a time. At least 1.
    pub beams: usize,
    /// Sequences returned, best first; from 1 to `beams`.
    pub returned: usize,
    /// Exponent of the length that divides a score: 0 ranks by probability, larger values favour
    /// longer sequences.
    pub length_penalty: f64,
    /// When to end early.
    pub early_stopping: EarlyStopping,
    /// Most tokens of a sequence. A sequence also ends where it fills, with its prompt, the
    /// model's context.
    pub max_new_tokens: usize,
    /// Tokens that end a sequence; the produced one is kept in it.
    pub eos_ids: Vec<u32>,
    /// Bias, penalties and bans. Nothing is drawn: temperature (0 or 1) and truncations must be
    /// left alone.
    pub sampling: SamplingConfig,
}

impl Default for BeamOptions {
    fn default() -> Self {
        Self {
            beams: 4,
            returned: 1,
            length_penalty: 1.0,
            early_stopping: EarlyStopping::default(),
            max_new_tokens: 64,
            eos_ids: Vec::new(),
            sampling: SamplingConfig::greedy(),
        }
    }
}

impl BeamOptions {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// [`GenerateError::Beams`] or [`GenerateError::Sampling`] with the first setting out of range.
    pub fn validate(&self) -> Result<(), GenerateError> {
        self.sampling.validate()?;
        let require = |ok: bool, field, value: &dyn ToString, allowed| {
            let value = value.to_string();
            if ok { Ok(()) } else { Err(GenerateError::Beams { field, value, allowed }) }
        };
        let within = (1..=self.beams).contains(&self.returned);
        let penalty = self.length_penalty;
        require(self.beams >= 1, "beams", &self.beams, "at least 1")?;
        require(within, "returned", &self.returned, "from 1 to `beams`")?;
        require(penalty.is_finite(), "length_penalty", &penalty, "a finite number")?;
        let SamplingConfig { temperature, top_k, top_p, min_p, typical_p, .. } = self.sampling;
        let plain = self.sampling.is_greedy() || (temperature - 1.0).abs() <= 0.0;
        require(plain, "temperature", &temperature, "0 or 1: beam search draws nothing")?;
        require(top_k == 0, "top_k", &top_k, "0: beam search draws nothing")?;
        require(top_p >= 1.0, "top_p", &top_p, "1: beam search draws nothing")?;
        require(min_p <= 0.0, "min_p", &min_p, "0: beam search draws nothing")?;
        require(typical_p >= 1.0, "typical_p", &typical_p, "1: beam search draws nothing")
    }
}

/// One sequence a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct BeamCompletion {
    /// Its tokens, a produced end token included.
    pub token_ids: Vec<u32>,
    /// The model's log-probability of each, before penalties, in nats.
    pub logprobs: Vec<f32>,
    /// Sum of the log-probabilities after penalties, divided by `tokens ^ length_penalty`.
    pub score: f64,
    /// Why it ended: [`StopReason::Eos`] or [`StopReason::Length`].
    pub stop_reason: StopReason,
}

/// The best sequences that continue one prompt, best first.
///
/// There are `returned` of them; fewer only where the vocabulary and the bans allow fewer, and none
/// for `max_new_tokens` 0.
///
/// # Errors
///
/// [`GenerateError`] before any work for a bad prompt and bad settings, or at the step whose logits
/// allow no token.
pub fn beam_search(
    decoder: &Decoder,
    prompt: &[u32],
    options: &BeamOptions,
) -> Result<Vec<BeamCompletion>, GenerateError> {
    options.validate()?;
    let prompts = [prompt.to_vec()];
    let limit = check_prompts(decoder, &prompts, options.max_new_tokens)?.into_iter().sum();
    if limit == 0 {
        return Ok(Vec::new());
    }
    let decoder = ready(decoder, options.beams, limit, WeightStorage::F32);
    let (mut batch, mut states) = Batch::read(&decoder, None, &prompts, limit)?;
    let mut search = Search::new(prompt, options, limit);
    loop {
        let parents = search.step(&states)?;
        if search.is_over() {
            search.ended.truncate(options.returned);
            return Ok(search.ended);
        }
        batch.select_rows(&parents);
        states = batch.push(&search.last_tokens())?;
    }
}

/// A sequence that is not at its end.
#[derive(Debug, Clone, Default)]
struct Beam {
    token_ids: Vec<u32>,
    logprobs: Vec<f32>,
    /// Sum of the log-probabilities after penalties.
    sum: f64,
}

/// A beam with one more token.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    beam: usize,
    token: u32,
    logprob: f32,
    sum: f64,
}

/// The state of a search. All running beams have the same length.
struct Search<'a> {
    prompt: &'a [u32],
    options: &'a BeamOptions,
    limit: usize,
    /// Best first, at most `beams`.
    running: Vec<Beam>,
    /// Best first, at most `beams`.
    ended: Vec<BeamCompletion>,
}

impl<'a> Search<'a> {
    fn new(prompt: &'a [u32], options: &'a BeamOptions, limit: usize) -> Self {
        Self { prompt, options, limit, running: vec![Beam::default()], ended: Vec::new() }
    }

    fn last_tokens(&self) -> Vec<u32> {
        self.running.iter().filter_map(|beam| beam.token_ids.last().copied()).collect()
    }

    /// Extends every beam by one token; returns the row each new beam comes from.
    fn step(&mut self, states: &HostStates) -> Result<Vec<usize>, GenerateError> {
        let candidates = self.candidates(states)?;
        let mut running = Vec::new();
        let mut parents = Vec::new();
        for (place, candidate) in candidates.into_iter().enumerate() {
            let is_eos = self.options.eos_ids.contains(&candidate.token);
            let beam = &self.running[candidate.beam];
            if is_eos || beam.token_ids.len() + 1 == self.limit {
                // What ends below the best `beams` candidates is dropped, as nothing of that rank
                // would be followed.
                if place < self.options.beams {
                    self.end(candidate, if is_eos { StopReason::Eos } else { StopReason::Length });
                }
            } else if running.len() < self.options.beams {
                running.push(extend(beam, candidate));
                parents.push(candidate.beam);
            }
        }
        self.running = running;
        self.ended.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.ended.truncate(self.options.beams);
        Ok(parents)
    }

    /// The best continuations of all beams, best first: enough that `beams` of them do not end.
    fn candidates(&self, states: &HostStates) -> Result<Vec<Candidate>, GenerateError> {
        let options = self.options;
        let kinds = options.eos_ids.len().saturating_add(1).max(2);
        let count = kinds.saturating_mul(options.beams);
        let rows = states.logits().zip(&self.running).enumerate();
        let rows = rows.map(|(beam, (logits, running))| {
            let step = running.token_ids.len();
            if !sampling::are_usable(logits) {
                return Err(GenerateError::NoToken { row: 0, step });
            }
            let history = History { prompt: self.prompt, completion: &running.token_ids };
            let mut candidates = continuations(logits, history, &options.sampling);
            for candidate in &mut candidates {
                candidate.beam = beam;
                candidate.sum += running.sum;
            }
            keep_best(&mut candidates, count);
            Ok(candidates)
        });
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let mut candidates: Vec<Candidate> = rows.into_iter().flatten().collect();
        keep_best(&mut candidates, count);
        if candidates.is_empty() && self.ended.is_empty() {
            let step = self.running.first().map_or(0, |beam| beam.token_ids.len());
            return Err(GenerateError::NoToken { row: 0, step });
        }
        Ok(candidates)
    }

    fn end(&mut self, candidate: Candidate, stop_reason: StopReason) {
        let Beam { token_ids, logprobs, sum } = extend(&self.running[candidate.beam], candidate);
        let score = sum / self.divisor(token_ids.len());
        self.ended.push(BeamCompletion { token_ids, logprobs, score, stop_reason });
    }

    fn divisor(&self, tokens: usize) -> f64 {
        (tokens as f64).powf(self.options.length_penalty)
    }

    fn is_over(&self) -> bool {
        let Some(best) = self.running.first() else { return true };
        let is_full = self.ended.len() == self.options.beams;
        let Some(worst) = self.ended.last().filter(|_| is_full) else { return false };
        let tokens = match self.options.early_stopping {
            EarlyStopping::WhenFull => return true,
            EarlyStopping::WhenImpossible if self.options.length_penalty > 0.0 => self.limit,
            EarlyStopping::WhenUnlikely | EarlyStopping::WhenImpossible => best.token_ids.len(),
        };
        best.sum / self.divisor(tokens) <= worst.score
    }
}

fn extend(beam: &Beam, candidate: Candidate) -> Beam {
    let mut beam = beam.clone();
    beam.token_ids.push(candidate.token);
    beam.logprobs.push(candidate.logprob);
    beam.sum = candidate.sum;
    beam
}

/// Every token that may follow, with the processed log-probability as its sum.
fn continuations(logits: &[f32], history: History<'_>, config: &SamplingConfig) -> Vec<Candidate> {
    let log_softmax = LogSoftmax::new(logits, 1.0);
    let logprobs: Vec<f32> = logits.iter().map(|logit| log_softmax.of(*logit)).collect();
    let mut processed = logprobs.clone();
    sampling::process(&mut processed, history, config);
    let pairs = logprobs.into_iter().zip(processed).zip(0..);
    pairs
        .filter(|((_, processed), _)| *processed > f32::NEG_INFINITY)
        .map(|((logprob, processed), token)| Candidate {
            beam: 0,
            token,
            logprob,
            sum: f64::from(processed),
        })
        .collect()
}

/// Keeps the `count` best, best first; of equal ones the earlier beam and the smaller id.
fn keep_best(candidates: &mut Vec<Candidate>, count: usize) {
    let order = |a: &Candidate, b: &Candidate| {
        b.sum.total_cmp(&a.sum).then((a.beam, a.token).cmp(&(b.beam, b.token)))
    };
    if count < candidates.len() {
        candidates.select_nth_unstable_by(count, order);
        candidates.truncate(count);
    }
    candidates.sort_unstable_by(order);
}

#[cfg(test)]
mod tests;
