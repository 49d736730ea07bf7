//! `grammar` and `spelling_grammar`: how few of some named mistakes of English a text has.
//!
//! [`rules`] is the whole scope: word pairs and triples that are wrong wherever they stand. It parses
//! nothing, so most mistakes pass and few right sentences are blamed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use self::rules::Rule;
use super::spelling::Spelling;
use crate::error::{ParamError, require};
use crate::reward::{PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Evidence, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

mod rules;
#[cfg(test)]
mod tests;

/// Parameters of `grammar`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    scale: f64,
    skip: Vec<Rule>,
}

impl Default for Config {
    fn default() -> Self {
        Self { scale: 1.0, skip: Vec::new() }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        let fits = self.scale > 0.0 && self.scale.is_finite();
        require(fits, "scale", self.scale, "finite and more than 0")
    }
}

/// Parameters of `spelling_grammar`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct BothConfig {
    scale: f64,
    skip: Vec<Rule>,
    dictionary: Option<PathBuf>,
    allow: Vec<String>,
    skip_names: bool,
}

impl Default for BothConfig {
    fn default() -> Self {
        let Config { scale, skip } = Config::default();
        Self { scale, skip, dictionary: None, allow: Vec::new(), skip_names: true }
    }
}

impl Params for BothConfig {
    fn validate(&self) -> Result<(), ParamError> {
        Config { scale: self.scale, skip: Vec::new() }.validate()
    }
}

const SCALE: Param = Param::new(
    "scale",
    "a number more than 0",
    "how fast the score falls: max(0, 1 − scale · mistakes / words)",
);
const SKIP: Param = Param::new(
    "skip",
    "a list of names of rules",
    "rules that do not count, of `article`, `repetition`, `agreement`, `verb_form`, `plural`, `confusion`, `comparison`, `pronoun`",
);

const GRAMMAR: Info = Info {
    name: "grammar",
    about: "1 − mistakes / words, the mistakes being those of eight rules for English: a before a vowel \
            and an before none, a word twice, `he are`, `could of` and `didn't went`, `goed` and \
            `informations`, `your welcome`, `more better`, and i for I. No parser: most mistakes pass. A text \
            without words has no score.",
    params: &[SCALE, SKIP],
    evidence: Evidence::Validated(
        "2,000 film reviews against themselves with the words of each sentence shuffled: AUC 0.927 (0.919 to 0.936); gross damage, and no person rated it",
    ),
    ..Info::UNIT
};

const BOTH: Info = Info {
    name: "spelling_grammar",
    about: "1 − (words that the Hunspell dictionary lacks + mistakes that `grammar` finds) / words.",
    params: &[
        SCALE,
        SKIP,
        Param::new("dictionary", "a path or null", "as for `spelling`"),
        Param::new("allow", "a list of strings", "as for `spelling`"),
        Param::new("skip_names", "true or false", "as for `spelling`"),
    ],
    ..GRAMMAR
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(GRAMMAR, |config: Config, _| Ok(PerRow(Grammar { config, spelling: None })))?;
    registry.reward(BOTH, |config: BothConfig, env| {
        let BothConfig { scale, skip, dictionary, allow, skip_names } = config;
        let spelling = Spelling::open(dictionary.as_deref(), &allow, skip_names, env)?;
        Ok(PerRow(Grammar { config: Config { scale, skip }, spelling: Some(spelling) }))
    })
}

struct Grammar {
    config: Config,
    spelling: Option<Spelling>,
}

impl RowMetric for Grammar {
    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let (words, found) = rules::mistakes(sample.response);
        let counted = found.iter().filter(|(rule, _)| !self.config.skip.contains(rule)).count();
        let unknown = match &self.spelling {
            Some(spelling) => spelling.count(sample.response).1,
            None => 0,
        };
        let rate = (counted + unknown) as f64 / words.max(1) as f64;
        (words > 0).then(|| (1.0 - self.config.scale * rate).clamp(0.0, 1.0))
    }
}
