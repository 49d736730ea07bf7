use std::path::Path;

use serde_json::{Value, json};

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn small() -> RunConfig {
    let text = "model.base = \"m\"\ndata.train = \"d\"\nphase = [{ kind = \"sft\", steps = 3 }]\n";
    config::parse(text, Path::new("run.toml"), &[]).expect("a good run")
}

/// The message without the temporary folder's name.
fn message(error: &RunDirError, folder: &Path) -> String {
    error.to_string().replace(&folder.display().to_string(), "DIR")
}

#[test]
fn a_new_run_makes_its_folder_and_says_what_it_is() {
    let base = folder();
    let path = base.path().join("runs/a");
    let run = RunDir::create(&path).expect("a new folder");
    run.write_config(&small().effective().expect("TOML")).expect("a configuration");
    assert_eq!(run.read_config().expect("what was written"), small());
    let environment = Environment::new("cpu", &["flex"]);
    run.write_environment(&environment).expect("an environment");
    let text = fs::read_to_string(path.join(ENVIRONMENT)).expect("env.json");
    assert_eq!(serde_json::from_str::<Environment>(&text).expect("JSON"), environment);
    assert_eq!(environment.version, env!("CARGO_PKG_VERSION"));
    let mut names: Vec<_> = fs::read_dir(&path)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, [CONFIG, ENVIRONMENT]);
    assert_eq!(RunDir::resume(&path).expect("a run"), run);
}

#[test]
fn a_run_is_never_overwritten() {
    let base = folder();
    let path = base.path().join("a");
    RunDir::create(&path)
        .expect("a new folder")
        .write_config(&small().effective().expect("TOML"))
        .expect("a configuration");
    let error = RunDir::create(&path).expect_err("a run");
    assert!(error.is_bad_input());
    insta::assert_snapshot!(message(&error, base.path()), @"`DIR/a` holds a run already: go on with it by `--resume`, or give this run another `output.dir`");
    let other = base.path().join("b");
    fs::create_dir(&other).expect("a folder");
    RunDir::create(&other).expect("an empty folder will do");
    fs::write(other.join("notes.txt"), "x").expect("a file");
    insta::assert_snapshot!(
        message(&RunDir::create(&other).expect_err("a folder with a file"), base.path()), @"`DIR/b` is not empty: give the run another `output.dir`");
    insta::assert_snapshot!(
        message(&RunDir::create(&other.join("notes.txt")).expect_err("a file"), base.path()), @"`DIR/b/notes.txt` is not a folder; give the run another `output.dir`");
}

#[test]
fn only_a_run_is_resumed() {
    let base = folder();
    let absent = RunDir::resume(&base.path().join("a")).expect_err("no folder");
    assert!(absent.is_bad_input());
    insta::assert_snapshot!(message(&absent, base.path()), @"`DIR/a` is not a run directory: there is no such folder; to start a run there, leave out `--resume`");
    insta::assert_snapshot!(message(&RunDir::resume(base.path()).expect_err("no run"), base.path()), @"`DIR` is not a run directory: it has no `config.toml`; to start a run there, leave out `--resume`");
}

#[test]
fn a_damaged_configuration_is_named() {
    let base = folder();
    fs::write(base.path().join(CONFIG), "seed = 1\nsead = 2\n").expect("a file");
    let error = RunDir::resume(base.path()).expect("a run").read_config().expect_err("a mistake");
    assert!(error.is_bad_input());
    assert!(message(&error, base.path()).starts_with("DIR/config.toml:2:1: `sead` is not known"));
}

fn line(step: u64, loss: f64) -> Value {
    json!({"step": step, "phase": "sft", "metrics": {"sft/loss": loss}})
}

/// What `steps` leave in a log.
fn lines(steps: impl IntoIterator<Item = u64>) -> String {
    steps.into_iter().map(|step| format!("{}\n", line(step, step as f64))).collect()
}

#[test]
fn a_log_grows_by_lines() {
    let base = folder();
    let path = base.path().join(METRICS);
    let mut log = JsonlLog::open(&path, None).expect("a log");
    for step in 0..3 {
        log.append(&line(step, step as f64)).expect("a line");
        // Each is there at once.
        assert_eq!(fs::read_to_string(&path).expect("text"), lines(0..=step));
    }
    log.flush().expect("a disk");
    drop(log);
    JsonlLog::open(&path, None).expect("a log").append(&line(3, 3.0)).expect("a line");
    assert_eq!(fs::read_to_string(&path).expect("text"), lines(0..4));
}

#[test]
fn what_is_no_number_is_null() {
    let base = folder();
    let path = base.path().join(METRICS);
    let mut log = JsonlLog::open(&path, None).expect("a log");
    #[derive(serde::Serialize)]
    struct Line {
        step: u64,
        loss: f64,
    }
    log.append(&Line { step: 1, loss: f64::NAN }).expect("a line");
    assert_eq!(fs::read_to_string(&path).expect("text"), "{\"step\":1,\"loss\":null}\n");
}

#[test]
fn a_resumed_log_equals_an_uninterrupted_one() {
    let base = folder();
    let path = base.path().join(METRICS);
    let whole = lines(0..8);
    // Killed after any number of bytes, resumed from any checkpoint that the log covers.
    for killed_at in 0..=whole.len() {
        for checkpoint in 0..8_u64 {
            let covered = lines(0..=checkpoint).len();
            if covered > killed_at {
                continue;
            }
            fs::write(&path, whole.get(..killed_at).expect("ASCII")).expect("a file");
            let mut log = JsonlLog::open(&path, Some(checkpoint)).expect("a log");
            for step in checkpoint + 1..8 {
                log.append(&line(step, step as f64)).expect("a line");
            }
            assert_eq!(fs::read_to_string(&path).expect("text"), whole);
        }
    }
}

#[test]
fn several_lines_of_one_step_stay_together() {
    let base = folder();
    let path = base.path().join(SAMPLES);
    fs::write(&path, lines([0, 0, 5, 5, 7])).expect("a file");
    JsonlLog::open(&path, Some(5)).expect("a log");
    assert_eq!(fs::read_to_string(&path).expect("text"), lines([0, 0, 5, 5]));
    JsonlLog::open(&path, Some(4)).expect("a log");
    assert_eq!(fs::read_to_string(&path).expect("text"), lines([0, 0]));
}

#[test]
fn a_damaged_line_is_named_and_nothing_is_lost() {
    let base = folder();
    let path = base.path().join(METRICS);
    for damage in ["{\"step\": 1", "[]", "{\"step\": -1}", "{\"phase\": \"sft\"}", "", "\u{fffd}"] {
        let text = format!("{}{damage}\n{}", lines(0..1), lines(2..3));
        fs::write(&path, &text).expect("a file");
        let error = JsonlLog::open(&path, Some(9)).expect_err("damage");
        assert!(error.is_bad_input());
        assert!(
            message(&error, base.path()).starts_with("line 2 of `DIR/metrics.jsonl` is not an")
        );
        assert_eq!(fs::read_to_string(&path).expect("text"), text);
    }
}
