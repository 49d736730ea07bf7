//! `zscore`: scores in units of the batch's, or each group's, standard deviation.

use serde::{Deserialize, Serialize};

use super::PostProcess;
use crate::combine::{group_rows, normalize_groups};
use crate::error::{ParamError, require};
use crate::sample::{Context, Sample};
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Over which rows mean and standard deviation are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scope {
    /// The whole batch.
    #[default]
    Batch,
    /// The responses to one prompt.
    Group,
}

/// Parameters of `zscore`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    scope: Scope,
    eps: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { scope: Scope::Batch, eps: 1e-4 }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        require(self.eps > 0.0 && self.eps.is_finite(), "eps", self.eps, "finite and more than 0")
    }
}

const INFO: Info = Info {
    name: "zscore",
    about: "(x − mean) / (std + eps), std divided by the number of rows less one; rows without a \
            score take no part, and a row alone scores 0.",
    params: &[
        Param::new("scope", "one of `batch` or `group`", "the rows that are compared"),
        Param::new("eps", "a number more than 0", "added to the standard deviation"),
    ],
    ..Info::OPEN
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.post(INFO, |config: Config| Ok(ZScore { config }))
}

struct ZScore {
    config: Config,
}

impl PostProcess for ZScore {
    fn apply(&self, values: &mut [Option<f64>], batch: &[Sample<'_>], _context: &Context<'_>) {
        let groups = match self.config.scope {
            Scope::Batch => vec![(0..values.len()).collect()],
            Scope::Group => group_rows(batch),
        };
        normalize_groups(values, &groups, self.config.eps);
    }

    fn compares_group(&self) -> bool {
        self.config.scope == Scope::Group
    }
}
