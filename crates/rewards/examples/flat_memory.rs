//! Shows that memory stays flat however many rows are scored, also by rewards that remember.
//!
//! ```text
//! cargo run --release -p hybrid-rewards --example flat_memory -- 1000000
//! ```
//!
//! Scores that many different rows in training batches of 1,000 by a tree of lexical and remembering
//! rewards, and prints the resident memory (Linux only) after each tenth. Fails where the last tenth
//! needed over a tenth more than the fifth.
#![expect(clippy::print_stdout, reason = "a program that reports what it measured")]

use std::error::Error;

use hybrid_rewards::{BuildEnv, Context, Registry, Sample};
use serde_json::json;

const BATCH: u64 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("expected a number of rows")?.parse()?;
    let spec = json!({ "type": "weighted_sum", "postprocess": [{ "type": "ema_normalize" }], "components": [
        { "type": "novelty", "capacity": 100_000 },
        { "type": "exploration_bonus" },
        { "type": "curiosity" },
        { "type": "distinct_n" },
        { "type": "flesch_reading_ease", "name": "reading" },
        { "type": "weighted_sum", "name": "fit", "components": [
            { "type": "bleu" }, { "type": "chrf" }, { "type": "rouge_l" }, { "type": "levenshtein" },
        ]},
    ]});
    let tree = Registry::builtin()?.build(&spec, &BuildEnv::without_assets())?;
    let batches = count.div_ceil(BATCH).max(10);
    let mut resident = Vec::new();
    for batch in 0..batches {
        let texts: Vec<(String, [String; 1])> =
            (batch * BATCH..(batch + 1) * BATCH).map(|row| (text(row), [text(row + 7)])).collect();
        let samples: Vec<Sample<'_>> = (0..)
            .zip(&texts)
            .map(|(id, (response, targets))| Sample {
                targets,
                ..Sample::of_response(id, response)
            })
            .collect();
        tree.score(&samples, &Context::training(batch))?;
        if (batch + 1) % (batches / 10) == 0 {
            let now = resident_kib();
            println!("{} rows: {} KiB", (batch + 1) * BATCH, now.unwrap_or(0));
            resident.extend(now);
        }
    }
    match (resident.get(4), resident.get(9)) {
        (Some(half), Some(end)) if *end > half + half / 10 => {
            Err(format!("memory grew from {half} KiB at half of the rows to {end} KiB").into())
        }
        _ => Ok(()),
    }
}

/// Twenty words that depend on `row`, most of them new.
fn text(row: u64) -> String {
    let word = |place: u64| {
        let draw = (row * 20 + place).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let end = if place.is_multiple_of(9) { ". " } else { " " };
        format!("w{}{end}", draw % 200_000)
    };
    (1..=20).map(word).collect()
}

fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}
