//! `gate`: a reward that counts only where a condition holds.

use serde::{Deserialize, Serialize};

use super::{Combination, Rule, require_components, rows};
use crate::error::{ParamError, require};
use crate::sample::{Context, Sample};
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry, Weights};

/// Parameters of `gate`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    threshold: f64,
    otherwise: Option<f64>,
}

impl Default for Config {
    fn default() -> Self {
        Self { threshold: 0.5, otherwise: Some(0.0) }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        require(self.threshold.is_finite(), "threshold", self.threshold, "finite")
    }
}

const INFO: Info = Info {
    name: "gate",
    about: "The second component's score where the first scores at least the threshold.",
    params: &[
        Param::new("threshold", "a number", "what the first component must reach"),
        Param::new(
            "otherwise",
            "a number or null",
            "the score where it does not; null is no score",
        ),
    ],
    ..Info::OPEN
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.combinator(INFO, Weights::Unused, |config: Config, children| {
        require_components(children, 2, "the condition and the reward that it lets through")?;
        Ok(Gate { config })
    })
}

struct Gate {
    config: Config,
}

impl Rule for Gate {
    fn combine(
        &self,
        inputs: &[Vec<Option<f64>>],
        batch: &[Sample<'_>],
        _context: &Context<'_>,
    ) -> Combination {
        let passed = |row: Vec<Option<f64>>| match row.as_slice() {
            [Some(condition), reward] if *condition >= self.config.threshold => *reward,
            [Some(_), _] => self.config.otherwise,
            _ => None,
        };
        rows(inputs, batch.len()).map(passed).collect::<Vec<_>>().into()
    }
}
