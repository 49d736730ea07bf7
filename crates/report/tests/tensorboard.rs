//! Event files as TensorBoard itself reads them, by `reference/check_tensorboard.py`.
//!
//! Needs a Python that has the `tensorboard` package, named in `HYBRID_PYTHON` or found as `python3`;
//! without it the test says that it was skipped.

#![allow(clippy::expect_used, reason = "a helper that fails fails the test")]

use std::fs;
use std::path::Path;
use std::process::Command;

use hybrid_report::tensorboard::{EventWriter, sample_markdown};
use serde_json::json;

#[test]
fn tensorboard_reads_what_was_written() {
    let python = std::env::var("HYBRID_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_it = Command::new(&python).args(["-c", "import tensorboard"]).output();
    if !has_it.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "SKIPPED tensorboard_reads_what_was_written: `{python}` has no `tensorboard`; install \
             it, or name another Python in HYBRID_PYTHON"
        );
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let events = folder.path().join("tensorboard");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reference/check_tensorboard.py");
    let check = || {
        Command::new(&python)
            .arg(&script)
            .args([folder.path(), events.as_path()])
            .output()
            .expect("Python starts")
    };

    write_steps(&events, 1_000, 1..=20, None);
    // The run is killed and resumed from step 15: what it did after that is void.
    write_steps(&events, 2_000, 16..=30, Some(16));
    let mut metrics = String::new();
    for step in 1..=30_u64 {
        let seconds = if step < 16 { 1_000 } else { 2_000 };
        let values = json!({ "sft/loss": loss(seconds, step), "ppo/explained_variance": null });
        let line = json!({ "step": step, "phase": "sft", "time_s": 1.0, "metrics": values });
        metrics += &format!("{line}\n");
    }
    fs::write(folder.path().join("metrics.jsonl"), &metrics).expect("written");
    let output = check();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("30 numbers of 1 keys agree, 2 texts"), "{said}");

    fs::write(folder.path().join("metrics.jsonl"), metrics.replace("\"step\":7,", "\"step\":99,"))
        .expect("written");
    assert!(!check().status.success(), "a missing step must be seen");
}

fn loss(seconds: u64, step: u64) -> f64 {
    1.0 / (step as f64) + seconds as f64
}

fn write_steps(
    folder: &Path,
    seconds: u64,
    steps: impl Iterator<Item = u64>,
    resumed_at: Option<u64>,
) {
    let mut writer = EventWriter::open(folder, seconds, "host", resumed_at).expect("opens");
    for step in steps {
        let metrics = [("sft/loss", Some(loss(seconds, step))), ("ppo/explained_variance", None)];
        writer.scalars(step, seconds as f64 + step as f64, metrics).expect("written");
    }
    let text = sample_markdown("a <b> prompt", "an answer 🎬", Some(0.25));
    writer.text(seconds, seconds as f64, &format!("samples/{seconds}"), &text).expect("written");
    writer.flush().expect("flushed");
}
