//! One process for each measurement, ours or a peer's, and the JSON line it prints.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Options;
use super::case::Case;
use super::summary::Ceiling;
use crate::workspace::{Features, Workspace};

/// What a peer's script ends with where the peer is not installed.
const ABSENT: i32 = 3;

/// What a process measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    /// Who, with versions.
    pub(super) by: String,
    /// The median over the process's own repetitions.
    pub(super) seconds: f64,
    /// Tokens of a repetition, or pairs of texts.
    pub(super) amount: f64,
    /// Operations that it takes at the least, where they were counted.
    pub(super) flops: Option<f64>,
    /// Bytes of weights that must be read, where all are read at every step.
    pub(super) bytes: Option<f64>,
    /// The largest memory of the process.
    pub(super) peak_mb: Option<f64>,
}

/// What a measurement of ours changes: where nothing is said, the case and the options decide.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Varied {
    pub(super) rows: Option<usize>,
    pub(super) repetitions: Option<usize>,
    pub(super) threads: Option<usize>,
}

/// What became of a peer's process.
pub(super) enum Outcome {
    Measured(Measured),
    /// Why there is no number.
    Skipped(String),
}

/// The programs of all sides.
pub(super) struct Programs<'a> {
    workspace: &'a Workspace,
    ours: PathBuf,
    python: Option<PathBuf>,
    device: &'a str,
    threads: usize,
    trial: bool,
    /// What could not be measured, and why.
    skipped: Vec<String>,
}

impl<'a> Programs<'a> {
    /// Builds ours.
    pub(super) fn new(
        workspace: &'a Workspace,
        features: &Features,
        options: &'a Options,
    ) -> Result<Self> {
        let ours = workspace.bench_program("speed", features)?;
        // A name is looked up on the path; anything else is relative to where the user stands.
        let python = match &options.peers {
            Some(python) if python.components().count() > 1 => {
                Some(std::path::absolute(python).context("no path of Python")?)
            }
            other => other.clone(),
        };
        let (device, threads) = (options.device.as_str(), options.threads());
        let trial = options.trial;
        Ok(Self { workspace, ours, python, device, threads, trial, skipped: Vec::new() })
    }

    pub(super) fn has_peers(&self) -> bool {
        self.python.is_some()
    }

    /// What could not be measured, each with its reason.
    pub(super) fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// Ours on a case.
    pub(super) fn ours(&self, case: &Case) -> Result<Measured> {
        let line = self.ours_varied(&case.name, Varied::default())?;
        Measured::parse(&line).with_context(|| format!("our program on `{}`", case.name))
    }

    /// What our products and reads reach, with other threads than the options say where some are given.
    pub(super) fn our_ceiling(&self, threads: Option<usize>) -> Result<Ceiling> {
        let line = self.ours_varied("ceiling", Varied { threads, ..Varied::default() })?;
        let number = |key: &str| {
            let number = line.get(key).and_then(Value::as_f64);
            number.with_context(|| format!("the ceiling has no `{key}`: {line}"))
        };
        Ok(Ceiling { gflops: number("gflops")?, read_gb_s: number("read_gb_s")? })
    }

    /// What a peer's products reach, if there is one.
    pub(super) fn peer_ceiling(&mut self) -> Option<Ceiling> {
        let python = self.python.clone()?;
        let command = self.script(&python, "ceiling.py", "ceiling", None);
        match answer(command) {
            Ok(line) => {
                let gflops = line.get("gflops").and_then(Value::as_f64)?;
                Some(Ceiling { gflops, read_gb_s: 0.0 })
            }
            Err(reason) => {
                self.skip("the peers' ceiling", &reason);
                None
            }
        }
    }

    /// A peer on a case.
    pub(super) fn peer(&mut self, case: &Case, peer: &str) -> Outcome {
        let Some(python) = self.python.clone() else {
            return Outcome::Skipped("no Python was given".to_owned());
        };
        let command = self.script(&python, case.script(), &case.name, Some(peer));
        let measured = answer(command)
            .and_then(|line| Measured::parse(&line).map_err(|error| format!("{error:#}")));
        match measured {
            Ok(measured) => Outcome::Measured(measured),
            Err(reason) => {
                self.skip(&format!("{} by {peer}", case.name), &reason);
                Outcome::Skipped(reason)
            }
        }
    }

    /// Leaves something out, which is said now and in the record.
    pub(super) fn skip(&mut self, what: &str, reason: &str) {
        println!("SKIPPED {what}: {reason}");
        self.skipped.push(format!("{what}: {reason}"));
    }

    /// The line of ours on a case, with what is changed of it.
    pub(super) fn ours_varied(&self, case: &str, varied: Varied) -> Result<Value> {
        let mut command = self.workspace.command(&self.ours);
        command.args(["--json", "--device", self.device, "--case", case]);
        for (option, value) in [("--rows", varied.rows), ("--repetitions", varied.repetitions)] {
            if let Some(value) = value {
                command.args([option, &value.to_string()]);
            }
        }
        self.common(&mut command)?;
        if let Some(threads) = varied.threads {
            command.env("RAYON_NUM_THREADS", threads.to_string());
        }
        let line = answer(command);
        let line = line.map_err(|reason| anyhow::anyhow!("our program on `{case}`: {reason}"))?;
        let (asked, had) = (varied.threads.unwrap_or(self.threads) as u64, &line["threads"]);
        let as_asked = had.as_u64() == Some(asked);
        ensure!(as_asked, "our program on `{case}` ran with {had} threads in place of {asked}");
        Ok(line)
    }

    fn script(&self, python: &Path, script: &str, case: &str, peer: Option<&str>) -> Command {
        let mut command = self.workspace.command(python);
        command.arg(format!("reference/bench/{script}")).args(["--case", case]);
        command.args(["--threads", &self.threads.to_string()]);
        if let Some(peer) = peer {
            command.args(["--peer", peer]);
        }
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        // Fails only before 1970.
        let _ = self.common(&mut command);
        command
    }

    /// What all programs are given: the same number of threads, and the time at which they start.
    fn common(&self, command: &mut Command) -> Result<()> {
        for key in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"] {
            command.env(key, self.threads.to_string());
        }
        if self.trial {
            command.arg("--trial");
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64();
        command.args(["--started", &now.to_string()]);
        Ok(())
    }
}

impl Measured {
    pub(super) fn parse(line: &Value) -> Result<Self> {
        let number = |key: &str| line.get(key).and_then(Value::as_f64);
        let seconds = number("seconds").filter(|seconds| *seconds > 0.0);
        let seconds = seconds.with_context(|| format!("`seconds` is no time: {line}"))?;
        let by = line.get("by").and_then(Value::as_str).unwrap_or_default().to_owned();
        ensure!(!by.is_empty(), "it does not say who measured: {line}");
        Ok(Self {
            by,
            seconds,
            amount: number("amount").with_context(|| format!("it has no `amount`: {line}"))?,
            flops: number("flops"),
            bytes: number("bytes"),
            peak_mb: number("peak_mb"),
        })
    }
}

/// The last line of a program's output that is a JSON object, or why there is none.
fn answer(mut command: Command) -> Result<Value, String> {
    let output = command.output().map_err(|error| format!("cannot be started: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(failure(&output, &said));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().rev().find(|line| line.starts_with('{'));
    let line = line.ok_or_else(|| "printed no JSON line".to_owned())?;
    serde_json::from_str(line).map_err(|error| format!("printed no JSON: {error}"))
}

fn failure(output: &Output, said: &str) -> String {
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    match output.status.code() {
        Some(ABSENT) => last.to_owned(),
        _ => format!("ended with {}: {last}", output.status),
    }
}
