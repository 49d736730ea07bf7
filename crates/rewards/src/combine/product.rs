//! `product` and `geometric_mean`: every component must be good.

use serde::{Deserialize, Serialize};

use super::weighted_sum::{check_weights, weighted_sum};
use super::{Child, Combination, MISSING, Missing, Rule, rows};
use crate::error::ParamError;
use crate::sample::{Context, Sample};
use crate::spec::info::Info;
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry, Weights};

/// Parameters of `product`, `geometric_mean`, `min` and `max`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Config {
    pub(super) missing: Missing,
}

impl Params for Config {}

const PRODUCT: Info = Info {
    name: "product",
    about: "The product of the components' scores.",
    params: &[MISSING],
    ..Info::OPEN
};

const GEOMETRIC_MEAN: Info = Info {
    name: "geometric_mean",
    about: "exp(Σ wᵢ·ln xᵢ / Σ wᵢ) over components with scores ≥ 0 and weights ≥ 0; a negative \
            score leaves the row without one.",
    range: (0.0, f64::INFINITY),
    params: &[MISSING],
    ..Info::OPEN
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.combinator(PRODUCT, Weights::Unused, |config: Config, _| {
        Ok(Product { missing: config.missing })
    })?;
    registry.combinator(GEOMETRIC_MEAN, Weights::Used, |config: Config, children| {
        check_weights(children)?;
        if let Some(child) = children.iter().find(|child| child.weight < 0.0) {
            let reason = format!("the weight of `{}` is negative, must be at least 0", child.name);
            return Err(ParamError::new("components", reason));
        }
        Ok(GeometricMean { missing: config.missing, children: children.to_vec() })
    })
}

/// The scores of a row that count, or `None` where the row has no score.
pub(super) fn present(row: &[Option<f64>], missing: Missing) -> Option<Vec<f64>> {
    let known: Vec<f64> = row.iter().copied().flatten().collect();
    let whole = known.len() == row.len() || missing != Missing::None;
    (whole && !known.is_empty()).then_some(known)
}

struct Product {
    missing: Missing,
}

impl Rule for Product {
    fn combine(
        &self,
        inputs: &[Vec<Option<f64>>],
        batch: &[Sample<'_>],
        _context: &Context<'_>,
    ) -> Combination {
        let product = |row: Vec<Option<f64>>| Some(present(&row, self.missing)?.iter().product());
        rows(inputs, batch.len()).map(product).collect::<Vec<_>>().into()
    }
}

struct GeometricMean {
    missing: Missing,
    children: Vec<Child>,
}

impl Rule for GeometricMean {
    fn combine(
        &self,
        inputs: &[Vec<Option<f64>>],
        batch: &[Sample<'_>],
        _context: &Context<'_>,
    ) -> Combination {
        let weights: Vec<f64> = self.children.iter().map(|child| child.weight).collect();
        let mean = |row: Vec<Option<f64>>| {
            if row.iter().flatten().any(|value| *value < 0.0) {
                return None;
            }
            let counted =
                |(value, weight): (&Option<f64>, &f64)| *weight > 0.0 && *value == Some(0.0);
            let zero = row.iter().zip(&weights).any(counted);
            // A component without weight counts 1, whatever it scored, even 0 with its infinite log.
            let log = |(value, weight): (&Option<f64>, &f64)| {
                value.map(|value| if *weight == 0.0 || value == 0.0 { 0.0 } else { value.ln() })
            };
            let logs: Vec<Option<f64>> = row.iter().zip(&weights).map(log).collect();
            let mean = weighted_sum(&logs, &weights, true, self.missing)?;
            Some(if zero { 0.0 } else { mean.exp() })
        };
        rows(inputs, batch.len()).map(mean).collect::<Vec<_>>().into()
    }
}
