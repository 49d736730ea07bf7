//! A run from its configuration to its report, as `train` and `quickstart` do it.

mod events;
pub(crate) mod heads;
pub(crate) mod parts;
mod progress;
pub(crate) mod summary;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use hybrid::config::RunConfig;
use hybrid::run_dir::{RunDir, RunDirError};
use hybrid::{Outcome, Run};
use hybrid_model::heads::ParameterCounts;

use crate::device::DeviceChoice;
use crate::exit::Interrupted;
use crate::interrupt;
use crate::ui::Ui;
use events::Events;
use progress::{Plan, Progress};

/// A run to do.
#[derive(Debug)]
pub(crate) struct Training {
    /// What to do.
    pub(crate) config: RunConfig,
    /// Where.
    pub(crate) device: DeviceChoice,
    /// Whether it goes on with a run that was begun.
    pub(crate) resume: bool,
    /// How long it may take steps, loading not counted.
    pub(crate) limit: Option<Duration>,
}

/// A run that ended, or was interrupted.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) outcome: Outcome,
    /// The page about it.
    pub(crate) report: PathBuf,
}

impl Finished {
    /// Writes the page about a run that ended.
    fn new(outcome: Outcome) -> Result<Self> {
        let report = outcome.run_dir.join(REPORT);
        write_report(&outcome.run_dir, &report)?;
        Ok(Self { outcome, report })
    }
}

/// The page in a run directory.
pub(crate) const REPORT: &str = "report.html";

impl Training {
    /// Does the run and writes its report.
    pub(crate) fn run(self, ui: &Ui) -> Result<Finished> {
        let Self { config, device, resume, limit } = self;
        // Before a model is fetched and read for nothing.
        check_run_dir(&config.output.dir, resume)?;
        let parts = parts::prepare(config.clone(), device, ui)?;
        // While it is still loading, Ctrl-C ends the program: there is nothing to save.
        interrupt::listen(ui)?;
        let run = Run::open(parts, resume)?;
        if config.model.lora.is_some() {
            say_sizes(run.trainer().policy().decoder.counts(), ui)?;
        }
        let done = run.trainer().counters().steps;
        let dir = &config.output.dir;
        let events =
            config.output.tensorboard.then(|| Events::open(dir, resume.then_some(done + 1)));
        let plan = Plan {
            steps: config.total_steps(),
            phases: config.phase.iter().map(|phase| phase.kind.name()).collect(),
            log_every: config.output.log_every,
        };
        let mut progress = Progress::new(plan, done, events, limit, ui);
        let outcome = run.finish(&mut progress);
        progress.finish();
        Finished::new(outcome?)
    }
}

/// Says how much of a model is trained.
fn say_sizes(counts: ParameterCounts, ui: &Ui) -> Result<()> {
    let ParameterCounts { trained, all } = counts;
    if ui.quiet {
        return Ok(());
    }
    let share = 100.0 * trained as f64 / all.max(1) as f64;
    let text = format!("training {trained} of {all} parameters ({share:.2} %)");
    writeln!(std::io::stderr().lock(), "{text}").context("cannot write to stderr")
}

/// Refuses a directory that the run could not use.
pub(crate) fn check_run_dir(path: &Path, resume: bool) -> Result<()> {
    if resume {
        RunDir::resume(path)?;
        return Ok(());
    }
    let is_empty = match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(_) if path.exists() && !path.is_dir() => {
            return Err(RunDirError::NotAFolder { path: path.to_owned() }.into());
        }
        Err(error) => return Err(error).context(format!("cannot read `{}`", path.display())),
    };
    if is_empty {
        return Ok(());
    }
    let is_run = path.join(hybrid::run_dir::CONFIG).exists();
    Err(RunDirError::NotEmpty { path: path.to_owned(), is_run }.into())
}

/// Writes the page about the run in `run_dir`.
pub(crate) fn write_report(run_dir: &Path, file: &Path) -> Result<()> {
    let page = hybrid_report::page(run_dir)?;
    let partial = file.with_extension("partial");
    std::fs::write(&partial, page)
        .and_then(|()| std::fs::rename(&partial, file))
        .with_context(|| format!("cannot write `{}`", file.display()))
}

/// The error of a run that Ctrl-C ended.
pub(crate) fn interrupted(outcome: &Outcome) -> anyhow::Error {
    let (step, dir) = (outcome.steps, outcome.run_dir.display());
    let config = outcome.run_dir.join(hybrid::run_dir::CONFIG);
    anyhow::Error::new(Interrupted(format!(
        "interrupted after step {step}, saved in `{dir}`; `hybrid train {} --resume` goes on",
        config.display()
    )))
}
