//! Measures rewards against labels, and trains linear models.
//!
//! ```text
//! cargo run --release -p hybrid-rewards --example validate -- auc SPEC ROWS.jsonl
//! cargo run --release -p hybrid-rewards --example validate -- train ROWS.jsonl MODEL.json
//! ```
//!
//! `auc` scores rows that carry a boolean `label` and prints the area under the ROC curve with its
//! 95 % interval; `SPEC` is JSON. `train` reads `text` and `label` and prints the held-out numbers.
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
        ["auc", spec, rows] => measure(spec, Path::new(rows)),
        ["train", rows, model] => train(Path::new(rows), Path::new(model)),
        _ => Err("expected `auc SPEC ROWS.jsonl` or `train ROWS.jsonl MODEL.json`".into()),
    }
}

fn measure(spec: &str, path: &Path) -> Result<(), Box<dyn Error>> {
    let spec: Value = serde_json::from_str(spec)?;
    let tree = Registry::builtin()?.build(&spec, &BuildEnv::without_assets())?;
    let (mut rows, mut labels) = (Vec::new(), Vec::new());
    for line in std::fs::read_to_string(path)?.lines() {
        let row: Value = serde_json::from_str(line)?;
        labels.push(row.get("label").and_then(Value::as_bool).ok_or("a row has no label")?);
        rows.push(Row::from_json(row)?);
    }
    let mut grouper = Grouper::default();
    let samples: Vec<_> =
        (0..).zip(&rows).map(|(id, row)| row.sample(id, grouper.group(row))).collect();
    let scores = tree.score(&samples, &Context::evaluation())?.value;
    let scored = scores.iter().zip(&labels).filter_map(|(score, label)| Some(((*score)?, *label)));
    let (scores, labels): (Vec<f64>, Vec<bool>) = scored.unzip();
    let auc = validation::auc(&scores, &labels).ok_or("both labels must occur")?;
    let unscored = rows.len() - scores.len();
    println!("{spec}: {} rows, {unscored} without a score", rows.len());
    println!("AUC {:.4} (95 % interval {:.4} to {:.4})", auc.value, auc.low, auc.high);
    Ok(())
}

fn train(rows: &Path, model: &Path) -> Result<(), Box<dyn Error>> {
    let rows = linear::read_rows(rows, &linear::Columns::default())?;
    let trained = linear::train(&rows, &linear::Options::default())?;
    trained.save(model)?;
    println!("{}", serde_json::to_string_pretty(&trained.report)?);
    Ok(())
}
