//! `ppo.reference`: which frozen policy, or policies, KL is measured against.

use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::check::require;
use crate::error::PpoError;

/// What KL is measured against: `"phase_start"`, `"run_start"`, the name of a model, or a list such
/// as `[{ model = "phase_start", weight = 0.7 }, { model = "hf:owner/name", weight = 0.3 }]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum ReferenceConfig {
    /// The policy as it was when the phase began.
    #[default]
    PhaseStart,
    /// The policy as it was when the run began.
    RunStart,
    /// A model of its own, by name or path. It must have the policy's vocabulary.
    Model(String),
    /// Several, by weight. The penalty is the weighted mean of the KL against each.
    Weighted(Vec<WeightedReference>),
}

/// One of several references.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightedReference {
    /// `phase_start`, `run_start`, or a model by name or path.
    pub model: String,
    /// Its share, above 0. Weights are divided by their sum.
    pub weight: f64,
}

impl ReferenceConfig {
    /// Every single reference with its weight; the weights add up to 1.
    #[must_use]
    pub fn parts(&self) -> Vec<(Self, f64)> {
        let Self::Weighted(list) = self else {
            return vec![(self.clone(), 1.0)];
        };
        let total: f64 = list.iter().map(|part| part.weight).sum();
        list.iter().map(|part| (Self::from_name(&part.model), part.weight / total)).collect()
    }

    /// Checks names and weights.
    ///
    /// # Errors
    ///
    /// [`PpoError::OutOfRange`] naming what is wrong.
    pub fn validate(&self) -> Result<(), PpoError> {
        let named = |name: &str| !name.trim().is_empty();
        match self {
            Self::PhaseStart | Self::RunStart => Ok(()),
            Self::Model(name) => require(
                named(name),
                "reference",
                "a blank name",
                "\"phase_start\", \"run_start\" or a model",
            ),
            Self::Weighted(list) => {
                require(!list.is_empty(), "reference", "an empty list", "at least one reference")?;
                for part in list {
                    let weight = part.weight;
                    let allowed = "a finite number above 0";
                    let holds = weight.is_finite() && weight > 0.0;
                    require(holds, "reference.weight", weight, allowed)?;
                    let allowed = "\"phase_start\", \"run_start\" or a model";
                    require(named(&part.model), "reference.model", "a blank name", allowed)?;
                }
                Ok(())
            }
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "phase_start" => Self::PhaseStart,
            "run_start" => Self::RunStart,
            model => Self::Model(model.to_owned()),
        }
    }
}

impl Serialize for ReferenceConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::PhaseStart => serializer.serialize_str("phase_start"),
            Self::RunStart => serializer.serialize_str("run_start"),
            Self::Model(name) => serializer.serialize_str(name),
            Self::Weighted(list) => list.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ReferenceConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReferenceVisitor)
    }
}

/// Written by hand because an untagged enum says only that no variant matched.
struct ReferenceVisitor;

impl<'de> Visitor<'de> for ReferenceVisitor {
    type Value = ReferenceConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "\"phase_start\", \"run_start\", a model's name, or a list of { model, weight }",
        )
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<ReferenceConfig, E> {
        Ok(ReferenceConfig::from_name(name))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<ReferenceConfig, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(ReferenceConfig::Weighted)
    }
}
