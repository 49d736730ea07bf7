use burn::tensor::{Device, TensorData};
use proptest::prelude::*;

use super::*;
use crate::golden::floats;

fn column(values: &[f32]) -> Tensor<2> {
    let data = TensorData::new(values.to_vec(), [values.len(), 1]);
    Tensor::from_data(data, &Device::flex())
}

#[test]
fn rows_lie_one_after_the_other() {
    let states = RaggedStates::new(column(&[1.0, 2.0, 3.0, 4.0]), &[1, 3]);
    assert_eq!((states.rows(), states.tokens(), states.width()), (2, 4, 1));
    assert_eq!((states.offsets(), states.lengths()), (&[0, 1, 4][..], vec![1, 3]));
    assert_eq!(states.range(1), 1..4);
    assert_eq!(floats(states.row(1)), [2.0, 3.0, 4.0]);
    assert_eq!(floats(states.first()), [1.0, 2.0]);
    assert_eq!(floats(states.last()), [1.0, 4.0]);
    assert_eq!(floats(states.padded()), [1.0, 1.0, 1.0, 2.0, 3.0, 4.0]);
    let doubled = states.map(|states| states * 2.0);
    assert_eq!(floats(doubled.row(0)), [2.0]);
    assert_eq!(places(&[1, 3]), [0, 3, 4, 5]);
}

#[test]
fn batches_are_of_like_length_and_bounded() {
    assert_eq!(batches(&[3, 9, 1, 4, 3], 9), [vec![1], vec![3, 0], vec![4, 2]]);
    assert_eq!(batches(&[20], 9), [[0]]);
    assert_eq!(batches(&[], 9), Vec::<Vec<usize>>::new());
}

#[test]
fn an_error_ends_the_work() {
    let rows = [TokenRow::new(&[1]), TokenRow::new(&[2])];
    let mut calls = 0;
    let result = in_batches(&rows, 1, |_| {
        calls += 1;
        Err("no")
    });
    assert_eq!((result.unwrap_err(), calls), ("no", 1));
    let none = in_batches(&[], 1, |_| Err("not reached"));
    assert!(none.unwrap().is_none());
}

proptest! {
    #[test]
    fn batches_hold_every_row_once_within_their_bound(
        lengths in prop::collection::vec(0_usize..40, 0..60), most in 1_usize..100,
    ) {
        let batches = batches(&lengths, most);
        let mut seen = vec![0; lengths.len()];
        for batch in &batches {
            let longest = batch.iter().map(|place| lengths[*place]).max().unwrap();
            prop_assert!(batch.len() == 1 || batch.len() * longest <= most);
            batch.iter().for_each(|place| seen[*place] += 1);
        }
        prop_assert!(seen.iter().all(|count| *count == 1));
    }

    #[test]
    fn vectors_come_back_in_the_order_of_their_rows(
        lengths in prop::collection::vec(1_usize..30, 1..40),
        max_tokens in 1_usize..100,
    ) {
        // The first token of a row is its number.
        let ids: Vec<Vec<u32>> =
            lengths.iter().enumerate().map(|(row, length)| vec![row as u32; *length]).collect();
        let rows: Vec<TokenRow<'_>> = ids.iter().map(|ids| TokenRow::new(ids)).collect();
        let vectors = in_batches(&rows, max_tokens, |batch| {
            let longest = batch.iter().map(|row| row.ids.len()).max().unwrap();
            assert!(batch.len() == 1 || batch.len() * longest <= max_tokens);
            let own: Vec<f32> = batch.iter().map(|row| row.ids[0] as f32).collect();
            Ok::<_, RowError>(column(&own))
        });
        let numbers: Vec<f32> = (0..rows.len()).map(|row| row as f32).collect();
        prop_assert_eq!(floats(vectors.unwrap().unwrap()), numbers);
    }
}
