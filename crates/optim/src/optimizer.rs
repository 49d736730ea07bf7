//! The optimizers by name, each with its own parameters.

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{OptimError, require};
use crate::spec::{self, Choice, Fields};

mod parameters;

pub use self::parameters::{
    AdafactorParameters, AdagradParameters, Adam8BitParameters, AdamParameters, AdanParameters,
    LambParameters, LionParameters, LrAdjustment, MuonParameters, RmspropParameters, SgdParameters,
};

/// An optimizer: its name, or a table with its `type` and its own parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type")]
pub enum OptimizerSpec {
    /// Adam with decoupled weight decay, <https://arxiv.org/abs/1711.05101>.
    #[serde(rename = "adamw")]
    AdamW(AdamParameters),
    /// Adam, <https://arxiv.org/abs/1412.6980>; its weight decay is an L2 penalty.
    #[serde(rename = "adam")]
    Adam(AdamParameters),
    /// Gradient descent, plain or with (Nesterov) momentum; L2 penalty.
    #[serde(rename = "sgd")]
    Sgd(SgdParameters),
    /// RMSprop as in PyTorch, epsilon beside the root; L2 penalty.
    #[serde(rename = "rmsprop")]
    Rmsprop(RmspropParameters),
    /// Adagrad, <https://jmlr.org/papers/v12/duchi11a.html>; L2 penalty.
    #[serde(rename = "adagrad")]
    Adagrad(AdagradParameters),
    /// Adafactor, <https://arxiv.org/abs/1804.04235>; decoupled weight decay.
    #[serde(rename = "adafactor")]
    Adafactor(AdafactorParameters),
    /// Lion, <https://arxiv.org/abs/2302.06675>; decoupled weight decay.
    #[serde(rename = "lion")]
    Lion(LionParameters),
    /// LAMB, <https://arxiv.org/abs/1904.00962>; decoupled weight decay inside the trust ratio.
    #[serde(rename = "lamb")]
    Lamb(LambParameters),
    /// Adan, <https://arxiv.org/abs/2208.06677>; proximal weight decay.
    #[serde(rename = "adan")]
    Adan(AdanParameters),
    /// Muon, <https://kellerjordan.github.io/posts/muon>, for hidden matrices, and AdamW for the
    /// rest; decoupled weight decay.
    #[serde(rename = "muon")]
    Muon(MuonParameters),
    /// AdamW whose state is kept in 8 bits, <https://arxiv.org/abs/2110.02861>.
    #[serde(rename = "adamw_8bit")]
    AdamW8Bit(Adam8BitParameters),
}

impl Default for OptimizerSpec {
    fn default() -> Self {
        Self::AdamW(AdamParameters::default())
    }
}

impl Choice for OptimizerSpec {
    const WHAT: &'static str = "optimizer";
    const NAMES: &'static [&'static str] = &[
        "adamw",
        "adam",
        "sgd",
        "rmsprop",
        "adagrad",
        "adafactor",
        "lion",
        "lamb",
        "adan",
        "muon",
        "adamw_8bit",
    ];

    fn build(name: &str, fields: Fields) -> Result<Self, String> {
        match name {
            "adam" => spec::parameters(Self::WHAT, name, fields).map(Self::Adam),
            "sgd" => spec::parameters(Self::WHAT, name, fields).map(Self::Sgd),
            "rmsprop" => spec::parameters(Self::WHAT, name, fields).map(Self::Rmsprop),
            "adagrad" => spec::parameters(Self::WHAT, name, fields).map(Self::Adagrad),
            "adafactor" => spec::parameters(Self::WHAT, name, fields).map(Self::Adafactor),
            "lion" => spec::parameters(Self::WHAT, name, fields).map(Self::Lion),
            "lamb" => spec::parameters(Self::WHAT, name, fields).map(Self::Lamb),
            "adan" => spec::parameters(Self::WHAT, name, fields).map(Self::Adan),
            "muon" => spec::parameters(Self::WHAT, name, fields).map(Self::Muon),
            "adamw_8bit" => spec::parameters(Self::WHAT, name, fields).map(Self::AdamW8Bit),
            _ => spec::parameters(Self::WHAT, name, fields).map(Self::AdamW),
        }
    }
}

impl<'de> Deserialize<'de> for OptimizerSpec {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        spec::deserialize(source)
    }
}

impl OptimizerSpec {
    /// Every name in configuration, in the order that messages list them.
    #[must_use]
    pub fn names() -> &'static [&'static str] {
        Self::NAMES
    }

    /// Its name in configuration.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::AdamW(_) => "adamw",
            Self::Adam(_) => "adam",
            Self::Sgd(_) => "sgd",
            Self::Rmsprop(_) => "rmsprop",
            Self::Adagrad(_) => "adagrad",
            Self::Adafactor(_) => "adafactor",
            Self::Lion(_) => "lion",
            Self::Lamb(_) => "lamb",
            Self::Adan(_) => "adan",
            Self::Muon(_) => "muon",
            Self::AdamW8Bit(_) => "adamw_8bit",
        }
    }

    /// The weight decay where `optim.weight_decay` is absent: PyTorch's default for those it has,
    /// the paper's for Adan, none for Lion, 0.01 for LAMB.
    #[must_use]
    pub fn default_weight_decay(&self) -> f64 {
        match self {
            Self::AdamW(_) | Self::AdamW8Bit(_) | Self::Lamb(_) => 0.01,
            Self::Adan(_) => 0.02,
            Self::Muon(_) => 0.1,
            Self::Adam(_)
            | Self::Sgd(_)
            | Self::Rmsprop(_)
            | Self::Adagrad(_)
            | Self::Adafactor(_)
            | Self::Lion(_) => 0.0,
        }
    }

    /// Checks every range that the types cannot express.
    ///
    /// # Errors
    ///
    /// [`OptimError::OutOfRange`] naming the first parameter out of range.
    pub fn validate(&self) -> Result<(), OptimError> {
        match self {
            Self::AdamW(p) | Self::Adam(p) => p.validate(),
            Self::Sgd(p) => p.validate(),
            Self::Rmsprop(p) => p.validate(),
            Self::Adagrad(p) => p.validate(),
            Self::Adafactor(p) => p.validate(),
            Self::Lion(p) => p.validate(),
            Self::Lamb(p) => p.validate(),
            Self::Adan(p) => p.validate(),
            Self::Muon(p) => p.validate(),
            Self::AdamW8Bit(p) => p.validate(),
        }
    }
}

/// A decay rate or momentum: in [0, 1).
fn require_rate(name: &str, value: f64) -> Result<(), OptimError> {
    let field = format!("optim.optimizer.{name}");
    require((0.0..1.0).contains(&value), &field, value, "in [0, 1)")
}

/// Several decay rates.
fn require_rates(name: &str, values: &[f64]) -> Result<(), OptimError> {
    let ok = values.iter().all(|value| (0.0..1.0).contains(value));
    let field = format!("optim.optimizer.{name}");
    require(ok, &field, format_args!("{values:?}"), "in [0, 1) each")
}

/// Epsilon, a coefficient or a decay: 0 or more, finite.
fn require_non_negative(name: &str, value: f64) -> Result<(), OptimError> {
    let ok = value.is_finite() && value >= 0.0;
    require(ok, &format!("optim.optimizer.{name}"), value, "0 or more, and finite")
}

/// What is divided by: above 0, finite.
fn require_positive(name: &str, value: f64) -> Result<(), OptimError> {
    let ok = value.is_finite() && value > 0.0;
    require(ok, &format!("optim.optimizer.{name}"), value, "above 0, and finite")
}
