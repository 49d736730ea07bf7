//! `--reward head`: a trained sentiment head scores, and what scored without it becomes the judge.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use hybrid::config::{self, AnyConfig, HeadsConfig, Override, RunConfig};
use hybrid::heads::run::is_finished;
use hybrid::run_dir::{CONFIG, RunDir};
use hybrid_model::heads::lists_heads;
use serde_json::{Value, json};

use crate::device::DeviceChoice;
use crate::exit::BadInput;
use crate::model;
use crate::training::{self, heads};
use crate::ui::Ui;

/// The recipe of the head, which `train` takes as well.
const RECIPE: (&str, &str) =
    ("examples/heads/sentences.toml", include_str!("../../../../../examples/heads/sentences.toml"));
/// The head's task.
const TASK: &str = "sentiment";
/// The label of positive reviews.
const POSITIVE: &str = "1";
/// What the lexicon is called as a judge.
const JUDGE: &str = "lexicon";
/// Into how many parts measurements cut a run.
const PARTS: usize = 8;

/// A head to score by.
#[derive(Debug)]
pub(super) struct Scoring {
    /// Its run.
    pub(super) run: PathBuf,
    /// Whether the run was made now.
    pub(super) is_new: bool,
}

impl Scoring {
    /// Makes the head the reward and the reward a judge, which is heard during the run, too.
    pub(super) fn put_into(&self, config: &mut RunConfig) {
        let judge = config.reward.replace(self.spec());
        config.eval.judges.extend(judge.map(|judge| (JUDGE.to_owned(), judge)));
        if config.eval.every == 0 {
            config.eval.every = config.total_steps().div_ceil(PARTS).max(1);
        }
    }

    /// The reward: the probability that a response is positive.
    fn spec(&self) -> Value {
        let run = self.run.display().to_string();
        json!({ "type": "sentiment", "model": run, "task": TASK, "label": POSITIVE })
    }

    /// Where the head comes from, in words.
    pub(super) fn describe(&self) -> String {
        let origin = if self.is_new { "trained now" } else { "trained before" };
        format!("the head `{TASK}` of {}, {origin}", self.run.display())
    }
}

/// The head of the run that is named, or of the recipe's run, which is trained where it is not there
/// and gone on with where it was interrupted. Nothing is overwritten.
///
/// # Errors
///
/// What is there and is no such run, or whatever ends the training.
pub(super) fn find_or_train(
    named: Option<&Path>,
    overrides: &[Override],
    device: DeviceChoice,
    ui: &Ui,
) -> Result<Scoring> {
    if let Some(run) = named {
        has_heads(run)?;
        return Ok(announced(Scoring { run: run.to_owned(), is_new: false }, ui));
    }
    let recipe = recipe(overrides)?;
    let run = recipe.output.dir.clone();
    let resume = run.join(CONFIG).is_file();
    if resume && is_heads(&run)? && is_finished(&run)? {
        return Ok(announced(Scoring { run, is_new: false }, ui));
    }
    let what = if resume { "goes on with" } else { "trains" };
    ui.say(&format!("{what} the sentiment head in {}, as {} says", run.display(), RECIPE.0));
    let trained = heads::run(recipe, device, resume, ui).with_context(|| {
        format!(
            "there is no sentiment head to score by in `{}`; name one by `--heads`",
            run.display()
        )
    })?;
    if trained.outcome.interrupted {
        return Err(training::interrupted(&trained.outcome));
    }
    Ok(announced(Scoring { run, is_new: true }, ui))
}

/// Says at once what will score: the rest takes a while.
fn announced(scoring: Scoring, ui: &Ui) -> Scoring {
    ui.say(&format!("scores by {}", scoring.describe()));
    scoring
}

/// The recipe as `overrides` change it.
fn recipe(overrides: &[Override]) -> Result<HeadsConfig> {
    match config::parse_any(RECIPE.1, Path::new(RECIPE.0), overrides)? {
        AnyConfig::Heads(recipe) => Ok(recipe),
        AnyConfig::Language(_) => Err(BadInput::error(format!("{} trains no heads", RECIPE.0))),
    }
}

/// Whether the run in a directory is one of task heads.
fn is_heads(run: &Path) -> Result<bool> {
    let config = RunDir::resume(run)?.read_any_config()?;
    Ok(matches!(config, AnyConfig::Heads(_)))
}

/// Refuses what is no run of task heads.
fn has_heads(run: &Path) -> Result<()> {
    if run.is_dir() && lists_heads(&model::weights_path(run.to_owned())?) {
        return Ok(());
    }
    Err(BadInput::error(format!(
        "`{}` is no run of task heads, which `--heads` must name: leave it out to have one trained, or \
         train one with `hybrid train {}`",
        run.display(),
        RECIPE.0
    )))
}
