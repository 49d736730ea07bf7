//! Measures rewards against labels, and trains linear models.
//!
//! ```text
//! cargo run --release -p hybrid-rewards --example validate -- auc SPEC ROWS.jsonl
//! cargo run --release -p hybrid-rewards --example validate -- correlation SPEC ROWS.jsonl
//! cargo run --release -p hybrid-rewards --example validate -- train ROWS.jsonl MODEL.json
//! ```
//!
//! `auc` scores rows that carry a boolean `label` and prints the area under the ROC curve with its
//! 95 % interval, `correlation` Pearson's with a `label` that is a number; `SPEC` is JSON. `train` reads `text` and `label` and prints the held-out numbers.
//! `reference/validate_rewards.py` writes such rows from public data.
#![expect(clippy::print_stdout, reason = "a program that reports what it measured")]

use std::error::Error;
use std::path::Path;

use hybrid_rewards::rows::{Grouper, Row};
use hybrid_rewards::{BuildEnv, Context, Registry, linear, validation};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["auc", spec, rows] => {
            let (scores, labels) = measure(spec, Path::new(rows), Value::as_bool)?;
            print("AUC", validation::auc(&scores, &labels).ok_or("both labels must occur")?);
            Ok(())
        }
        ["correlation", spec, rows] => {
            let (scores, labels) = measure(spec, Path::new(rows), Value::as_f64)?;
            let found = validation::correlation(&scores, &labels);
            print("correlation", found.ok_or("four rows must differ")?);
            Ok(())
        }
        ["train", rows, model] => train(Path::new(rows), Path::new(model)),
        _ => Err("expected `auc SPEC ROWS.jsonl`, `correlation SPEC ROWS.jsonl` or `train ROWS.jsonl MODEL.json`".into()),
    }
}

/// The scores of the rows that have one, with their labels.
fn measure<L>(
    spec: &str,
    path: &Path,
    read: impl Fn(&Value) -> Option<L>,
) -> Result<(Vec<f64>, Vec<L>), Box<dyn Error>> {
    let spec: Value = serde_json::from_str(spec)?;
    let tree = Registry::builtin()?.build(&spec, &BuildEnv::without_assets())?;
    let (mut rows, mut labels) = (Vec::new(), Vec::new());
    for line in std::fs::read_to_string(path)?.lines() {
        let row: Value = serde_json::from_str(line)?;
        labels
            .push(row.get("label").and_then(&read).ok_or("a row has no label of the right kind")?);
        rows.push(Row::from_json(row)?);
    }
    let mut grouper = Grouper::default();
    let samples: Vec<_> =
        (0..).zip(&rows).map(|(id, row)| row.sample(id, grouper.group(row))).collect();
    let scores = tree.score(&samples, &Context::evaluation())?.value;
    let scored = scores.into_iter().zip(labels).filter_map(|(score, label)| Some((score?, label)));
    let (scores, labels): (Vec<f64>, Vec<L>) = scored.unzip();
    println!("{spec}: {} rows, {} without a score", rows.len(), rows.len() - scores.len());
    Ok((scores, labels))
}

fn print(what: &str, found: validation::Interval) {
    println!("{what} {:.4} (95 % interval {:.4} to {:.4})", found.value, found.low, found.high);
}

fn train(rows: &Path, model: &Path) -> Result<(), Box<dyn Error>> {
    let rows = linear::read_rows(rows, &linear::Columns::default())?;
    let trained = linear::train(&rows, &linear::Options::default())?;
    trained.save(model)?;
    println!("{}", serde_json::to_string_pretty(&trained.report)?);
    Ok(())
}
