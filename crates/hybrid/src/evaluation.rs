//! Measuring on held-out data: the same prompts, drawn by the same seed, before, during and after.

use std::collections::BTreeMap;

use hybrid_data::batch::{Padding, TokenBatch};
use hybrid_data::encode::Encoded;
use hybrid_model::generate::{GenerateOptions, WeightStorage};
use hybrid_model::sampling::SamplingConfig;
use hybrid_sft::{Evaluation as SftEvaluation, SftBatch};

use crate::error::HybridError;
use crate::metrics::{Metrics, distinct_2, mean};
use crate::passes::{Sequence, micro_batches};
use crate::prompt::{Prompt, Response};
use crate::rollout::{RespondOptions, respond};
use crate::scorer::{Scored, Scorer};
use crate::trainer::HybridTrainer;

/// Tokens of a block over which distinct-2 is taken, so that it compares across lengths.
const DISTINCT_BLOCK: usize = 512;

/// Held-out prompts and demonstrations.
#[derive(Debug, Clone, Default)]
pub struct HeldOut {
    /// Prompts that are answered and scored.
    pub prompts: Vec<Prompt>,
    /// Demonstrations whose loss is measured.
    pub demonstrations: Vec<Encoded>,
}

/// Rewards by name that score answers and are never learnt from.
pub type Judges = BTreeMap<String, Scorer>;

/// What a measurement found.
#[derive(Debug, Clone, Default)]
pub struct Evaluation {
    /// `eval/…`.
    pub metrics: Metrics,
    /// Every answer with its score, in the order of the prompts.
    pub samples: Vec<(Prompt, Response, Scored)>,
    /// What each judge said of every answer, in the order of the samples.
    pub judged: BTreeMap<String, Vec<Option<f64>>>,
}

impl HybridTrainer {
    /// Answers the held-out prompts, scores the answers, lets the judges score the same answers, and
    /// measures the loss on held-out demonstrations. Nothing is learnt, and no state of the rewards
    /// changes.
    ///
    /// # Errors
    ///
    /// [`HybridError`] where answers cannot be drawn or scored.
    pub fn evaluate(
        &self,
        held_out: &HeldOut,
        scorer: Option<&Scorer>,
        judges: &Judges,
    ) -> Result<Evaluation, HybridError> {
        let mut evaluation = Evaluation::default();
        if !held_out.prompts.is_empty() {
            self.answer_held_out(held_out, scorer, judges, &mut evaluation)?;
        }
        if !held_out.demonstrations.is_empty() {
            let measured = self.held_out_loss(&held_out.demonstrations)?;
            evaluation.metrics.set("eval/sft_loss", measured.nll);
            evaluation.metrics.set("eval/perplexity", measured.nll.exp());
        }
        Ok(evaluation)
    }

    fn answer_held_out(
        &self,
        held_out: &HeldOut,
        scorer: Option<&Scorer>,
        judges: &Judges,
        evaluation: &mut Evaluation,
    ) -> Result<(), HybridError> {
        let responses = respond(
            &self.policy().decoder,
            self.tokenizer(),
            &held_out.prompts,
            &self.eval_options(),
        )?;
        let samples = self.config().eval.samples;
        let prompts: Vec<&Prompt> = held_out
            .prompts
            .iter()
            .flat_map(|prompt| std::iter::repeat_n(prompt, samples))
            .collect();
        let scored = match scorer {
            Some(scorer) => scorer.score(&prompts, &responses, self.counters().steps, false)?,
            None => vec![Scored::default(); responses.len()],
        };
        for (name, judge) in judges {
            let judged = judge.score(&prompts, &responses, self.counters().steps, false)?;
            let scores: Vec<Option<f64>> = judged.iter().map(|judged| judged.score).collect();
            let nulls = scores.iter().filter(|score| score.is_none()).count();
            let metrics = &mut evaluation.metrics;
            metrics.set(format!("eval/judge/{name}"), mean(scores.iter().copied().flatten()));
            metrics.set(format!("eval/judge_nulls/{name}"), nulls as f64);
            evaluation.judged.insert(name.clone(), scores);
        }
        let metrics = &mut evaluation.metrics;
        if scorer.is_some() {
            metrics.set("eval/score_mean", mean(scored.iter().filter_map(|it| it.score)));
            let nulls = scored.iter().filter(|it| it.score.is_none()).count();
            metrics.set("eval/score_nulls", nulls as f64);
            for (name, values) in Scorer::by_component(&scored) {
                metrics.set(format!("eval/reward/{name}"), mean(values));
            }
        }
        let tokens: Vec<&[u32]> =
            responses.iter().map(|response| response.completion_ids.as_slice()).collect();
        metrics.set("eval/distinct_2", distinct_2(&tokens, DISTINCT_BLOCK));
        metrics.set(
            "eval/completion_tokens_mean",
            mean(tokens.iter().map(|tokens| tokens.len() as f64)),
        );
        if let Some(kl) = self.held_out_kl(&prompts, &responses) {
            metrics.set("eval/ref_kl", kl);
        }
        evaluation.samples = prompts
            .into_iter()
            .cloned()
            .zip(responses)
            .zip(scored)
            .map(|((prompt, response), scored)| (prompt, response, scored))
            .collect();
        Ok(())
    }

    /// The same random streams at every measurement, apart from those of training.
    fn eval_options(&self) -> RespondOptions {
        let eval = &self.config().eval;
        let sampling = SamplingConfig { temperature: eval.temperature, ..Default::default() };
        let mut options = self.respond_options();
        options.batch_size = eval.batch_size.div_ceil(eval.samples).max(1);
        options.generate = GenerateOptions {
            max_new_tokens: eval.max_new_tokens.unwrap_or(self.config().rollout.max_new_tokens),
            sampling,
            // What is measured is the policy itself.
            weights: WeightStorage::F32,
            samples: eval.samples,
            seed: self.config().seed ^ 0xe7a1,
            first_stream: 0,
            record_behaviour: false,
            ..options.generate
        };
        options
    }

    /// Mean over the answers of `Σ log π/π_ref` at temperature 1, in nats; `None` without a
    /// reference, or where the answers were not drawn from π itself.
    fn held_out_kl(&self, prompts: &[&Prompt], responses: &[Response]) -> Option<f64> {
        let reference = self.reference()?;
        if (self.config().eval.temperature - 1.0).abs() > f64::EPSILON {
            return None;
        }
        if self.reference_is_policy() {
            return Some(0.0);
        }
        let rows: Vec<Sequence<'_>> = prompts
            .iter()
            .zip(responses)
            .map(|(prompt, response)| Sequence {
                prompt_ids: &prompt.ids,
                completion_ids: &response.completion_ids,
                kept: None,
                value_after: false,
            })
            .collect();
        let size = self.config().eval.batch_size;
        let sum = |row: &[f32]| row.iter().map(|value| f64::from(*value)).sum::<f64>();
        let theirs = reference.logprobs(&rows, 1.0, size);
        let theirs = mean(theirs.iter().map(|row| sum(row)));
        // Nothing was truncated, so the sampler's are those of the whole distribution.
        let ours = mean(responses.iter().map(|response| sum(&response.logprobs)));
        Some(ours - theirs)
    }

    /// The mean negative log-likelihood of the counted tokens.
    fn held_out_loss(&self, demonstrations: &[Encoded]) -> Result<SftEvaluation, HybridError> {
        let lengths: Vec<usize> = demonstrations.iter().map(|example| example.ids.len()).collect();
        let mut batches = Vec::new();
        for group in micro_batches(&lengths, self.config().eval.batch_size) {
            let members: Vec<&Encoded> =
                group.iter().filter_map(|index| demonstrations.get(*index)).collect();
            let batch = TokenBatch::collate(&members, Padding::default())?;
            batches.push(SftBatch::from(&batch));
        }
        Ok(hybrid_sft::evaluate(&self.policy().decoder, batches)?)
    }
}
