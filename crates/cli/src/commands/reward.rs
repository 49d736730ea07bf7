//! `hybrid reward`: scores JSON lines by a spec, shows what a spec may say, trains a classifier.

mod list;
mod output;
mod rows;
mod score;
mod spec;
mod summary;
mod train;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use hybrid_rewards::Registry;

pub(crate) use self::rows::open as open_rows;
pub(crate) use self::spec::read as read_spec;
pub(crate) use self::summary::number;

use super::count;
use crate::device::DeviceChoice;
use crate::ui::Ui;

/// Arguments of `hybrid reward`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "Examples:
  hybrid reward --spec '{\"type\": \"rouge_l\"}' --input pairs.jsonl
  hybrid reward --spec reward.toml --input pairs.jsonl --output scores.jsonl
  hybrid reward --list bleu
  hybrid reward train --data labelled.jsonl --output model.json

A row is {\"response\": …, \"target\"?: a text or several, \"prompt\"?: …, \"id\"?: …, \"group\"?: …},
with the fields that the spec reads; `completion` is accepted for `response`. Each gives a line
{\"id\": …, \"score\": …, \"components\": {…}}, in the order of the rows; null is no score. A table
of means goes to stderr; with --json and --output it goes to stdout as one JSON object.

The rows pass as they would in training, --batch rows a step: rewards that remember (novelty,
ema_normalize and the like) learn from each batch for the next, and rewards that compare rows
compare those of a batch. The scores of all others do not depend on --batch.")]
pub(crate) struct RewardArgs {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    score: ScoreArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Train a linear text classifier on labelled rows, for the rewards `linear` and `sarcasm`
    Train(train::TrainArgs),
}

/// Options of scoring, and of what is shown instead.
#[derive(Debug, Args)]
struct ScoreArgs {
    /// A JSON or TOML file, or JSON itself: a reward spec, alone or under REWARD or reward
    #[arg(long, required_unless_present_any = ["list", "schema"])]
    spec: Option<String>,
    /// JSON lines to score, or another data file; - is stdin, the default
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Where the scores go, all or none of them; stdout by default
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Rows scored at once
    #[arg(long, default_value_t = 1024, value_name = "N", value_parser = count)]
    batch: usize,
    /// Where rewards that run a network do: cpu, ndarray, wgpu[:i], vulkan[:i] or cuda[:i]
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
    /// Show every reward, combinator and post-processor, or one, with its parameters
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    #[arg(conflicts_with_all = ["spec", "schema", "input", "output", "batch", "device"])]
    list: Option<String>,
    /// Print a JSON Schema of specs, for editors
    #[arg(long, conflicts_with_all = ["spec", "input", "output", "batch", "device"])]
    schema: bool,
}

/// Runs `hybrid reward`.
pub(crate) fn run(args: &RewardArgs, ui: &Ui) -> Result<()> {
    match (&args.action, &args.score) {
        (Some(Action::Train(train)), _) => train::run(train, ui),
        (None, ScoreArgs { list: Some(name), .. }) => list::run(name, ui),
        (None, ScoreArgs { schema: true, .. }) => {
            let schema = Registry::builtin()?.json_schema();
            let text = serde_json::to_string_pretty(&schema)?;
            Ok(writeln!(std::io::stdout().lock(), "{text}")?)
        }
        (None, score) => score::run(score, ui),
    }
}
