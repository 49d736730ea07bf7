//! The `[output]` table: the run directory and what is written there.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::check::Problem;

/// The run directory and what is written there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutputConfig {
    /// The run directory; made if absent, refused if it holds something and the run is not resumed.
    pub dir: PathBuf,
    /// Steps between two checkpoints; 0 saves at the end, and where the run is interrupted, only.
    pub save_every: usize,
    /// How many of the newest checkpoints are kept. At least 1.
    pub keep_last: usize,
    /// Also keep the checkpoint with the best value of a metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_best: Option<KeepBest>,
    /// Steps between two copies of the weights as a Hugging Face folder, `merged/` in the run
    /// directory; absent writes none. At least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge_every: Option<usize>,
    /// Write the exponential moving average of the weights instead of the weights themselves:
    /// `average ← d · average + (1 − d) · weights` after each step. In (0, 1); needs `merge_every`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge_ema: Option<f64>,
    /// Whether metrics also go to TensorBoard event files.
    pub tensorboard: bool,
    /// PPO updates between two of which the completions are written to `samples.jsonl`; 0 writes
    /// those of measurements only.
    pub samples_every: usize,
    /// Steps between two lines of `metrics.jsonl`; steps in between are left out, not averaged. At
    /// least 1.
    pub log_every: usize,
}

impl Default for OutputConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("runs/run"),
            save_every: 100,
            keep_last: 2,
            keep_best: None,
            merge_every: None,
            merge_ema: None,
            tensorboard: true,
            samples_every: 10,
            log_every: 1,
        }
    }
}

/// Which checkpoint is the best.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepBest {
    /// The metric, as `eval/score_mean`.
    pub metric: String,
    /// Whether more or less of it is better.
    #[serde(default)]
    pub mode: Mode,
}

/// Whether more or less of a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// More is better, as of a score.
    #[default]
    Max,
    /// Less is better, as of a loss.
    Min,
}

impl Mode {
    /// Whether `a` is better than `b`. NaN is better than nothing and nothing is better than NaN,
    /// but any number.
    #[must_use]
    pub fn is_better(self, a: f64, b: f64) -> bool {
        match self {
            _ if a.is_nan() => false,
            _ if b.is_nan() => true,
            Self::Max => a > b,
            Self::Min => a < b,
        }
    }
}

impl OutputConfig {
    pub(super) fn validate(&self) -> Result<(), Problem> {
        if self.dir.as_os_str().is_empty() {
            return Err(Problem::range("output.dir", "empty", "a folder, as `runs/imdb`"));
        }
        let counts = [
            ("keep_last", Some(self.keep_last)),
            ("merge_every", self.merge_every),
            ("log_every", Some(self.log_every)),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == Some(0)) {
            return Err(Problem::range(&format!("output.{name}"), "0", "at least 1"));
        }
        match self.merge_ema {
            Some(decay) if !(decay > 0.0 && decay < 1.0) => {
                let allowed = "between 0 and 1, both excluded";
                Err(Problem::range("output.merge_ema", &decay.to_string(), allowed))
            }
            Some(_) if self.merge_every.is_none() => Err(Problem::new(
                "output.merge_ema",
                "`output.merge_ema` has no effect without `output.merge_every`: say how often the \
                 averaged weights are written",
            )),
            _ => Ok(()),
        }
    }
}
