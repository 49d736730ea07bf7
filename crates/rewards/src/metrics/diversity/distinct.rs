//! `distinct_n`: how many of the n-grams are different ones (Li et al. 2016).

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{LOWERCASE, SCOPE, Scope, by_group};
use crate::column::Column;
use crate::error::{ParamError, RewardError, require};
use crate::reward::{Needs, Reward, score_rows};
use crate::sample::{Context, Sample};
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};
use crate::text::words;

/// Parameters of `distinct_n`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    n: usize,
    scope: Scope,
    lowercase: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { n: 2, scope: Scope::Row, lowercase: true }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        require((1..=16).contains(&self.n), "n", self.n, "between 1 and 16")
    }
}

const INFO: Info = Info {
    name: "distinct_n",
    aliases: &["distinct", "diversity"],
    about: "Different n-grams of words / all n-grams (Li et al. 2016); 0 where there is none.",
    params: &[
        Param::new("n", "a whole number from 1 to 16", "how many words make an n-gram"),
        SCOPE,
        LOWERCASE,
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(config))
}

impl Config {
    fn distinct(&self, texts: &[&str]) -> f64 {
        let cased = |text: &&str| match self.lowercase {
            true => text.to_lowercase(),
            false => (*text).to_owned(),
        };
        let texts: Vec<String> = texts.iter().map(cased).collect();
        let texts: Vec<Vec<&str>> = texts.iter().map(|text| words(text).collect()).collect();
        let total: usize = texts.iter().map(|words| words.windows(self.n).len()).sum();
        let distinct: HashSet<&[&str]> = texts.iter().flat_map(|w| w.windows(self.n)).collect();
        if total == 0 { 0.0 } else { distinct.len() as f64 / total as f64 }
    }
}

impl Reward for Config {
    fn needs(&self) -> Needs {
        Needs { group: self.scope == Scope::Group, ..Needs::default() }
    }

    fn score(&self, batch: &[Sample<'_>], context: &Context<'_>) -> Result<Column, RewardError> {
        Ok(Column::of(match self.scope {
            Scope::Row => score_rows(batch, context, |row| Some(self.distinct(&[row.response]))),
            Scope::Group => by_group(batch, |texts| self.distinct(texts)),
        }))
    }
}
