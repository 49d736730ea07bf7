//! Readability formulas for English, as textstat 0.7.13: how hard a text is, or how well that fits.

use serde::{Deserialize, Serialize};

use crate::error::{ParamError, require};
use crate::reward::{PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Direction, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

mod formulas;
mod hyphenation;
mod tables;
mod words;

/// Parameters of every formula.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    min: Option<f64>,
    max: Option<f64>,
    soft: Option<f64>,
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        for (key, bound) in [("min", self.min), ("max", self.max)] {
            let bound = bound.unwrap_or(0.0);
            require(bound.is_finite(), key, bound, "finite")?;
        }
        let (min, max) = self.band();
        require(min <= max, "min", min, &format!("at most `max`, which is {max}"))?;
        let Some(soft) = self.soft else { return Ok(()) };
        if self.min.is_none() && self.max.is_none() {
            let reason = "has no effect without `min` or `max`; set one or remove it";
            return Err(ParamError::new("soft", reason));
        }
        require(soft >= 0.0 && soft.is_finite(), "soft", soft, "finite and at least 0")
    }
}

impl Config {
    fn band(&self) -> (f64, f64) {
        (self.min.unwrap_or(f64::NEG_INFINITY), self.max.unwrap_or(f64::INFINITY))
    }

    /// `value` itself, or with bounds 1 inside and falling to 0 at `soft` outside.
    fn shaped(&self, value: f64, soft: f64) -> f64 {
        if self.min.is_none() && self.max.is_none() {
            return value;
        }
        let (min, max) = self.band();
        let outside = (min - value).max(value - max).max(0.0);
        let soft = self.soft.unwrap_or(soft);
        if outside > 0.0 { (1.0 - outside / soft).max(0.0) } else { 1.0 }
    }
}

const MIN: Param =
    Param::new("min", "a number or null", "the lowest value that scores 1; null is none");
const MAX: Param =
    Param::new("max", "a number or null", "the highest value that scores 1; null is none");
const SOFT: Param = Param::new(
    "soft",
    "a number ≥ 0 or null",
    "how far outside the score reaches 0, falling evenly; null is 3 grades, or 20 points of `flesch_reading_ease`",
);

const GRADE: Info = Info {
    range: (f64::NEG_INFINITY, f64::INFINITY),
    direction: Direction::Depends,
    params: &[MIN, MAX, SOFT],
    ..Info::UNIT
};

/// A formula of readability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Formula {
    /// Flesch (1948).
    #[default]
    FleschReadingEase,
    /// Kincaid et al. (1975).
    FleschKincaid,
    /// Gunning (1952).
    GunningFog,
    /// McLaughlin (1969).
    Smog,
    /// Smith and Senter (1967).
    AutomatedReadability,
    /// Coleman and Liau (1975).
    ColemanLiau,
    /// Chall and Dale (1995).
    DaleChall,
    /// O'Hayre (1966).
    LinsearWrite,
}

const FORMULAS: [(Formula, Info); 8] = [
    (
        Formula::FleschReadingEase,
        Info {
            name: "flesch_reading_ease",
            about: "206.835 − 1.015·words/sentence − 84.6·syllables/word of English text, as \
                    textstat 0.7.13: 100 is easy, 0 hard; with `min` or `max`, how well it fits.",
            ..GRADE
        },
    ),
    (
        Formula::FleschKincaid,
        Info {
            name: "flesch_kincaid",
            aliases: &["flesch_kincaid_grade"],
            about: "0.39·words/sentence + 11.8·syllables/word − 15.59, a US school grade, as \
                    textstat 0.7.13; with `min` or `max`, how well it fits.",
            ..GRADE
        },
    ),
    (
        Formula::GunningFog,
        Info {
            name: "gunning_fog",
            about: "0.4·(words/sentence + 100·hard words/words), hard being three syllables or more \
                    and not on the list of easy words, a US school grade, as textstat 0.7.13; with \
                    `min` or `max`, how well it fits.",
            ..GRADE
        },
    ),
    (
        Formula::Smog,
        Info {
            name: "smog",
            aliases: &["smog_index"],
            about: "1.043·√(30·words of three syllables or more/sentence) + 3.1291, a US school \
                    grade, as textstat 0.7.13; with `min` or `max`, how well it fits.",
            ..GRADE
        },
    ),
    (
        Formula::AutomatedReadability,
        Info {
            name: "automated_readability",
            aliases: &["automated_readability_index"],
            about: "4.71·characters/word + 0.5·words/sentence − 21.43, a US school grade, as \
                    textstat 0.7.13; with `min` or `max`, how well it fits.",
            ..GRADE
        },
    ),
    (
        Formula::ColemanLiau,
        Info {
            name: "coleman_liau",
            aliases: &["coleman_liau_index"],
            about: "5.8·letters/word − 29.6·sentences/word − 15.8, a US school grade, as textstat \
                    0.7.13; with `min` or `max`, how well it fits.",
            ..GRADE
        },
    ),
    (
        Formula::DaleChall,
        Info {
            name: "dale_chall",
            aliases: &["dale_chall_readability_score"],
            about: "0.1579·percent of words off the list of easy words + 0.0496·words/sentence, and \
                    3.6365 more where they are over 5 percent, as textstat 0.7.13; with `min` or \
                    `max`, how well it fits.",
            ..GRADE
        },
    ),
    (
        Formula::LinsearWrite,
        Info {
            name: "linsear_write",
            aliases: &["linsear_write_formula"],
            about: "(words + 2·words of three syllables or more)/sentences of the first 100 words, \
                    halved, and 1 less up to 20, a US school grade, as textstat 0.7.13; with `min` \
                    or `max`, how well it fits.",
            ..GRADE
        },
    ),
];

/// Parameters of `readability`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AnyConfig {
    formula: Formula,
    min: Option<f64>,
    max: Option<f64>,
    soft: Option<f64>,
}

impl AnyConfig {
    fn common(&self) -> Config {
        Config { min: self.min, max: self.max, soft: self.soft }
    }
}

impl Params for AnyConfig {
    fn validate(&self) -> Result<(), ParamError> {
        self.common().validate()
    }
}

const READABILITY: Info = Info {
    name: "readability",
    about: "The formula that is asked for, as the reward of its name; with `min` or `max`, how well \
            it fits.",
    params: &[
        Param::new(
            "formula",
            "one of `flesch_reading_ease`, `flesch_kincaid`, `gunning_fog`, `smog`, `automated_readability`, `coleman_liau`, `dale_chall` or `linsear_write`",
            "which of the eight formulas",
        ),
        MIN,
        MAX,
        SOFT,
    ],
    ..GRADE
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(READABILITY, |config: AnyConfig, _| {
        Ok(PerRow(Readability { formula: config.formula, config: config.common() }))
    })?;
    FORMULAS.into_iter().try_for_each(|(formula, info)| {
        registry.reward(info, move |config: Config, _| Ok(PerRow(Readability { formula, config })))
    })
}

#[derive(Debug)]
struct Readability {
    formula: Formula,
    config: Config,
}

impl RowMetric for Readability {
    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let soft = if self.formula == Formula::FleschReadingEase { 20.0 } else { 3.0 };
        Some(self.config.shaped(self.formula.value(sample.response), soft))
    }
}

#[cfg(test)]
mod tests;
