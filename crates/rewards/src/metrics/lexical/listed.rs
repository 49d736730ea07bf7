//! `toxicity`, `offensiveness` and `hate` by word lists that the user gives.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::fewer_is_better;
use super::word_list::{WordList, undisguise};
use crate::error::{ParamError, require};
use crate::language::{sentences, tokens};
use crate::linear::Model;
use crate::linear::fit::sigmoid;
use crate::metrics::linear::load;
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
    model: Option<PathBuf>,
    invert: bool,
    measure: Measure,
    scale: f64,
    undisguise: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lexicon: None,
            model: None,
            invert: true,
            measure: Measure::Share,
            scale: 10.0,
            undisguise: true,
        }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        if self.lexicon.is_some() && self.model.is_some() {
            let reason = "`lexicon` and `model` exclude each other; keep one of them";
            return Err(ParamError::new("", reason));
        }
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
    model: Option<PathBuf>,
    invert: bool,
    measure: Measure,
    scale: f64,
    undisguise: bool,
}

impl Default for HateConfig {
    fn default() -> Self {
        let Config { lexicon, model, invert, measure, scale, undisguise } = Config::default();
        Self { lexicon, identity_terms: None, model, invert, measure, scale, undisguise }
    }
}

impl HateConfig {
    fn common(&self) -> Config {
        let Self { lexicon, model, invert, measure, scale, undisguise, .. } = self.clone();
        Config { lexicon, model, invert, measure, scale, undisguise }
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
    "a file of words and phrases, one a line, each with an optional tab and weight; required unless `model` is given",
);
const MODEL: Param = Param::new(
    "model",
    "a path or null",
    "a trained model, as for `linear`, whose probability takes the place of the list",
);
const INVERT: Param = Param::new(
    "invert",
    "true or false",
    "score 1 for clean text; false scores how much of it there is, 0 for clean text",
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
    params: &[LEXICON, MODEL, INVERT, MEASURE, SCALE, UNDISGUISE],
    evidence: Evidence::Validated(
        "by better-profanity's list, 993 comments that Perspective rates toxic against 993 sentences of film reviews: AUC 0.893 (0.880 to 0.906); gross cases, and no person rated them",
    ),
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
            "a file of words for groups of people, one a line; required unless `model` is given",
        ),
        MODEL,
        INVERT,
        MEASURE,
        SCALE,
        UNDISGUISE,
    ],
    evidence: Evidence::Unvalidated,
    ..TOXICITY
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    for info in [TOXICITY, OFFENSIVENESS] {
        registry.reward(info, |config: Config, _| Harm::new(config, None).map(PerRow))?;
    }
    registry.reward(HATE, |config: HateConfig, _| {
        let terms = match config.model {
            Some(_) if config.identity_terms.is_some() => {
                let reason = "has no effect with a `model`; remove it";
                return Err(ParamError::new("identity_terms", reason));
            }
            Some(_) => None,
            None => {
                let (path, expected) = (config.identity_terms.as_deref(), "a word or phrase");
                Some(WordList::read("identity_terms", path, expected, |_| Ok(Some(())))?)
            }
        };
        Harm::new(config.common(), terms).map(PerRow)
    })
}

/// What is harmful, by a list or by a trained model.
enum Harm {
    Listed(Listed),
    Learned { model: Model, invert: bool },
}

impl Harm {
    fn new(config: Config, identity: Option<WordList<()>>) -> Result<Self, ParamError> {
        if let Some(path) = &config.model {
            return Ok(Self::Learned { model: load(path)?, invert: config.invert });
        }
        let words = WordList::weighted("lexicon", config.lexicon.as_deref())?;
        Ok(Self::Listed(Listed { config, words, identity }))
    }
}

impl RowMetric for Harm {
    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let (clean, invert) = match self {
            Self::Listed(listed) => (listed.clean(sample.response), listed.config.invert),
            Self::Learned { model, invert } => {
                // The probability of the opposite has the opposite log-odds.
                (sigmoid(-model.logit(sample.response)), *invert)
            }
        };
        Some(if invert { clean } else { 1.0 - clean })
    }
}

struct Listed {
    config: Config,
    words: WordList<f64>,
    /// Where given, only sentences with one of these count.
    identity: Option<WordList<()>>,
}

impl Listed {
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

    /// 1 for a text in which nothing of the list stands.
    fn clean(&self, text: &str) -> f64 {
        let (len, mut found) = self.found(text);
        if self.config.undisguise {
            found = found.max(self.found(&undisguise(text)).1);
        }
        match self.config.measure {
            _ if len == 0 => 1.0,
            Measure::Any if found > 0.0 => 0.0,
            Measure::Any => 1.0,
            Measure::Share => fewer_is_better(found / len as f64, self.config.scale),
        }
    }
}
