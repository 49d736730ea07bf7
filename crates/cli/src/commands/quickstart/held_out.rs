//! Answers to the held-out prompts before and after, as `samples.jsonl` of a run has them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use hybrid::run_dir::SAMPLES;
use serde::Deserialize;

#[cfg(test)]
mod tests;

/// One answer. Other columns of the line are of no concern here.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Answer {
    split: String,
    prompt_id: u64,
    /// What was continued.
    pub(super) prompt: String,
    /// The continuation.
    pub(super) response: String,
    /// Its score; absent for none.
    pub(super) score: Option<f64>,
    /// What the judges said of it.
    #[serde(default)]
    pub(super) judges: BTreeMap<String, Option<f64>>,
}

/// The answers to one prompt, in the order in which they were drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Pair {
    pub(super) before: Vec<Answer>,
    pub(super) after: Vec<Answer>,
}

impl Pair {
    /// Means of a score before and after, where there are any of both.
    pub(super) fn means(&self, score: impl Fn(&Answer) -> Option<f64>) -> Option<(f64, f64)> {
        let mean = |answers: &[Answer]| {
            let scores: Vec<f64> = answers.iter().filter_map(&score).collect();
            (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
        };
        Some((mean(&self.before)?, mean(&self.after)?))
    }
}

/// The held-out prompts in their order, with the answers before the first step and after the last.
pub(super) fn read(run_dir: &Path) -> Result<Vec<Pair>> {
    let path = run_dir.join(SAMPLES);
    let file = File::open(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut pairs: BTreeMap<u64, Pair> = BTreeMap::new();
    for (line, number) in BufReader::new(file).lines().zip(1_usize..) {
        let place = || format!("line {number} of `{}`", path.display());
        let answer: Answer =
            serde_json::from_str(&line.with_context(place)?).with_context(place)?;
        let slot = pairs.entry(answer.prompt_id);
        match answer.split.as_str() {
            "before" => slot.or_default().before.push(answer),
            "after" => slot.or_default().after.push(answer),
            _ => {}
        }
    }
    Ok(pairs.into_values().collect())
}
