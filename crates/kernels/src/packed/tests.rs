use burn::tensor::Device;
use proptest::prelude::*;

use super::*;
use crate::fixtures::{assert_close, cases, floats, numbers, tensor};

fn matrix(values: &[f32], shape: [usize; 2]) -> Tensor<2> {
    tensor(values, shape, &Device::flex())
}

/// The sum over the inner dimension, in f64.
fn by_definition(input: &[f32], weight: &[f32], [n, inputs, outputs]: [usize; 3]) -> Vec<f32> {
    let entry = |row: usize, column: usize| {
        let at =
            |k: usize| f64::from(input[row * inputs + k]) * f64::from(weight[k * outputs + column]);
        (0..inputs).map(at).sum::<f64>() as f32
    };
    (0..n * outputs).map(|at| entry(at / outputs, at % outputs)).collect()
}

const STORAGES: [WeightStorage; 3] = [WeightStorage::F32, WeightStorage::Bf16, WeightStorage::Int8];

/// The nearer of the two numbers with 16 zero bits at the end that enclose `value`; of two as near,
/// the one whose last bit that is left is 0.
fn bf16_by_definition(value: f32) -> f32 {
    if !value.is_finite() {
        return value;
    }
    let towards_zero = f32::from_bits(value.to_bits() & 0xFFFF_0000);
    let away = f32::from_bits((value.to_bits() & 0xFFFF_0000) + 0x1_0000);
    // One step beyond the largest number is infinity; as a distance, it is the next power of two.
    let wide =
        |x: f32| if x.is_finite() { f64::from(x) } else { 2.0_f64.powi(128).copysign(x.into()) };
    let (near, far) = ((wide(value) - wide(towards_zero)).abs(), (wide(away) - wide(value)).abs());
    let is_even = (towards_zero.to_bits() >> 16).is_multiple_of(2);
    if near < far || (near <= far && is_even) { towards_zero } else { away }
}

/// A weight `[inputs, outputs]` as it is after storing.
fn rounded(weight: &[f32], outputs: usize, storage: WeightStorage) -> Vec<f32> {
    let step = |column: usize| {
        let values = weight.iter().skip(column).step_by(outputs);
        if values.clone().any(|value| !value.is_finite()) {
            return f32::NAN;
        }
        values.map(|value| value.abs()).fold(0.0, f32::max) / 127.0
    };
    let round = |(place, value): (usize, &f32)| match storage {
        WeightStorage::F32 => *value,
        WeightStorage::Bf16 => bf16_by_definition(*value),
        WeightStorage::Int8 => match step(place % outputs) {
            0.0 => 0.0,
            step => (value / step).round_ties_even() * step,
        },
    };
    weight.iter().enumerate().map(round).collect()
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn a_packed_product_is_the_product_with_the_rounded_weight(
        n in 1..40_usize,
        inputs in 1..70_usize,
        outputs in 1..70_usize,
    ) {
        let (x, w) = (numbers(1, n * inputs), numbers(2, inputs * outputs));
        let weight = matrix(&w, [inputs, outputs]);
        for storage in STORAGES {
            let packed = [
                PackedWeight::new(weight.clone(), storage),
                PackedWeight::transposed(weight.clone().transpose(), storage),
            ];
            let [plain, turned] = packed.map(|packed| {
                let product = packed.and_then(|packed| packed.product(matrix(&x, [n, inputs])));
                product.map(floats).unwrap_or_default()
            });
            prop_assert_eq!(&plain, &turned);
            let expected = by_definition(&x, &rounded(&w, outputs, storage), [n, inputs, outputs]);
            assert_close(&format!("{storage:?}"), &plain, &expected, 1e-5);
        }
    }

    #[test]
    fn sixteen_bits_are_the_nearest(bits in any::<u32>()) {
        let value = f32::from_bits(bits);
        let weight = PackedWeight::new(matrix(&[value], [1, 1]), WeightStorage::Bf16).unwrap();
        let found = floats(weight.product(matrix(&[1.0], [1, 1])).unwrap())[0];
        let expected = bf16_by_definition(value);
        // A sum that starts at 0 has no −0.
        let same = (found + 0.0).to_bits() == (expected + 0.0).to_bits();
        prop_assert!(same || found.is_nan() && expected.is_nan(), "{value:e}: {found:e}");
    }
}

/// `[n, inputs]` by a weight `[inputs, outputs]` of some numbers.
fn product(x: &[f32], [n, inputs, outputs]: [usize; 3], storage: WeightStorage) -> Vec<f32> {
    let weight = matrix(&numbers(3, inputs * outputs), [inputs, outputs]);
    let product = PackedWeight::new(weight, storage)
        .and_then(|weight| weight.product(matrix(x, [n, inputs])));
    product.map(floats).unwrap_or_default()
}

#[test]
fn a_row_does_not_depend_on_the_rows_beside_it() {
    let x = numbers(4, 40 * 33);
    for storage in STORAGES {
        let all = product(&x, [40, 33, 50], storage);
        assert_eq!(all.len(), 40 * 50);
        for (row, values) in x.chunks(33).enumerate() {
            let alone = product(values, [1, 33, 50], storage);
            assert_eq!(alone, all[row * 50..(row + 1) * 50], "row {row}, {storage:?}");
        }
    }
}

#[test]
fn numbers_that_are_none_stay_in_their_row() {
    let mut x = numbers(6, 3 * 8);
    x[9] = f32::NAN;
    x[17] = f32::INFINITY;
    for storage in STORAGES {
        let out = product(&x, [3, 8, 20], storage);
        assert!(out[..20].iter().all(|value| value.is_finite()));
        assert!(out[20..40].iter().all(|value| value.is_nan()));
        assert!(out[40..].iter().all(|value| value.is_infinite() || value.is_nan()));
    }
}

#[test]
fn odd_columns_stay_in_their_column() {
    // Zeros, the smallest and the largest numbers, and what is no number.
    let (tiny, huge) = (f32::from_bits(3), f32::MAX / 4.0);
    let columns = [
        [0.0, -0.0, 0.0],
        [tiny, -tiny, 0.0],
        [huge, -huge / 3.0, huge / 2.0],
        [1.0, f32::NAN, 0.0],
        [1.0, f32::INFINITY, 0.0],
        [f32::NEG_INFINITY, 1.0, 0.0],
        [0.5, -0.25, 1.0],
    ];
    let weight: Vec<f32> = (0..3).flat_map(|row| columns.map(|column| column[row])).collect();
    for storage in STORAGES {
        let packed = PackedWeight::new(matrix(&weight, [3, 7]), storage).unwrap();
        let out = floats(packed.product(matrix(&[1.0, 0.5, -0.25], [1, 3])).unwrap());
        let stored = rounded(&weight, 7, storage);
        let exact = by_definition(&[1.0, 0.5, -0.25], &stored, [1, 3, 7]);
        assert!(out[0].abs() <= 0.0, "{storage:?}");
        assert!(out[1].abs() <= 4.0 * tiny, "{storage:?}: {:e}", out[1]);
        for column in [2, 6] {
            let near = (out[column] / exact[column] - 1.0).abs() < 1e-5;
            assert!(near, "{storage:?}: {:e}, {:e}", out[column], exact[column]);
        }
        assert!(out[3].is_nan(), "{storage:?}");
        // One infinity is kept where a value stands for itself.
        let infinite = |value: f32, is_positive: bool| match storage {
            WeightStorage::Int8 => value.is_nan(),
            _ => value.is_infinite() && (value > 0.0) == is_positive,
        };
        assert!(infinite(out[4], true) && infinite(out[5], false), "{storage:?}: {out:?}");
    }
}

#[test]
fn what_it_cannot_do_is_left_to_others() {
    let many = MOST_ROWS + 1;
    let x = numbers(8, 2 * many);
    assert!(product(&x, [many, 2, 2], WeightStorage::F32).is_empty());
    // All rows meet the same rounded weight, however many they are.
    for storage in [WeightStorage::Bf16, WeightStorage::Int8] {
        let all = product(&x, [many, 2, 2], storage);
        assert_eq!(all[2 * (many - 1)..], product(&x[2 * (many - 1)..], [1, 2, 2], storage));
    }
    let weight = PackedWeight::new(matrix(&numbers(7, 4), [2, 2]), WeightStorage::F32).unwrap();
    assert!(weight.product(matrix(&numbers(9, 2), [1, 2]).autodiff()).is_none());
}
