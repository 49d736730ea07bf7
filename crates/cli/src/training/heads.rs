//! A run of task heads from its configuration to its report.

use anyhow::{Context, Result};
use hybrid::config::{HeadsConfig, TaskConfig};
use hybrid::heads::{HeadsParts, HeadsRun, TaskRows, TaskSources, example};
use hybrid::run_dir::Environment;
use hybrid_assets::Kind;
use hybrid_data::config::Validation;
use hybrid_data::load::Source;
use hybrid_data::tokenizer::{TextLimit, Tokenizer};
use hybrid_model::Trunk;
use hybrid_model::heads::Freeze;
use hybrid_rewards::RewardTree;

use super::events::Events;
use super::progress::{Plan, Progress};
use super::{Finished, check_run_dir, parts, say_sizes};
use crate::commands::assets;
use crate::device::{self, DeviceChoice};
use crate::interrupt;
use crate::ui::Ui;

/// Finds and reads everything that `config` names.
///
/// # Errors
///
/// Whatever is wrong with a name or with what it stands for.
pub(crate) fn prepare(config: HeadsConfig, choice: DeviceChoice, ui: &Ui) -> Result<HeadsParts> {
    let device = choice.open()?;
    let rewards = rewards(&config.head, choice, ui)?;
    let base = assets::resolve_model_path(&config.model.base, ui).context("`model.base`")?;
    let tokenizer = Tokenizer::from_path(&base)?;
    let rows = rows(&config.head, &tokenizer, config.train.limit(), config.seed, ui)?;
    let spinner = ui.spinner(&format!("loading {}", config.model.base));
    let trunk = Trunk::load(&base, &device.autodiff())?;
    spinner.finish_and_clear();
    let environment = Environment::new(&choice.to_string(), &device::features());
    Ok(HeadsParts { config, trunk, tokenizer, rows, rewards, environment })
}

/// Builds what the predictions of each head are worth, where its configuration says so.
pub(super) fn rewards(
    heads: &[TaskConfig],
    choice: DeviceChoice,
    ui: &Ui,
) -> Result<Vec<Option<RewardTree>>> {
    let reward = |head: &TaskConfig| {
        let spec = head.feedback.as_ref().and_then(|feedback| feedback.reward.as_ref());
        spec.map(|spec| parts::reward(spec, choice, ui)).transpose()
    };
    heads.iter().map(reward).collect()
}

/// Finds and reads the rows of every head.
pub(super) fn rows(
    heads: &[TaskConfig],
    tokenizer: &Tokenizer,
    limit: TextLimit,
    seed: u64,
    ui: &Ui,
) -> Result<Vec<TaskRows>> {
    let read = |(place, head)| {
        read_task(head, tokenizer, limit, seed, ui).with_context(|| format!("`head[{place}].data`"))
    };
    heads.iter().enumerate().map(read).collect()
}

fn read_task(
    head: &TaskConfig,
    tokenizer: &Tokenizer,
    limit: TextLimit,
    seed: u64,
    ui: &Ui,
) -> Result<TaskRows> {
    let find = |name: &str, splits: &[&str]| -> Result<Source> {
        Ok(assets::source(&assets::resolve(name, Kind::Data, ui)?, splits))
    };
    let train = head.data.train.0.iter().map(|name| find(name, &["train"]));
    let validation = match &head.data.validation {
        Some(Validation::Source(name)) => vec![find(name, &["validation", "test"])?],
        _ => Vec::new(),
    };
    let neutral = head.data.neutral.iter().flat_map(|neutral| &neutral.train.0);
    let neutral = neutral.map(|name| find(name, &["train"])).collect::<Result<_>>()?;
    let sources = TaskSources { train: train.collect::<Result<_>>()?, validation, neutral };
    let spinner = ui.spinner(&format!("reading the data of {}", head.task));
    let rows = example::read(head, &sources, tokenizer, limit, seed)?;
    spinner.finish_and_clear();
    Ok(rows)
}

/// Does the run and writes its report.
///
/// # Errors
///
/// Whatever ends it before its time.
pub(crate) fn run(
    config: HeadsConfig,
    choice: DeviceChoice,
    resume: bool,
    ui: &Ui,
) -> Result<Finished> {
    // Before a model is fetched and read for nothing.
    check_run_dir(&config.output.dir, resume)?;
    let parts = prepare(config.clone(), choice, ui)?;
    // While it is still loading, Ctrl-C ends the program: there is nothing to save.
    interrupt::listen(ui)?;
    let run = HeadsRun::open(parts, resume)?;
    if config.model.lora.is_some() || config.model.freeze != Freeze::Nothing {
        say_sizes(run.trainer().model().counts(), ui)?;
    }
    let done = run.trainer().counters().steps;
    let dir = &config.output.dir;
    let events = config.output.tensorboard.then(|| Events::open(dir, resume.then_some(done + 1)));
    let plan = Plan {
        steps: config.total_steps(),
        phases: config.phase.iter().map(|phase| phase.kind.name()).collect(),
        log_every: config.output.log_every,
    };
    let mut progress = Progress::new(plan, done, events, None, ui);
    let outcome = run.finish(&mut progress);
    progress.finish();
    Finished::new(outcome?)
}
