use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;

use super::*;

fn tensor(values: Vec<f32>, shape: [usize; 2]) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// Numbers in [-1, 1) that differ by place.
fn some(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect()
}

/// The sum over the inner dimension, in f64.
fn by_definition(input: &[f32], weight: &[f32], [n, inputs, outputs]: [usize; 3]) -> Vec<f64> {
    let entry = |row: usize, column: usize| {
        let at =
            |k: usize| f64::from(input[row * inputs + k]) * f64::from(weight[k * outputs + column]);
        (0..inputs).map(at).sum()
    };
    (0..n * outputs).map(|at| entry(at / outputs, at % outputs)).collect()
}

fn read(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_into_vec_as().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_packed_product_is_the_product(n in 1..40_usize, inputs in 1..70_usize, outputs in 1..70_usize) {
        let (x, w) = (some(n * inputs, 1), some(inputs * outputs, 2));
        let expected = by_definition(&x, &w, [n, inputs, outputs]);
        let weight = tensor(w, [inputs, outputs]);
        let input = || tensor(x.clone(), [n, inputs]);
        let plain = read(PackedWeight::new(weight.clone()).unwrap().product(input()).unwrap());
        let turned = PackedWeight::transposed(weight.transpose()).unwrap();
        prop_assert_eq!(&read(turned.product(input()).unwrap()), &plain);
        for (ours, expected) in plain.iter().zip(expected) {
            let bound = 1e-6 * (inputs as f64).sqrt().max(1.0);
            prop_assert!((f64::from(*ours) - expected).abs() < bound, "{} {}", ours, expected);
        }
    }
}

#[test]
fn a_row_does_not_depend_on_the_rows_beside_it() {
    let weight = PackedWeight::new(tensor(some(33 * 50, 3), [33, 50])).unwrap();
    let x = some(40 * 33, 4);
    let all = read(weight.product(tensor(x.clone(), [40, 33])).unwrap());
    for (row, values) in x.chunks(33).enumerate() {
        let alone = read(weight.product(tensor(values.to_vec(), [1, 33])).unwrap());
        assert_eq!(alone, all[row * 50..(row + 1) * 50], "row {row}");
    }
}

#[test]
fn numbers_that_are_none_stay_in_their_row() {
    let weight = PackedWeight::new(tensor(some(8 * 20, 5), [8, 20])).unwrap();
    let mut x = some(3 * 8, 6);
    x[9] = f32::NAN;
    x[17] = f32::INFINITY;
    let out = read(weight.product(tensor(x, [3, 8])).unwrap());
    assert!(out[..20].iter().all(|value| value.is_finite()));
    assert!(out[20..40].iter().all(|value| value.is_nan()));
    assert!(out[40..].iter().all(|value| value.is_infinite() || value.is_nan()));
}

#[test]
fn what_it_cannot_do_is_left_to_others() {
    let weight = PackedWeight::new(tensor(some(4, 7), [2, 2])).unwrap();
    assert!(weight.product(tensor(some(2 * (MOST_ROWS + 1), 8), [MOST_ROWS + 1, 2])).is_none());
    let tracked = tensor(some(2, 9), [1, 2]).autodiff();
    assert!(weight.product(tracked.require_grad()).is_none());
}
