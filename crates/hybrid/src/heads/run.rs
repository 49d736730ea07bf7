//! A whole run of task heads: phases, measurements, checkpoints and records, on top of the steps.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use hybrid_data::order::BatchState;
use hybrid_data::tokenizer::Tokenizer;
use hybrid_heads::stopping::{self, EarlyStop, StopOptions, Verdict};
use hybrid_model::{MultiHead, Trunk};
use hybrid_rewards::RewardTree;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::example::TaskRows;
use super::feed::HeadsFeed;
use super::measure;
use super::trainer::HeadsTrainer;
use crate::checkpoint::{Keep, PartsError, Writer, read_json, write_json};
use crate::config::{AnyConfig, HeadsConfig, Mode};
use crate::error::HybridError;
use crate::metrics::Metrics;
use crate::run::{Observer, Outcome, StepReport, newest, peak_memory, resume};
use crate::run_dir::{Environment, JsonlLog, METRICS, RunDir};

/// What a run of heads is made of.
#[derive(Debug)]
pub struct HeadsParts {
    /// What to do.
    pub config: HeadsConfig,
    /// What the heads stand on.
    pub trunk: Trunk,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// The tasks with their rows, in the order of `config.head`.
    pub rows: Vec<TaskRows>,
    /// What the predictions of a task are worth, where its configuration names a reward.
    pub rewards: Vec<Option<RewardTree>>,
    /// What it runs on, for `env.json`.
    pub environment: Environment,
}

/// A run in progress.
#[derive(Debug)]
pub struct HeadsRun {
    trainer: HeadsTrainer,
    tokenizer: Tokenizer,
    feed: HeadsFeed,
    dir: RunDir,
    metrics: JsonlLog,
    writer: Writer,
    state: HeadsState,
    started: Instant,
}

/// The small part of a run's state; the trainer's lies beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadsState {
    /// Where each task stands in its rows.
    batches: Vec<BatchState>,
    /// Measured before the first step.
    before: BTreeMap<String, f64>,
    /// Measured after the last step.
    after: BTreeMap<String, f64>,
    /// The newest `eval/score`.
    score: Option<f64>,
    /// Follows `eval/score`, where the run may end early by it.
    stop: Option<EarlyStop>,
    /// Bytes of `metrics.jsonl`.
    log_bytes: u64,
    /// Seconds spent.
    elapsed_s: f64,
    /// True once the last measurement is done.
    finished: bool,
}

/// [`HeadsState`] in a checkpoint.
const STATE: &str = "run.json";

impl HeadsRun {
    /// Starts a run in an empty directory, or goes on from the newest complete checkpoint of one
    /// that was begun (`resume`).
    ///
    /// # Errors
    ///
    /// [`HybridError`] for a configuration, data or directory that cannot be used.
    pub fn open(parts: HeadsParts, resume: bool) -> Result<Self, HybridError> {
        let HeadsParts { config, trunk, tokenizer, rows, rewards, environment } = parts;
        config.validate()?;
        let heads = config.head.iter().zip(&rows).map(|(head, rows)| rows.task.head(head));
        let model = MultiHead::new(trunk, heads.collect(), config.seed)?;
        // What is wrong with the parts is found before a directory is made.
        let trainer = HeadsTrainer::new(config.clone(), model, &rows, rewards)?;
        let feed = HeadsFeed::new(rows, config.train.batch_size, config.seed)?;
        feed.check(trainer.model().trunk(), config.train.max_length)?;
        let dir = if resume { begun(&config)? } else { RunDir::create(&config.output.dir)? };
        dir.write_config(&config.effective()?)?;
        dir.write_environment(&environment)?;
        let keep = Keep { last: config.output.keep_last, best: Some(Mode::Max) };
        let writer = Writer::open(dir.path(), keep)?;
        let found = if resume { newest(dir.path())? } else { None };
        if resume && found.is_none() {
            dir.clear_logs()?;
        }
        let after = found.as_ref().map(|found| found.manifest.step);
        let metrics = dir.log(METRICS, after)?;
        let stop = config.eval.patience.map(|patience| {
            let (min_delta, mode) = (config.eval.min_delta, stopping::Mode::Max);
            EarlyStop::new(StopOptions { patience, min_delta, mode })
        });
        let state = HeadsState {
            batches: Vec::new(),
            before: BTreeMap::new(),
            after: BTreeMap::new(),
            score: None,
            stop: stop.transpose()?,
            log_bytes: 0,
            elapsed_s: 0.0,
            finished: false,
        };
        let started = Instant::now();
        let mut run = Self { trainer, tokenizer, feed, dir, metrics, writer, state, started };
        if let Some(found) = found {
            run.restore(&found.path)?;
        }
        Ok(run)
    }

    /// The trainer.
    #[must_use]
    pub fn trainer(&self) -> &HeadsTrainer {
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
        let total = self.trainer.config().total_steps() as u64;
        let save_every = self.trainer.config().output.save_every as u64;
        if self.trainer.counters().steps == 0 {
            self.log_sizes()?;
        }
        if self.trainer.counters().steps == 0 && self.trainer.config().eval.before {
            let before = self.measure("before", observer)?;
            self.state.before = before.into_iter().collect();
        }
        while self.trainer.counters().steps < total {
            let ends = self.step(observer)?;
            let step = self.trainer.counters().steps;
            if observer.is_interrupted() && step < total && !ends {
                self.save(observer)?;
                return Ok(self.outcome(Metrics::default(), true));
            }
            if ends || observer.is_out_of_time() {
                break;
            }
            if save_every > 0 && step.is_multiple_of(save_every) && step < total {
                self.save(observer)?;
            }
        }
        let after = self.measure("after", observer)?;
        self.trainer.settle(self.feed.rows())?;
        self.state.after = after.clone().into_iter().collect();
        self.state.finished = true;
        self.save(observer)?;
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

    /// One step with everything that belongs to it; true where it ends the run.
    fn step(&mut self, observer: &mut dyn Observer) -> Result<bool, HybridError> {
        let config = self.trainer.config();
        let (total, every) = (config.total_steps(), config.eval.every as u64);
        let log_every = config.output.log_every as u64;
        let phase = config.phase_of(self.trainer.counters().steps);
        let began = Instant::now();
        let tasks = self.trainer.next_tasks()?;
        let batches = self.feed.next(&tasks);
        let stats = self.trainer.step(&batches)?;
        let mut metrics = stats.metrics;
        let seconds = began.elapsed().as_secs_f64();
        metrics.set("time/step_s", seconds);
        metrics.set("time/tokens_per_second", stats.tokens as f64 / seconds);
        if let Some(bytes) = peak_memory() {
            metrics.set("time/peak_memory_mb", bytes / 1e6);
        }
        self.trainer.advance(self.state.score.map(|score| -score));
        let step = self.trainer.counters().steps;
        if step.is_multiple_of(log_every) {
            self.log(phase, &metrics)?;
        }
        observer.step(&StepReport { step, total, phase, action: None, metrics: &metrics });
        if every == 0 || !step.is_multiple_of(every) || step as usize >= total {
            return Ok(false);
        }
        self.measure("during", observer)?;
        let (Some(stop), Some(score)) = (&mut self.state.stop, self.state.score) else {
            return Ok(false);
        };
        let verdict = stop.observe(score);
        if verdict == Verdict::Best {
            self.save(observer)?;
        }
        Ok(verdict == Verdict::Stop)
    }

    /// Measures every task on its held-out rows and writes down what was found.
    fn measure(&mut self, when: &str, observer: &mut dyn Observer) -> Result<Metrics, HybridError> {
        observer.working("measuring on held-out rows");
        let config = self.trainer.config();
        let (most, size) = (config.eval.rows.unwrap_or(usize::MAX), config.train.micro_tokens);
        let model = self.trainer.frozen_model();
        let (tasks, rows) = (self.trainer.tasks(), self.feed.rows());
        let metrics = measure::measure_all(&model, tasks, rows, most, size)?;
        self.state.score = metrics.get("eval/score").or(self.state.score);
        let step = self.trainer.counters().steps;
        if metrics.iter().next().is_some() {
            let last = self.trainer.config().phase.len().saturating_sub(1);
            self.log(self.trainer.config().phase_of(step).min(last), &metrics)?;
        }
        observer.evaluation(when, step, &metrics);
        Ok(metrics)
    }

    /// Writes down how much of the model is trained.
    fn log_sizes(&mut self) -> Result<(), HybridError> {
        let counts = self.trainer.model().counts();
        let mut sizes = Metrics::default();
        sizes.set("heads/trained_parameters", counts.trained as f64);
        sizes.set("heads/parameters", counts.all as f64);
        self.log(0, &sizes)
    }

    fn log(&mut self, phase: usize, metrics: &Metrics) -> Result<(), HybridError> {
        let line = json!({
            "step": self.trainer.counters().steps,
            "phase": phase,
            "time_s": self.elapsed().as_secs_f64(),
            "metrics": metrics.to_json(),
        });
        self.metrics.append(&line)?;
        Ok(())
    }

    /// Time spent on this run, earlier parts of a resumed one included.
    fn elapsed(&self) -> Duration {
        Duration::from_secs_f64(self.state.elapsed_s.max(0.0)) + self.started.elapsed()
    }

    /// Writes a checkpoint of the present step.
    fn save(&mut self, observer: &mut dyn Observer) -> Result<(), HybridError> {
        observer.working("saving a checkpoint");
        // A log that is behind its checkpoint could not be continued.
        self.metrics.flush()?;
        let state = HeadsState {
            batches: self.feed.state(),
            elapsed_s: self.elapsed().as_secs_f64(),
            log_bytes: self.metrics.bytes()?,
            ..self.state.clone()
        };
        let (trainer, tokenizer) = (&self.trainer, &self.tokenizer);
        let mut parts = |folder: &Path| -> Result<(), PartsError> {
            trainer.save(folder)?;
            tokenizer.save(folder)?;
            write_json(&folder.join(STATE), &state)?;
            Ok(())
        };
        self.writer.save(trainer.counters().steps, state.score, &mut parts)?;
        Ok(())
    }

    /// Goes on from a checkpoint.
    fn restore(&mut self, checkpoint: &Path) -> Result<(), HybridError> {
        let state: HeadsState = read_json(&checkpoint.join(STATE))?;
        self.trainer.load(checkpoint)?;
        self.metrics.truncate(state.log_bytes)?;
        self.feed.resume(&state.batches)?;
        self.state = state;
        Ok(())
    }
}

/// Whether the run of heads in `run_dir` came to its end, as its newest complete checkpoint says.
///
/// # Errors
///
/// [`HybridError`] where its checkpoints cannot be read.
pub fn is_finished(run_dir: &Path) -> Result<bool, HybridError> {
    let Some(found) = newest(run_dir)? else { return Ok(false) };
    let state: HeadsState = read_json(&found.path.join(STATE))?;
    Ok(state.finished)
}

/// The directory of a run that `config` goes on with.
fn begun(config: &HeadsConfig) -> Result<RunDir, HybridError> {
    let dir = RunDir::resume(&config.output.dir)?;
    match dir.read_any_config()? {
        AnyConfig::Heads(begun) => resume::same(dir, &begun, config),
        AnyConfig::Language(_) => Err(HybridError::Resume {
            path: dir.path().to_owned(),
            reason: "it is a run of a language model, not of task heads".to_owned(),
        }),
    }
}
