use burn::tensor::{Device, Tensor, TensorData};

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

fn rows_added(places: &[i64], width: usize, table: usize) -> (Vec<f32>, Vec<f32>) {
    let device = Device::flex();
    let (sum, addend) = (ramp(table * width), ramp(places.len() * width));
    let mut expected = sum.clone();
    for (index, value) in addend.iter().enumerate() {
        expected[places[index / width] as usize * width + index % width] += value;
    }
    let rows = Tensor::from_data(TensorData::new(places.to_vec(), [places.len()]), &device);
    let addend = TensorData::new(addend, [places.len(), width]);
    let addend = Tensor::<2>::from_data(addend, &device);
    (read(accumulate_rows(tensor(&sum), rows, addend)), expected)
}

#[test]
fn each_row_goes_to_its_place_and_those_named_twice_add_up() {
    // Small integers: sums are exact in any order.
    for (places, width, table) in [
        (vec![0], 1, 1),
        (vec![3, 0, 3, 3, 1], 5, 4),
        ((0..200).map(|i| i * i % 17).collect(), 33, 17),
        (vec![], 4, 3),
    ] {
        let (found, expected) = rows_added(&places, width, table);
        assert_eq!(found, expected, "{places:?} of {table}, {width} wide");
    }
}

#[test]
#[should_panic(expected = "row 4 is not in the table")]
fn a_row_beyond_the_table_is_refused() {
    let device = Device::flex();
    let rows = Tensor::from_data(TensorData::new(vec![4_i64], [1]), &device);
    let addend = Tensor::<2>::ones([1, 2], &device);
    let _ = accumulate_rows(tensor(&[0.0; 8]), rows, addend);
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
