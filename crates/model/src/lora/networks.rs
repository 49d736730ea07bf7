//! Adapters within networks: put there, read, and folded into the weights.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};

use super::{Adapter, LoraConfig, LoraError, LoraPlan, Slots};
use crate::decoder::Decoder;
use crate::heads::ParameterCounts;
use crate::projection::Projection;
use crate::trunk::Trunk;
use crate::values;

impl Trunk {
    /// Puts adapters beside the projections that `plan` chooses, with the values of
    /// [`LoraPlan::parameters`] by their paths.
    ///
    /// # Errors
    ///
    /// [`LoraError`] where they do not fit.
    pub(crate) fn attach(
        &mut self,
        plan: &LoraPlan,
        values: &mut HashMap<String, Vec<f32>>,
    ) -> Result<(), LoraError> {
        let (slots, device) = (self.slots(), self.device());
        plan.check(&slots)?;
        put(self.projections(), &slots, plan, values, &device);
        self.set_adapters(Some(plan.clone()));
        Ok(())
    }

    /// Folds every adapter into the weights beside it.
    pub(crate) fn merge_adapters(&mut self) {
        self.projections().into_iter().flatten().for_each(Projection::merge_adapters);
        self.set_adapters(None);
    }

    /// Which of its projections have adapters.
    #[must_use]
    pub fn adapters(&self) -> Option<&LoraPlan> {
        match self {
            Self::Encoder(encoder) => encoder.adapters.as_ref(),
            Self::Decoder(decoder) => decoder.adapters.as_ref(),
        }
    }

    fn set_adapters(&mut self, plan: Option<LoraPlan>) {
        match self {
            Self::Encoder(encoder) => encoder.adapters = plan,
            Self::Decoder(decoder) => decoder.adapters = plan,
        }
    }
}

impl Decoder {
    /// The same weights with new adapters, by `seed`, in every layer; they add nothing yet. What it
    /// has of adapters before is folded into the weights.
    ///
    /// # Errors
    ///
    /// [`LoraError`] where the adapters do not fit its layers.
    pub fn adapted(&self, config: &LoraConfig, seed: u64) -> Result<Self, LoraError> {
        let slots = Slots::of_decoder(self.config());
        let plan = LoraPlan { config: config.clone(), first_layer: 0 };
        plan.check(&slots)?;
        let mut decoder = self.merged();
        decoder.attach(&plan, &mut plan.fresh(&slots, seed))?;
        Ok(decoder)
    }

    /// Which of its projections have adapters.
    #[must_use]
    pub fn adapters(&self) -> Option<&LoraPlan> {
        self.adapters.as_ref()
    }

    /// The decoder that says the same without adapters: they are folded into the weights beside
    /// them, and all other weights are shared.
    #[must_use]
    pub fn merged(&self) -> Self {
        let mut decoder = self.clone();
        decoder.merge_adapters();
        decoder
    }

    /// The decoder that its adapters were put into, all of whose weights it shares.
    #[must_use]
    pub fn without_adapters(&self) -> Self {
        let mut decoder = self.clone();
        decoder.projections().into_iter().flatten().for_each(Projection::drop_adapters);
        decoder.adapters = None;
        decoder
    }

    /// The values of its adapters by their paths in the module tree; none where it has no adapters.
    #[must_use]
    pub fn adapter_values(&self) -> BTreeMap<String, Vec<f32>> {
        let Some(plan) = &self.adapters else { return BTreeMap::new() };
        let sources = plan.parameters(&Slots::of_decoder(self.config()));
        let paths: BTreeSet<String> = sources.into_iter().map(|source| source.parameter).collect();
        values::read_some(self, &|path| paths.contains(path))
    }

    /// The same decoder with other values in the parameters that `values` names by their paths; all
    /// others are shared. What records gradients goes on to.
    ///
    /// # Panics
    ///
    /// When an entry has not as many numbers as its parameter: see [`Self::values`].
    #[must_use]
    pub fn refilled(&self, values: HashMap<String, Vec<f32>>) -> Self {
        values::refill(self.clone(), values)
    }

    /// How much of it is trained, where its device records gradients.
    #[must_use]
    pub fn counts(&self) -> ParameterCounts {
        let (trained, all) = values::counts(self);
        ParameterCounts { trained, all }
    }

    /// As [`Trunk::attach`].
    pub(crate) fn attach(
        &mut self,
        plan: &LoraPlan,
        values: &mut HashMap<String, Vec<f32>>,
    ) -> Result<(), LoraError> {
        let (slots, device) = (Slots::of_decoder(self.config()), self.device());
        plan.check(&slots)?;
        put(self.projections(), &slots, plan, values, &device);
        self.adapters = Some(plan.clone());
        Ok(())
    }

    /// As [`Trunk::merge_adapters`].
    pub(crate) fn merge_adapters(&mut self) {
        self.projections().into_iter().flatten().for_each(Projection::merge_adapters);
        self.adapters = None;
    }
}

/// Puts the adapters of a plan that was checked into the projections of all layers.
fn put(
    layers: Vec<[&mut Projection; 4]>,
    slots: &Slots,
    plan: &LoraPlan,
    values: &mut HashMap<String, Vec<f32>>,
    device: &Device,
) {
    let chosen = plan.chosen(slots);
    let (rank, scale) = (plan.config.rank, plan.config.scale());
    for (layer, mut projections) in layers.into_iter().enumerate().skip(plan.first_layer) {
        for (place, slot) in &chosen {
            let path = slots.path(layer, slot.projection);
            let mut matrix = |name: &str, shape: [usize; 2]| {
                let path = format!("{path}.adapters.{place}.{name}");
                leaf(values.remove(&path).unwrap_or_default(), shape, device)
            };
            let adapter = Adapter {
                a: matrix("a", [slot.inputs, rank]),
                b: matrix("b", [rank, slot.outputs]),
                first: slot.first,
                scale,
            };
            if let Some(projection) = projections.get_mut(slot.projection) {
                projection.attach(adapter);
            }
        }
    }
}

/// A matrix that records gradients where its device does.
///
/// # Panics
///
/// When there are not as many values as the shape has: [`LoraPlan::parameters`] names every path.
pub(super) fn leaf(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Param<Tensor<2>> {
    let tensor = Tensor::<2>::from_data(TensorData::new(values, shape), device);
    let tensor = if device.is_autodiff() { tensor.require_grad() } else { tensor };
    Param::initialized(ParamId::new(), tensor)
}

#[cfg(test)]
mod tests;
