//! Compares scores with what the Python originals gave for the same rows.
//!
//! ```text
//! cargo run --release -p hybrid-rewards --example compare_rewards -- ROWS.jsonl
//! ```
//!
//! `reference/compare_rewards.py` writes such rows from public data: a first line with the specs by name,
//! then rows that carry `want`, the expected score by that name. Prints the largest difference for
//! each spec, shows a row of it where that is over 1e-9, and fails then.
#![expect(clippy::print_stdout, reason = "a program that reports what it measured")]

use std::collections::BTreeMap;
use std::error::Error;

use hybrid_rewards::rows::Row;
use hybrid_rewards::{BuildEnv, Context, Registry};
use serde::Deserialize;
use serde_json::Value;

const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Head {
    specs: BTreeMap<String, Value>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("expected ROWS.jsonl")?;
    let text = std::fs::read_to_string(path)?;
    let mut lines = text.lines();
    let head: Head = serde_json::from_str(lines.next().ok_or("the file is empty")?)?;
    let rows: Vec<Row> = lines
        .map(|line| Ok(Row::from_json(serde_json::from_str(line)?)?))
        .collect::<Result<_, Box<dyn Error>>>()?;
    let samples: Vec<_> = (0..).zip(&rows).map(|(id, row)| row.sample(id, id)).collect();
    let registry = Registry::builtin()?;
    let mut wrong = 0;
    for (name, spec) in &head.specs {
        let tree = registry.build(spec, &BuildEnv::without_assets())?;
        let scores = tree.score(&samples, &Context::evaluation())?.value;
        let mut worst = (0.0, None);
        let mut compared = 0;
        for (score, row) in scores.iter().zip(&rows) {
            let Some(want) = row.fields.get("want").and_then(|want| want.get(name)) else {
                continue;
            };
            let want = want.as_f64().ok_or("a `want` is not a number")?;
            let difference = score.map_or(f64::INFINITY, |score| (score - want).abs());
            compared += 1;
            wrong += usize::from(difference > TOLERANCE);
            if difference > worst.0 {
                worst = (difference, Some((row, *score, want)));
            }
        }
        println!("{name:24} {compared:6} rows, largest difference {:.1e}", worst.0);
        if let (true, Some((row, got, want))) = (worst.0 > TOLERANCE, worst.1) {
            println!("  {:?} against {:?}: {got:?}, want {want}", row.response, row.targets);
        }
    }
    if wrong > 0 {
        return Err(format!("{wrong} scores differ by more than {TOLERANCE}").into());
    }
    Ok(())
}
