use burn::tensor::{Device, Tensor};

use super::*;

fn tensor(values: &[f32]) -> Tensor<1> {
    Tensor::from_floats(values, &Device::flex())
}

fn read(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().try_into_vec_as().unwrap()
}

/// Values that are not all equal, over more than two chunks and no multiple of one.
fn ramp(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i % 1013) as f32 - 500.0).collect()
}

#[test]
fn the_sum_of_gradients_is_the_sum_of_every_value() {
    for n in [1, 7, 16_384, 40_001] {
        let (a, b) = (ramp(n), ramp(n + 3)[3..].to_vec());
        let expected: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
        let (sum, squares) = accumulate(tensor(&a), tensor(&b));
        assert_eq!(squares, Some(sum_of_squares(tensor(&expected)).0), "n = {n}");
        assert_eq!(read(sum), expected, "n = {n}");
    }
}

#[test]
fn a_shared_tensor_keeps_its_values() {
    let kept = tensor(&[1.0, 2.0]);
    assert_eq!(read(accumulate(kept.clone(), tensor(&[1.0, 1.0])).0), [2.0, 3.0]);
    assert_eq!(read(kept), [1.0, 2.0]);
}

#[test]
fn the_sum_of_squares_is_exact_for_integers() {
    for n in [1, 8, 9, 16_384, 40_001] {
        let expected: i64 = (0..n as i64).map(|i| (i % 1013 - 500).pow(2)).sum();
        let (sum, back) = sum_of_squares(tensor(&ramp(n)));
        assert_eq!(sum as i64, expected, "n = {n}");
        assert_eq!(read(back), ramp(n));
    }
}

#[test]
fn large_values_do_not_overflow_and_non_finite_ones_show() {
    let (sum, _) = sum_of_squares(tensor(&[3e30, 4e30]));
    assert!((sum.sqrt() / 5e30 - 1.0).abs() < 1e-6, "{sum}");
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(!sum_of_squares(tensor(&[1.0, bad])).0.is_finite());
    }
}
