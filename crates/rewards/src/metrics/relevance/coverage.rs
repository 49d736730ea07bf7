//! `coverage`: how many of the things that were asked for the response speaks of.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ParamError;
use crate::language::{content_stems, tokens};
use crate::metrics::stem;
use crate::reward::{Needs, PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Where the keywords come from, where none are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum From {
    /// The prompt's words.
    #[default]
    Prompt,
    /// The words of the target that is covered best.
    Target,
}

/// Parameters of `coverage`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    from: From,
    keywords: Vec<String>,
    field: Option<String>,
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        if let Some(at) = self.keywords.iter().position(|keyword| stems(keyword).is_empty()) {
            let reason = "holds no word; write a word or a phrase";
            return Err(ParamError::new(format!("keywords[{at}]"), reason));
        }
        let sources = [!self.keywords.is_empty(), self.field.is_some(), self.from != From::Prompt];
        if sources.into_iter().filter(|set| *set).count() > 1 {
            let reason = "`from`, `keywords` and `field` exclude each other; keep one of them";
            return Err(ParamError::new("", reason));
        }
        Ok(())
    }
}

const INFO: Info = Info {
    name: "coverage",
    about: "The share of the prompt's words, function words aside, that the response has too, by \
            their stems; or of given keywords. A row without a keyword has no score.",
    needs: &["prompt"],
    params: &[
        Param::new("from", "one of `prompt` or `target`", "whose words are to be covered"),
        Param::new("keywords", "a list of strings", "words and phrases to cover in every row"),
        Param::new(
            "field",
            "a string or null",
            "the row's field that lists the words and phrases to cover",
        ),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(PerRow(config)))
}

fn stems(text: &str) -> Vec<String> {
    tokens(text).iter().map(|word| stem(word)).collect()
}

/// The share of `phrases` that occur in `response`, word for word by their stems.
fn phrases_covered<'p>(phrases: impl Iterator<Item = &'p str>, response: &[String]) -> Option<f64> {
    let phrases: BTreeSet<Vec<String>> = phrases.map(stems).filter(|p| !p.is_empty()).collect();
    let found =
        phrases.iter().filter(|phrase| response.windows(phrase.len()).any(|w| w == **phrase));
    (!phrases.is_empty()).then(|| found.count() as f64 / phrases.len() as f64)
}

fn words_covered(source: &str, response: &[String]) -> Option<f64> {
    let wanted: BTreeSet<String> = content_stems(source).into_iter().collect();
    let response: BTreeSet<&String> = response.iter().collect();
    let found = wanted.iter().filter(|word| response.contains(word)).count();
    (!wanted.is_empty()).then(|| found as f64 / wanted.len() as f64)
}

impl RowMetric for Config {
    fn needs(&self) -> Needs {
        match &self.field {
            Some(field) => Needs { fields: [field.clone()].into(), ..Needs::default() },
            None if !self.keywords.is_empty() => Needs::default(),
            None if self.from == From::Target => Needs::target(),
            None => Needs::prompt(),
        }
    }

    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let response = stems(sample.response);
        if let Some(field) = &self.field {
            return match sample.fields.get(field)? {
                Value::String(only) => phrases_covered([only.as_str()].into_iter(), &response),
                Value::Array(all) => {
                    phrases_covered(all.iter().filter_map(Value::as_str), &response)
                }
                _ => None,
            };
        }
        if !self.keywords.is_empty() {
            return phrases_covered(self.keywords.iter().map(String::as_str), &response);
        }
        match self.from {
            From::Prompt => words_covered(sample.prompt, &response),
            From::Target => {
                let scores = sample.targets.iter().filter_map(|t| words_covered(t, &response));
                scores.reduce(f64::max)
            }
        }
    }
}
