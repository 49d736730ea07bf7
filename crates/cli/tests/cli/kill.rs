//! A run that is killed again and again ends as the run that was left alone.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::command;
use crate::train::Task;

/// Kills of one run.
const KILLS: u32 = 5;

/// A run in `DIR/{name}`, with cycles enough that it can be killed in their midst.
fn args(task: &Task, name: &str, resume: bool) -> Vec<String> {
    let dir = format!("output.dir=DIR/{name}");
    let mut args = vec!["train", "DIR/run.toml", "--set", "phase.1.cycles=40", "--set"];
    args.extend([dir.as_str(), "--set", "output.keep_last=2", "--set", "eval.every=5"]);
    args.extend(resume.then_some("--resume"));
    task.args(&args)
}

/// The bytes of a file of the last checkpoint.
fn last(task: &Task, name: &str, file: &str) -> Vec<u8> {
    // Two supervised steps, then forty cycles of two.
    let path = task.path(&format!("{name}/checkpoints/step-82/{file}"));
    std::fs::read(path).unwrap()
}

#[test]
fn a_run_that_is_killed_five_times_is_the_run_that_was_left_alone() {
    let task = Task::new();
    let began = Instant::now();
    let alone: Vec<String> = args(&task, "alone", false);
    let alone: Vec<&str> = alone.iter().map(String::as_str).collect();
    assert_eq!(task.hybrid(&alone).code, 0);
    let length = began.elapsed();

    let mut killed = 0;
    for kill in 0..40 {
        let begun = Path::new(&task.path("killed/config.toml")).exists();
        if !begun && Path::new(&task.path("killed")).exists() {
            // Killed before it had written what it is.
            std::fs::remove_dir_all(task.path("killed")).unwrap();
        }
        let mut child = command(&args(&task, "killed", begun))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Some way on, but never so far that five of them reach the end.
        let share = f64::from((kill * 37 + 11) % 11 + 6) / 100.0;
        std::thread::sleep(Duration::from_secs_f64(length.as_secs_f64() * share));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
        if killed == KILLS {
            break;
        }
    }
    assert_eq!(killed, KILLS, "the run was over before it could be killed often enough");
    let rest = args(&task, "killed", true);
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let outcome = task.hybrid(&rest);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);

    assert_eq!(task.metrics_of("killed"), task.metrics_of("alone"));
    let samples = |name: &str| std::fs::read(task.path(&format!("{name}/samples.jsonl"))).unwrap();
    assert!(samples("killed") == samples("alone"), "other samples");
    for file in ["model.safetensors", "state.safetensors", "trainer.json"] {
        let same = last(&task, "killed", file) == last(&task, "alone", file);
        assert!(same, "`{file}` of the last checkpoint differs");
    }
}
