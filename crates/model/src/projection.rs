//! A linear map of hidden states, whose weight can be laid out for decoding.

use burn::module::{Initializer, Module, Param, ParamId};
use burn::tensor::{Device, Tensor};
use hybrid_kernels::packed::{PackedWeight, WeightStorage};

use crate::lora::{self, Adapter};
use crate::ops;

/// `x · weight + bias`.
#[derive(Module, Debug)]
pub(crate) struct Projection {
    /// `[in, out]`.
    weight: Param<Tensor<2>>,
    /// `[out]`.
    bias: Option<Param<Tensor<1>>>,
    /// What is learnt beside the weight, in the order of the outputs; mostly nothing.
    adapters: Vec<Adapter>,
    /// The same weight once more, while the decoder only decodes.
    #[module(skip)]
    packed: Option<PackedWeight>,
}

impl Projection {
    /// All zeros, to be filled.
    pub(crate) fn blank(inputs: usize, outputs: usize, bias: bool, device: &Device) -> Self {
        let zeros = Initializer::Zeros;
        Self {
            weight: zeros.init([inputs, outputs], device),
            bias: bias.then(|| zeros.init([outputs], device)),
            adapters: Vec::new(),
            packed: None,
        }
    }

    /// `[b, t, in]` to `[b, t, out]`.
    pub(crate) fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let bias = self.bias.as_ref().map(Param::val);
        let (weight, packed) = (|| self.weight.val(), self.packed.as_ref());
        if self.adapters.is_empty() {
            return ops::linear_packed(input, weight, packed, bias);
        }
        let thin = lora::thin(&self.adapters, self.outputs());
        ops::linear_adapted(input, weight, packed, bias, thin)
    }

    /// Adds an adapter, whose outputs come after those of the adapters before it.
    pub(crate) fn attach(&mut self, adapter: Adapter) {
        self.adapters.push(adapter);
    }

    /// Folds the adapters into the weight.
    pub(crate) fn merge_adapters(&mut self) {
        if self.adapters.is_empty() {
            return;
        }
        let merged = self.weight.val() + lora::dense(&self.adapters, self.outputs());
        self.weight = Param::initialized(self.weight.id, own(merged));
        // What was laid out is the weight without them.
        self.packed = None;
        self.adapters.clear();
    }

    /// Forgets the adapters, and leaves the weight as it is.
    pub(crate) fn drop_adapters(&mut self) {
        self.adapters.clear();
    }

    /// The same values in parameters of their own, adapters included; nothing is laid out for decoding.
    pub(crate) fn renewed(&self) -> Self {
        Self {
            weight: renewed(&self.weight),
            bias: self.bias.as_ref().map(renewed),
            adapters: self.adapters.iter().map(Adapter::renewed).collect(),
            packed: None,
        }
    }

    /// Width of its output.
    pub(crate) fn outputs(&self) -> usize {
        let [_, outputs] = self.weight.val().dims();
        outputs
    }

    /// Lays the weight out for products with few rows; it must not change afterwards.
    pub(crate) fn pack(&mut self, storage: WeightStorage) {
        self.packed = PackedWeight::new(self.weight.val(), storage);
    }
}

/// A parameter of its own with the same values.
pub(crate) fn renewed<const D: usize>(param: &Param<Tensor<D>>) -> Param<Tensor<D>> {
    Param::initialized(ParamId::new(), own(param.val()))
}

/// A leaf of its own, which records gradients where its device does.
fn own<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    let tensor = tensor.detach();
    if tensor.device().is_autodiff() { tensor.require_grad() } else { tensor }
}

#[cfg(test)]
mod tests;
