use burn::tensor::Device;

use super::*;
use crate::fixtures::{floats, tensor};

#[test]
#[cfg(feature = "flex")]
fn the_kernels_run_on_the_cpu_backend_with_and_without_autodiff() {
    assert!(is_fused(&Device::flex()));
    assert!(is_fused(&Device::flex().autodiff()));
}

#[test]
fn a_soft_cap_bounds_smoothly() {
    let logits = tensor(&[f32::NEG_INFINITY, -1.0, 0.0, 100.0], [4], &Device::flex());
    let expected = [-30.0, -30.0 * (1.0_f32 / 30.0).tanh(), 0.0, 30.0 * (100.0_f32 / 30.0).tanh()];
    fixtures::assert_close("capped", &floats(softcap(logits, 30.0)), &expected, 1e-6);
}
