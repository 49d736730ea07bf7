//! What the tests of this crate share.

use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;

/// Seeded numbers of roughly unit size.
pub(crate) fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| 1.5 * next()).collect()
}

pub(crate) fn tensor<const D: usize>(
    values: &[f32],
    shape: [usize; D],
    device: &Device,
) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

pub(crate) fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// Equal within `tolerance` of the largest expected value, or of 1; infinities and NaN exactly.
#[track_caller]
pub(crate) fn assert_close(what: &str, ours: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(ours.len(), expected.len(), "{what}: lengths differ");
    let finite = expected.iter().filter(|value| value.is_finite());
    let scale = finite.fold(1.0_f32, |largest, value| largest.max(value.abs()));
    for (index, (a, b)) in ours.iter().zip(expected).enumerate() {
        let same = a.is_nan() && b.is_nan() || a.to_bits() == b.to_bits();
        let close = same || (a - b).abs() <= tolerance * scale;
        assert!(close, "{what}[{index}]: {a}, expected {b} (scale {scale})");
    }
}

/// Cases of a property: each runs a few small tensors.
pub(crate) fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { cases: count, failure_persistence: None, ..ProptestConfig::default() }
}
