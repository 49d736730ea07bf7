use rand_chacha::rand_core::SeedableRng;

use super::*;

#[test]
fn every_row_occurs_once_an_epoch() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let rows = [0, 2, 3, 5, 8, 9, 11];
    let batches = minibatches(&rows, 3, &mut rng);
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    let mut seen = batches.concat();
    seen.sort_unstable();
    assert_eq!(seen, rows);
}

#[test]
fn epochs_differ_and_a_stream_repeats() {
    let rows: Vec<usize> = (0..20).collect();
    let two = |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (minibatches(&rows, 20, &mut rng), minibatches(&rows, 20, &mut rng))
    };
    let (first, second) = two(7);
    assert_ne!(first, second);
    assert_eq!((first, second), two(7));
}

#[test]
fn no_rows_make_no_minibatch() {
    assert!(minibatches(&[], 4, &mut ChaCha8Rng::seed_from_u64(0)).is_empty());
}
