//! `emotion`: how much of what a response feels is the emotion that is asked for, by a lexicon.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::word_list::WordList;
use crate::error::ParamError;
use crate::language::tokens;
use crate::reward::{PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Evidence, Info, Param};
use crate::spec::params::{Params, suggestion};
use crate::spec::registry::{RegisterError, Registry};

/// What the weights found are divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Measure {
    /// The weights of all emotions found.
    #[default]
    Share,
    /// The number of words.
    Density,
}

/// Parameters of `emotion`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    lexicon: Option<PathBuf>,
    target: Vec<String>,
    measure: Measure,
}

impl Default for Config {
    fn default() -> Self {
        Self { lexicon: None, target: vec!["joy".into()], measure: Measure::Share }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        if self.target.is_empty() {
            return Err(ParamError::new("target", "is empty, must name an emotion"));
        }
        Ok(())
    }
}

const INFO: Info = Info {
    name: "emotion",
    about: "The share of the emotions that are asked for among all that the response's words carry \
            in the given lexicon; 0 where they carry none.",
    params: &[
        Param::new(
            "lexicon",
            "a path or null",
            "a file of lines with a word, a tab, an emotion and, with another tab, a weight from 0 (NRC EmoLex's form); required",
        ),
        Param::new(
            "target",
            "a list of strings",
            "the emotions that score, by the lexicon's names",
        ),
        Param::new(
            "measure",
            "one of `share` or `density`",
            "divide by the weights of all emotions found, or by the number of words",
        ),
    ],
    evidence: Evidence::Unvalidated,
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| {
        const EXPECTED: &str = "a word, a tab, an emotion, and optionally a tab and a number ≥ 0";
        let mut known: BTreeSet<String> = BTreeSet::new();
        let mut entries: Vec<(String, f64)> = Vec::new();
        let path = config.lexicon.as_deref();
        let lines = WordList::read("lexicon", path, EXPECTED, |fields| {
            let (emotion, weight) = match fields {
                [emotion] => (*emotion, 1.0),
                [emotion, weight, ..] => (*emotion, weight.parse().map_err(|_| ())?),
                [] => return Err(()),
            };
            if emotion.is_empty() || !(0.0..f64::INFINITY).contains(&weight) {
                return Err(());
            }
            known.insert(emotion.to_owned());
            entries.push((emotion.to_owned(), weight));
            Ok(Some(entries.len() - 1))
        })?;
        for (at, emotion) in config.target.iter().enumerate() {
            if !known.contains(emotion) {
                let names: Vec<&str> = known.iter().map(String::as_str).collect();
                let reason = suggestion(emotion, &names, "the lexicon's are");
                let reason = format!("the lexicon has no emotion `{emotion}`; {reason}");
                return Err(ParamError::new(format!("target[{at}]"), reason));
            }
        }
        Ok(PerRow(Emotion { lines, entries, config }))
    })
}

struct Emotion {
    config: Config,
    /// Words to the numbers of their entries.
    lines: WordList<usize>,
    entries: Vec<(String, f64)>,
}

impl RowMetric for Emotion {
    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let words = tokens(sample.response);
        let (mut wanted, mut all) = (0.0, 0.0);
        for line in self.lines.find(&words) {
            let Some((emotion, weight)) = self.entries.get(*line) else { continue };
            all += weight;
            wanted += if self.config.target.contains(emotion) { *weight } else { 0.0 };
        }
        let by = match self.config.measure {
            Measure::Share => all,
            Measure::Density => words.len() as f64,
        };
        Some(if by > 0.0 { (wanted / by).min(1.0) } else { 0.0 })
    }
}
