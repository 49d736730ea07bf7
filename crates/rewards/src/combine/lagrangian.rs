//! `lagrangian`: one reward maximised while another is kept above a bound.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Combination, Rule, require_components, rows};
use crate::column::Summary;
use crate::error::{ParamError, StateError, require};
use crate::sample::{Context, Sample};
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry, Weights};

/// Parameters of `lagrangian`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    bound: f64,
    lr: f64,
    initial: f64,
    max: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { bound: 0.5, lr: 0.05, initial: 0.0, max: 100.0 }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        require(self.bound.is_finite(), "bound", self.bound, "finite")?;
        require(self.lr > 0.0 && self.lr.is_finite(), "lr", self.lr, "finite and more than 0")?;
        require(self.max > 0.0 && self.max.is_finite(), "max", self.max, "finite and more than 0")?;
        let fits = (0.0..=self.max).contains(&self.initial);
        require(fits, "initial", self.initial, "between 0 and `max`")
    }
}

const INFO: Info = Info {
    name: "lagrangian",
    about: "(x + λ·c) / (1 + λ) of a reward x and a reward c that is to stay above a bound; after \
            each training batch λ grows by lr·(bound − mean c), never below 0 (Ray et al. 2019).",
    params: &[
        Param::new("bound", "a number", "what the mean of the second component should reach"),
        Param::new("lr", "a number more than 0", "how fast the multiplier λ follows"),
        Param::new("initial", "a number ≥ 0", "λ at the start"),
        Param::new("max", "a number more than 0", "λ at most"),
    ],
    ..Info::OPEN
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.combinator(INFO, Weights::Unused, |config: Config, children| {
        require_components(children, 2, "the reward and the reward that is kept above the bound")?;
        Ok(Lagrangian { config, multiplier: Mutex::new(config.initial) })
    })
}

struct Lagrangian {
    config: Config,
    multiplier: Mutex<f64>,
}

impl Rule for Lagrangian {
    fn combine(
        &self,
        inputs: &[Vec<Option<f64>>],
        batch: &[Sample<'_>],
        context: &Context<'_>,
    ) -> Combination {
        let mut multiplier = self.multiplier.lock().unwrap_or_else(PoisonError::into_inner);
        let lambda = *multiplier;
        let mix = |row: Vec<Option<f64>>| match row.as_slice() {
            [Some(reward), Some(kept)] => Some((reward + lambda * kept) / (1.0 + lambda)),
            _ => None,
        };
        let value: Vec<Option<f64>> = rows(inputs, batch.len()).map(mix).collect();
        let kept = inputs.get(1).and_then(|input| Summary::of(input).mean);
        if let (true, Some(mean)) = (context.train, kept) {
            let moved = lambda + self.config.lr * (self.config.bound - mean);
            *multiplier = moved.clamp(0.0, self.config.max);
        }
        value.into()
    }

    fn state(&self) -> Option<Value> {
        let multiplier = *self.multiplier.lock().unwrap_or_else(PoisonError::into_inner);
        Some(json!({ "multiplier": multiplier }))
    }

    fn load_state(&self, state: &Value) -> Result<(), StateError> {
        let saved = state.get("multiplier").and_then(Value::as_f64);
        let saved =
            saved.filter(|saved| (0.0..=self.config.max).contains(saved)).ok_or_else(|| {
                StateError::unexpected("that of a `lagrangian`: a `multiplier` between 0 and `max`")
            })?;
        *self.multiplier.lock().unwrap_or_else(PoisonError::into_inner) = saved;
        Ok(())
    }
}
