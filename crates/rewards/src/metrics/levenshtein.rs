//! `levenshtein`: how few edits of single characters lead from one text to the other.

use rapidfuzz::HashableChar;
use rapidfuzz::distance::{damerau_levenshtein, indel, jaro_winkler, levenshtein, osa};
use serde::{Deserialize, Serialize};

use super::{BestTarget, PairMetric};
use crate::error::{ParamError, require};
use crate::reward::PerRow;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};
use crate::text::prefix;

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
    max_chars: Option<usize>,
}

/// Where a longer text is cut: the cost grows with the square, divided by 64 for all but one.
const MAX_CHARS: usize = 65_536;
/// The same for `damerau`.
const MAX_CHARS_DAMERAU: usize = 16_384;

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        let max = self.max_chars.unwrap_or(MAX_CHARS);
        require((1..=1_000_000).contains(&max), "max_chars", max, "between 1 and 1000000")
    }
}

const INFO: Info = Info {
    name: "levenshtein",
    aliases: &["edit_distance"],
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
        Param::new(
            "max_chars",
            "a whole number from 1 to 1000000 or null",
            "where a longer text is cut, as the cost grows with the square; null is 65536, or 16384 for `damerau`",
        ),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(PerRow(BestTarget(config))))
}

impl PairMetric for Config {
    fn score_pair(&self, response: &str, target: &str) -> Option<f64> {
        let most = self.max_chars.unwrap_or(match self.algorithm {
            Algorithm::Damerau => MAX_CHARS_DAMERAU,
            _ => MAX_CHARS,
        });
        Some(if self.lowercase {
            let (response, target) = (response.to_lowercase(), target.to_lowercase());
            self.algorithm.similarity(prefix(&response, most), prefix(&target, most))
        } else {
            self.algorithm.similarity(prefix(response, most), prefix(target, most))
        })
    }
}

impl Algorithm {
    fn similarity(self, a: &str, b: &str) -> f64 {
        match (a.is_empty() && b.is_empty(), a.is_ascii() && b.is_ascii()) {
            // Jaro finds nothing in common between two empty texts, which are equal.
            (true, _) => 1.0,
            // Bytes are characters then, and need no decoding.
            (false, true) => self.compare(a.bytes(), b.bytes()),
            (false, false) => self.compare(a.chars(), b.chars()),
        }
    }

    fn compare<I>(self, a: I, b: I) -> f64
    where
        I: DoubleEndedIterator + Clone,
        I::Item: PartialEq + HashableChar + Copy,
    {
        match self {
            Self::Levenshtein => levenshtein::normalized_similarity(a, b),
            Self::Indel => indel::normalized_similarity(a, b),
            Self::Osa => osa::normalized_similarity(a, b),
            Self::Damerau => damerau_levenshtein::normalized_similarity(a, b),
            Self::JaroWinkler => jaro_winkler::normalized_similarity(a, b),
        }
    }
}
