//! What the tests of several modules share: reading golden values, tensors that carry gradients.

use burn::tensor::{Device, Tensor, TensorData};
use serde_json::Value;

/// The entries of a list; none where it is no list.
pub(crate) fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// A list of numbers; a row of rows is read on.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap_or(f64::NAN)],
    }
}

/// A list of counts or ids.
pub(crate) fn ids(value: &Value) -> Vec<usize> {
    list(value).iter().map(|x| x.as_u64().map_or(usize::MAX, |x| x as usize)).collect()
}

/// A list of ids, of which some are absent.
pub(crate) fn targets(value: &Value) -> Vec<Option<usize>> {
    list(value).iter().map(|x| x.as_u64().map(|x| x as usize)).collect()
}

/// A list of flags.
pub(crate) fn flags(value: &Value) -> Vec<bool> {
    list(value).iter().map(|x| x.as_bool() == Some(true)).collect()
}

/// A list of strings.
pub(crate) fn names(value: &Value) -> Vec<String> {
    list(value).iter().map(|x| x.as_str().unwrap_or_default().to_owned()).collect()
}

/// A matrix that carries a gradient, on the CPU.
pub(crate) fn tracked(values: &[f64], rows: usize) -> Tensor<2> {
    let values: Vec<f32> = values.iter().map(|x| *x as f32).collect();
    let columns = values.len() / rows.max(1);
    let device = Device::flex().autodiff();
    Tensor::from_data(TensorData::new(values, [rows, columns]), &device).require_grad()
}

/// A vector that carries a gradient, on the CPU.
pub(crate) fn tracked_row(values: &[f64]) -> Tensor<1> {
    let values: Vec<f32> = values.iter().map(|x| *x as f32).collect();
    let count = values.len();
    let device = Device::flex().autodiff();
    Tensor::from_data(TensorData::new(values, [count]), &device).require_grad()
}

/// The values of a tensor; none where it does not give them.
pub(crate) fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    let values = tensor.into_data().try_into_vec_as::<f32>().unwrap_or_default();
    values.into_iter().map(f64::from).collect()
}

/// The gradient of `loss` at `input`; none where it carries none.
pub(crate) fn gradient<const D: usize>(loss: &Tensor<1>, input: &Tensor<D>) -> Vec<f64> {
    input.grad(&loss.backward()).map(host).unwrap_or_default()
}

/// Asserts that two lists are equal within `tolerance`, relative to an expected value that exceeds 1.
/// NaN equals nothing.
#[track_caller]
pub(crate) fn assert_near(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: {found:?}, expected {expected:?}");
    for (a, b) in found.iter().zip(expected) {
        assert!(
            (a - b).abs() <= tolerance * b.abs().max(1.0),
            "{what}: {found:?}, expected {expected:?}"
        );
    }
}
