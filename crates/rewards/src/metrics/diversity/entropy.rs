//! `entropy`: how evenly the response spreads over its n-grams.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::LOWERCASE;
use crate::error::{ParamError, require};
use crate::reward::{PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};
use crate::text::words;

/// Parameters of `entropy`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    n: usize,
    normalize: bool,
    lowercase: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { n: 1, normalize: true, lowercase: true }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        require((1..=16).contains(&self.n), "n", self.n, "between 1 and 16")
    }
}

const INFO: Info = Info {
    name: "entropy",
    about: "Shannon's entropy of the response's n-grams of words in nats, divided by its largest \
            value, ln of their number; 0 for fewer than two n-grams.",
    params: &[
        Param::new("n", "a whole number from 1 to 16", "how many words make an n-gram"),
        Param::new("normalize", "true or false", "divide by the largest value; false gives nats"),
        LOWERCASE,
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(PerRow(config)))
}

impl RowMetric for Config {
    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let lower = self.lowercase.then(|| sample.response.to_lowercase());
        let words: Vec<&str> = words(lower.as_deref().unwrap_or(sample.response)).collect();
        let mut counts: HashMap<&[&str], u64> = HashMap::new();
        for gram in words.windows(self.n) {
            *counts.entry(gram).or_default() += 1;
        }
        let total = words.windows(self.n).len() as f64;
        if total < 2.0 {
            return Some(0.0);
        }
        // Sorted, so that the sum has the same last digit in every process.
        let mut counts: Vec<u64> = counts.into_values().collect();
        counts.sort_unstable();
        let share = |count: u64| count as f64 / total;
        let nats: f64 = counts.into_iter().map(|count| -share(count) * share(count).ln()).sum();
        Some(if self.normalize { (nats / total.ln()).clamp(0.0, 1.0) } else { nats.max(0.0) })
    }
}
