//! `hybrid report`: one page of a run.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::training::{self, REPORT};
use crate::ui::Ui;

/// Arguments of `hybrid report`.
#[derive(Debug, Args)]
#[command(after_help = "Example: hybrid report runs/imdb --output imdb.html

The page needs no network: curves, samples before and after, the configuration, and what each metric
means. A run that still goes on can be looked at, too.")]
pub(crate) struct ReportArgs {
    /// The run directory
    run_dir: PathBuf,
    /// The page; report.html in the run directory by default
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &ReportArgs, ui: &Ui) -> Result<()> {
    let file = args.output.clone().unwrap_or_else(|| args.run_dir.join(REPORT));
    training::write_report(&args.run_dir, &file)?;
    let mut out = std::io::stdout().lock();
    if ui.json {
        let line = serde_json::json!({ "report": file.to_string_lossy() });
        return Ok(writeln!(out, "{line}")?);
    }
    Ok(writeln!(out, "{}", file.display())?)
}
