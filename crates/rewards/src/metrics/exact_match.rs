//! `exact_match`: the response is a target, letter by letter or after normalisation.

use std::borrow::Cow;

use hybrid_measure::answer;
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::{BestTarget, PairMetric};
use crate::error::ParamError;
use crate::reward::PerRow;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};
use crate::text::{is_ascii_punctuation, strip};

/// How both texts are prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Normalize {
    /// Not at all.
    #[default]
    Strict,
    /// Without white space around.
    Strip,
    /// As SQuAD's evaluation does: lower case, no ASCII punctuation, no articles, single spaces.
    Squad,
}

/// Parameters of `exact_match`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    normalize: Normalize,
    regexes_to_ignore: Vec<String>,
    ignore_case: bool,
    ignore_punctuation: bool,
    ignore_numbers: bool,
}

impl Params for Config {}

const INFO: Info = Info {
    name: "exact_match",
    about: "1 where the response equals a target, else 0.",
    needs: &["target"],
    params: &[
        Param::new(
            "normalize",
            "one of `strict`, `strip` or `squad`",
            "how both texts are prepared: not at all, without white space around, or as SQuAD's evaluation does",
        ),
        Param::new("regexes_to_ignore", "a list of strings", "what these match is removed first"),
        Param::new("ignore_case", "true or false", "compare in lower case"),
        Param::new("ignore_punctuation", "true or false", "remove ASCII punctuation"),
        Param::new("ignore_numbers", "true or false", "remove the digits 0 to 9"),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| {
        let compile = |(index, pattern): (usize, &String)| {
            compile(&format!("regexes_to_ignore[{index}]"), pattern)
        };
        let ignored: Result<_, _> =
            config.regexes_to_ignore.iter().enumerate().map(compile).collect();
        Ok(PerRow(BestTarget(ExactMatch { ignored: ignored?, config })))
    })
}

/// Compiles a user's pattern.
pub(super) fn compile(key: &str, pattern: &str) -> Result<Regex, ParamError> {
    Regex::new(pattern).map_err(|error| {
        let message = error.to_string();
        let last = message.lines().last().unwrap_or(&message).trim_start_matches("error: ");
        ParamError::new(key, format!("{pattern:?} is not a regular expression: {last}"))
    })
}

struct ExactMatch {
    config: Config,
    ignored: Vec<Regex>,
}

impl PairMetric for ExactMatch {
    fn score_pair(&self, response: &str, target: &str) -> Option<f64> {
        Some(if self.prepare(response) == self.prepare(target) { 1.0 } else { 0.0 })
    }
}

impl ExactMatch {
    fn prepare<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for pattern in &self.ignored {
            if let Cow::Owned(replaced) = pattern.replace_all(&text, "") {
                text = Cow::Owned(replaced);
            }
        }
        if self.config.ignore_case {
            text = Cow::Owned(text.to_lowercase());
        }
        if self.config.ignore_punctuation {
            text = Cow::Owned(text.replace(is_ascii_punctuation, ""));
        }
        if self.config.ignore_numbers {
            text = Cow::Owned(text.replace(|c: char| c.is_ascii_digit(), ""));
        }
        match self.config.normalize {
            Normalize::Strict => text,
            Normalize::Strip => Cow::Owned(strip(&text).to_owned()),
            Normalize::Squad => Cow::Owned(answer::normalize(&text)),
        }
    }
}
