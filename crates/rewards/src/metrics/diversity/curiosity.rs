//! `curiosity`: how badly a small n-gram model that learns along foresees a response.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::column::Column;
use crate::error::{ParamError, RewardError, StateError, require};
use crate::hash::{hash, sequence};
use crate::language::tokens;
use crate::reward::{Reward, score_rows};
use crate::sample::{Context, Sample};
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// The scale of the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    /// Mean of 1 − p, in [0, 1].
    #[default]
    Error,
    /// Mean of −ln p, in nats.
    Nll,
}

/// Parameters of `curiosity`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    n: usize,
    output: Output,
    vocabulary: u64,
    capacity: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { n: 3, output: Output::Error, vocabulary: 50_000, capacity: 200_000 }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        require((1..=6).contains(&self.n), "n", self.n, "between 1 and 6")?;
        require(self.vocabulary >= 2, "vocabulary", self.vocabulary, "at least 2")?;
        let fits = (1..=10_000_000).contains(&self.capacity);
        require(fits, "capacity", self.capacity, "between 1 and 10000000")
    }
}

const INFO: Info = Info {
    name: "curiosity",
    about: "The mean of 1 − p over the response's words, p by an n-gram model with Witten and \
            Bell's smoothing that has learnt the earlier training batches; 0 without a word.",
    params: &[
        Param::new("n", "a whole number from 1 to 6", "words in the longest n-gram"),
        Param::new("output", "one of `error` or `nll`", "the mean of 1 − p or of −ln p"),
        Param::new(
            "vocabulary",
            "a whole number ≥ 2",
            "an unseen word has the probability 1 / vocabulary before smoothing",
        ),
        Param::new(
            "capacity",
            "a whole number from 1 to 10000000",
            "how many n-grams are held; above it all counts are halved until they fit",
        ),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| {
        Ok(Curiosity { config, model: Mutex::new(Model::default()) })
    })
}

/// Counts of a word after a context of 0 to n − 1 words, all by their hashes.
#[derive(Debug, Clone, PartialEq, Default)]
struct Model {
    grams: HashMap<(u64, u64), u32>,
    /// Of each context: its words, and how many different ones.
    contexts: HashMap<u64, (u64, u64)>,
}

impl Model {
    fn of(grams: HashMap<(u64, u64), u32>) -> Self {
        let mut contexts: HashMap<u64, (u64, u64)> = HashMap::new();
        for ((context, _), count) in &grams {
            let (total, types) = contexts.entry(*context).or_default();
            *total += u64::from(*count);
            *types += 1;
        }
        Self { grams, contexts }
    }

    /// Witten and Bell: p_k = (count + types · p_{k−1}) / (total + types), from p = `base` upwards
    /// as long as the context is known.
    fn probability(&self, before: &[u64], word: u64, base: f64) -> f64 {
        let mut p = base;
        for len in 0..=before.len() {
            let context = sequence(before.get(before.len() - len..).unwrap_or_default());
            let Some((total, types)) = self.contexts.get(&context) else { break };
            let count = self.grams.get(&(context, word)).copied().unwrap_or(0);
            let (total, types) = (*total as f64, *types as f64);
            p = (f64::from(count) + types * p) / (total + types);
        }
        p
    }

    fn learn(&mut self, before: &[u64], word: u64) {
        for len in 0..=before.len() {
            let context = sequence(before.get(before.len() - len..).unwrap_or_default());
            let count = self.grams.entry((context, word)).or_default();
            let (total, types) = self.contexts.entry(context).or_default();
            *types += u64::from(*count == 0);
            if let Some(more) = count.checked_add(1) {
                (*count, *total) = (more, *total + 1);
            }
        }
    }

    /// Halves all counts, so that old ones weigh less, until at most `capacity` n-grams are left.
    fn shrink(&mut self, capacity: usize) {
        if self.grams.len() <= capacity {
            return;
        }
        let mut grams = std::mem::take(&mut self.grams);
        while grams.len() > capacity {
            grams.retain(|_, count| {
                *count /= 2;
                *count > 0
            });
        }
        *self = Self::of(grams);
    }
}

/// The counts in a fixed order: context, word, count.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    n: usize,
    grams: Vec<(u64, u64, u32)>,
}

struct Curiosity {
    config: Config,
    model: Mutex<Model>,
}

impl Curiosity {
    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `each` with every word and the n − 1 before it; 0 stands before the first.
    fn for_each(&self, text: &str, mut each: impl FnMut(&[u64], u64)) {
        let width = self.config.n;
        let start = std::iter::repeat_n(0, width - 1);
        let words: Vec<u64> =
            start.chain(tokens(text).iter().map(|word| hash(word.as_bytes()))).collect();
        for window in words.windows(width) {
            if let [before @ .., word] = window {
                each(before, *word);
            }
        }
    }
}

impl Reward for Curiosity {
    fn score(&self, batch: &[Sample<'_>], context: &Context<'_>) -> Result<Column, RewardError> {
        let mut model = self.model();
        let base = 1.0 / self.config.vocabulary as f64;
        let value = score_rows(batch, context, |sample| {
            let (mut sum, mut words) = (0.0, 0_u64);
            self.for_each(sample.response, |before, word| {
                let p = model.probability(before, word, base);
                words += 1;
                sum += match self.config.output {
                    Output::Error => 1.0 - p,
                    Output::Nll => -p.ln(),
                };
            });
            Some(if words == 0 { 0.0 } else { sum / words as f64 })
        });
        if context.train {
            for sample in batch {
                self.for_each(sample.response, |before, word| model.learn(before, word));
            }
            model.shrink(self.config.capacity);
        }
        Ok(Column::of(value))
    }

    fn state(&self) -> Option<Value> {
        let model = self.model();
        let mut grams: Vec<(u64, u64, u32)> =
            model.grams.iter().map(|((context, word), count)| (*context, *word, *count)).collect();
        grams.sort_unstable();
        serde_json::to_value(Saved { n: self.config.n, grams }).ok()
    }

    fn load_state(&self, state: &Value) -> Result<(), StateError> {
        let saved = Saved::deserialize(state).ok().filter(|saved| saved.n == self.config.n);
        let saved = saved.ok_or_else(|| {
            StateError::unexpected("that of `curiosity`: `grams`, and the same `n`")
        })?;
        let counted = saved.grams.into_iter().filter(|(.., count)| *count > 0);
        *self.model() = Model::of(counted.map(|(c, w, count)| ((c, w), count)).collect());
        Ok(())
    }
}
