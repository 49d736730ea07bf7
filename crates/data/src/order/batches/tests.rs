use proptest::prelude::*;

use super::*;

fn options(batch_size: usize, pool: usize, seed: u64) -> BatchOptions {
    BatchOptions { batch_size, pool, seed }
}

fn new(lengths: &[usize], batch_size: usize, pool: usize, seed: u64) -> Batches {
    Batches::new(lengths.to_vec(), options(batch_size, pool, seed)).expect("good options")
}

/// Lengths from 1 to 200 in no order.
fn uneven(count: usize) -> Vec<usize> {
    (0..count).map(|index| 1 + index * 7919 % 200).collect()
}

/// Cells of one epoch's batches, padding and all.
fn cells(lengths: &[usize], pool: usize) -> usize {
    let batches = new(lengths, 8, pool, 5);
    let count = batches.per_epoch();
    let width = |batch: &[usize]| batch.iter().map(|index| lengths[*index]).max().unwrap_or(0);
    batches.take(count).map(|batch| batch.len() * width(&batch)).sum()
}

#[test]
fn bucketing_saves_padding() {
    let lengths = uneven(4_000);
    let tokens: usize = lengths.iter().sum();
    let (random, bucketed) = (cells(&lengths, 1), cells(&lengths, 50));
    assert!(random as f64 > 1.6 * tokens as f64, "{random} cells for {tokens} tokens");
    assert!((bucketed as f64) < 1.05 * tokens as f64, "{bucketed} cells for {tokens} tokens");
}

#[test]
fn batches_do_not_come_in_the_order_of_length() {
    let lengths = uneven(400);
    let longest = |batch: Vec<usize>| batch.iter().map(|index| lengths[*index]).max();
    let widths: Vec<_> = new(&lengths, 8, 50, 5).take(50).map(longest).collect();
    assert!(!widths.is_sorted() && !widths.iter().rev().is_sorted());
    let rises = widths.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!((15..35).contains(&rises), "{rises} of 49 are rises");
}

#[test]
fn batches_of_nothing_are_none() {
    assert_eq!(new(&[], 4, 2, 0).next(), None);
}

#[test]
fn saved_batches_of_other_settings_are_refused() {
    let lengths = uneven(10);
    let state = new(&lengths, 4, 2, 9).state();
    let check = |lengths: &[usize], options, state| {
        Batches::resume(lengths.to_vec(), options, state).expect_err("bad").to_string()
    };
    insta::assert_snapshot!(check(&lengths[1..], options(4, 2, 9), state), @"the saved order has `examples` 10, this run has 9; resume with the data and settings it was saved with");
    insta::assert_snapshot!(check(&lengths, options(5, 2, 9), state), @"the saved order has `batch_size` 4, this run has 5; resume with the data and settings it was saved with");
    insta::assert_snapshot!(check(&lengths, options(4, 3, 9), state), @"the saved order has `pool` 2, this run has 3; resume with the data and settings it was saved with");
    let past = BatchState { batch: 4, ..state };
    insta::assert_snapshot!(check(&lengths, options(4, 2, 9), past), @"the saved order has `batch` 4, this run has 3; resume with the data and settings it was saved with");
    insta::assert_snapshot!(check(&lengths, options(0, 2, 9), state), @"`batch_size` is 0, must be at least 1");
    // The seed is the saved one, whatever the configuration says now.
    let resumed = Batches::resume(lengths.clone(), options(4, 2, 1), state).expect("good");
    assert!(resumed.take(9).eq(new(&lengths, 4, 2, 9).take(9)));
}

proptest! {
    #[test]
    fn each_epoch_has_every_example_once(
        lengths in prop::collection::vec(0_usize..30, 1..60),
        batch_size in 1_usize..9,
        pool in 1_usize..5,
        seed in any::<u64>(),
    ) {
        let mut batches = new(&lengths, batch_size, pool, seed);
        let per_epoch = batches.per_epoch();
        prop_assert_eq!(per_epoch, lengths.len().div_ceil(batch_size));
        for _ in 0..3 {
            let epoch: Vec<Vec<usize>> = batches.by_ref().take(per_epoch).collect();
            let partial = epoch.iter().filter(|batch| batch.len() < batch_size).count();
            prop_assert_eq!(partial, usize::from(lengths.len() % batch_size > 0));
            let mut all = epoch.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn resuming_at_any_batch_goes_on_the_same(
        lengths in prop::collection::vec(0_usize..30, 1..40),
        batch_size in 1_usize..9,
        pool in 1_usize..5,
        seed in any::<u64>(),
        done in 0_usize..40,
    ) {
        let mut batches = new(&lengths, batch_size, pool, seed);
        batches.by_ref().take(done).for_each(drop);
        let state = batches.state();
        let resumed = Batches::resume(lengths, options(batch_size, pool, seed), state);
        let expected: Vec<_> = batches.take(30).collect();
        prop_assert_eq!(resumed.expect("its own state").take(30).collect::<Vec<_>>(), expected);
    }
}
