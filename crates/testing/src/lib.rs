//! What tests share: a byte tokenizer, tiny models, fixtures, named tolerances, tables of keys.
//!
//! A dev-dependency only. Crates below `model` and `data` cannot use it in their unit tests (they
//! would meet two copies of their own types); their fixtures stand beside them.

pub mod fixtures;
pub mod flips;
pub mod models;
pub mod tokenizer;

/// Largest difference from PyTorch in f32, relative to the largest value where that exceeds 1.
pub const PYTORCH: f64 = 1e-4;

/// Largest difference between two ways through the same f32 model: cached and full, padded and
/// not. In nats where log-probabilities are compared.
pub const SAME_MODEL: f64 = 1e-4;

/// Largest difference from golden values of the real, 4-bit-rounded model.
pub const REAL_MODEL: f64 = 2e-3;

/// Asserts that two slices are equal within `tolerance`, relative to the largest expected value
/// where that exceeds 1. NaN equals nothing.
///
/// # Panics
///
/// When lengths or a value differ, naming the first place.
#[track_caller]
pub fn assert_close(ours: &[f32], expected: &[f32], tolerance: f64) {
    assert_eq!(ours.len(), expected.len(), "lengths differ");
    let scale = expected.iter().fold(1.0_f64, |largest, x| largest.max(f64::from(x.abs())));
    for (index, (a, b)) in ours.iter().zip(expected).enumerate() {
        let close = (f64::from(*a) - f64::from(*b)).abs() <= tolerance * scale;
        assert!(close, "value {index}: {a}, expected {b} within {tolerance} of scale {scale}");
    }
}
