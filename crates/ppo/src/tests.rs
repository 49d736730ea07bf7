mod enumerated;
mod golden;
mod properties;
mod updates;

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use serde_json::Value;

use crate::{End, Episode, PpoConfig, Score};

/// A configuration from the `[ppo]` table as JSON, validated.
fn config(table: &Value) -> PpoConfig {
    let config: PpoConfig = serde_json::from_value(table.clone()).unwrap();
    config.validate().unwrap();
    config
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

fn indices(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as usize).collect()
}

fn ids(value: &Value) -> Vec<u32> {
    indices(value).into_iter().map(|id| u32::try_from(id).unwrap()).collect()
}

fn end(value: &Value) -> End {
    if value == "truncated" { End::Truncated } else { End::Terminated }
}

/// A tensor that takes no gradient.
fn constant(values: &[f32]) -> Tensor<1> {
    Tensor::from_floats(values, &Device::flex().autodiff())
}

fn read(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().try_into_vec_as().unwrap()
}

fn scalar(tensor: Tensor<1>) -> f64 {
    f64::from(read(tensor)[0])
}

/// A row whose tokens do not matter.
fn episode(logprobs: &[f32], ref_logprobs: &[f32], values: &[f32], score: Score) -> Episode {
    Episode {
        prompt_ids: vec![1],
        completion_ids: vec![2; logprobs.len()],
        logprobs: logprobs.to_vec(),
        ref_logprobs: ref_logprobs.to_vec(),
        values: values.to_vec(),
        score,
        end: End::Terminated,
    }
}

/// Asserts that every expected metric is there and equal; null stands for NaN.
#[track_caller]
fn assert_metrics(found: &BTreeMap<&'static str, f64>, expected: &Value, tolerance: f64) {
    for (name, expected) in expected.as_object().unwrap() {
        let found = found.get(name.as_str()).copied();
        let found = found.unwrap_or_else(|| panic!("no metric `{name}`"));
        match expected.as_f64() {
            Some(expected) => assert_near(name, found, expected, tolerance),
            None => assert!(found.is_nan(), "{name}: {found}, expected NaN"),
        }
    }
}

/// Relative to the expected value where that exceeds 1.
#[track_caller]
fn assert_near(name: &str, found: f64, expected: f64, tolerance: f64) {
    let close = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
    assert!(close, "{name}: {found}, expected {expected} within {tolerance}");
}
