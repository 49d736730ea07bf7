//! `afinn`: words and phrases with a valence each, added up, without rules (Nielsen 2011).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::word_list::WordList;
use crate::language::tokens;
use crate::reward::{PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Evidence, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Target {
    /// Positive text.
    #[default]
    Positive,
    /// Negative text.
    Negative,
}

/// The scale of the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    /// The positive share of all valence that is found, in [0, 1]; 0.5 where none is.
    #[default]
    Unit,
    /// The sum of the valences.
    Sum,
    /// The sum divided by the number of words; 0 without a word.
    Mean,
}

/// Parameters of `afinn`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    lexicon: Option<PathBuf>,
    target: Target,
    output: Output,
}

impl Params for Config {}

const INFO: Info = Info {
    name: "afinn",
    aliases: &["lexicon_sentiment"],
    about: "How much of the valence that the response's words have in the given lexicon is positive; \
            0.5 where they have none. Negation and emphasis change nothing: `sentiment` has rules for \
            them.",
    params: &[
        Param::new(
            "lexicon",
            "a path or null",
            "a file of lines with a word or phrase, a tab and a number, as AFINN-111 and -165 have; required",
        ),
        Param::new("target", "one of `positive` or `negative`", "what scores high"),
        Param::new(
            "output",
            "one of `unit`, `sum` or `mean`",
            "`unit` scores in [0, 1]; `sum` adds the valences up, `mean` divides by the words",
        ),
    ],
    evidence: Evidence::Validated(
        "AFINN-111 against people's ratings (Hutto and Gilbert 2014), correlation: 4,200 tweets 0.742 (0.728 to 0.756), 3,708 product review snippets 0.480 (0.455 to 0.504), 5,190 editorial snippets 0.429 (0.406 to 0.451), 10,605 film review snippets 0.349 (0.332 to 0.366)",
    ),
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| {
        const EXPECTED: &str = "a word or phrase, a tab and a finite number";
        let path = config.lexicon.as_deref();
        let words = WordList::read("lexicon", path, EXPECTED, |fields| {
            let valence = fields.first().and_then(|field| field.parse::<f64>().ok());
            valence.filter(|valence| valence.is_finite()).map(Some).ok_or(())
        })?;
        Ok(PerRow(Afinn { words, config }))
    })
}

struct Afinn {
    words: WordList<f64>,
    config: Config,
}

impl RowMetric for Afinn {
    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let words = tokens(sample.response);
        let sign = if self.config.target == Target::Negative { -1.0 } else { 1.0 };
        let found: Vec<f64> = self.words.find(&words).into_iter().map(|v| sign * v).collect();
        let sum: f64 = found.iter().sum();
        Some(match self.config.output {
            Output::Sum => sum,
            Output::Mean if words.is_empty() => 0.0,
            Output::Mean => sum / words.len() as f64,
            Output::Unit => {
                let all: f64 = found.iter().map(|valence| valence.abs()).sum();
                if all > 0.0 { (1.0 + sum / all) / 2.0 } else { 0.5 }
            }
        })
    }
}
