//! `exploration_bonus`: more for what was said seldom (count-based exploration).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::column::Column;
use crate::error::{ParamError, RewardError, StateError, require};
use crate::hash::{distinct_ngrams, hash};
use crate::language::tokens;
use crate::reward::{Reward, score_rows};
use crate::sample::{Context, Sample};
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Parameters of `exploration_bonus`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    n: usize,
    bits: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { n: 2, bits: 16 }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        require((1..=16).contains(&self.n), "n", self.n, "between 1 and 16")?;
        require((1..=24).contains(&self.bits), "bits", self.bits, "between 1 and 24")
    }
}

const INFO: Info = Info {
    name: "exploration_bonus",
    aliases: &["exploration"],
    about: "The mean of 1 / √(1 + N) over the response's different n-grams of words, N being how \
            many earlier training responses had one in the same of 2^bits buckets (Tang et al. \
            2017); 0 for a response without a word.",
    params: &[
        Param::new("n", "a whole number from 1 to 16", "how many words make an n-gram"),
        Param::new(
            "bits",
            "a whole number from 1 to 24",
            "n-grams are counted in 2^bits buckets, which bounds the memory",
        ),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| {
        Ok(Exploration { config, counts: Mutex::new(BTreeMap::new()) })
    })
}

struct Exploration {
    config: Config,
    counts: Mutex<BTreeMap<u64, u64>>,
}

/// The counts in a fixed order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    n: usize,
    bits: u32,
    counts: Vec<(u64, u64)>,
}

impl Exploration {
    fn counts(&self) -> MutexGuard<'_, BTreeMap<u64, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn buckets(&self, text: &str) -> Vec<u64> {
        let words: Vec<u64> = tokens(text).iter().map(|word| hash(word.as_bytes())).collect();
        let grams = distinct_ngrams(&words, self.config.n);
        let mut buckets: Vec<u64> =
            grams.into_iter().map(|gram| gram >> (u64::BITS - self.config.bits)).collect();
        buckets.sort_unstable();
        buckets.dedup();
        buckets
    }
}

impl Reward for Exploration {
    fn score(&self, batch: &[Sample<'_>], context: &Context<'_>) -> Result<Column, RewardError> {
        let mut counts = self.counts();
        let value = score_rows(batch, context, |sample| {
            let buckets = self.buckets(sample.response);
            let bonus = |bucket: &u64| {
                let before = counts.get(bucket).copied().unwrap_or(0);
                1.0 / (1.0 + before as f64).sqrt()
            };
            let sum: f64 = buckets.iter().map(bonus).sum();
            Some(if buckets.is_empty() { 0.0 } else { sum / buckets.len() as f64 })
        });
        if context.train {
            for bucket in batch.iter().flat_map(|sample| self.buckets(sample.response)) {
                *counts.entry(bucket).or_default() += 1;
            }
        }
        Ok(Column::of(value))
    }

    fn state(&self) -> Option<Value> {
        let counts = self.counts().iter().map(|(bucket, count)| (*bucket, *count)).collect();
        let Config { n, bits } = self.config;
        serde_json::to_value(Saved { n, bits, counts }).ok()
    }

    fn load_state(&self, state: &Value) -> Result<(), StateError> {
        let Config { n, bits } = self.config;
        let fits = |saved: &Saved| {
            let inside = saved.counts.iter().all(|(bucket, _)| *bucket >> bits == 0);
            (saved.n, saved.bits) == (n, bits) && inside
        };
        let saved = Saved::deserialize(state).ok().filter(fits).ok_or_else(|| {
            let expected = "that of `exploration_bonus`: `counts`, and the same `n` and `bits`";
            StateError::unexpected(expected)
        })?;
        *self.counts() = saved.counts.into_iter().collect();
        Ok(())
    }
}
