//! How long rewards take on real pairs of texts, to stand beside `reference/bench/rewards.py`.
//!
//! ```text
//! RAYON_NUM_THREADS=1 cargo run --release -p hybrid-rewards --example reward_speed -- PAIRS.jsonl [LEXICON]
//! ```
//!
//! PAIRS.jsonl holds rows with `response` and `target`, as that script writes them (a line of specs, as
//! `compare_rewards` reads, is passed over); LEXICON is a folder
//! with VADER's two files, without which sentiment is left out. Prints a JSON line a metric:
//! microseconds of processor time (all threads, Linux only) and of the clock a row, the least of
//! five passes after one that warms up.
#![expect(clippy::print_stdout, reason = "a program that reports what it measured")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use hybrid_rewards::rows::Row;
use hybrid_rewards::{BuildEnv, Context, Registry, Sample};
use serde_json::{Value, json};

const PASSES: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("expected PAIRS.jsonl [LEXICON]")?;
    let lexicon = arguments.next();
    let text = std::fs::read_to_string(Path::new(&path))?;
    let rows: Vec<Row> = text
        .lines()
        .filter(|line| !line.starts_with("{\"specs\""))
        .map(|line| Ok(Row::from_json(serde_json::from_str(line)?)?))
        .collect::<Result<_, Box<dyn Error>>>()?;
    let samples: Vec<Sample<'_>> = (0..).zip(&rows).map(|(id, row)| row.sample(id, id)).collect();
    let mut specs = vec![
        ("bleu", json!({ "type": "bleu" })),
        ("chrf", json!({ "type": "chrf" })),
        ("ter", json!({ "type": "ter" })),
        ("rouge_l", json!({ "type": "rouge_l" })),
        ("rouge_1", json!({ "type": "rouge_1" })),
        ("meteor_stem", json!({ "type": "meteor_stem" })),
        ("flesch_reading_ease", json!({ "type": "flesch_reading_ease" })),
        ("dale_chall", json!({ "type": "dale_chall" })),
        ("levenshtein", json!({ "type": "levenshtein" })),
    ];
    if let Some(lexicon) = &lexicon {
        specs.push(("sentiment", json!({ "type": "sentiment", "lexicon": lexicon })));
    }
    let registry = Registry::builtin()?;
    for (name, spec) in specs {
        let (processor, clock) = measure(&registry, &spec, &samples)?;
        let per_row = |seconds: f64| (seconds * 1e8 / samples.len() as f64).round() / 100.0;
        let (processor, clock) = (processor.map(per_row), per_row(clock));
        println!(
            "{}",
            json!({ "metric": name, "rows": samples.len(), "cpu_us": processor, "wall_us": clock })
        );
    }
    Ok(())
}

/// Seconds of processor time, where the system tells it, and of the clock for one pass.
fn measure(
    registry: &Registry,
    spec: &Value,
    samples: &[Sample<'_>],
) -> Result<(Option<f64>, f64), Box<dyn Error>> {
    let tree = registry.build(spec, &BuildEnv::without_assets())?;
    tree.score(samples, &Context::evaluation())?;
    let mut least = (None, f64::INFINITY);
    for _ in 0..PASSES {
        let (before, start) = (processor_seconds(), Instant::now());
        tree.score(samples, &Context::evaluation())?;
        let clock = start.elapsed().as_secs_f64();
        let used = processor_seconds().zip(before).map(|(after, before)| after - before);
        let less = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        least = (less(least.0, used), least.1.min(clock));
    }
    Ok(least)
}

/// The processor time of all threads that run, in seconds.
fn processor_seconds() -> Option<f64> {
    let mut nanoseconds = 0_u64;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let times = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += times.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(nanoseconds as f64 / 1e9)
}
