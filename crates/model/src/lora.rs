//! Low-rank adapters (Hu et al. 2021, <https://arxiv.org/abs/2106.09685>): a projection `W` keeps its
//! weights, and `x·W + scale · (x·a)·b` learns in their place, with `a` and `b` as thin as the rank.
//!
//! The dense `a·b` is made where adapters are merged into the weights and nowhere else. Query, key and
//! value each have adapters of their own, as in peft, though here they are one projection.

mod networks;
mod slots;

use std::collections::{BTreeSet, HashMap};

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::config::DecoderConfig;
use crate::family::scheme;
use crate::projection;
use crate::weights::layout::ParameterSource;
use slots::Slot;
pub(crate) use slots::Slots;

/// Trains low-rank matrices beside frozen projections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoraConfig {
    /// Width of the matrices: peft's `r`. At least 1, and less than either side of a projection.
    pub rank: usize,
    /// What they add counts `alpha / rank`: peft's `lora_alpha`. Above 0.
    pub alpha: f64,
    /// Which projections of a layer have adapters: peft's `target_modules`, by the same names for
    /// every family. Query and value are what peft takes where nothing is said; all of them cost
    /// little more.
    pub targets: Vec<LoraTarget>,
    /// Count what they add `alpha / √rank` instead (Kalajdzievski 2023), so that a larger rank is
    /// not a smaller step.
    pub rslora: bool,
}

impl Default for LoraConfig {
    fn default() -> Self {
        let targets = vec![LoraTarget::Query, LoraTarget::Value];
        Self { rank: 8, alpha: 16.0, targets, rslora: false }
    }
}

/// A projection of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoraTarget {
    /// Attention's queries.
    Query,
    /// Attention's keys.
    Key,
    /// Attention's values.
    Value,
    /// Attention's output.
    Out,
    /// The gate of the MLP, where it has one.
    Gate,
    /// The first projection of the MLP.
    Up,
    /// Its last.
    Down,
}

impl LoraTarget {
    /// Its name, as the configuration writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Key => "key",
            Self::Value => "value",
            Self::Out => "out",
            Self::Gate => "gate",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// What of a trunk is adapted, and how: enough to find the adapters in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraPlan {
    /// The adapters.
    pub config: LoraConfig,
    /// The layers from this one on, from 0, have them.
    pub first_layer: usize,
}

/// Adapters that cannot be, or not on this trunk.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LoraError {
    /// No width.
    #[error("`rank` is 0, must be at least 1")]
    NoRank,
    /// A factor that is none.
    #[error("`alpha` is {0}, must be a finite number above 0")]
    Alpha(f64),
    /// Nothing to adapt.
    #[error("`targets` is empty: name projections, as [\"query\", \"value\"], or leave it out")]
    NoTarget,
    /// A projection twice.
    #[error("`targets` names `{0}` twice")]
    Twice(&'static str),
    /// A projection that the family has not.
    #[error(
        "`targets` names `{target}`, which the layers of a `{family}` do not have; they have {known}"
    )]
    NoSuchTarget {
        /// What was asked for.
        target: &'static str,
        /// The `model_type`.
        family: String,
        /// What there is.
        known: String,
    },
    /// Matrices that are not thin.
    #[error(
        "`rank` is {rank}, but `{target}` has {inputs} inputs and {outputs} outputs: a rank below \
         both saves something, this one does not"
    )]
    Rank {
        /// The rank.
        rank: usize,
        /// The projection.
        target: &'static str,
        /// Its inputs.
        inputs: usize,
        /// Its outputs.
        outputs: usize,
    },
    /// No layer left.
    #[error(
        "adapters stand in the layers from {first_layer} on, but the trunk has {layers}, counted \
         from 0: lower `freeze.below`, or freeze the trunk and leave adapters out"
    )]
    NoLayer {
        /// The first layer with adapters.
        first_layer: usize,
        /// Layers of the trunk.
        layers: usize,
    },
}

impl LoraConfig {
    /// Checks what the types cannot express.
    ///
    /// # Errors
    ///
    /// [`LoraError`] naming the first key that is wrong.
    pub fn validate(&self) -> Result<(), LoraError> {
        if self.rank == 0 {
            return Err(LoraError::NoRank);
        }
        if !(self.alpha > 0.0 && self.alpha.is_finite()) {
            return Err(LoraError::Alpha(self.alpha));
        }
        if self.targets.is_empty() {
            return Err(LoraError::NoTarget);
        }
        let mut seen = BTreeSet::new();
        match self.targets.iter().find(|target| !seen.insert(**target)) {
            Some(twice) => Err(LoraError::Twice(twice.name())),
            None => Ok(()),
        }
    }

    /// How many numbers adapters in every layer of a decoder have.
    #[must_use]
    pub fn parameter_count(&self, decoder: &DecoderConfig) -> usize {
        let plan = LoraPlan { config: self.clone(), first_layer: 0 };
        let sources = plan.parameters(&Slots::of_decoder(decoder));
        let size = |source: &ParameterSource| {
            source.shape.iter().fold(1, |size: usize, side| size.saturating_mul(*side))
        };
        sources.iter().map(size).fold(0, usize::saturating_add)
    }

    fn scale(&self) -> f64 {
        let rank = self.rank as f64;
        self.alpha / if self.rslora { rank.sqrt() } else { rank }
    }
}

impl LoraPlan {
    /// Refuses a plan that does not fit the layers of `slots`.
    pub(crate) fn check(&self, slots: &Slots) -> Result<(), LoraError> {
        self.config.validate()?;
        let (first_layer, layers) = (self.first_layer, slots.layers);
        if first_layer >= layers {
            return Err(LoraError::NoLayer { first_layer, layers });
        }
        for target in &self.config.targets {
            let slot = slots.of_layer.iter().find(|slot| slot.target == *target);
            let Some(Slot { inputs, outputs, .. }) = slot else {
                let known: Vec<String> =
                    slots.of_layer.iter().map(|slot| format!("`{}`", slot.target.name())).collect();
                return Err(LoraError::NoSuchTarget {
                    target: target.name(),
                    family: slots.family.clone(),
                    known: known.join(", "),
                });
            };
            let (rank, inputs, outputs) = (self.config.rank, *inputs, *outputs);
            if rank >= inputs.min(outputs) {
                let target = target.name();
                return Err(LoraError::Rank { rank, target, inputs, outputs });
            }
        }
        Ok(())
    }

    /// The slots with an adapter in them, in the order of the network, each with the place of the
    /// adapter among those of its projection.
    fn chosen<'a>(&self, slots: &'a Slots) -> Vec<(usize, &'a Slot)> {
        let mut counts = HashMap::new();
        let is_chosen = |slot: &&Slot| self.config.targets.contains(&slot.target);
        let placed = slots.of_layer.iter().filter(is_chosen).map(|slot| {
            let count = counts.entry(slot.projection).or_insert(0);
            *count += 1;
            (*count - 1, slot)
        });
        placed.collect()
    }

    /// The tensors of all adapters: `lora.LAYER.TARGET.a`, `[in, rank]`, and `….b`, `[rank, out]`.
    pub(crate) fn parameters(&self, slots: &Slots) -> Vec<ParameterSource> {
        let chosen = self.chosen(slots);
        let rank = self.config.rank;
        let mut sources = Vec::new();
        for layer in self.first_layer..slots.layers {
            for (place, slot) in &chosen {
                let path = slots.path(layer, slot.projection);
                let tensor = format!("{TENSORS}{layer}.{}", slot.target.name());
                let table = |name: &str, shape| {
                    let parameter = format!("{path}.adapters.{place}.{name}");
                    scheme::table(&parameter, shape, format!("{tensor}.{name}"))
                };
                sources.push(table("a", [slot.inputs, rank]));
                sources.push(table("b", [rank, slot.outputs]));
            }
        }
        sources
    }

    /// New adapters by `seed`: `a` uniform within `±1/√in`, which is the Kaiming initialisation of
    /// a linear layer of PyTorch and peft's, `b` zero, so that they add nothing yet.
    pub(crate) fn fresh(&self, slots: &Slots, seed: u64) -> HashMap<String, Vec<f32>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(STREAM);
        let sources = self.parameters(slots).into_iter().map(|source| {
            let size = source.shape.iter().product();
            let inputs = source.shape.first().copied().unwrap_or(1);
            let bound = 1.0 / (inputs as f32).sqrt();
            let is_first = source.parameter.ends_with(".a");
            let values = if is_first {
                (0..size).map(|_| bound * (2.0 * rng.random::<f32>() - 1.0)).collect()
            } else {
                vec![0.0; size]
            };
            (source.parameter, values)
        });
        sources.collect()
    }
}

/// Where the names of the tensors of adapters begin.
const TENSORS: &str = "lora.";
/// Apart from the streams of heads, which count from 0.
const STREAM: u64 = u64::MAX;

/// What is added to some of a projection's outputs.
#[derive(Module, Debug)]
pub(crate) struct Adapter {
    /// `[in, r]`.
    pub(crate) a: Param<Tensor<2>>,
    /// `[r, outputs]`.
    pub(crate) b: Param<Tensor<2>>,
    /// The first of the projection's outputs that it adds to.
    #[module(skip)]
    pub(crate) first: usize,
    #[module(skip)]
    pub(crate) scale: f64,
}

/// What adapters add to a weight `[in, outputs]`, as the product of two thin matrices, `[in, ranks]`
/// and `[ranks, outputs]`. At least one adapter.
pub(crate) fn thin(adapters: &[Adapter], outputs: usize) -> [Tensor<2>; 2] {
    let down = adapters.iter().map(|adapter| adapter.a.val()).collect();
    let up = adapters.iter().map(|adapter| adapter.among(outputs)).collect();
    [Tensor::cat(down, 1), Tensor::cat(up, 0)]
}

/// The same as one matrix.
pub(crate) fn dense(adapters: &[Adapter], outputs: usize) -> Tensor<2> {
    let [down, up] = thin(adapters, outputs);
    down.matmul(up)
}

impl Adapter {
    /// The same values in parameters of their own.
    pub(crate) fn renewed(&self) -> Self {
        let Self { a, b, first, scale } = self;
        let (a, b) = (projection::renewed(a), projection::renewed(b));
        Self { a, b, first: *first, scale: *scale }
    }

    /// `scale · b` among all outputs of the projection, `[r, outputs]`, 0 for those of others.
    fn among(&self, outputs: usize) -> Tensor<2> {
        let own = self.b.val() * self.scale;
        let [rank, width] = own.dims();
        let gap = |width: usize| Tensor::zeros([rank, width], (&own.device(), own.dtype()));
        let (before, after) = (self.first, outputs - self.first - width);
        let mut parts = vec![own.clone()];
        if before > 0 {
            parts.insert(0, gap(before));
        }
        if after > 0 {
            parts.push(gap(after));
        }
        Tensor::cat(parts, 1)
    }
}

#[cfg(test)]
mod tests;
