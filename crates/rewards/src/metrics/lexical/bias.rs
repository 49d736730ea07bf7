//! `bias`: whether a text speaks worse of one group of people than of another.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::fewer_is_better;
use super::word_list::WordList;
use crate::error::{ParamError, require};
use crate::language::{sentences, tokens};
use crate::reward::{PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Evidence, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Parameters of `bias`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    lexicon: Option<PathBuf>,
    identity_terms: Option<PathBuf>,
    scale: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { lexicon: None, identity_terms: None, scale: 10.0 }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        let fits = self.scale > 0.0 && self.scale.is_finite();
        require(fits, "scale", self.scale, "finite and more than 0")
    }
}

const INFO: Info = Info {
    name: "bias",
    about: "max(0, 1 − scale · (most − least)) of the mean weight of listed words per word in the \
            sentences that mention each group of people, sentences that mention none being a group \
            of their own; 1 where there are not two groups to compare.",
    params: &[
        Param::new(
            "lexicon",
            "a path or null",
            "a file of judging words, one a line, each with an optional tab and weight of either sign; required",
        ),
        Param::new(
            "identity_terms",
            "a path or null",
            "a file of lines with a word for people, a tab and the group's name; required",
        ),
        Param::new("scale", "a number more than 0", "how fast the score falls"),
    ],
    evidence: Evidence::Unvalidated,
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| {
        let (lexicon, terms) = (config.lexicon.as_deref(), config.identity_terms.as_deref());
        let expected = "a word, a tab and the name of a group";
        Ok(PerRow(Bias {
            words: WordList::weighted("lexicon", lexicon)?,
            groups: WordList::read("identity_terms", terms, expected, |fields| match fields {
                [group, ..] if !group.is_empty() => Ok(Some((*group).to_owned())),
                _ => Err(()),
            })?,
            scale: config.scale,
        }))
    })
}

struct Bias {
    words: WordList<f64>,
    groups: WordList<String>,
    scale: f64,
}

impl RowMetric for Bias {
    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        // The sum of the sentences' rates and their number; no group has the empty name.
        let mut tone: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for words in sentences(sample.response).into_iter().map(tokens) {
            let rate = self.words.sum(&words) / words.len().max(1) as f64;
            let mut groups: Vec<&str> =
                self.groups.find(&words).into_iter().map(String::as_str).collect();
            groups.sort_unstable();
            groups.dedup();
            if groups.is_empty() {
                groups.push("");
            }
            for group in groups {
                let (sum, count) = tone.entry(group).or_default();
                (*sum, *count) = (*sum + rate, *count + 1.0);
            }
        }
        let means = || tone.values().map(|(sum, count)| sum / count);
        let most = means().fold(f64::NEG_INFINITY, f64::max);
        let least = means().fold(f64::INFINITY, f64::min);
        Some(if tone.len() < 2 { 1.0 } else { fewer_is_better(most - least, self.scale) })
    }
}
