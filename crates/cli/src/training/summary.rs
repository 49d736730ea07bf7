//! What a run came to, as its last words.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::Result;
use hybrid::{Metrics, Outcome};
use serde_json::{Map, Value, json};

use super::Finished;
use crate::ui::Ui;

/// The measurements that `train` tells, with a name for people and their decimals.
const TOLD: [(&str, &str, usize); 4] = [
    ("eval/score_mean", "score", 4),
    ("eval/ref_kl", "KL, nats a response", 3),
    ("eval/distinct_2", "distinct-2", 4),
    ("eval/sft_loss", "SFT loss, nats a token", 4),
];

/// Families of measurements of a language model whose names have a third part.
const OF_LANGUAGE: [&str; 3] = ["reward", "judge", "judge_nulls"];

/// The line for programs: `run_dir`, `steps`, `before`, `after`.
pub(crate) fn as_json(outcome: &Outcome) -> Map<String, Value> {
    let names: Vec<String> = told(outcome).into_iter().map(|(name, ..)| name).collect();
    let told = |metrics: &Metrics| -> Map<String, Value> {
        let value = |name: &String| metrics.get(name).map(|value| (name.clone(), json!(value)));
        names.iter().filter_map(value).collect()
    };
    let mut line = Map::new();
    line.insert("run_dir".to_owned(), json!(outcome.run_dir.to_string_lossy()));
    line.insert("steps".to_owned(), json!(outcome.steps));
    line.insert("before".to_owned(), Value::Object(told(&outcome.before)));
    line.insert("after".to_owned(), Value::Object(told(&outcome.after)));
    line
}

/// Prints the line, or a table before and after.
pub(crate) fn print(finished: &Finished, ui: &Ui) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let outcome = &finished.outcome;
    if ui.json {
        writeln!(out, "{}", Value::Object(as_json(outcome)))?;
        return Ok(());
    }
    let rows = rows(outcome);
    if !rows.is_empty() {
        writeln!(out, "{:<32} {:>10} {:>10}", "held out", "before", "after")?;
    }
    for row in rows {
        writeln!(out, "{row}")?;
    }
    writeln!(out, "steps   {}", outcome.steps)?;
    writeln!(out, "run     {}", outcome.run_dir.display())?;
    Ok(writeln!(out, "report  {}", finished.report.display())?)
}

/// A line for each measurement that was made.
fn rows(outcome: &Outcome) -> Vec<String> {
    let row = |(name, label, decimals): &(String, String, usize)| {
        let [before, after] = [&outcome.before, &outcome.after].map(|metrics| metrics.get(name));
        let number = |value: Option<f64>| {
            value.map_or_else(|| "–".to_owned(), |value| format!("{value:.*}", *decimals))
        };
        let row = format!("{label:<32} {:>10} {:>10}", number(before), number(after));
        before.or(after).map(|_| row)
    };
    told(outcome).iter().filter_map(row).collect()
}

/// What is told: the measurements of a language model, those of its judges, and those of every head,
/// whose names hold their task's.
fn told(outcome: &Outcome) -> Vec<(String, String, usize)> {
    let known = TOLD.map(|(name, label, decimals)| (name.to_owned(), label.to_owned(), decimals));
    let measured: BTreeSet<&str> =
        outcome.before.iter().chain(outcome.after.iter()).map(|(name, _)| name).collect();
    let judge = |name: &&str| {
        let label = format!("judge {}", name.strip_prefix("eval/judge/")?);
        Some(((*name).to_owned(), label, 4))
    };
    let judges: Vec<_> = measured.iter().filter_map(judge).collect();
    let of_head = |name: &&str| {
        let own = name.strip_prefix("eval/").unwrap_or_default();
        // A language model's are `eval/NAME` and those below; ends of intervals stand in the log.
        let metric = own.split_once('/').map(|(metric, _)| metric);
        let is_end = |metric: &str| metric.ends_with("_low") || metric.ends_with("_high");
        metric.is_some_and(|metric| !OF_LANGUAGE.contains(&metric) && !is_end(metric))
    };
    let heads = measured.into_iter().filter(of_head).map(|name| {
        let label = name.strip_prefix("eval/").unwrap_or(name).replace('/', ", ");
        (name.to_owned(), label, 4)
    });
    known.into_iter().chain(judges).chain(heads).collect()
}
