//! `topic_consistency`: how far a response keeps to the words of its prompt.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::tfidf::Rarity;
use crate::corpus;
use crate::language::sentences;
use crate::reward::{Needs, PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Evidence, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// What of the response is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    /// All of it at once.
    #[default]
    Whole,
    /// Its sentences, on average.
    Mean,
    /// The sentence that is furthest off.
    Min,
}

/// Parameters of `topic_consistency`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    part: Part,
    corpus: Option<PathBuf>,
}

impl Params for Config {}

const INFO: Info = Info {
    name: "topic_consistency",
    about: "The cosine of response and prompt as tf-idf vectors of stems without function words; 0 \
            where one has no such word.",
    needs: &["prompt"],
    params: &[
        Param::new(
            "part",
            "one of `whole`, `mean` or `min`",
            "the response at once, its sentences on average, or the sentence that is furthest off",
        ),
        Param::new(
            "corpus",
            "a path or null",
            "a file of texts that says how rare words are; null weighs all alike",
        ),
    ],
    evidence: Evidence::Validated(
        "1,000 news reports with their own summary against another report's: AUC 0.986 (0.981 to 0.991)",
    ),
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| {
        let texts = match &config.corpus {
            Some(path) => corpus::texts("corpus", path)?,
            None => Vec::new(),
        };
        Ok(PerRow(Topic { part: config.part, rarity: Rarity::of(&texts) }))
    })
}

struct Topic {
    part: Part,
    rarity: Rarity,
}

impl RowMetric for Topic {
    fn needs(&self) -> Needs {
        Needs::prompt()
    }

    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let prompt = self.rarity.vector(sample.prompt);
        let near = |text: &str| self.rarity.vector(text).cosine(&prompt);
        if self.part == Part::Whole {
            return Some(near(sample.response));
        }
        let scores: Vec<f64> = sentences(sample.response).into_iter().map(near).collect();
        Some(match (scores.is_empty(), self.part) {
            (true, _) => 0.0,
            (_, Part::Min) => scores.into_iter().fold(1.0, f64::min),
            _ => scores.iter().sum::<f64>() / scores.len() as f64,
        })
    }
}
