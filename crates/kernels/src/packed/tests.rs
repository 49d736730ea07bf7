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

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn a_packed_product_is_the_product(
        n in 1..40_usize,
        inputs in 1..70_usize,
        outputs in 1..70_usize,
    ) {
        let (x, w) = (numbers(1, n * inputs), numbers(2, inputs * outputs));
        let weight = matrix(&w, [inputs, outputs]);
        let packed = [PackedWeight::new(weight.clone()), PackedWeight::transposed(weight.transpose())];
        let [plain, turned] = packed.map(|packed| {
            let product = packed.and_then(|packed| packed.product(matrix(&x, [n, inputs])));
            product.map(floats).unwrap_or_default()
        });
        prop_assert_eq!(&plain, &turned);
        assert_close("product", &plain, &by_definition(&x, &w, [n, inputs, outputs]), 1e-5);
    }
}

/// `[n, inputs]` by a weight `[inputs, outputs]` of some numbers.
fn product(x: &[f32], [n, inputs, outputs]: [usize; 3]) -> Vec<f32> {
    let weight = matrix(&numbers(3, inputs * outputs), [inputs, outputs]);
    let product =
        PackedWeight::new(weight).and_then(|weight| weight.product(matrix(x, [n, inputs])));
    product.map(floats).unwrap_or_default()
}

#[test]
fn a_row_does_not_depend_on_the_rows_beside_it() {
    let x = numbers(4, 40 * 33);
    let all = product(&x, [40, 33, 50]);
    assert_eq!(all.len(), 40 * 50);
    for (row, values) in x.chunks(33).enumerate() {
        assert_eq!(product(values, [1, 33, 50]), all[row * 50..(row + 1) * 50], "row {row}");
    }
}

#[test]
fn numbers_that_are_none_stay_in_their_row() {
    let mut x = numbers(6, 3 * 8);
    x[9] = f32::NAN;
    x[17] = f32::INFINITY;
    let out = product(&x, [3, 8, 20]);
    assert!(out[..20].iter().all(|value| value.is_finite()));
    assert!(out[20..40].iter().all(|value| value.is_nan()));
    assert!(out[40..].iter().all(|value| value.is_infinite() || value.is_nan()));
}

#[test]
fn what_it_cannot_do_is_left_to_others() {
    let many = MOST_ROWS + 1;
    assert!(product(&numbers(8, 2 * many), [many, 2, 2]).is_empty());
    let weight = PackedWeight::new(matrix(&numbers(7, 4), [2, 2])).unwrap();
    assert!(weight.product(matrix(&numbers(9, 2), [1, 2]).autodiff()).is_none());
}
