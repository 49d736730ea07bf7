//! `hybrid reward train`: a linear text classifier out of labelled rows.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use hybrid_assets::Kind;
use hybrid_data::reader::{ReadOptions, Row, read_rows};
use hybrid_rewards::linear::{self, Columns, FeatureOptions, Labelled, Options, Report};
use hybrid_rewards::validation::Interval;
use serde_json::{Value, json};

use crate::commands::assets;
use crate::exit::BadInput;
use crate::ui::Ui;

/// Arguments of `hybrid reward train`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hybrid reward train --data labelled.jsonl --output model.json
  hybrid reward train --data sarcasm-headlines --text input --label ideal --output sarcasm.json
  hybrid reward --spec '{\"type\": \"linear\", \"model\": \"model.json\"}' --input rows.jsonl

The model is TF-IDF n-grams and logistic regression, calibrated on rows of their own and measured on
others that it never saw. Which row goes where follows from its text, so equal rows give equal models.")]
pub(super) struct TrainArgs {
    /// A data file with a text and a label in each row, or a catalogue name
    #[arg(long, value_name = "DATA")]
    data: String,
    /// Where the model goes
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Replace the output where it is there
    #[arg(long)]
    force: bool,
    /// The field with the text; of chat messages the last one counts
    #[arg(long, default_value = "text", value_name = "FIELD")]
    text: String,
    /// The field with the label
    #[arg(long, default_value = "label", value_name = "FIELD")]
    label: String,
    /// The label that is positive, every other being negative; by default 1, true and yes
    #[arg(long, value_name = "LABEL")]
    positive: Option<String>,
    #[command(flatten)]
    fit: FitArgs,
}

/// How the model is made.
#[derive(Debug, Args)]
struct FitArgs {
    /// Longest n-gram of words, 0 to 5
    #[arg(long, default_value_t = FeatureOptions::default().words, value_name = "N")]
    words: usize,
    /// Longest n-gram of characters, 2 to 8; 0 takes none
    #[arg(long, default_value_t = FeatureOptions::default().chars, value_name = "N")]
    chars: usize,
    /// Training rows that an n-gram must stand in
    #[arg(long, default_value_t = FeatureOptions::default().min_df, value_name = "N")]
    min_df: usize,
    /// Most n-grams; the most frequent are kept
    #[arg(long, default_value_t = FeatureOptions::default().max_features, value_name = "N")]
    max_features: usize,
    /// Weight of the penalty on large weights
    #[arg(long, default_value_t = Options::default().l2, value_name = "X")]
    #[arg(allow_negative_numbers = true)]
    l2: f64,
    /// Share of rows that calibrate
    #[arg(long, default_value_t = Options::default().calibration, value_name = "X")]
    #[arg(allow_negative_numbers = true)]
    calibration: f64,
    /// Share of rows that are held out to measure
    #[arg(long, default_value_t = Options::default().held_out, value_name = "X")]
    #[arg(allow_negative_numbers = true)]
    held_out: f64,
    /// Another seed gives another split
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl FitArgs {
    fn options(&self) -> Options {
        let Self { words, chars, min_df, max_features, .. } = *self;
        let features = FeatureOptions { words, chars, min_df, max_features };
        let Self { l2, calibration, held_out, seed, .. } = *self;
        Options { features, l2, calibration, held_out, seed }
    }
}

/// Reads, trains, saves, reports.
pub(super) fn run(args: &TrainArgs, ui: &Ui) -> Result<()> {
    let options = args.fit.options();
    options.validate()?;
    if args.output.exists() && !args.force {
        return Err(BadInput::error(format!(
            "`{}` is there already; give another `--output`, or `--force` to replace it",
            args.output.display()
        )));
    }
    let rows = read(args, ui)?;
    let spinner = ui.spinner(&format!("training on {} rows", rows.len()));
    let model = linear::train(&rows, &options)?;
    spinner.finish_and_clear();
    model.save(&args.output)?;
    print(&model.report, args, ui)
}

/// The labelled rows of a file or a catalogue name.
fn read(args: &TrainArgs, ui: &Ui) -> Result<Vec<Labelled>> {
    let asset = assets::resolve(&args.data, Kind::Data, ui)?;
    let source = assets::source(&asset, &["train"]);
    let columns = Columns {
        text: args.text.clone(),
        label: args.label.clone(),
        positive: args.positive.clone(),
    };
    let mut labels = BTreeSet::new();
    let mut labelled = |row: Row| {
        if labels.len() < NAMED {
            labels.extend(row.columns.get(&columns.label).map(ToString::to_string));
        }
        Labelled::from_json(&Value::Object(row.columns), &columns)
            .map_err(|reason| BadInput::error(format!("{} {reason}", row.at)))
    };
    let rows = read_rows(&source.paths, &ReadOptions::default())?;
    let rows = rows.map(|row| labelled(row?)).collect::<Result<Vec<_>>>()?;
    if let Some(positive) = &args.positive
        && !rows.is_empty()
        && !rows.iter().any(|row| row.label)
    {
        let labels: Vec<String> = labels.into_iter().collect();
        return Err(BadInput::error(format!(
            "`--positive {positive}` is no row's `{}`; there are {}",
            columns.label,
            labels.join(", ")
        )));
    }
    Ok(rows)
}

/// Labels that an error names.
const NAMED: usize = 5;

fn print(report: &Report, args: &TrainArgs, ui: &Ui) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if ui.json {
        let line = json!({ "model": args.output, "report": report });
        return Ok(writeln!(out, "{line}")?);
    }
    let interval = |Interval { value, low, high }: Interval| {
        format!("{value:.4} (95 % interval {low:.4} to {high:.4})")
    };
    writeln!(out, "model              {}", args.output.display())?;
    writeln!(out, "training           {} rows", report.training)?;
    writeln!(out, "calibration        {} rows", report.calibration)?;
    let (rows, positive) = (report.held_out, report.held_out_positive);
    writeln!(out, "held out           {rows} rows, {positive} of them positive")?;
    writeln!(out, "accuracy           {}", interval(report.accuracy))?;
    writeln!(out, "AUC                {}", interval(report.auc))?;
    writeln!(out, "Brier score        {}", interval(report.brier))?;
    writeln!(out, "calibration error  {:.4}", report.calibration_error)?;
    Ok(())
}
