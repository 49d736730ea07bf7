//! `weighted_sum`: the usual way to mix rewards.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::{Child, Combination, MISSING, Missing, Rule, rows};
use crate::column::mean_variance;
use crate::error::{ParamError, require};
use crate::sample::{Context, Sample};
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry, Weights};

/// Fewer rows say too little about a variance to warn a person.
const ROWS_FOR_A_WARNING: usize = 16;

/// Parameters of `weighted_sum`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    normalize: bool,
    missing: Missing,
    warn_share: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { normalize: true, missing: Missing::None, warn_share: 0.7 }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        let share = self.warn_share;
        require(share > 0.0 && share <= 1.0, "warn_share", share, "more than 0 and at most 1")
    }
}

const INFO: Info = Info {
    name: "weighted_sum",
    about: "Σ wᵢ·xᵢ / Σ |wᵢ| over the components; components have a `weight`, 1 by default.",
    params: &[
        Param::new("normalize", "true or false", "divide by the sum of the weights' sizes"),
        MISSING,
        Param::new(
            "warn_share",
            "a number in (0, 1]",
            "warn once where one component makes up more than this share of the total's variance; 1 never warns",
        ),
    ],
    ..Info::OPEN
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.combinator(INFO, Weights::Used, |config: Config, children| {
        check_weights(children)?;
        Ok(WeightedSum { config, children: children.to_vec(), warned: AtomicBool::new(false) })
    })
}

/// Refuses weights that are all zero.
pub(super) fn check_weights(children: &[Child]) -> Result<(), ParamError> {
    let total: f64 = children.iter().map(|child| child.weight.abs()).sum();
    if children.is_empty() || (total > 0.0 && total.is_finite()) {
        return Ok(());
    }
    Err(ParamError::new("components", "the weights must be finite and not all zero"))
}

struct WeightedSum {
    config: Config,
    children: Vec<Child>,
    warned: AtomicBool,
}

impl Rule for WeightedSum {
    fn combine(
        &self,
        inputs: &[Vec<Option<f64>>],
        batch: &[Sample<'_>],
        _context: &Context<'_>,
    ) -> Combination {
        let weights: Vec<f64> = self.children.iter().map(|child| child.weight).collect();
        let value: Vec<Option<f64>> = rows(inputs, batch.len())
            .map(|row| weighted_sum(&row, &weights, self.config.normalize, self.config.missing))
            .collect();
        let notes = self.dominance(inputs, &value).into_iter().collect();
        Combination { value, notes }
    }
}

/// The weighted sum of one row.
pub(super) fn weighted_sum(
    row: &[Option<f64>],
    weights: &[f64],
    normalize: bool,
    missing: Missing,
) -> Option<f64> {
    let present =
        || row.iter().zip(weights).filter_map(|(value, weight)| Some((value.as_ref()?, weight)));
    let (known, whole) = (present().count(), row.len());
    if known == 0 || (known < whole && missing == Missing::None) {
        return None;
    }
    let sum: f64 = present().map(|(value, weight)| weight * value).sum();
    let all: f64 = weights.iter().map(|weight| weight.abs()).sum();
    let here: f64 = present().map(|(_, weight)| weight.abs()).sum();
    let grown = match missing {
        Missing::Renormalize if here == 0.0 => return None,
        Missing::Renormalize => sum * (all / here),
        Missing::None | Missing::Skip => sum,
    };
    Some(if normalize { grown / all } else { grown })
}

impl WeightedSum {
    /// A sentence, once, where one component drives the total: its share of the total's variance is
    /// Cov(wᵢ·xᵢ, Σ) / Var(Σ), over the rows that every component scored; the shares sum to 1.
    fn dominance(&self, inputs: &[Vec<Option<f64>>], value: &[Option<f64>]) -> Option<String> {
        if self.children.len() < 2 || self.warned.load(Ordering::Relaxed) {
            return None;
        }
        let whole: Vec<Vec<f64>> = rows(inputs, value.len())
            .filter_map(|row| row.into_iter().collect::<Option<Vec<f64>>>())
            .collect();
        if whole.len() < ROWS_FOR_A_WARNING {
            return None;
        }
        let weighted = |row: &Vec<f64>, index: usize| -> f64 {
            let weight = self.children.get(index).map_or(0.0, |child| child.weight);
            row.get(index).map_or(0.0, |value| weight * value)
        };
        let totals: Vec<f64> = whole
            .iter()
            .map(|row| (0..self.children.len()).map(|index| weighted(row, index)).sum())
            .collect();
        let (mean, variance) = mean_variance(&totals, 0.0);
        if variance <= f64::EPSILON * mean * mean || !variance.is_finite() {
            return None;
        }
        let share = |index: usize| {
            let parts: Vec<f64> = whole.iter().map(|row| weighted(row, index)).collect();
            let (part_mean, _) = mean_variance(&parts, 0.0);
            let products = parts.iter().zip(&totals).map(|(p, t)| (p - part_mean) * (t - mean));
            products.sum::<f64>() / parts.len() as f64 / variance
        };
        let (index, share) = (0..self.children.len())
            .map(|index| (index, share(index)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .filter(|(_, share)| *share > self.config.warn_share)?;
        self.warned.store(true, Ordering::Relaxed);
        let name = &self.children.get(index)?.name;
        Some(format!(
            "`{name}` makes up {:.0} % of the variance of its `weighted_sum`, so the others hardly \
             count; lower its weight or normalise the components",
            100.0 * share
        ))
    }
}
