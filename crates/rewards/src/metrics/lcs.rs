//! `lcs`: the longest common subsequence of two texts, as rapidfuzz.

use rapidfuzz::distance::lcs_seq;
use serde::{Deserialize, Serialize};

use super::ngrams::Interner;
use super::{BestTarget, PairMetric};
use crate::reward::PerRow;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};
use crate::text::{prefix, words};

/// What a sequence is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    /// Unicode scalar values.
    #[default]
    Chars,
    /// Pieces between white space.
    Words,
}

/// Where a longer sequence is cut, as the cost grows with the square.
const MAX_LENGTH: usize = 65_536;

/// Parameters of `lcs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    unit: Unit,
    lowercase: bool,
}

impl Params for Config {}

const INFO: Info = Info {
    name: "lcs",
    about: "The longest common subsequence / the longer text, as rapidfuzz 3.14's \
            `LCSseq.normalized_similarity`; 1 where both texts are empty. \
            Texts are cut after 65,536 characters or words.",
    needs: &["target"],
    params: &[
        Param::new("unit", "one of `chars` or `words`", "what a sequence is made of"),
        Param::new("lowercase", "true or false", "compare in lower case"),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(PerRow(BestTarget(config))))
}

impl PairMetric for Config {
    fn score_pair(&self, response: &str, target: &str) -> Option<f64> {
        Some(if self.lowercase {
            self.unit.similarity(&response.to_lowercase(), &target.to_lowercase())
        } else {
            self.unit.similarity(response, target)
        })
    }
}

impl Unit {
    fn similarity(self, a: &str, b: &str) -> f64 {
        match self {
            Self::Chars => {
                let (a, b) = (prefix(a, MAX_LENGTH), prefix(b, MAX_LENGTH));
                lcs_seq::normalized_similarity(a.chars(), b.chars())
            }
            Self::Words => {
                let mut interner = Interner::default();
                let (a, b) = (
                    interner.numbers(words(a).take(MAX_LENGTH)),
                    interner.numbers(words(b).take(MAX_LENGTH)),
                );
                lcs_seq::normalized_similarity(a, b)
            }
        }
    }
}

#[cfg(test)]
mod tests;
