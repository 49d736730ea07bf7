//! The memory that `hybrid check` names, beside what a run took.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::hybrid;

/// A run whose memory is mostly what passes keep: 2,048 tokens at once through 12 narrow layers.
fn write_run(folder: &Path, memory: &str) -> String {
    let rows: String = (0..16)
        .map(|row| {
            let text = format!("row {row} ").repeat(60);
            format!("{}\n", json!({"prompt": "p:", "completion": text}))
        })
        .collect();
    std::fs::write(folder.join("rows.jsonl"), rows).unwrap();
    let run = json!({
        "model": {"init": {
            "tokenizer": "byte", "hidden_size": 128, "layers": 12, "heads": 4, "context": 256,
        }},
        "data": {"train": folder.join("rows.jsonl")},
        "train": {"batch_size": 8, "micro_batch": 8, "max_length": 256, "memory": memory},
        "phase": [{"kind": "sft", "steps": 2}],
        "output": {"dir": folder.join(memory)},
    });
    let file = folder.join(format!("{memory}.json"));
    std::fs::write(&file, run.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

/// What `check` says a run takes, and the most that the process had taken after its last step: both
/// in millions of bytes.
fn estimated_and_measured(folder: &Path, memory: &str) -> (f64, f64) {
    let file = write_run(folder, memory);
    let checked = hybrid(&["check", &file, "--json"]).json();
    let estimated = checked["memory"]["total"].as_f64().unwrap() / 1e6;
    let outcome = hybrid(&["train", &file, "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let metrics = std::fs::read_to_string(folder.join(memory).join("metrics.jsonl")).unwrap();
    let peak = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["metrics"]["time/peak_memory_mb"].as_f64()
    };
    (estimated, metrics.lines().filter_map(peak).next_back().unwrap())
}

#[test]
fn little_memory_takes_as_much_less_as_check_says() {
    let folder = TempDir::new().unwrap();
    let (estimated, measured) = estimated_and_measured(folder.path(), "normal");
    let (estimated_low, measured_low) = estimated_and_measured(folder.path(), "low");
    let said = format!(
        "normal: {estimated:.0} MB estimated, {measured:.0} measured; low: {estimated_low:.0} and \
         {measured_low:.0}"
    );
    // Programs and libraries take what no estimate knows.
    let beside = 0.0..150.0;
    assert!(beside.contains(&(measured_low - 0.8 * estimated_low)), "{said}");
    let saved = (measured - measured_low) / (estimated - estimated_low);
    assert!((0.65..1.5).contains(&saved), "{saved:.2} of what was promised; {said}");
}
