//! A run directory's files to curves, phases and samples.
//!
//! | file | holds | where it is missing |
//! |---|---|---|
//! | `metrics.jsonl` | one object a line: `step`, `phase`, `time_s`, `metrics` | not a run: an error |
//! | `samples.jsonl` | one object a line: a prompt, a response and its scores | no samples |
//! | `config.toml` | the effective configuration | no configuration |
//! | `env.json` | one object: version, device and so on | no environment |
//!
//! A run that was killed may leave half a line at the end of a JSONL file; it is left out. Any other
//! damage is an error that names file and line.

mod lines;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::ReportError;

/// One recorded number of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The step at whose end it was recorded.
    pub step: u64,
    /// The number; `None` where the file says `null`: there was nothing to average, or it was not
    /// finite.
    pub value: Option<f64>,
}

/// A stretch of the run under one phase label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// The phase as the lines of `metrics.jsonl` name it; number and kind, `2 hybrid`, where they
    /// give its place in the configuration.
    pub label: String,
    /// The first step of the stretch.
    pub first: u64,
    /// Its last step, inclusive.
    pub last: u64,
}

/// When a sample was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// On held-out prompts, before training.
    Before,
    /// On held-out prompts, after training.
    After,
    /// On held-out prompts, between the two.
    During,
    /// From a rollout of the training itself.
    Train,
}

/// The right answer or answers to a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Target {
    /// One answer.
    One(String),
    /// Several, all right.
    Many(Vec<String>),
}

/// One line of `samples.jsonl`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Sample {
    /// The step after which it was taken.
    pub step: u64,
    /// When it was taken.
    pub split: Split,
    /// What the model was given.
    pub prompt: String,
    /// What it wrote.
    pub response: String,
    /// The right answer, where the data has one.
    #[serde(default)]
    pub target: Option<Target>,
    /// What the whole reward said; `None` for "no score".
    #[serde(default)]
    pub score: Option<f64>,
    /// What each leaf of the reward said.
    #[serde(default)]
    pub components: BTreeMap<String, Option<f64>>,
    /// What each judge said, from which nothing learns.
    #[serde(default)]
    pub judges: BTreeMap<String, Option<f64>>,
}

/// Everything the page shows, as read from the files.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// The folder's name.
    pub name: String,
    /// The text of `config.toml`.
    pub config: Option<String>,
    /// `config.toml` as a table, empty where the file is missing.
    pub settings: toml::Table,
    /// `env.json`, empty where the file is missing.
    pub env: Map<String, Value>,
    /// Every metric key with its points, steps ascending.
    pub curves: BTreeMap<String, Vec<Point>>,
    /// The phases in order.
    pub phases: Vec<Band>,
    /// The samples in the file's order.
    pub samples: Vec<Sample>,
    /// Seconds from the start of the run to its last line.
    pub seconds: f64,
    /// First and last step that were recorded; `None` for a run that has not finished a step.
    pub steps: Option<(u64, u64)>,
    /// Whether half a line was left out at the end of a file.
    pub is_torn: bool,
}

/// One line of `metrics.jsonl`. Further fields are allowed: a newer version may write them.
#[derive(Deserialize)]
struct Line {
    step: u64,
    #[serde(default)]
    phase: Phase,
    #[serde(default)]
    time_s: f64,
    metrics: BTreeMap<String, Option<f64>>,
}

/// A phase by its place among the configuration's phases, from 0, or by a name of its own.
#[derive(Deserialize)]
#[serde(untagged)]
enum Phase {
    Index(usize),
    Name(String),
}

impl Default for Phase {
    fn default() -> Self {
        Self::Name(String::new())
    }
}

impl Run {
    /// Reads the run in `run_dir`.
    ///
    /// # Errors
    ///
    /// [`ReportError::NotARun`] without `metrics.jsonl`; the file and line of damaged content; what
    /// the machine says where a file cannot be read.
    pub fn read(run_dir: &Path) -> Result<Self, ReportError> {
        let mut run = Self { name: folder_name(run_dir), ..Self::default() };
        let Some(metrics) = read(&run_dir.join("metrics.jsonl"))? else {
            return Err(ReportError::NotARun { path: run_dir.to_path_buf() });
        };
        let expected =
            "a line of metrics, `{\"step\": …, \"phase\": …, \"time_s\": …, \"metrics\": {…}}`";
        run.read_config(&run_dir.join("config.toml"))?;
        let torn = lines::for_each(&run_dir.join("metrics.jsonl"), &metrics, expected, |line| {
            run.add(line);
        })?;
        drop(metrics);
        let torn_samples = run.read_samples(&run_dir.join("samples.jsonl"))?;
        run.is_torn = torn || torn_samples;
        run.read_env(&run_dir.join("env.json"))?;
        Ok(run)
    }

    /// Takes in one line. A step before the last one means that the run was resumed from an earlier
    /// checkpoint: what it did after that checkpoint has not happened.
    fn add(&mut self, line: Line) {
        if self.steps.is_some_and(|(_, last)| line.step < last) {
            self.rewind(line.step);
        }
        for (key, value) in line.metrics {
            let points = self.curves.entry(key).or_default();
            let point = Point { step: line.step, value };
            match points.last_mut() {
                Some(last) if last.step == line.step => *last = point,
                _ => points.push(point),
            }
        }
        self.extend_phases(line.step, line.phase);
        let first = self.steps.map_or(line.step, |(first, _)| first.min(line.step));
        self.steps = Some((first, line.step));
        self.seconds = line.time_s;
    }

    /// A phase begins with its first new step: what is measured between two phases stands at the
    /// last step of the first.
    fn extend_phases(&mut self, step: u64, phase: Phase) {
        let label = self.phase_label(phase);
        match self.phases.last_mut() {
            Some(band) if band.label == label || band.last == step => band.last = step,
            _ => self.phases.push(Band { label, first: step, last: step }),
        }
    }

    fn phase_label(&self, phase: Phase) -> String {
        let index = match phase {
            Phase::Name(name) => return name,
            Phase::Index(index) => index,
        };
        let phases = self.settings.get("phase").and_then(toml::Value::as_array);
        let kind = phases.and_then(|phases| phases.get(index)?.get("kind")?.as_str());
        match kind {
            Some(kind) => format!("{} {kind}", index + 1),
            None => format!("{}", index + 1),
        }
    }

    /// Forgets `step` and everything after it.
    fn rewind(&mut self, step: u64) {
        for points in self.curves.values_mut() {
            points.truncate(points.partition_point(|point| point.step < step));
        }
        self.curves.retain(|_, points| !points.is_empty());
        self.phases.retain(|band| band.first < step);
        if let Some(band) = self.phases.last_mut() {
            band.last = band.last.min(step.saturating_sub(1));
        }
    }

    fn read_samples(&mut self, path: &Path) -> Result<bool, ReportError> {
        let Some(bytes) = read(path)? else { return Ok(false) };
        let expected = "a sample, `{\"step\": …, \"split\": \"before\"|\"during\"|\"after\"|\"train\", \
                        \"prompt\": …, \"response\": …, \"score\": …, \"components\": {…}}`";
        lines::for_each(path, &bytes, expected, |sample| self.samples.push(sample))
    }

    fn read_config(&mut self, path: &Path) -> Result<(), ReportError> {
        let Some(bytes) = read(path)? else { return Ok(()) };
        let text = String::from_utf8(bytes).map_err(|error| {
            let line = lines::line_of(error.as_bytes(), error.utf8_error().valid_up_to());
            ReportError::NotText { path: path.to_path_buf(), line }
        })?;
        self.settings = text.parse().map_err(|source: toml::de::Error| {
            let at = source.span().map_or(0, |span| span.start);
            let line = lines::line_of(text.as_bytes(), at);
            ReportError::BadConfig { path: path.to_path_buf(), line, source }
        })?;
        self.config = Some(text);
        Ok(())
    }

    fn read_env(&mut self, path: &Path) -> Result<(), ReportError> {
        let Some(bytes) = read(path)? else { return Ok(()) };
        self.env = serde_json::from_slice(&bytes)
            .map_err(|source| ReportError::BadEnv { path: path.to_path_buf(), source })?;
        Ok(())
    }
}

fn folder_name(run_dir: &Path) -> String {
    let absolute = fs::canonicalize(run_dir).unwrap_or_else(|_| run_dir.to_path_buf());
    let name = absolute.file_name().map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "run".to_owned())
}

/// The content of a file; `None` where there is no such file.
fn read(path: &Path) -> Result<Option<Vec<u8>>, ReportError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(source) => Err(ReportError::io("read", path)(source)),
    }
}

#[cfg(test)]
mod tests;
