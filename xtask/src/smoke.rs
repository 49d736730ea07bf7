//! The built binary on a tiny model: every part that works, on every device that is present.
//!
//! Each issue adds checks; together they stay under a minute. A check is a command line and what
//! must hold of its output; nothing is downloaded.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::workspace::Workspace;

mod training;

#[cfg(test)]
mod tests;

/// The longest that all checks together should take, in seconds.
const BUDGET_SECONDS: f64 = 60.0;

/// The models that the checks run, from the root: one file each, random weights, real tokenizers.
const MODELS: [&str; 4] = ["llama", "qwen3", "gemma2", "gemma3"];

/// One command line of `hybrid`, and what must hold of its output.
struct Check {
    name: String,
    args: Vec<String>,
    expect: fn(&Output) -> Result<()>,
}

impl Check {
    fn new(name: impl Into<String>, args: &[&str], expect: fn(&Output) -> Result<()>) -> Self {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Self { name: name.into(), args, expect }
    }
}

/// The binary, and a folder to work in.
struct Smoke<'a> {
    binary: &'a Path,
    folder: &'a Path,
}

impl Smoke<'_> {
    /// Runs `hybrid` with `args`; it must succeed, and `expect` hold of what it printed.
    fn check(
        &self,
        name: &str,
        args: &[String],
        expect: &dyn Fn(&Output) -> Result<()>,
    ) -> Result<()> {
        let start = Instant::now();
        let output = hybrid(self.binary, self.folder, args)?;
        let result = succeeded(&output).and_then(|()| expect(&output));
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        println!("{name:<28} {:>6.2} s  {verdict}", start.elapsed().as_secs_f64());
        result.with_context(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            let (command, said) = (args.join(" "), said.trim());
            format!("smoke check `{name}` (`hybrid {command}`), which said on stderr: {said}")
        })
    }
}

/// Runs the checks that need no device, then those of each device that is present.
///
/// # Errors
///
/// The first check that fails, with its command line and what it printed; a `device` that is not
/// present; a binary that was not built.
pub(crate) fn run(workspace: &Workspace, device: Option<&str>) -> Result<()> {
    let binary = workspace.binary();
    ensure!(binary.is_file(), "`{}` is not built; run `cargo xtask smoke`", binary.display());
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let smoke = Smoke { binary: &binary, folder: folder.path() };
    let pairs =
        "{\"response\": \"a b\", \"target\": \"a b\"}\n{\"response\": \"\", \"target\": \"c\"}\n";
    std::fs::write(folder.path().join(PAIRS), pairs).context("cannot write the smoke pairs")?;
    let start = Instant::now();
    for Check { name, args, expect } in general_checks() {
        smoke.check(&name, &args, &expect)?;
    }
    let devices = chosen(&present_devices(&binary, folder.path())?, device)?;
    let text = folder.path().join("text.jsonl");
    let rows = "{\"text\": \"The sky is blue, and so is the sea.\"}\n{\"text\": \"Rain.\"}\n";
    std::fs::write(&text, rows).context("cannot write the smoke text")?;
    for device in &devices {
        for model in MODELS {
            let path = workspace.root().join(format!("golden/gguf/{model}.gguf"));
            for Check { name, args, expect } in model_checks(device, model, &path, &text) {
                smoke.check(&name, &args, &expect)?;
            }
        }
        training::run(&smoke, device)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("smoke: {seconds:.1} s of {BUDGET_SECONDS:.0} s");
    if seconds > BUDGET_SECONDS {
        println!("WARNING smoke is over its budget; make a check smaller");
    }
    Ok(())
}

/// Rows for `hybrid reward`.
const PAIRS: &str = "pairs.jsonl";

/// A sum of two rewards.
const REWARD: &str = r#"{"REWARD": {"type": "weighted_sum", "components": [
    {"type": "rouge_l", "weight": 3}, {"type": "levenshtein", "name": "near"}
]}}"#;

/// What must hold whatever the machine.
fn general_checks() -> Vec<Check> {
    vec![
        Check::new("reward", &["reward", "--spec", REWARD, "--input", PAIRS], |output| {
            let text = stdout(output)?;
            let lines: Vec<Value> = text
                .lines()
                .map(serde_json::from_str)
                .collect::<Result<_, _>>()
                .context("is not one JSON object a row")?;
            let scores: Vec<_> = lines.iter().map(|line| line.get("score")?.as_f64()).collect();
            ensure!(scores == [Some(1.0), Some(0.0)], "the scores are {scores:?}");
            ensure!(text.contains("\"near\":1.0"), "no component `near` in {text}");
            Ok(())
        }),
        Check::new("version", &["--version"], |output| {
            let text = stdout(output)?;
            ensure!(text.starts_with("hybrid "), "`{}` is no version line", text.trim());
            Ok(())
        }),
        Check::new("devices", &["devices", "--json"], |output| {
            ensure!(!devices(&stdout(output)?)?.is_empty(), "not even the CPU is present");
            Ok(())
        }),
    ]
}

/// What must hold of each model on each device.
fn model_checks(device: &str, name: &str, model: &Path, text: &Path) -> Vec<Check> {
    let (model, text) = (model.to_string_lossy(), text.to_string_lossy());
    let common = ["--json", "--device", device];
    let check = |what: &str, args: &[&str], expect| {
        let args: Vec<&str> = args.iter().chain(&common).copied().collect();
        Check::new(format!("{what} {name} on {device}"), &args, expect)
    };
    let greedy = ["generate", &model, "--prompt", "The sky", "--greedy", "--ignore-eos"];
    let greedy = [greedy.as_slice(), &["--max-new-tokens", "8"]].concat();
    let sampled = ["generate", &model, "--prompt", "The sky", "--ignore-eos", "--top-p", "0.9"];
    let sampled = [sampled.as_slice(), &["--seed", "3", "--max-new-tokens", "8"]].concat();
    vec![
        check("generate", &greedy, expect_eight_tokens),
        check("sample", &sampled, expect_eight_tokens),
        check("eval", &["eval", &model, "--data", &text], expect_perplexity),
    ]
}

/// A finite perplexity of at least 1 over some tokens.
fn expect_perplexity(output: &Output) -> Result<()> {
    let report: Value =
        serde_json::from_str(stdout(output)?.trim()).context("is not one JSON object")?;
    let number = |key: &str| report.get(key).and_then(Value::as_f64);
    ensure!(number("perplexity").is_some_and(|p| p >= 1.0), "no perplexity in {report}");
    ensure!(number("tokens").is_some_and(|n| n > 0.0), "no tokens in {report}");
    Ok(())
}

/// One line of `generate --json` with eight tokens and their log-probabilities.
fn expect_eight_tokens(output: &Output) -> Result<()> {
    let text = stdout(output)?;
    let line: Value = serde_json::from_str(text.trim()).context("is not one JSON object")?;
    let list = |key: &str| {
        let list = line.get(key).and_then(Value::as_array);
        list.with_context(|| format!("`{key}` is not a list in {line}"))
    };
    let (ids, logprobs) = (list("token_ids")?, list("logprobs")?);
    ensure!(ids.len() == 8, "{} tokens instead of 8", ids.len());
    ensure!(logprobs.len() == 8, "{} log-probabilities instead of 8", logprobs.len());
    let good = |value: &Value| value.as_f64().is_some_and(|logprob| logprob <= 0.0);
    ensure!(logprobs.iter().all(good), "a log-probability is no number up to 0: {logprobs:?}");
    Ok(())
}

fn hybrid(binary: &Path, folder: &Path, args: &[String]) -> Result<Output> {
    let mut command = Command::new(binary);
    // An own cache folder, so that a check can neither use nor spoil what the user has fetched.
    command.args(args).current_dir(folder).env("HYBRID_HOME", folder);
    command.output().with_context(|| format!("cannot start `{}`", binary.display()))
}

fn succeeded(output: &Output) -> Result<()> {
    ensure!(output.status.success(), "ended with {}", output.status);
    Ok(())
}

fn stdout(output: &Output) -> Result<String> {
    String::from_utf8(output.stdout.clone()).context("standard output is not UTF-8")
}

fn present_devices(binary: &Path, folder: &Path) -> Result<Vec<String>> {
    let output = hybrid(binary, folder, &["devices".to_owned(), "--json".to_owned()])?;
    devices(&stdout(&output)?)
}

/// The devices that `hybrid devices --json` reports as present, as `--device` takes them.
fn devices(json: &str) -> Result<Vec<String>> {
    let rows: Vec<Value> =
        serde_json::from_str(json).context("`hybrid devices --json` printed no JSON array")?;
    let mut present = Vec::new();
    for row in &rows {
        let name = row.get("device").and_then(Value::as_str);
        let is_present = row.get("present").and_then(Value::as_bool);
        match (name, is_present) {
            (Some(name), Some(true)) => present.push(name.to_owned()),
            (Some(_), Some(false)) => {}
            _ => bail!("a row of `hybrid devices --json` lacks `device` or `present`: {row}"),
        }
    }
    Ok(present)
}

/// All devices, or those that `wanted` names: `cuda` means each of `cuda:0`, `cuda:1`, ….
fn chosen(present: &[String], wanted: Option<&str>) -> Result<Vec<String>> {
    let Some(wanted) = wanted else { return Ok(present.to_vec()) };
    let family = format!("{wanted}:");
    let fits = |device: &&String| *device == wanted || device.starts_with(&family);
    let chosen: Vec<String> = present.iter().filter(fits).cloned().collect();
    let list = present.join(", ");
    ensure!(!chosen.is_empty(), "device `{wanted}` is not present; present are: {list}");
    Ok(chosen)
}
