//! `hybrid export`: a run's weights for other programs.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use hybrid::merge;
use serde_json::json;

use crate::exit::BadInput;
use crate::model;
use crate::ui::Ui;

/// Arguments of `hybrid export`.
#[derive(Debug, Args)]
#[command(after_help = "Example: hybrid export runs/imdb ./imdb-model

The folder holds config.json, model.safetensors and the tokenizer, as `transformers` loads them with
AutoModelForCausalLM.from_pretrained(\"./imdb-model\").")]
pub(crate) struct ExportArgs {
    /// The run directory, whose newest complete checkpoint is taken; or a checkpoint
    run_dir: PathBuf,
    /// The folder to write; must be empty or absent
    dir: PathBuf,
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
    merge::copy_folder(&checkpoint, to)?;
    let mut out = std::io::stdout().lock();
    if ui.json {
        let (checkpoint, dir) = (checkpoint.to_string_lossy(), to.to_string_lossy());
        return Ok(writeln!(out, "{}", json!({ "checkpoint": checkpoint, "dir": dir }))?);
    }
    Ok(writeln!(out, "{}", to.display())?)
}
