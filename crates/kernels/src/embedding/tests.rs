use burn::tensor::{Device, TensorData};
use proptest::prelude::*;

use super::*;
use crate::fixtures::{assert_close, cases, floats, numbers, tensor};
use crate::head::{LogprobOptions, token_logprobs};

fn int_tensor(ids: &[i64], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(ids.to_vec(), [ids.len()]), device)
}

/// Rows, and the table's gradient for a fixed upstream one, in f64.
fn by_definition(table: &[f32], width: usize, ids: &[i64], upstream: &[f32]) -> [Vec<f32>; 2] {
    let mut gradient = vec![0.0_f64; table.len()];
    let mut rows = Vec::new();
    for (id, upstream) in ids.iter().zip(upstream.chunks(width)) {
        let start = *id as usize * width;
        rows.extend_from_slice(&table[start..start + width]);
        for (sum, value) in gradient[start..].iter_mut().zip(upstream) {
            *sum += f64::from(*value);
        }
    }
    [rows, gradient.iter().map(|value| *value as f32).collect()]
}

proptest! {
    #![proptest_config(cases(40))]
    #[test]
    fn rows_and_their_gradient_are_the_definition(
        v in 1_usize..60,
        width in 1_usize..40,
        picks in prop::collection::vec(0_i64..1000, 1..80),
        seed in 0_u64..1000,
    ) {
        let ids: Vec<i64> = picks.iter().map(|pick| pick % v as i64).collect();
        let (values, upstream) = (numbers(seed, v * width), numbers(seed + 1, ids.len() * width));
        let device = Device::flex().autodiff();
        let table = tensor(&values, [v, width], &device).require_grad();
        let rows = embedding(table.clone(), int_tensor(&ids, &device));
        let loss = (rows.clone() * tensor(&upstream, [ids.len(), width], &device)).sum();
        let gradient = table.grad(&loss.backward()).unwrap();
        let [expected, slopes] = by_definition(&values, width, &ids, &upstream);
        prop_assert_eq!(floats(rows), expected);
        assert_close("gradient", &floats(gradient), &slopes, 1e-5);
    }
}

/// The gradient of a table that is read twice as an embedding, scaled once, and is the head.
fn tied(by: fn(Tensor<2>, Tensor<1, Int>) -> Tensor<2>) -> Vec<f32> {
    let device = Device::flex().autodiff();
    let table = tensor(&numbers(3, 11 * 5), [11, 5], &device).require_grad();
    let hidden = by(table.clone(), int_tensor(&[3, 0, 3, 10], &device));
    let hidden = hidden + by(table.clone(), int_tensor(&[1, 3, 2, 2], &device)) * 0.5;
    let targets = int_tensor(&[1, 9, 3, 0], &device);
    let told = token_logprobs(hidden, table.clone(), targets, &LogprobOptions::default());
    floats(table.grad(&told.logprobs.sum().backward()).unwrap())
}

#[test]
fn a_tied_head_and_two_readings_add_up() {
    let ours = tied(embedding);
    let theirs = tied(|table, ids| table.select(0, ids));
    assert_close("gradient", &ours, &theirs, 1e-6);
    assert!(ours.iter().all(|value| *value != 0.0));
}

#[test]
fn a_table_that_is_computed_has_its_gradient() {
    let device = Device::flex().autodiff();
    let leaf = tensor(&numbers(5, 6), [3, 2], &device).require_grad();
    let rows = embedding(leaf.clone() * 3.0, int_tensor(&[2, 2, 0], &device));
    let gradient = leaf.grad(&rows.sum().backward()).unwrap();
    assert_close("gradient", &floats(gradient), &[3.0, 3.0, 0.0, 0.0, 6.0, 6.0], 0.0);
}

#[test]
fn a_graph_that_is_given_up_leaves_nothing_behind() {
    let device = Device::flex().autodiff();
    let data = TensorData::new(numbers(6, 40), [20, 2]);
    let address = |data: &TensorData| data.as_bytes().as_ptr();
    let before = address(&data);
    let table = Tensor::<2>::from_data(data, &device).require_grad();
    drop(embedding(table.clone(), int_tensor(&[0, 0], &device)));
    let rows = embedding(table.clone(), int_tensor(&[1], &device));
    let gradient = floats(table.grad(&rows.sum().backward()).unwrap());
    let expected: Vec<f32> = (0..40).map(|place| if place / 2 == 1 { 1.0 } else { 0.0 }).collect();
    assert_eq!(gradient, expected);
    // No graph holds the values any more, or they would be copied here.
    assert_eq!(address(&table.inner().into_data()), before);
}

#[test]
fn plain_tables_and_nothing_to_take() {
    let device = Device::flex();
    let table = tensor(&[1.0, 2.0, 3.0, 4.0], [2, 2], &device);
    let rows = embedding(table.clone(), int_tensor(&[1, 0, 1], &device));
    assert_eq!(floats(rows), [3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
    // A table that lies across.
    let rows = embedding(table.clone().transpose(), int_tensor(&[1], &device));
    assert_eq!(floats(rows), [2.0, 4.0]);
    assert_eq!(embedding(table, int_tensor(&[], &device)).dims(), [0, 2]);
}

#[test]
#[should_panic(expected = "index")]
fn a_row_that_is_not_there_is_refused() {
    let table = tensor(&[1.0, 2.0], [2, 1], &Device::flex());
    let _ = floats(embedding(table, int_tensor(&[2], &Device::flex())));
}
