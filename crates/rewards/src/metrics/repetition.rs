//! `repetition_penalty`: a penalty for n-grams that occur again, as TRL's reward of that name.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::ngrams::Interner;
use crate::error::{ParamError, require};
use crate::reward::{Needs, PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};
use crate::text::words;

/// What an n-gram is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    /// Pieces between white space, in lower case.
    #[default]
    Words,
    /// Tokens of the policy's tokenizer.
    Tokens,
    /// Unicode scalar values.
    Chars,
}

/// Parameters of `repetition_penalty`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    unit: Unit,
    n: usize,
    penalty: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { unit: Unit::Words, n: 3, penalty: 1.0 }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        require((1..=64).contains(&self.n), "n", self.n, "between 1 and 64")?;
        let positive = self.penalty > 0.0 && self.penalty.is_finite();
        require(positive, "penalty", self.penalty, "finite and more than 0")
    }
}

const INFO: Info = Info {
    name: "repetition_penalty",
    about: "−penalty·(1 − different n-grams / n-grams) of the response; 0 where nothing occurs \
            again or the response is shorter than an n-gram.",
    range: (-1.0, 0.0),
    params: &[
        Param::new("unit", "one of `words`, `tokens` or `chars`", "what an n-gram is made of"),
        Param::new("n", "a whole number from 1 to 64", "how many make an n-gram"),
        Param::new("penalty", "a number more than 0", "the size of the largest penalty"),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(PerRow(config)))
}

impl RowMetric for Config {
    fn needs(&self) -> Needs {
        Needs { token_ids: self.unit == Unit::Tokens, ..Needs::default() }
    }

    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let again = match self.unit {
            Unit::Words => {
                let text = sample.response.to_lowercase();
                self.share_repeated(&Interner::default().numbers(words(&text)))
            }
            Unit::Tokens => self.share_repeated(sample.token_ids?),
            Unit::Chars => {
                let numbers: Vec<u32> = sample.response.chars().map(u32::from).collect();
                self.share_repeated(&numbers)
            }
        };
        // Written so that nothing repeated is 0 and not −0.
        Some(0.0 - self.penalty * again)
    }
}

impl Config {
    /// The share of n-grams that occurred before.
    fn share_repeated(&self, units: &[u32]) -> f64 {
        let total = (units.len() + 1).saturating_sub(self.n);
        if total == 0 {
            return 0.0;
        }
        let different: HashSet<&[u32]> = units.windows(self.n.max(1)).collect();
        1.0 - different.len() as f64 / total as f64
    }
}

#[cfg(test)]
mod tests;
