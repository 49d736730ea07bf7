//! A whole run: its phases, measurements, checkpoints and records, written on top of the trainer's
//! steps.

mod actions;
mod models;
mod persist;
mod references;
pub(crate) mod resume;

pub use persist::RunState;
pub use references::NamedModels;

use actions::BeforeSft;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hybrid_data::load::Loaded;
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::Decoder;
use hybrid_ppo::config::ScoreAt;
use hybrid_rewards::RewardTree;
use serde_json::{Map, Value, json};

use crate::checkpoint::{CheckpointError, Found, Keep, Writer, newest_complete};
use crate::config::RunConfig;
use crate::cursor::{Action, Cursor};
use crate::error::HybridError;
use crate::evaluation::{Evaluation, HeldOut, Judges};
use crate::feed::{self, Feed};
use crate::heads::feed::HeadsFeed;
use crate::heads::{TaskRows, measure};
use crate::merge::Ema;
use crate::metrics::Metrics;
use crate::run_dir::{Environment, JsonlLog, METRICS, RunDir, SAMPLES};
use crate::scorer::Scorer;
use crate::trainer::HybridTrainer;

/// What a run is made of.
#[derive(Debug)]
pub struct RunParts {
    /// What to do.
    pub config: RunConfig,
    /// The model that is trained.
    pub decoder: Decoder,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// Demonstrations and prompts.
    pub data: Loaded,
    /// What responses are scored by; PPO needs one.
    pub reward: Option<RewardTree>,
    /// The tasks with their rows, in the order of `config.head`.
    pub heads: Vec<TaskRows>,
    /// What the predictions of each task are worth, where its configuration names a reward.
    pub head_rewards: Vec<Option<RewardTree>>,
    /// The rewards of `eval.judges` by name.
    pub judges: BTreeMap<String, RewardTree>,
    /// Models that `ppo.reference` names.
    pub references: NamedModels,
    /// What it runs on, for `env.json`.
    pub environment: Environment,
}

/// Who watches a run: draws its progress, and may interrupt it.
pub trait Observer {
    /// A step was done.
    fn step(&mut self, _report: &StepReport<'_>) {}

    /// A measurement was made: before the first step (`before`), during (`during`), or after the
    /// last (`after`).
    fn evaluation(&mut self, _when: &str, _step: u64, _metrics: &Metrics) {}

    /// Something takes a while: a measurement, a checkpoint.
    fn working(&mut self, _what: &str) {}

    /// True where the run should save and end after this step.
    fn is_interrupted(&self) -> bool {
        false
    }

    /// True where the run should take no more steps, but still measure, save and end as if it were
    /// over.
    fn is_out_of_time(&self) -> bool {
        false
    }
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {}

/// A step that was done.
#[derive(Debug)]
pub struct StepReport<'a> {
    /// Steps done, this one included.
    pub step: u64,
    /// Steps of the run if no phase ends early.
    pub total: usize,
    /// The phase, from 0.
    pub phase: usize,
    /// What was done; `None` in a run of task heads, whose steps are all alike.
    pub action: Option<Action>,
    /// What was measured.
    pub metrics: &'a Metrics,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Where its records lie.
    pub run_dir: PathBuf,
    /// Steps done.
    pub steps: u64,
    /// Measured before the first step.
    pub before: Metrics,
    /// Measured after the last; empty where the run was interrupted.
    pub after: Metrics,
    /// True where the observer ended it.
    pub interrupted: bool,
}

/// A run in progress.
#[derive(Debug)]
pub struct Run {
    trainer: HybridTrainer,
    feed: Feed,
    heads: HeadsFeed,
    held_out: HeldOut,
    scorer: Option<Scorer>,
    judges: Judges,
    references: NamedModels,
    dir: RunDir,
    logs: Logs,
    writer: Writer,
    ema: Option<Ema>,
    before_sft: BeforeSft,
    state: RunState,
    started: Instant,
}

/// The records that grow with every step.
#[derive(Debug)]
struct Logs {
    metrics: JsonlLog,
    samples: JsonlLog,
}

impl Run {
    /// Starts a run in an empty directory, or goes on from the newest complete checkpoint of one
    /// that was begun (`resume`).
    ///
    /// # Errors
    ///
    /// [`HybridError`] for a configuration, data or directory that cannot be used.
    pub fn open(parts: RunParts, resume: bool) -> Result<Self, HybridError> {
        let RunParts { config, decoder, tokenizer, data, reward, judges, .. } = parts;
        let (references, environment) = (parts.references, parts.environment);
        let (rows, head_rewards) = (parts.heads, parts.head_rewards);
        let horizon = config.horizon();
        let (feed, held_out) = prepare_data(&config, &tokenizer, &data)?;
        check_parts(&config, &feed, reward.as_ref(), &judges)?;
        let trainer = HybridTrainer::new(config.clone(), decoder, tokenizer, horizon)?
            .with_heads(&rows, head_rewards)?;
        let heads = HeadsFeed::new(rows, config.train.batch_size, config.seed)?;
        if let Some(model) = trainer.policy().with_heads() {
            heads.check(model.trunk(), config.train.max_length)?;
        }
        let dir = if resume { resume::open(&config)? } else { RunDir::create(&config.output.dir)? };
        dir.write_config(&config.effective()?)?;
        dir.write_environment(&environment)?;
        let keep = Keep {
            last: config.output.keep_last,
            best: config.output.keep_best.as_ref().map(|best| best.mode),
        };
        let writer = Writer::open(dir.path(), keep)?;
        let found = if resume { newest(dir.path())? } else { None };
        // Without a checkpoint the run starts again: nothing of its records stays.
        let after = found.as_ref().map(|found| found.manifest.step);
        if resume && found.is_none() {
            dir.clear_logs()?;
        }
        let logs = Logs { metrics: dir.log(METRICS, after)?, samples: dir.log(SAMPLES, after)? };
        let mut run = Self {
            trainer,
            feed,
            heads,
            held_out,
            scorer: reward.map(Scorer::new),
            judges: judges.into_iter().map(|(name, judge)| (name, Scorer::new(judge))).collect(),
            references,
            dir,
            logs,
            writer,
            ema: None,
            before_sft: None,
            state: RunState::default(),
            started: Instant::now(),
        };
        match found {
            Some(found) => run.restore(&found.path)?,
            None => run.start_ema()?,
        }
        Ok(run)
    }

    /// The trainer.
    #[must_use]
    pub fn trainer(&self) -> &HybridTrainer {
        &self.trainer
    }

    /// Does what is left of the run.
    ///
    /// # Errors
    ///
    /// [`HybridError`]; the newest checkpoint is then where a resumed run goes on.
    pub fn finish(mut self, observer: &mut dyn Observer) -> Result<Outcome, HybridError> {
        if self.state.finished {
            let after = self.state.after.clone().into_iter().collect();
            return Ok(self.outcome(after, false));
        }
        let phases = self.trainer.config().phase.clone();
        if self.state.cursor == Cursor::default() && self.trainer.counters().steps == 0 {
            self.begin_phase(0)?;
            self.measure("before", observer)?;
        }
        while self.state.cursor.phase < phases.len() {
            let Some(action) = self.state.cursor.action(&phases) else {
                self.end_phase(phases.len())?;
                continue;
            };
            let ends = self.step(action, observer)?;
            if ends {
                self.end_phase(phases.len())?;
            }
            let over = self.state.cursor.phase >= phases.len();
            if observer.is_interrupted() && !over {
                self.save(observer)?;
                return Ok(self.outcome(Metrics::default(), true));
            }
            if observer.is_out_of_time() {
                break;
            }
            self.save_if_due(observer)?;
        }
        let after = self.measure("after", observer)?;
        self.trainer.settle(self.heads.rows())?;
        self.state.after = after.clone().into_iter().collect();
        self.state.finished = true;
        self.save(observer)?;
        self.merge_now()?;
        Ok(self.outcome(after, false))
    }

    fn outcome(self, after: Metrics, interrupted: bool) -> Outcome {
        Outcome {
            run_dir: self.dir.path().to_owned(),
            steps: self.trainer.counters().steps,
            before: self.state.before.into_iter().collect(),
            after,
            interrupted,
        }
    }

    fn end_phase(&mut self, phases: usize) -> Result<(), HybridError> {
        self.state.cursor.next_phase();
        if self.state.cursor.phase < phases {
            let phase = self.state.cursor.phase;
            self.begin_phase(phase)?;
        }
        Ok(())
    }

    /// One step with everything that belongs to it; true where it ends the phase.
    fn step(&mut self, action: Action, observer: &mut dyn Observer) -> Result<bool, HybridError> {
        let config = self.trainer.config();
        let (total, phases) = (config.total_steps(), config.phase.clone());
        let (log_every, eval_every) = (config.output.log_every, config.eval.every);
        let phase = self.state.cursor.phase;
        let began = Instant::now();
        let (mut metrics, tokens) = self.act(action)?;
        let seconds = began.elapsed().as_secs_f64();
        metrics.set("time/step_s", seconds);
        metrics.set("time/tokens_per_second", tokens as f64 / seconds);
        if let Some(bytes) = peak_memory() {
            metrics.set("time/peak_memory_mb", bytes / 1e6);
        }
        self.trainer.advance(self.state.watched(&metrics));
        self.update_ema()?;
        let step = self.trainer.counters().steps;
        let mut ends = self.state.cursor.done(action, &metrics, &phases);
        if step.is_multiple_of(log_every as u64) {
            self.log_metrics(phase, &metrics)?;
        }
        observer.step(&StepReport { step, total, phase, action: Some(action), metrics: &metrics });
        if eval_every > 0 && step.is_multiple_of(eval_every as u64) && (step as usize) < total {
            let measured = self.measure("during", observer)?;
            ends |= self.state.cursor.observe(&measured, &phases);
        }
        Ok(ends)
    }

    /// Measures on held-out data and writes down what was found.
    fn measure(&mut self, when: &str, observer: &mut dyn Observer) -> Result<Metrics, HybridError> {
        observer.working("measuring on held-out data");
        let (scorer, judges) = (self.scorer.as_ref(), &self.judges);
        let mut evaluation = self.trainer.evaluate(&self.held_out, scorer, judges)?;
        if let Some(model) = self.trainer.heads_model() {
            let (tasks, rows) = (self.trainer.tasks(), self.heads.rows());
            let size = self.trainer.config().heads_micro_tokens();
            let of_heads = measure::measure_all(&model, tasks, rows, usize::MAX, size)?;
            evaluation.metrics.extend(of_heads);
        }
        let step = self.trainer.counters().steps;
        self.write_evaluation(when, &evaluation)?;
        if evaluation.metrics.iter().next().is_some() {
            self.log_metrics(self.state.cursor.phase, &evaluation.metrics)?;
        }
        if when == "before" {
            self.state.before = evaluation.metrics.clone().into_iter().collect();
        }
        if let Some(best) = &self.trainer.config().output.keep_best
            && let Some(value) = evaluation.metrics.get(&best.metric)
        {
            self.state.best_metric = Some(value);
        }
        observer.evaluation(when, step, &evaluation.metrics);
        Ok(evaluation.metrics)
    }

    fn write_evaluation(&mut self, when: &str, evaluation: &Evaluation) -> Result<(), HybridError> {
        let step = self.trainer.counters().steps;
        for (place, (prompt, response, scored)) in evaluation.samples.iter().enumerate() {
            let mut line = json!({
                "step": step,
                "split": when,
                "prompt_id": prompt.id,
                "prompt": prompt.text,
                "response": response.text,
                "target": prompt.targets.first(),
                "score": scored.score,
                "components": scored.components_json(),
            });
            if !evaluation.judged.is_empty() {
                let said = |(name, scores): (&String, &Vec<Option<f64>>)| {
                    (name.clone(), Value::from(scores.get(place).copied().flatten()))
                };
                line["judges"] = evaluation.judged.iter().map(said).collect::<Map<_, _>>().into();
            }
            self.logs.samples.append(&line)?;
        }
        Ok(())
    }

    fn log_metrics(&mut self, phase: usize, metrics: &Metrics) -> Result<(), HybridError> {
        let line = json!({
            "step": self.trainer.counters().steps,
            "phase": phase,
            "time_s": self.elapsed().as_secs_f64(),
            "metrics": metrics.to_json(),
        });
        self.logs.metrics.append(&line)?;
        Ok(())
    }

    /// Time spent on this run, earlier parts of a resumed one included.
    fn elapsed(&self) -> Duration {
        Duration::from_secs_f64(self.state.elapsed_s.max(0.0)) + self.started.elapsed()
    }
}

/// The newest complete checkpoint, or `None` where the run was ended before its first.
pub(crate) fn newest(run_dir: &Path) -> Result<Option<Found>, HybridError> {
    match newest_complete(run_dir) {
        Ok(found) => Ok(Some(found)),
        Err(CheckpointError::None { skipped, .. }) if skipped.is_empty() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn prepare_data(
    config: &RunConfig,
    tokenizer: &Tokenizer,
    data: &Loaded,
) -> Result<(Feed, HeldOut), HybridError> {
    let demonstrations = if config.has_sft() {
        feed::demonstrations(&data.train, tokenizer, config)?
    } else {
        Vec::new()
    };
    let prompts = if config.has_ppo() {
        feed::prompts(&data.prompts, tokenizer, config, 0)?
    } else {
        Vec::new()
    };
    let eval = &config.eval;
    let shown = data.prompt_validation.len().min(eval.prompts);
    let held_out_prompts = data.prompt_validation.get(..shown).unwrap_or_default();
    let first = prompts.len() as u64;
    let mut held_out = HeldOut {
        prompts: feed::prompts(held_out_prompts, tokenizer, config, first)?,
        demonstrations: Vec::new(),
    };
    let rows = eval.sft_batches.map_or(usize::MAX, |batches| batches * eval.batch_size);
    let measured = data.validation.get(..rows.min(data.validation.len())).unwrap_or_default();
    if !measured.is_empty() {
        held_out.demonstrations = feed::demonstrations(measured, tokenizer, config)?;
    }
    let feed = Feed::new(demonstrations, prompts, config.train.batch_size, config.seed)?;
    Ok((feed, held_out))
}

fn check_parts(
    config: &RunConfig,
    feed: &Feed,
    reward: Option<&RewardTree>,
    judges: &BTreeMap<String, RewardTree>,
) -> Result<(), HybridError> {
    if config.has_sft() && feed.demonstration_count() == 0 {
        return Err(HybridError::Missing(
            "the run learns from demonstrations, but `data.train` has none: give it records with a \
             text, a completion or messages"
                .to_owned(),
        ));
    }
    if config.has_ppo() && feed.prompt_count() == 0 {
        return Err(HybridError::Missing(
            "the run has PPO phases, but no prompts: give `data.prompts`, or records in \
             `data.train` that start with a prompt"
                .to_owned(),
        ));
    }
    if config.has_ppo() && reward.is_none() {
        return Err(HybridError::Missing(
            "the run has PPO phases, but no reward: give a `[reward]` table, as `type = \
             \"sentiment\"`"
                .to_owned(),
        ));
    }
    if let Some(name) = config.eval.judges.keys().find(|name| !judges.contains_key(*name)) {
        return Err(HybridError::Missing(format!(
            "`eval.judges.{name}` was not built: put it into `RunParts::judges`"
        )));
    }
    if config.ppo.score_at == ScoreAt::PerToken {
        return Err(HybridError::Missing(
            "`ppo.score_at` is \"per_token\", but the rewards of a run score whole responses: leave \
             it out, or give a score for each token to `HybridTrainer::ppo_step` in a program"
                .to_owned(),
        ));
    }
    Ok(())
}

/// The largest memory this process has held, in bytes; known on Linux.
#[must_use]
pub fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024.0)
}
