//! `entity_consistency`: whether a response has the names, numbers and dates of its source.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::entities::{Entity, Kind, entities};
use crate::error::ParamError;
use crate::reward::{Needs, PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// The text whose entities are to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    /// The target that fits best.
    #[default]
    Target,
    /// The prompt.
    Prompt,
}

/// Which number is the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Measure {
    /// 2·P·R / (P + R).
    #[default]
    F1,
    /// How many of the response's the source has: nothing is made up.
    Precision,
    /// How many of the source's the response has: nothing is left out.
    Recall,
}

/// Parameters of `entity_consistency`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    source: Source,
    kinds: Vec<Kind>,
    measure: Measure,
}

impl Default for Config {
    fn default() -> Self {
        let kinds = vec![Kind::Name, Kind::Number, Kind::Date];
        Self { source: Source::Target, kinds, measure: Measure::F1 }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        if self.kinds.is_empty() {
            let reason = "is empty, must hold `name`, `number` or `date`";
            return Err(ParamError::new("kinds", reason));
        }
        Ok(())
    }
}

const INFO: Info = Info {
    name: "entity_consistency",
    about: "F1 of the names, numbers and dates that response and target have, found by rules for \
            English; 1 where neither has one.",
    needs: &["target"],
    params: &[
        Param::new("source", "one of `target` or `prompt`", "whose entities are to be kept"),
        Param::new("kinds", "a list of `name`, `number` and `date`", "what counts"),
        Param::new(
            "measure",
            "one of `f1`, `precision` or `recall`",
            "`precision`: nothing is made up; `recall`: nothing is left out; where nothing is to be found, 1",
        ),
    ],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(PerRow(config)))
}

impl Config {
    fn entities(&self, text: &str) -> BTreeSet<Entity> {
        let mut found = entities(text);
        found.retain(|entity| self.kinds.contains(&entity.kind));
        found
    }

    fn against(&self, response: &BTreeSet<Entity>, source: &str) -> f64 {
        let source = self.entities(source);
        let common = response.intersection(&source).count() as f64;
        let all = match self.measure {
            Measure::F1 => (response.len() + source.len()) as f64 / 2.0,
            Measure::Precision => response.len() as f64,
            Measure::Recall => source.len() as f64,
        };
        if all > 0.0 { common / all } else { 1.0 }
    }
}

impl RowMetric for Config {
    fn needs(&self) -> Needs {
        match self.source {
            Source::Target => Needs::target(),
            Source::Prompt => Needs::prompt(),
        }
    }

    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let response = self.entities(sample.response);
        match self.source {
            Source::Prompt => Some(self.against(&response, sample.prompt)),
            Source::Target => {
                let scores = sample.targets.iter().map(|target| self.against(&response, target));
                scores.reduce(f64::max)
            }
        }
    }
}
