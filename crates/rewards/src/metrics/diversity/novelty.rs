//! `novelty`: how much of a response was not said before, in a corpus or in past responses.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::column::Column;
use crate::corpus;
use crate::error::{ParamError, RewardError, StateError, require};
use crate::hash::{distinct_ngrams, hash};
use crate::language::tokens;
use crate::reward::{Reward, score_rows};
use crate::sample::{Context, Sample};
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Parameters of `novelty`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    n: usize,
    corpus: Option<PathBuf>,
    memory: bool,
    capacity: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { n: 3, corpus: None, memory: true, capacity: 200_000 }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        require((1..=16).contains(&self.n), "n", self.n, "between 1 and 16")?;
        let fits = (1..=10_000_000).contains(&self.capacity);
        require(fits, "capacity", self.capacity, "between 1 and 10000000")?;
        if !self.memory && self.corpus.is_none() {
            let reason = "is false without a `corpus`, so that everything is new; set one of them";
            return Err(ParamError::new("memory", reason));
        }
        Ok(())
    }
}

const INFO: Info = Info {
    name: "novelty",
    about: "The share of the response's different n-grams of words that stand neither in the corpus \
            nor in the memory of past training batches; 0 for a response without a word.",
    params: &[
        Param::new("n", "a whole number from 1 to 16", "how many words make an n-gram"),
        Param::new(
            "corpus",
            "a path or null",
            "a file of known texts, such as the training set: one a line, or JSON rows with a `text`",
        ),
        Param::new("memory", "true or false", "remember the responses of training batches"),
        Param::new(
            "capacity",
            "a whole number from 1 to 10000000",
            "how many n-grams are remembered; those not seen for longest are forgotten first",
        ),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| {
        let mut known = HashSet::new();
        if let Some(path) = &config.corpus {
            for text in corpus::texts("corpus", path)? {
                known.extend(grams(&text, config.n));
            }
        }
        Ok(Novelty { known, memory: Mutex::new(Memory::default()), config })
    })
}

fn grams(text: &str, n: usize) -> Vec<u64> {
    let words: Vec<u64> = tokens(text).iter().map(|word| hash(word.as_bytes())).collect();
    distinct_ngrams(&words, n)
}

/// The n-grams seen, by the batch that had them last.
#[derive(Debug, Clone, PartialEq, Default)]
struct Memory {
    batch: u64,
    seen: HashMap<u64, u64>,
}

impl Memory {
    /// Adds a batch, then forgets the oldest above `capacity`. Within a batch the hashes decide, so
    /// that the order of the rows changes nothing.
    fn add(&mut self, grams: impl Iterator<Item = u64>, capacity: usize) {
        self.batch += 1;
        self.seen.extend(grams.map(|gram| (gram, self.batch)));
        let over = self.seen.len().saturating_sub(capacity);
        if over > 0 {
            let mut ages: Vec<(u64, u64)> = self.seen.iter().map(|(g, b)| (*b, *g)).collect();
            ages.sort_unstable();
            for (_, gram) in ages.iter().take(over) {
                self.seen.remove(gram);
            }
        }
    }
}

/// [`Memory`] in a fixed order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    batch: u64,
    n: usize,
    seen: Vec<(u64, u64)>,
}

struct Novelty {
    config: Config,
    known: HashSet<u64>,
    memory: Mutex<Memory>,
}

impl Novelty {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reward for Novelty {
    fn score(&self, batch: &[Sample<'_>], context: &Context<'_>) -> Result<Column, RewardError> {
        let mut memory = self.memory();
        let n = self.config.n;
        let seen = &memory.seen;
        let value = score_rows(batch, context, |sample| {
            let grams = grams(sample.response, n);
            let new = |gram: &&u64| !self.known.contains(*gram) && !seen.contains_key(*gram);
            let new = grams.iter().filter(new).count();
            Some(if grams.is_empty() { 0.0 } else { new as f64 / grams.len() as f64 })
        });
        if context.train && self.config.memory {
            let all = batch.iter().flat_map(|sample| grams(sample.response, n));
            memory.add(all, self.config.capacity);
        }
        Ok(Column::of(value))
    }

    fn state(&self) -> Option<Value> {
        if !self.config.memory {
            return None;
        }
        let memory = self.memory();
        let mut seen: Vec<(u64, u64)> = memory.seen.iter().map(|(g, b)| (*g, *b)).collect();
        seen.sort_unstable();
        serde_json::to_value(Saved { batch: memory.batch, n: self.config.n, seen }).ok()
    }

    fn load_state(&self, state: &Value) -> Result<(), StateError> {
        let saved = Saved::deserialize(state).ok();
        let saved = saved.filter(|saved| saved.n == self.config.n).ok_or_else(|| {
            StateError::unexpected("that of `novelty`: `batch`, `seen`, and the same `n`")
        })?;
        *self.memory() = Memory { batch: saved.batch, seen: saved.seen.into_iter().collect() };
        Ok(())
    }
}
