//! The schedules by name, each with its own parameters, and the one that runs.
//!
//! A schedule is a factor of the learning rate, the same for every group of parameters. Step 0 is
//! the first; warm-up rises from 0 at step 0 to 1 at step `warmup_steps`, as in `transformers`, so
//! that the first step of a warm-up changes nothing. Past `total_steps` a decaying schedule stays
//! at its end.

mod curve;
mod parameters;
mod plateau;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::error::OptimError;
use crate::spec::{self, Choice, Fields};

pub use self::parameters::{
    CosineParameters, DecayShape, ExponentialParameters, InverseSqrtParameters, PlateauMode,
    PlateauParameters, PolynomialParameters, RestartParameters, StepParameters, ThresholdMode,
    Unparameterised, WsdParameters,
};
use plateau::Plateau;

/// A schedule: its name, or a table with its `type` and its own parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SchedulerSpec {
    /// Stays at 1.
    Constant(Unparameterised),
    /// Falls to 0 in a straight line.
    Linear(Unparameterised),
    /// Falls along a cosine.
    Cosine(CosineParameters),
    /// Falls along a cosine several times, jumping back up between.
    CosineWithRestarts(RestartParameters),
    /// Falls to an end value along a power.
    Polynomial(PolynomialParameters),
    /// Falls with the inverse root of the step.
    InverseSqrt(InverseSqrtParameters),
    /// Falls by a constant factor each step.
    Exponential(ExponentialParameters),
    /// Falls by a factor every so many steps.
    Step(StepParameters),
    /// Warm-up, stable, decay: stays at 1 and falls at the end.
    Wsd(WsdParameters),
    /// Falls by a factor when a metric stops improving.
    ReduceOnPlateau(PlateauParameters),
}

impl Default for SchedulerSpec {
    fn default() -> Self {
        Self::Linear(Unparameterised {})
    }
}

impl Choice for SchedulerSpec {
    const WHAT: &'static str = "scheduler";
    const NAMES: &'static [&'static str] = &[
        "constant",
        "linear",
        "cosine",
        "cosine_with_restarts",
        "polynomial",
        "inverse_sqrt",
        "exponential",
        "step",
        "wsd",
        "reduce_on_plateau",
    ];

    fn build(name: &str, fields: Fields) -> Result<Self, String> {
        match name {
            "constant" => spec::parameters(Self::WHAT, name, fields).map(Self::Constant),
            "cosine" => spec::parameters(Self::WHAT, name, fields).map(Self::Cosine),
            "cosine_with_restarts" => {
                spec::parameters(Self::WHAT, name, fields).map(Self::CosineWithRestarts)
            }
            "polynomial" => spec::parameters(Self::WHAT, name, fields).map(Self::Polynomial),
            "inverse_sqrt" => spec::parameters(Self::WHAT, name, fields).map(Self::InverseSqrt),
            "exponential" => spec::parameters(Self::WHAT, name, fields).map(Self::Exponential),
            "step" => spec::parameters(Self::WHAT, name, fields).map(Self::Step),
            "wsd" => spec::parameters(Self::WHAT, name, fields).map(Self::Wsd),
            "reduce_on_plateau" => {
                spec::parameters(Self::WHAT, name, fields).map(Self::ReduceOnPlateau)
            }
            _ => spec::parameters(Self::WHAT, name, fields).map(Self::Linear),
        }
    }
}

impl<'de> Deserialize<'de> for SchedulerSpec {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        spec::deserialize(source)
    }
}

impl SchedulerSpec {
    /// Its name in configuration.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Constant(_) => "constant",
            Self::Linear(_) => "linear",
            Self::Cosine(_) => "cosine",
            Self::CosineWithRestarts(_) => "cosine_with_restarts",
            Self::Polynomial(_) => "polynomial",
            Self::InverseSqrt(_) => "inverse_sqrt",
            Self::Exponential(_) => "exponential",
            Self::Step(_) => "step",
            Self::Wsd(_) => "wsd",
            Self::ReduceOnPlateau(_) => "reduce_on_plateau",
        }
    }

    /// Checks every range that the types cannot express, for a run at learning rate `lr`.
    ///
    /// # Errors
    ///
    /// [`OptimError::OutOfRange`] naming the first parameter out of range.
    pub fn validate(&self, lr: f64) -> Result<(), OptimError> {
        match self {
            Self::Constant(_) | Self::Linear(_) => Ok(()),
            Self::Cosine(p) => p.validate(),
            Self::CosineWithRestarts(p) => p.validate(),
            Self::Polynomial(p) => p.validate(lr),
            Self::InverseSqrt(p) => p.validate(),
            Self::Exponential(p) => p.validate(),
            Self::Step(p) => p.validate(),
            Self::Wsd(p) => p.validate(),
            Self::ReduceOnPlateau(p) => p.validate(),
        }
    }
}

/// A schedule that runs: where it stands, and the factor there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scheduler {
    spec: SchedulerSpec,
    /// Learning rate that factors are relative to.
    lr: f64,
    warmup_steps: u64,
    total_steps: u64,
    /// Steps done.
    step: u64,
    plateau: Plateau,
}

impl Scheduler {
    pub(crate) fn new(spec: &SchedulerSpec, lr: f64, warmup_steps: usize, total: usize) -> Self {
        Self {
            spec: spec.clone(),
            lr,
            warmup_steps: warmup_steps as u64,
            total_steps: total as u64,
            step: 0,
            plateau: Plateau::default(),
        }
    }

    /// What learning rates are multiplied by now.
    pub(crate) fn factor(&self) -> f64 {
        let span = curve::Span { warmup: self.warmup_steps, total: self.total_steps };
        curve::factor(&self.spec, span, self.step, self.lr) * self.plateau.factor
    }

    /// One step further. A metric counts only for `reduce_on_plateau`, after the warm-up.
    pub(crate) fn advance(&mut self, metric: Option<f64>) {
        if let (SchedulerSpec::ReduceOnPlateau(parameters), Some(metric)) = (&self.spec, metric)
            && self.step >= self.warmup_steps
        {
            self.plateau.observe(parameters, metric, self.lr);
        }
        self.step += 1;
    }

    /// Where it stands, for [`Self::load_state`].
    pub(crate) fn state(&self) -> Value {
        json!({ "type": self.spec.name(), "step": self.step, "plateau": self.plateau.state() })
    }

    /// Continues where `state` stood.
    pub(crate) fn load_state(&mut self, state: &Value) -> Result<(), OptimError> {
        let scalar = |key: &str, got: Option<&Value>, expected| OptimError::Scalar {
            key: format!("scheduler.{key}"),
            got: got.map_or_else(|| "absent".to_owned(), Value::to_string),
            expected,
        };
        let (kind, step) = (state.get("type"), state.get("step"));
        let Some(saved) = kind.and_then(Value::as_str) else {
            return Err(scalar("type", kind, "a scheduler's name"));
        };
        if saved != self.spec.name() {
            let now = self.spec.name().to_owned();
            return Err(OptimError::OtherKind { what: "scheduler", saved: saved.to_owned(), now });
        }
        let Some(step) = step.and_then(Value::as_u64) else {
            return Err(scalar("step", step, "a count of steps"));
        };
        let plateau = state.get("plateau");
        let loaded = plateau.and_then(Plateau::from_state);
        self.plateau = loaded.ok_or_else(|| scalar("plateau", plateau, "a plateau's state"))?;
        self.step = step;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
