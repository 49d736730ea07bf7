//! `jaccard`: how much of two texts' vocabulary is common.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{BestTarget, PairMetric};
use crate::error::{ParamError, require};
use crate::reward::PerRow;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};
use crate::text::words;

/// What the sets are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    /// Pieces between white space.
    #[default]
    Words,
    /// Unicode scalar values, white space included.
    Chars,
}

/// Parameters of `jaccard`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    unit: Unit,
    n: usize,
    lowercase: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { unit: Unit::Words, n: 1, lowercase: true }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        require((1..=16).contains(&self.n), "n", self.n, "between 1 and 16")
    }
}

const INFO: Info = Info {
    name: "jaccard",
    about: "|A ∩ B| / |A ∪ B| of the two texts' sets of n-grams; 1 where both are empty.",
    needs: &["target"],
    params: &[
        Param::new("unit", "one of `words` or `chars`", "what an n-gram is made of"),
        Param::new("n", "a whole number from 1 to 16", "how many make an n-gram"),
        Param::new("lowercase", "true or false", "compare in lower case"),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(PerRow(BestTarget(config))))
}

impl PairMetric for Config {
    fn score_pair(&self, response: &str, target: &str) -> Option<f64> {
        let cased = |text: &str| if self.lowercase { text.to_lowercase() } else { text.to_owned() };
        let (response, target) = (cased(response), cased(target));
        Some(match self.unit {
            Unit::Words => {
                let (a, b): (Vec<&str>, Vec<&str>) =
                    (words(&response).collect(), words(&target).collect());
                jaccard(&a, &b, self.n)
            }
            Unit::Chars => {
                let (a, b): (Vec<char>, Vec<char>) =
                    (response.chars().collect(), target.chars().collect());
                jaccard(&a, &b, self.n)
            }
        })
    }
}

fn jaccard<T: std::hash::Hash + Eq>(a: &[T], b: &[T], n: usize) -> f64 {
    let a: HashSet<&[T]> = a.windows(n).collect();
    let b: HashSet<&[T]> = b.windows(n).collect();
    let common = a.intersection(&b).count();
    let all = a.len() + b.len() - common;
    if all == 0 { 1.0 } else { common as f64 / all as f64 }
}
