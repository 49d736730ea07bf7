//! `ema_normalize`: scores in units of a running mean and standard deviation.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::PostProcess;
use crate::error::{ParamError, StateError, require};
use crate::sample::{Context, Sample};
use crate::spec::info::{Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Parameters of `ema_normalize`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    decay: f64,
    eps: f64,
    clip: Option<f64>,
}

impl Default for Config {
    fn default() -> Self {
        Self { decay: 0.99, eps: 1e-8, clip: None }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        let (decay, clip) = (self.decay, self.clip.unwrap_or(1.0));
        require((0.0..1.0).contains(&decay), "decay", decay, "at least 0 and less than 1")?;
        require(self.eps > 0.0 && self.eps.is_finite(), "eps", self.eps, "finite and more than 0")?;
        require(clip > 0.0 && clip.is_finite(), "clip", clip, "finite and more than 0")
    }
}

const INFO: Info = Info {
    name: "ema_normalize",
    about: "(x − mean) / (std + eps) with exponential moving averages of the batches' mean and mean \
            square, corrected for their start (as Adam's), so that the first batch uses its own; \
            only training batches move them. Evaluation before any training uses the batch's own.",
    params: &[
        Param::new("decay", "a number in [0, 1)", "how much of the average a batch keeps"),
        Param::new("eps", "a number more than 0", "added to the standard deviation"),
        Param::new(
            "clip",
            "a number more than 0 or null",
            "limits the result to ± this; null does not",
        ),
    ],
    ..Info::OPEN
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.post(INFO, |config: Config| {
        Ok(EmaNormalize { config, average: Mutex::new(Average::default()) })
    })
}

/// Running averages, not yet corrected for their start at 0.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Average {
    /// Training batches seen that had a score.
    steps: u64,
    /// Of the batches' means.
    mean: f64,
    /// Of the batches' mean squares.
    square: f64,
    /// `decay` to the power of `steps`.
    decayed: f64,
}

impl Average {
    fn next(self, batch: Moments, decay: f64) -> Self {
        let before = if self.steps == 0 { 1.0 } else { self.decayed };
        Self {
            steps: self.steps + 1,
            mean: decay * self.mean + (1.0 - decay) * batch.mean,
            square: decay * self.square + (1.0 - decay) * batch.square,
            decayed: before * decay,
        }
    }

    fn moments(self) -> Option<Moments> {
        let weight = 1.0 - self.decayed;
        (self.steps > 0).then(|| Moments { mean: self.mean / weight, square: self.square / weight })
    }
}

/// Mean and mean square.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Moments {
    mean: f64,
    square: f64,
}

impl Moments {
    fn of(values: &[Option<f64>]) -> Option<Self> {
        let count = values.iter().flatten().count() as f64;
        let mean =
            |of: fn(f64) -> f64| values.iter().flatten().map(|x| of(*x)).sum::<f64>() / count;
        let moments = Self { mean: mean(|x| x), square: mean(|x| x * x) };
        (moments.mean.is_finite() && moments.square.is_finite()).then_some(moments)
    }

    fn std(self) -> f64 {
        // Rounding can leave the difference a little below 0 where all scores are equal.
        (self.square - self.mean * self.mean).max(0.0).sqrt()
    }
}

struct EmaNormalize {
    config: Config,
    average: Mutex<Average>,
}

impl EmaNormalize {
    fn average(&self) -> MutexGuard<'_, Average> {
        self.average.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PostProcess for EmaNormalize {
    fn apply(&self, values: &mut [Option<f64>], _batch: &[Sample<'_>], context: &Context<'_>) {
        let Some(own) = Moments::of(values) else { return };
        let mut average = self.average();
        if context.train {
            *average = average.next(own, self.config.decay);
        }
        let moments = average.moments().unwrap_or(own);
        let limit = self.config.clip.unwrap_or(f64::INFINITY);
        for value in values.iter_mut().flatten() {
            let normal = (*value - moments.mean) / (moments.std() + self.config.eps);
            *value = normal.clamp(-limit, limit);
        }
    }

    fn state(&self) -> Option<Value> {
        serde_json::to_value(*self.average()).ok()
    }

    fn load_state(&self, state: &Value) -> Result<(), StateError> {
        let saved: Average = Deserialize::deserialize(state).map_err(|_| {
            StateError::unexpected("that of `ema_normalize`: `steps`, `mean`, `square`, `decayed`")
        })?;
        *self.average() = saved;
        Ok(())
    }
}
