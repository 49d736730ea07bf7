//! Steps that look at one number at a time.

use serde::{Deserialize, Serialize};

use super::PostProcess;
use crate::error::{ParamError, require};
use crate::sample::{Context, Sample};
use crate::spec::info::{Info, Param};
use crate::spec::params::{NoParams, Params};
use crate::spec::registry::{RegisterError, Registry};

/// A function of one number as a step.
struct Pointwise<F>(F);

impl<F: Fn(f64) -> f64 + Send + Sync> PostProcess for Pointwise<F> {
    fn apply(&self, values: &mut [Option<f64>], _batch: &[Sample<'_>], _context: &Context<'_>) {
        for value in values {
            *value = value.map(&self.0);
        }
    }
}

/// Parameters of `clip`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Clip {
    min: Option<f64>,
    max: Option<f64>,
}

impl Params for Clip {
    fn validate(&self) -> Result<(), ParamError> {
        let (min, max) = (self.min.unwrap_or(f64::MIN), self.max.unwrap_or(f64::MAX));
        if self.min.is_none() && self.max.is_none() {
            return Err(ParamError::new("", "`clip` has no effect; set `min`, `max` or both"));
        }
        require(min.is_finite(), "min", min, "finite")?;
        require(max.is_finite(), "max", max, "finite")?;
        require(min <= max, "min", min, &format!("at most `max`, which is {max}"))
    }
}

/// Parameters of `scale`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Scale {
    mul: f64,
    add: f64,
}

impl Default for Scale {
    fn default() -> Self {
        Self { mul: 1.0, add: 0.0 }
    }
}

impl Params for Scale {
    fn validate(&self) -> Result<(), ParamError> {
        require(self.mul.is_finite(), "mul", self.mul, "finite")?;
        require(self.add.is_finite(), "add", self.add, "finite")
    }
}

/// Parameters of `affine`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Affine {
    from: [f64; 2],
    to: [f64; 2],
    clamp: bool,
}

impl Default for Affine {
    fn default() -> Self {
        Self { from: [0.0, 1.0], to: [0.0, 1.0], clamp: false }
    }
}

impl Params for Affine {
    fn validate(&self) -> Result<(), ParamError> {
        let [low, high] = self.from;
        let differ = low.is_finite() && high.is_finite() && (high - low).abs() > 0.0;
        require(differ, "from", format!("[{low}, {high}]"), "two finite numbers that differ")?;
        let [low, high] = self.to;
        let finite = low.is_finite() && high.is_finite();
        require(finite, "to", format!("[{low}, {high}]"), "two finite numbers")
    }
}

impl Affine {
    fn map(self, x: f64) -> f64 {
        let ([from, from_end], [to, to_end]) = (self.from, self.to);
        let share = (x - from) / (from_end - from);
        let share = if self.clamp { share.clamp(0.0, 1.0) } else { share };
        to + share * (to_end - to)
    }
}

/// Parameters of `sigmoid`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sigmoid {
    k: f64,
    x0: f64,
}

impl Default for Sigmoid {
    fn default() -> Self {
        Self { k: 1.0, x0: 0.0 }
    }
}

impl Params for Sigmoid {
    fn validate(&self) -> Result<(), ParamError> {
        require(self.k.is_finite() && self.k != 0.0, "k", self.k, "finite and not 0")?;
        require(self.x0.is_finite(), "x0", self.x0, "finite")
    }
}

/// Parameters of `tanh`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Tanh {
    k: f64,
}

impl Default for Tanh {
    fn default() -> Self {
        Self { k: 1.0 }
    }
}

impl Params for Tanh {
    fn validate(&self) -> Result<(), ParamError> {
        require(self.k.is_finite() && self.k != 0.0, "k", self.k, "finite and not 0")
    }
}

/// Parameters of `log`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Log {
    add: f64,
}

impl Params for Log {
    fn validate(&self) -> Result<(), ParamError> {
        require(self.add.is_finite() && self.add >= 0.0, "add", self.add, "finite and at least 0")
    }
}

/// Parameters of `threshold`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Threshold {
    at: f64,
    above: f64,
    below: f64,
}

impl Default for Threshold {
    fn default() -> Self {
        Self { at: 0.5, above: 1.0, below: 0.0 }
    }
}

impl Params for Threshold {
    fn validate(&self) -> Result<(), ParamError> {
        require(self.at.is_finite(), "at", self.at, "finite")?;
        require(self.above.is_finite(), "above", self.above, "finite")?;
        require(self.below.is_finite(), "below", self.below, "finite")
    }
}

const CLIP: Info = Info {
    name: "clip",
    about: "Scores outside [min, max] become the nearer end.",
    params: &[
        Param::new("min", "a number", "the smallest score; absent means none"),
        Param::new("max", "a number", "the largest score; absent means none"),
    ],
    ..Info::OPEN
};

const SCALE: Info = Info {
    name: "scale",
    about: "mul·x + add.",
    params: &[
        Param::new("mul", "a number", "the factor"),
        Param::new("add", "a number", "what is added after it"),
    ],
    ..Info::OPEN
};

const AFFINE: Info = Info {
    name: "affine",
    about: "Maps the range `from` linearly onto the range `to`.",
    params: &[
        Param::new("from", "two numbers", "a range of scores"),
        Param::new("to", "two numbers", "what its ends become; reversed ends turn the score round"),
        Param::new("clamp", "true or false", "keep the result inside `to`"),
    ],
    ..Info::OPEN
};

const SIGMOID: Info = Info {
    name: "sigmoid",
    about: "1 / (1 + exp(−k·(x − x0))).",
    range: (0.0, 1.0),
    params: &[
        Param::new("k", "a number", "the steepness"),
        Param::new("x0", "a number", "where the result is one half"),
    ],
    ..Info::OPEN
};

const TANH: Info = Info {
    name: "tanh",
    about: "tanh(k·x).",
    range: (-1.0, 1.0),
    params: &[Param::new("k", "a number", "the steepness")],
    ..Info::OPEN
};

const LOG: Info = Info {
    name: "log",
    about: "ln(x + add); a row where that is undefined has no score.",
    params: &[Param::new("add", "a number ≥ 0", "what is added before the logarithm")],
    ..Info::OPEN
};

const INVERT: Info =
    Info { name: "invert", about: "1 − x, which turns a score in [0, 1] round.", ..Info::OPEN };

const THRESHOLD: Info = Info {
    name: "threshold",
    about: "`above` where x ≥ at, else `below`.",
    params: &[
        Param::new("at", "a number", "the threshold"),
        Param::new("above", "a number", "the score from it upwards"),
        Param::new("below", "a number", "the score below it"),
    ],
    ..Info::OPEN
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.post(CLIP, |clip: Clip| {
        let (min, max) = (clip.min.unwrap_or(f64::MIN), clip.max.unwrap_or(f64::MAX));
        Ok(Pointwise(move |x: f64| x.clamp(min, max)))
    })?;
    registry.post(SCALE, |scale: Scale| Ok(Pointwise(move |x: f64| scale.mul * x + scale.add)))?;
    registry.post(AFFINE, |affine: Affine| Ok(Pointwise(move |x: f64| affine.map(x))))?;
    registry.post(SIGMOID, |sigmoid: Sigmoid| {
        Ok(Pointwise(move |x: f64| 1.0 / (1.0 + (-sigmoid.k * (x - sigmoid.x0)).exp())))
    })?;
    registry.post(TANH, |tanh: Tanh| Ok(Pointwise(move |x: f64| (tanh.k * x).tanh())))?;
    registry.post(LOG, |log: Log| Ok(Pointwise(move |x: f64| (x + log.add).ln())))?;
    registry.post(INVERT, |_: NoParams| Ok(Pointwise(|x: f64| 1.0 - x)))?;
    registry.post(THRESHOLD, |t: Threshold| {
        Ok(Pointwise(move |x: f64| if x >= t.at { t.above } else { t.below }))
    })
}
