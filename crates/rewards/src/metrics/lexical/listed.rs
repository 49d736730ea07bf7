//! `toxicity`, `offensiveness` and `hate` by word lists that the user gives.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::fewer_is_better;
use super::word_list::{WordList, undisguise};
use crate::error::{ParamError, require};
use crate::language::{sentences, tokens};
use crate::reward::{PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Evidence, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// What the words that are found become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Measure {
    /// max(0, 1 − scale · weights / words).
    #[default]
    Share,
    /// 1 without, 0 with any.
    Any,
}

/// Parameters of all three.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    lexicon: Option<PathBuf>,
    measure: Measure,
    scale: f64,
    undisguise: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { lexicon: None, measure: Measure::Share, scale: 10.0, undisguise: true }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        let fits = self.scale > 0.0 && self.scale.is_finite();
        require(fits, "scale", self.scale, "finite and more than 0")
    }
}

/// Parameters of `hate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct HateConfig {
    lexicon: Option<PathBuf>,
    identity_terms: Option<PathBuf>,
    measure: Measure,
    scale: f64,
    undisguise: bool,
}

impl Default for HateConfig {
    fn default() -> Self {
        let Config { lexicon, measure, scale, undisguise } = Config::default();
        Self { lexicon, identity_terms: None, measure, scale, undisguise }
    }
}

impl HateConfig {
    fn common(&self) -> Config {
        let Self { lexicon, measure, scale, undisguise, .. } = self.clone();
        Config { lexicon, measure, scale, undisguise }
    }
}

impl Params for HateConfig {
    fn validate(&self) -> Result<(), ParamError> {
        self.common().validate()
    }
}

const LEXICON: Param = Param::new(
    "lexicon",
    "a path or null",
    "a file of words and phrases, one a line, each with an optional tab and weight; required",
);
const MEASURE: Param = Param::new(
    "measure",
    "one of `share` or `any`",
    "`share` is max(0, 1 − scale · weights found / words); `any` is 0 where one is found, else 1",
);
const SCALE: Param =
    Param::new("scale", "a number more than 0", "for `share`: how fast the score falls");
const UNDISGUISE: Param = Param::new(
    "undisguise",
    "true or false",
    "also look behind digits and signs for letters, and letters three or more times over",
);

const TOXICITY: Info = Info {
    name: "toxicity",
    about: "1 for a response without a word of the given list of toxic words, less with each.",
    params: &[LEXICON, MEASURE, SCALE, UNDISGUISE],
    evidence: Evidence::Unvalidated,
    ..Info::UNIT
};

const OFFENSIVENESS: Info = Info {
    name: "offensiveness",
    about: "1 for a response without a word of the given list of offensive words, less with each.",
    ..TOXICITY
};

const HATE: Info = Info {
    name: "hate",
    aliases: &["hate_speech"],
    about: "1 for a response in which no word of the given list stands in one sentence with an \
            identity term, less with each that does.",
    params: &[
        LEXICON,
        Param::new(
            "identity_terms",
            "a path or null",
            "a file of words for groups of people, one a line; required",
        ),
        MEASURE,
        SCALE,
        UNDISGUISE,
    ],
    ..TOXICITY
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    for info in [TOXICITY, OFFENSIVENESS] {
        registry.reward(info, |config: Config, _| Listed::new(config, None).map(PerRow))?;
    }
    registry.reward(HATE, |config: HateConfig, _| {
        let path = config.identity_terms.as_deref();
        let terms = WordList::read("identity_terms", path, "a word or phrase", |_| Ok(Some(())))?;
        Listed::new(config.common(), Some(terms)).map(PerRow)
    })
}

struct Listed {
    config: Config,
    words: WordList<f64>,
    /// Where given, only sentences with one of these count.
    identity: Option<WordList<()>>,
}

impl Listed {
    fn new(config: Config, identity: Option<WordList<()>>) -> Result<Self, ParamError> {
        let words = WordList::weighted("lexicon", config.lexicon.as_deref())?;
        Ok(Self { config, words, identity })
    }

    /// The number of words in `text`, and the weights found among those that count.
    fn found(&self, text: &str) -> (usize, f64) {
        let Some(identity) = &self.identity else {
            let words = tokens(text);
            return (words.len(), self.words.sum(&words));
        };
        sentences(text).into_iter().map(tokens).fold((0, 0.0), |(len, sum), words| {
            let counts = !identity.find(&words).is_empty();
            (len + words.len(), sum + if counts { self.words.sum(&words) } else { 0.0 })
        })
    }
}

impl RowMetric for Listed {
    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let (len, mut found) = self.found(sample.response);
        if self.config.undisguise {
            found = found.max(self.found(&undisguise(sample.response)).1);
        }
        Some(match self.config.measure {
            _ if len == 0 => 1.0,
            Measure::Any => {
                if found > 0.0 {
                    0.0
                } else {
                    1.0
                }
            }
            Measure::Share => fewer_is_better(found / len as f64, self.config.scale),
        })
    }
}
