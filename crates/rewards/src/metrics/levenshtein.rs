//! `levenshtein`: how few edits of single characters lead from one text to the other.

use rapidfuzz::distance::{damerau_levenshtein, indel, jaro_winkler, levenshtein, osa};
use serde::{Deserialize, Serialize};

use super::{BestTarget, PairMetric};
use crate::reward::PerRow;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Which edits there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Algorithm {
    /// Insert, delete, replace.
    #[default]
    Levenshtein,
    /// Insert, delete: what rapidfuzz's `ratio` counts.
    Indel,
    /// Levenshtein and swaps of neighbours, no part edited twice (optimal string alignment).
    Osa,
    /// Levenshtein and swaps of neighbours.
    Damerau,
    /// Jaro's similarity raised for a common start (Winkler, weight 0.1).
    JaroWinkler,
}

/// Parameters of `levenshtein`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    algorithm: Algorithm,
    lowercase: bool,
}

impl Params for Config {}

const INFO: Info = Info {
    name: "levenshtein",
    about: "1 − edits / the most edits there could be, over Unicode scalar values; 1 where both \
            texts are empty.",
    needs: &["target"],
    params: &[
        Param::new(
            "algorithm",
            "one of `levenshtein`, `indel`, `osa`, `damerau` or `jaro_winkler`",
            "which edits there are",
        ),
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
            self.algorithm.similarity(&response.to_lowercase(), &target.to_lowercase())
        } else {
            self.algorithm.similarity(response, target)
        })
    }
}

impl Algorithm {
    fn similarity(self, a: &str, b: &str) -> f64 {
        match self {
            // Jaro finds nothing in common between two empty texts, which are equal.
            _ if a.is_empty() && b.is_empty() => 1.0,
            Self::Levenshtein => levenshtein::normalized_similarity(a.chars(), b.chars()),
            Self::Indel => indel::normalized_similarity(a.chars(), b.chars()),
            Self::Osa => osa::normalized_similarity(a.chars(), b.chars()),
            Self::Damerau => damerau_levenshtein::normalized_similarity(a.chars(), b.chars()),
            Self::JaroWinkler => jaro_winkler::normalized_similarity(a.chars(), b.chars()),
        }
    }
}
