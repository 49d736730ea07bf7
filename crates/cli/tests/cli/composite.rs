//! PPO on many rewards at once: each has its curve, and what remembers survives a resume.

use serde_json::Value;

use crate::support::hybrid;
use crate::train::Task;

const LEAVES: [&str; 6] = [
    "style/readability",
    "style/length",
    "style/fluency",
    "variety/distinct_n",
    "variety/compression_ratio",
    "novelty",
];

fn example() -> String {
    format!("{}/../../examples/composite.toml", env!("CARGO_MANIFEST_DIR"))
}

/// A run of the tiny model with the reward of `examples/composite.toml`.
fn task() -> Task {
    let text = std::fs::read_to_string(example()).unwrap();
    let from = text.find("[reward]").unwrap();
    let reward = &text[from..text.find("[[phase]]").unwrap()];
    let task = Task::new();
    let run = std::fs::read_to_string(task.path("run.toml")).unwrap();
    let own = "[reward]\ntype = \"length\"\nmax = 6\n";
    assert!(run.contains(own));
    std::fs::write(task.path("run.toml"), run.replace(own, reward)).unwrap();
    task
}

/// What the reward remembers at a checkpoint.
fn remembered(task: &Task, step: u64) -> Value {
    let path = task.path(&format!("run/checkpoints/step-{step}/run.json"));
    let state: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    state["reward"].clone()
}

#[test]
fn six_nested_rewards_have_a_curve_each_and_remember_across_a_resume() {
    let task = task();
    let whole = task.hybrid(&["train", "DIR/run.toml", "--json"]).json();
    let metrics = task.metrics_of("run");
    let updates: Vec<&Value> =
        metrics.iter().filter(|line| line["metrics"].get("reward/novelty").is_some()).collect();
    assert_eq!(updates.len(), 2, "one for each PPO step");
    for leaf in LEAVES {
        for line in &updates {
            let value = line["metrics"][format!("reward/{leaf}")].as_f64();
            assert!(value.is_some_and(f64::is_finite), "{leaf}: {line}");
        }
    }
    let page = task.hybrid(&["report", "DIR/run", "--output", "DIR/page.html"]).data();
    let page = std::fs::read_to_string(page.trim_end()).unwrap();
    for leaf in LEAVES {
        assert!(page.contains(leaf), "the report has no {leaf}");
    }

    let (early, late) = (remembered(&task, 4), remembered(&task, 6));
    assert!(early.is_object() && late.is_object(), "{early} {late}");
    assert_ne!(early, late, "a PPO step changes what is remembered");
    for step in 5..=6 {
        std::fs::remove_dir_all(task.path(&format!("run/checkpoints/step-{step}"))).unwrap();
    }
    let resumed = task.hybrid(&["train", "DIR/run/config.toml", "--resume", "--json"]).json();
    assert_eq!(resumed, whole);
    assert_eq!(task.metrics_of("run"), metrics);
    assert_eq!(remembered(&task, 6), late);
}

#[test]
fn the_composite_example_is_a_run_file() {
    let shown = hybrid(&["check", &example()]).data();
    assert!(shown.contains("readability"), "{shown}");
}
