//! Lists of numbers by name: what goes into a device, what comes out, and how far two lists are apart.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What some work on a device gave.
pub(crate) type Numbers = Vec<(String, Vec<f32>)>;

/// Seeded numbers between -1.5 and 1.5.
pub(crate) fn values(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(-1.5..1.5)).collect()
}

/// Seeded numbers as a tensor.
pub(crate) fn tensor<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    let count = shape.iter().product();
    Tensor::from_data(TensorData::new(values(seed, count), shape), device)
}

/// Seeded numbers `[n]` whose gradient is asked for; work reshapes them.
pub(crate) fn leaf(seed: u64, count: usize, device: &Device) -> Tensor<1> {
    tensor(seed, [count], device).require_grad()
}

/// Whole numbers as a tensor.
pub(crate) fn ints(numbers: &[i32], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(numbers.to_vec(), [numbers.len()]), device)
}

/// The values on the host, row-major.
pub(crate) fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// One tensor under a name.
pub(crate) fn named<const D: usize>(name: &str, tensor: Tensor<D>) -> (String, Vec<f32>) {
    (name.to_owned(), floats(tensor))
}

/// A tensor under a name, as one line.
pub(crate) fn line<const D: usize>(
    name: &'static str,
    tensor: Tensor<D>,
) -> (&'static str, Tensor<1>) {
    (name, tensor.flatten(0, D - 1))
}

/// The outputs, and the gradients that the leaves get from their sum, in which every value has a
/// factor of its own.
pub(crate) fn with_gradients(
    outputs: Vec<(&'static str, Tensor<1>)>,
    leaves: &[(&'static str, Tensor<1>)],
    device: &Device,
) -> Numbers {
    let mut numbers: Numbers =
        outputs.iter().map(|(name, output)| named(name, output.clone())).collect();
    let terms = outputs.into_iter().enumerate().map(|(place, (_, output))| {
        let factors = tensor(900 + place as u64, output.dims(), device);
        (output * factors).sum()
    });
    let gradients = terms.reduce(|sum, term| sum + term).unwrap().backward();
    for (name, leaf) in leaves {
        let gradient = leaf.grad(&gradients).unwrap_or_else(|| panic!("no gradient of {name}"));
        numbers.push(named(&format!("gradient of {name}"), gradient));
    }
    numbers
}

/// The largest difference of two lists, relative to the largest expected value where that exceeds
/// 1; infinite where only one is a number, or the lengths differ.
pub(crate) fn difference(ours: &[f32], expected: &[f32]) -> f64 {
    if ours.len() != expected.len() {
        return f64::INFINITY;
    }
    let finite = expected.iter().filter(|value| value.is_finite());
    let scale = finite.fold(1.0_f64, |largest, value| largest.max(f64::from(value.abs())));
    let apart = |(ours, expected): (&f32, &f32)| {
        let same = ours.to_bits() == expected.to_bits() || (ours.is_nan() && expected.is_nan());
        let apart = (f64::from(*ours) - f64::from(*expected)).abs() / scale;
        if same {
            0.0
        } else if apart.is_finite() {
            apart
        } else {
            f64::INFINITY
        }
    };
    ours.iter().zip(expected).map(apart).fold(0.0, f64::max)
}

#[test]
fn what_is_no_number_on_one_side_only_is_infinitely_far_apart() {
    assert_eq!(difference(&[1.0, f32::NAN], &[1.0, f32::NAN]).to_bits(), 0.0_f64.to_bits());
    assert!((difference(&[1.0, 10.0], &[2.0, 10.0]) - 0.1).abs() < 1e-12);
    for ours in [[f32::NAN, 1.0].as_slice(), &[f32::INFINITY, 1.0], &[0.0]] {
        assert!(difference(ours, &[0.0, 1.0]).is_infinite(), "{ours:?}");
    }
}
