//! `group_normalize`: components made comparable within each prompt's responses, then summed.

use serde::{Deserialize, Serialize};

use super::weighted_sum::{check_weights, weighted_sum};
use super::{Child, Combination, MISSING, Missing, Rule, group_rows, rows};
use crate::column::mean_variance;
use crate::error::{ParamError, require};
use crate::sample::{Context, Sample};
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry, Weights};

/// Parameters of `group_normalize`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    eps: f64,
    normalize: bool,
    missing: Missing,
}

impl Default for Config {
    fn default() -> Self {
        Self { eps: 1e-4, normalize: false, missing: Missing::None }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        require(self.eps > 0.0 && self.eps.is_finite(), "eps", self.eps, "finite and more than 0")
    }
}

const INFO: Info = Info {
    name: "group_normalize",
    about: "Σ wᵢ·(xᵢ − mean) / (std + eps), mean and std of each component over the responses to \
            one prompt (GDPO); a prompt with one response scores 0.",
    needs: &["group"],
    params: &[
        Param::new("eps", "a number more than 0", "added to the standard deviation"),
        Param::new("normalize", "true or false", "divide by the sum of the weights' sizes"),
        MISSING,
    ],
    ..Info::OPEN
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.combinator(INFO, Weights::Used, |config: Config, children| {
        check_weights(children)?;
        Ok(GroupNormalize { config, children: children.to_vec() })
    })
}

/// Replaces each score by its distance from its group's mean in units of the group's standard
/// deviation (divided by the number less one). Rows without a score take no part.
pub(crate) fn normalize_groups(values: &mut [Option<f64>], groups: &[Vec<usize>], eps: f64) {
    for group in groups {
        let get = |row: &usize| values.get(*row).copied().flatten();
        let known: Vec<f64> = group.iter().filter_map(get).collect();
        let (mean, variance) = mean_variance(&known, 1.0);
        for row in group {
            if let Some(Some(value)) = values.get_mut(*row) {
                *value = (*value - mean) / (variance.sqrt() + eps);
            }
        }
    }
}

struct GroupNormalize {
    config: Config,
    children: Vec<Child>,
}

impl Rule for GroupNormalize {
    fn combine(
        &self,
        inputs: &[Vec<Option<f64>>],
        batch: &[Sample<'_>],
        _context: &Context<'_>,
    ) -> Combination {
        let groups = group_rows(batch);
        let mut inputs = inputs.to_vec();
        for input in &mut inputs {
            normalize_groups(input, &groups, self.config.eps);
        }
        let weights: Vec<f64> = self.children.iter().map(|child| child.weight).collect();
        let Config { normalize, missing, .. } = self.config;
        let sum = |row: Vec<Option<f64>>| weighted_sum(&row, &weights, normalize, missing);
        rows(&inputs, batch.len()).map(sum).collect::<Vec<_>>().into()
    }

    fn needs_group(&self) -> bool {
        true
    }
}
