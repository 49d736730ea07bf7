//! The value head: from a hidden state to the return expected from it.
//!
//! One linear map with a bias on the hidden states that the vocabulary head reads. Both start at
//! zero, so that a fresh head says 0 everywhere and the first advantages are the returns
//! themselves (detail 11 of Huang et al. 2024, <https://arxiv.org/abs/2403.17031>, sets the bias to
//! zero and draws the weights; without a reward model to start from, zero is the neutral choice).

use std::collections::BTreeMap;

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};

const WEIGHT: &str = "weight";
const BIAS: &str = "bias";

/// `value = hidden · weight + bias`.
#[derive(Module, Debug)]
pub struct ValueHead {
    /// `[e, 1]`.
    weight: Param<Tensor<2>>,
    /// `[1]`.
    bias: Param<Tensor<1>>,
}

/// Stored values that are no value head of this model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueHeadError {
    /// A name that is missing or unknown.
    #[error("a value head has the tensors `weight` and `bias`, the stored one has {found}")]
    Names {
        /// The names that are there.
        found: String,
    },
    /// A tensor of another size.
    #[error(
        "the value head's `{name}` has {found} values, this model needs {expected}: it belongs to \
         another model"
    )]
    Size {
        /// The tensor.
        name: &'static str,
        /// Values that are there.
        found: usize,
        /// Values that are needed.
        expected: usize,
    },
}

impl ValueHead {
    /// A head that says 0, for hidden states of width `e`
    /// ([`crate::DecoderConfig::embedding_size`]).
    #[must_use]
    pub fn zeros(width: usize, device: &Device) -> Self {
        Self::filled(vec![0.0; width], 0.0, device)
    }

    /// A head from its stored values, see [`Self::to_values`].
    ///
    /// # Errors
    ///
    /// [`ValueHeadError`] where a tensor is missing, unknown or of another size.
    pub fn from_values(
        width: usize,
        mut values: BTreeMap<String, Vec<f32>>,
        device: &Device,
    ) -> Result<Self, ValueHeadError> {
        let names: Vec<String> = values.keys().map(|name| format!("`{name}`")).collect();
        let (Some(weight), Some(bias), true) =
            (values.remove(WEIGHT), values.remove(BIAS), values.is_empty())
        else {
            let found = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(ValueHeadError::Names { found });
        };
        let size = |name, found: usize, expected: usize| {
            if found == expected {
                Ok(())
            } else {
                Err(ValueHeadError::Size { name, found, expected })
            }
        };
        size(WEIGHT, weight.len(), width)?;
        size(BIAS, bias.len(), 1)?;
        Ok(Self::filled(weight, bias.first().copied().unwrap_or_default(), device))
    }

    /// The parameters by name, `weight` of `e` values and `bias` of one.
    #[must_use]
    pub fn to_values(&self) -> BTreeMap<String, Vec<f32>> {
        let weight = self.weight.val().into_data().iter::<f32>().collect();
        let bias = self.bias.val().into_data().iter::<f32>().collect();
        BTreeMap::from([(WEIGHT.to_owned(), weight), (BIAS.to_owned(), bias)])
    }

    /// The width `e` of the hidden states it reads.
    #[must_use]
    pub fn width(&self) -> usize {
        let [width, _] = self.weight.val().dims();
        width
    }

    /// The value of each hidden state, in units of the reward.
    ///
    /// # Shapes
    ///
    /// - `hidden`: `[n, e]`
    /// - output: `[n]`
    #[must_use]
    pub fn values(&self, hidden: Tensor<2>) -> Tensor<1> {
        let values = hidden.matmul(self.weight.val());
        values.squeeze_dim::<1>(1) + self.bias.val()
    }

    fn filled(weight: Vec<f32>, bias: f32, device: &Device) -> Self {
        let width = weight.len();
        let weight = Tensor::<2>::from_data(TensorData::new(weight, [width, 1]), device);
        let bias = Tensor::<1>::from_data(TensorData::new(vec![bias], [1]), device);
        Self { weight: parameter(weight, device), bias: parameter(bias, device) }
    }
}

fn parameter<const D: usize>(tensor: Tensor<D>, device: &Device) -> Param<Tensor<D>> {
    let tensor = if device.is_autodiff() { tensor.require_grad() } else { tensor };
    Param::initialized(ParamId::new(), tensor)
}

#[cfg(test)]
mod tests;
