//! `hybrid export`: a run's weights for other programs.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use hybrid::heads::Predictor;
use hybrid::heads::task::TASKS;
use hybrid::merge;
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::heads::holds_language_model;
use hybrid_model::weights::{self, Checkpoint};
use serde_json::json;

use super::predict;
use crate::device::DeviceChoice;
use crate::exit::BadInput;
use crate::model;
use crate::ui::Ui;

/// Arguments of `hybrid export`.
#[derive(Debug, Args)]
#[command(after_help = "Example: hybrid export runs/imdb ./imdb-model

The folder holds config.json, model.safetensors and the tokenizer, as `transformers` loads them with
AutoModelForCausalLM.from_pretrained(\"./imdb-model\"). Of a run of task heads one head is written, as
AutoModelForSequenceClassification, AutoModelForTokenClassification or the like loads it. A run of both
gives its language model, and a head by --task. Adapters are merged into the weights.")]
pub(crate) struct ExportArgs {
    /// The run directory, whose newest complete checkpoint is taken; or a checkpoint
    run_dir: PathBuf,
    /// The folder to write; must be empty or absent
    dir: PathBuf,
    /// Which head of a run of task heads; may be left out where it has one, and no language model
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
}

pub(crate) fn run(args: &ExportArgs, ui: &Ui) -> Result<()> {
    let (from, to) = (&args.run_dir, &args.dir);
    if !from.is_dir() {
        return Err(BadInput::error(format!(
            "`{}` is no folder; name the run directory, which is `output.dir` of its configuration",
            from.display()
        )));
    }
    let checkpoint = model::weights_path(from.clone())?;
    let has_tasks = checkpoint.join(TASKS).is_file();
    // Heads or adapters lie beside the weights.
    let is_more =
        holds_language_model(&checkpoint) || (weights::holds_adapters(&checkpoint) && !has_tasks);
    if is_more && args.task.is_none() {
        export_language_model(&checkpoint, to)?;
    } else if has_tasks {
        export_head(&checkpoint, args.task.as_deref(), to)?;
    } else if args.task.is_some() {
        return Err(BadInput::error(format!(
            "`--task` names a task head, but `{}` has none",
            from.display()
        )));
    } else {
        merge::copy_folder(&checkpoint, to)?;
    }
    let mut out = std::io::stdout().lock();
    if ui.json {
        let (checkpoint, dir) = (checkpoint.to_string_lossy(), to.to_string_lossy());
        return Ok(writeln!(out, "{}", json!({ "checkpoint": checkpoint, "dir": dir }))?);
    }
    Ok(writeln!(out, "{}", to.display())?)
}

/// Writes a language model without the heads that were trained beside it, adapters merged.
fn export_language_model(checkpoint: &Path, to: &Path) -> Result<()> {
    let device = DeviceChoice::default().open()?;
    let decoder = weights::load(&Checkpoint::open(checkpoint)?, &device)?;
    let tokenizer = Tokenizer::from_dir(checkpoint)?;
    merge::check_empty(to)?;
    weights::save(&decoder, to)?;
    Ok(tokenizer.save(to)?)
}

/// Writes one head with its trunk.
fn export_head(checkpoint: &Path, task: Option<&str>, to: &Path) -> Result<()> {
    let predictor = Predictor::load(checkpoint, &DeviceChoice::default().open()?)?;
    let place = predict::task(&predictor, task)?;
    merge::check_empty(to)?;
    predictor.export(place, to)?;
    Ok(())
}
