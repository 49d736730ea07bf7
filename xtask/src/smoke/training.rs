//! Training from beginning to end: SFT, PPO, both in turns, both in one loss; a run that goes on; its
//! weights for others.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Smoke, expect_eight_tokens, stdout};

#[cfg(test)]
mod tests;

/// What all runs share: a model of some thousand parameters, rows from a file beside it.
const COMMON: &str = r#"
seed = 5
[model.init]
tokenizer = "byte"
hidden_size = 16
layers = 2
heads = 2
context = 64
[data]
train = "rows.jsonl"
validation = 4
[train]
batch_size = 4
max_length = 32
[rollout]
batch_size = 4
max_new_tokens = 8
[ppo]
epochs = 2
minibatch_size = 4
[reward]
type = "length"
max = 8
[eval]
prompts = 4
samples = 1
[output]
save_every = 1
keep_last = 9
"#;

/// The runs: a name, the steps they have, their phases.
const RUNS: [(&str, u64, &str); 4] = [
    ("sft", 3, "[[phase]]\nkind = \"sft\"\nsteps = 3\n"),
    ("ppo", 2, "[[phase]]\nkind = \"ppo\"\nsteps = 2\n"),
    (HYBRID, 5, "[[phase]]\nkind = \"sft\"\nsteps = 1\n[[phase]]\nkind = \"hybrid\"\ncycles = 2\n"),
    ("mixed", 2, "[[phase]]\nkind = \"hybrid\"\ncycles = 2\nmix = { sft_coef = 0.1 }\n"),
];

/// The run that is taken up again.
const HYBRID: &str = "hybrid";

/// Trains, resumes and exports on one device.
///
/// # Errors
///
/// The first check that fails.
pub(super) fn run(smoke: &Smoke<'_>, device: &str) -> Result<()> {
    let folder = smoke.folder.join(format!("training-{}", device.replace(':', "-")));
    fs::create_dir_all(&folder).context("cannot make a folder")?;
    fs::write(folder.join("rows.jsonl"), rows()).context("cannot write the smoke data")?;
    for (name, steps, phases) in RUNS {
        let file = folder.join(format!("{name}.toml"));
        fs::write(&file, run_file(&folder, name, phases)).context("cannot write a run file")?;
        smoke.check(&format!("train {name} on {device}"), &train(&file, device), &|output| {
            expect_summary(&stdout(output)?, steps)
        })?;
    }
    resume(smoke, &folder.join(HYBRID), device)?;
    let (run, model) = (folder.join(HYBRID), folder.join("exported"));
    let args = ["export".into(), text(&run), text(&model)];
    smoke.check("export", &args, &|_| expect_files(&model))?;
    let args = ["generate", &text(&model), "--prompt", "row", "--greedy", "--ignore-eos", "--json"];
    let args = [args.as_slice(), &["--max-new-tokens", "8", "--device", device]].concat();
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    smoke.check("generate exported", &args, &expect_eight_tokens)
}

/// Takes a finished run back to its first step and lets it go on: its records must come out as they
/// were.
fn resume(smoke: &Smoke<'_>, run: &Path, device: &str) -> Result<()> {
    let before = metrics(run)?;
    for step in 2..=5 {
        let checkpoint = run.join(format!("checkpoints/step-{step}"));
        fs::remove_dir_all(&checkpoint)
            .with_context(|| format!("cannot remove `{}`", checkpoint.display()))?;
    }
    let mut args = train(&run.join("config.toml"), device);
    args.push("--resume".to_owned());
    smoke.check(&format!("resume on {device}"), &args, &|output| {
        expect_summary(&stdout(output)?, 5)?;
        ensure!(metrics(run)? == before, "the resumed run has other metrics");
        Ok(())
    })
}

fn rows() -> String {
    let row = |n: u32| format!("{{\"prompt\": \"row {n}:\", \"completion\": \" {}\"}}\n", n * n);
    (0..24).map(row).collect()
}

/// [`COMMON`] with a run directory and phases; TOML wants its tables after the plain keys.
fn run_file(folder: &Path, name: &str, phases: &str) -> String {
    // A literal string: a path of any system stands in it as it is.
    let data = format!("train = '{}'", text(&folder.join("rows.jsonl")));
    let common = COMMON.replace("train = \"rows.jsonl\"", &data);
    format!("{common}dir = '{}'\n{phases}", text(&folder.join(name)))
}

fn train(file: &Path, device: &str) -> Vec<String> {
    ["train", &text(file), "--device", device, "--json"].map(str::to_owned).to_vec()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The last line of `train --json`: all steps done, and measured before and after.
fn expect_summary(output: &str, steps: u64) -> Result<()> {
    let line = output.lines().last().context("printed nothing")?;
    let line: Value = serde_json::from_str(line).context("the last line is not JSON")?;
    let done = line.get("steps").and_then(Value::as_u64);
    ensure!(done == Some(steps), "{done:?} steps instead of {steps}: {line}");
    for when in ["before", "after"] {
        let loss = line.get(when).and_then(|metrics| metrics.get("eval/score_mean"));
        let is_number = loss.and_then(Value::as_f64).is_some_and(f64::is_finite);
        ensure!(is_number, "no `eval/score_mean` {when}: {line}");
    }
    Ok(())
}

/// Every line of `metrics.jsonl`, without times and speeds.
fn metrics(run: &Path) -> Result<Vec<Value>> {
    let path = run.join("metrics.jsonl");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let line = |line: &str| -> Result<Value> {
        let mut line: Value = serde_json::from_str(line).context("a metrics line is not JSON")?;
        if let Some(object) = line.as_object_mut() {
            object.remove("time_s");
        }
        if let Some(metrics) = line.get_mut("metrics").and_then(Value::as_object_mut) {
            metrics.retain(|name, _| !name.starts_with("time/"));
        }
        Ok(line)
    };
    text.lines().map(line).collect()
}

fn expect_files(model: &Path) -> Result<()> {
    let missing: Vec<PathBuf> = ["config.json", "model.safetensors", "tokenizer.json"]
        .iter()
        .map(|name| model.join(name))
        .filter(|path| !path.is_file())
        .collect();
    ensure!(missing.is_empty(), "these files are missing: {missing:?}");
    Ok(())
}
