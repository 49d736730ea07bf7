//! What the steps of a run do.

use burn::module::Module;
use hybrid_data::encode::Encoded;
use hybrid_model::Decoder;
use serde_json::json;

use super::Run;
use crate::cursor::Action;
use crate::error::HybridError;
use crate::metrics::{Metrics, mean};
use crate::prompt::{Prompt, Response};
use crate::scorer::{Scored, Scorer};
use crate::trainer::Mix;

/// A rollout with its scores.
struct Answered {
    prompts: Vec<Prompt>,
    responses: Vec<Response>,
    scored: Vec<Scored>,
    metrics: Metrics,
}

/// Completions of a training rollout that are written down.
const SAMPLES: usize = 8;

impl Run {
    /// Does one step; returns what was measured, and the tokens that went through the model.
    pub(super) fn act(&mut self, action: Action) -> Result<(Metrics, usize), HybridError> {
        match action {
            Action::Sft => self.act_sft(),
            Action::Heads => self.act_heads(),
            Action::Ppo => self.act_ppo(None),
            Action::Mixed { sft_coef, sft_batch } => {
                let minibatch = self.trainer.config().ppo.minibatch_size;
                self.act_ppo(Some((sft_coef, sft_batch.unwrap_or(minibatch))))
            }
        }
    }

    fn act_sft(&mut self) -> Result<(Metrics, usize), HybridError> {
        self.remember_before_sft();
        let batch = self.feed.next_demonstrations();
        let examples: Vec<&Encoded> = batch.iter().collect();
        let stats = self.trainer.sft_step(&examples)?;
        let tokens = batch.iter().map(|example| example.ids.len()).sum();
        Ok((stats.metrics(), tokens))
    }

    fn act_heads(&mut self) -> Result<(Metrics, usize), HybridError> {
        self.remember_before_sft();
        let tasks = self.trainer.next_tasks()?;
        let batches = self.heads.next(&tasks);
        let stats = self.trainer.heads_step(&batches)?;
        Ok((stats.metrics, stats.tokens))
    }

    fn act_ppo(&mut self, mix: Option<(f64, usize)>) -> Result<(Metrics, usize), HybridError> {
        let Answered { prompts, responses, scored, mut metrics } = self.answer()?;
        let rows: Vec<&Prompt> = repeated(&prompts, responses.len());
        let scores: Vec<Option<f64>> = scored.iter().map(|scored| scored.score).collect();
        if let Some(before) = self.before_sft.take() {
            metrics.set("kl/sft_drift", self.trainer.drift(&before, &rows, &responses));
        }
        let stats = match mix {
            None => self.trainer.ppo_step(&rows, &responses, &scores)?,
            Some((sft_coef, size)) => {
                let feed = &mut self.feed;
                let mut mix =
                    Mix { sft_coef, next_batch: &mut || feed.next_demonstrations_of(size) };
                self.trainer.mixed_step(&rows, &responses, &scores, &mut mix)?
            }
        };
        metrics.extend(stats.metrics);
        if let Some(kl) = metrics.get("rollout/ref_kl") {
            metrics.set("kl/total", kl);
        }
        self.write_samples(&rows, &responses, &scored)?;
        Ok((metrics, stats.tokens))
    }

    /// Answers the next prompts and scores the answers.
    fn answer(&mut self) -> Result<Answered, HybridError> {
        let prompts = self.feed.next_prompts(self.trainer.config().rollout.batch_size);
        let began = std::time::Instant::now();
        let responses = self.trainer.respond(&prompts)?;
        let seconds = began.elapsed().as_secs_f64();
        let mut metrics = Metrics::default();
        let tokens: usize = responses.iter().map(|response| response.completion_ids.len()).sum();
        metrics.set("time/rollout_tokens_per_second", tokens as f64 / seconds);
        let rows = repeated(&prompts, responses.len());
        let scored = match &self.scorer {
            Some(scorer) => scorer.score(&rows, &responses, self.trainer.counters().steps, true)?,
            None => vec![Scored::default(); responses.len()],
        };
        for (name, values) in Scorer::by_component(&scored) {
            metrics.set(format!("reward/{name}"), mean(values));
        }
        Ok(Answered { prompts, responses, scored, metrics })
    }

    /// Keeps the weights from before the supervised steps of a cycle, where their drift is to be
    /// measured.
    fn remember_before_sft(&mut self) {
        let every = self.trainer.config().train.drift_every as u64;
        let due = every > 0 && self.trainer.counters().ppo_updates.is_multiple_of(every);
        let has_rollouts = self.state.cursor.alternates(&self.trainer.config().phase);
        if due && has_rollouts && self.before_sft.is_none() {
            self.before_sft = Some(self.trainer.policy().decoder.valid());
        }
    }

    fn write_samples(
        &mut self,
        rows: &[&Prompt],
        responses: &[Response],
        scored: &[Scored],
    ) -> Result<(), HybridError> {
        let every = self.trainer.config().output.samples_every as u64;
        let update = self.trainer.counters().ppo_updates;
        if every == 0 || !update.is_multiple_of(every) {
            return Ok(());
        }
        let step = self.trainer.counters().steps + 1;
        for ((prompt, response), scored) in rows.iter().zip(responses).zip(scored).take(SAMPLES) {
            let line = json!({
                "step": step,
                "split": "train",
                "prompt_id": prompt.id,
                "prompt": prompt.text,
                "response": response.text,
                "target": prompt.targets.first(),
                "score": scored.score,
                "components": scored.components_json(),
            });
            self.logs.samples.append(&line)?;
        }
        Ok(())
    }
}

/// Every prompt as often as it was answered.
fn repeated(prompts: &[Prompt], responses: usize) -> Vec<&Prompt> {
    let samples = responses.checked_div(prompts.len()).unwrap_or(0);
    prompts.iter().flat_map(|prompt| std::iter::repeat_n(prompt, samples)).collect()
}

/// The weights before the supervised steps of a cycle.
pub(super) type BeforeSft = Option<Decoder>;
