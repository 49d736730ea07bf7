//! `hybrid merge`: several sets of weights to one.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use hybrid::merge;
use serde_json::json;

use super::assets;
use crate::ui::Ui;

/// Arguments of `hybrid merge`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hybrid merge runs/sft runs/ppo --output merged
  hybrid merge runs/a/checkpoints/step-100 runs/a/checkpoints/step-200 --output m --weights 1,3")]
pub(crate) struct MergeArgs {
    /// Checkpoints, model folders, or run directories, which stand for their newest checkpoint
    #[arg(required = true, value_name = "CHECKPOINT")]
    checkpoints: Vec<String>,
    /// The folder to write; must be empty or absent
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// A weight for each, divided by their sum; equal ones by default
    #[arg(long, value_name = "A,B", value_delimiter = ',', allow_negative_numbers = true)]
    weights: Option<Vec<f64>>,
}

pub(crate) fn run(args: &MergeArgs, ui: &Ui) -> Result<()> {
    let find = |name: &String| assets::resolve_model_path(name, ui);
    let folders = args.checkpoints.iter().map(find).collect::<Result<Vec<_>>>()?;
    let spinner = ui.spinner("merging");
    merge::merge_folders(&folders, args.weights.as_deref(), &args.output)?;
    spinner.finish_and_clear();
    let mut out = std::io::stdout().lock();
    if ui.json {
        let folders: Vec<_> = folders.iter().map(|folder| folder.to_string_lossy()).collect();
        let line = json!({ "merged": folders, "dir": args.output.to_string_lossy() });
        return Ok(writeln!(out, "{line}")?);
    }
    Ok(writeln!(out, "{}", args.output.display())?)
}
