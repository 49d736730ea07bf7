//! What an optimizer remembers of each parameter, in memory and as it is saved.

use std::collections::BTreeMap;

use burn::tensor::{DType, Device, Tensor, TensorData};
use serde_json::Value;

use crate::error::OptimError;
use crate::groups::ParamInfo;
use crate::quantize::{BLOCK, SIGNED, UNSIGNED};

/// The state of a [`crate::Stepper`], to be written to a checkpoint and read back bit for bit.
#[derive(Debug, Clone, PartialEq)]
pub struct StepperState {
    /// By name: the slot, a slash, the parameter's path in the module tree; such as
    /// `exp_avg/blocks.0.mlp.up.weight`.
    pub tensors: BTreeMap<String, StateTensor>,
    /// Names, counts of steps and the scheduler's place; a JSON object.
    pub scalars: Value,
}

/// One tensor of a saved state, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values.
    pub data: StateData,
}

/// The values of a [`StateTensor`].
#[derive(Debug, Clone, PartialEq)]
pub enum StateData {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 8-bit codes.
    U8(Vec<u8>),
}

impl StateTensor {
    fn describe(&self) -> String {
        let (kind, n) = match &self.data {
            StateData::F32(values) => ("f32", values.len()),
            StateData::U8(codes) => ("u8", codes.len()),
        };
        format!("{n} values of {kind} in the shape {:?}", self.shape)
    }
}

/// A tensor that an optimizer keeps for a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slot {
    pub(crate) name: &'static str,
    pub(crate) shape: Vec<usize>,
    pub(crate) storage: Storage,
    /// What it holds before the first step.
    pub(crate) initial: f64,
}

/// How a slot is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    /// In the parameter's type, beside the parameter.
    Full,
    /// In 8-bit codes, in host memory.
    Codes { signed: bool },
}

impl Slot {
    pub(crate) fn full(name: &'static str, shape: &[usize]) -> Self {
        Self { name, shape: shape.to_vec(), storage: Storage::Full, initial: 0.0 }
    }

    pub(crate) fn codes(name: &'static str, shape: &[usize], signed: bool) -> Self {
        Self { storage: Storage::Codes { signed }, ..Self::full(name, shape) }
    }

    fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

/// 8-bit codes of a tensor's values and one scale a block.
#[derive(Debug, Clone)]
pub(crate) struct Codes {
    pub(crate) codes: Vec<u8>,
    pub(crate) scales: Vec<f32>,
}

impl Codes {
    fn zeros(n: usize, signed: bool) -> Self {
        let zero = if signed { SIGNED.zero() } else { UNSIGNED.zero() };
        Self { codes: vec![zero; n], scales: vec![0.0; n.div_ceil(BLOCK)] }
    }
}

/// What is remembered of one parameter.
#[derive(Debug, Clone)]
pub(crate) struct ParamState {
    /// Steps done with this parameter.
    pub(crate) step: u64,
    full: BTreeMap<&'static str, (Vec<usize>, Tensor<1>)>,
    codes: BTreeMap<&'static str, (Vec<usize>, Codes)>,
}

/// Where a parameter lies and in which type.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) device: Device,
    pub(crate) dtype: DType,
}

impl ParamState {
    /// The state before the first step.
    pub(crate) fn new(slots: &[Slot], place: &Place) -> Self {
        let mut state = Self { step: 0, full: BTreeMap::new(), codes: BTreeMap::new() };
        for slot in slots {
            match slot.storage {
                Storage::Full => {
                    let options = (&place.device, place.dtype);
                    let tensor = Tensor::full([slot.len()], slot.initial, options);
                    state.full.insert(slot.name, (slot.shape.clone(), tensor));
                }
                Storage::Codes { signed } => {
                    let codes = Codes::zeros(slot.len(), signed);
                    state.codes.insert(slot.name, (slot.shape.clone(), codes));
                }
            }
        }
        state
    }

    /// Moves a tensor out, so that its memory can be reused; [`Self::put`] brings it back.
    #[expect(
        clippy::expect_used,
        reason = "a rule takes the slots that it lists, and puts them back"
    )]
    pub(crate) fn take(&mut self, name: &'static str) -> Tensor<1> {
        self.full.remove(name).expect("the slot is in the rule's list").1
    }

    /// Stores a tensor, `[n]`, that stands for a shape.
    pub(crate) fn put(&mut self, name: &'static str, shape: &[usize], tensor: Tensor<1>) {
        self.full.insert(name, (shape.to_vec(), tensor));
    }

    /// The codes of a slot; [`Self::put_codes`] brings them back.
    #[expect(
        clippy::expect_used,
        reason = "a rule takes the slots that it lists, and puts them back"
    )]
    pub(crate) fn take_codes(&mut self, name: &'static str) -> Codes {
        self.codes.remove(name).expect("the slot is in the rule's list").1
    }

    pub(crate) fn put_codes(&mut self, name: &'static str, shape: &[usize], codes: Codes) {
        self.codes.insert(name, (shape.to_vec(), codes));
    }

    /// Bytes of all slots.
    pub(crate) fn bytes(&self) -> usize {
        let full =
            self.full.values().map(|(_, t)| t.dims().iter().product::<usize>() * t.dtype().size());
        let codes = self.codes.values().map(|(_, c)| c.codes.len() + 4 * c.scales.len());
        full.sum::<usize>() + codes.sum::<usize>()
    }

    /// Adds the tensors to what is saved.
    ///
    /// # Panics
    ///
    /// When the device fails.
    #[expect(clippy::expect_used, reason = "a float tensor converts to f32")]
    pub(crate) fn save(&self, path: &str, tensors: &mut BTreeMap<String, StateTensor>) {
        for (name, (shape, tensor)) in &self.full {
            let data = tensor.clone().into_data();
            let values = data.try_into_vec_as().expect("a float tensor converts to f32");
            let saved = StateTensor { shape: shape.clone(), data: StateData::F32(values) };
            tensors.insert(format!("{name}/{path}"), saved);
        }
        for (name, (shape, codes)) in &self.codes {
            let data = StateData::U8(codes.codes.clone());
            tensors.insert(format!("{name}/{path}"), StateTensor { shape: shape.clone(), data });
            let scales = StateTensor {
                shape: vec![codes.scales.len()],
                data: StateData::F32(codes.scales.clone()),
            };
            tensors.insert(format!("{name}_scales/{path}"), scales);
        }
    }

    /// Takes a parameter's tensors out of what was saved.
    pub(crate) fn load(
        slots: &[Slot],
        place: &Place,
        path: &str,
        tensors: &mut BTreeMap<String, StateTensor>,
    ) -> Result<Self, OptimError> {
        let mut state = Self { step: 0, full: BTreeMap::new(), codes: BTreeMap::new() };
        for slot in slots {
            let name = format!("{}/{path}", slot.name);
            match slot.storage {
                Storage::Full => {
                    let values = floats(&name, tensors.remove(&name), &slot.shape)?;
                    let data = TensorData::new(values, [slot.len()]);
                    let tensor = Tensor::from_data(data, (&place.device, place.dtype));
                    state.full.insert(slot.name, (slot.shape.clone(), tensor));
                }
                Storage::Codes { .. } => {
                    let codes = bytes(&name, tensors.remove(&name), &slot.shape)?;
                    let name = format!("{}_scales/{path}", slot.name);
                    let blocks = [codes.len().div_ceil(BLOCK)];
                    let scales = floats(&name, tensors.remove(&name), &blocks)?;
                    let codes = Codes { codes, scales };
                    state.codes.insert(slot.name, (slot.shape.clone(), codes));
                }
            }
        }
        Ok(state)
    }
}

fn floats(
    name: &str,
    tensor: Option<StateTensor>,
    shape: &[usize],
) -> Result<Vec<f32>, OptimError> {
    let n: usize = shape.iter().product();
    match tensor {
        Some(StateTensor { shape: saved, data: StateData::F32(values) })
            if saved == shape && values.len() == n =>
        {
            Ok(values)
        }
        other => Err(misfit(name, other, "f32", shape)),
    }
}

fn bytes(name: &str, tensor: Option<StateTensor>, shape: &[usize]) -> Result<Vec<u8>, OptimError> {
    let n: usize = shape.iter().product();
    match tensor {
        Some(StateTensor { shape: saved, data: StateData::U8(codes) })
            if saved == shape && codes.len() == n =>
        {
            Ok(codes)
        }
        other => Err(misfit(name, other, "u8", shape)),
    }
}

fn misfit(name: &str, got: Option<StateTensor>, kind: &str, shape: &[usize]) -> OptimError {
    OptimError::Tensor {
        name: name.to_owned(),
        got: got.map_or_else(|| "absent".to_owned(), |tensor| tensor.describe()),
        expected: format!(
            "{} values of {kind} in the shape {shape:?}",
            shape.iter().product::<usize>()
        ),
    }
}

/// The number of values of `info` is what a slot of the parameter's own shape holds.
pub(crate) fn like(name: &'static str, info: &ParamInfo) -> Slot {
    Slot::full(name, &info.shape)
}
