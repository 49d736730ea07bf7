use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn results_and_the_first_error_are_those_of_a_loop(
        count in 0_usize..3 * AT_ONCE,
        refused in prop::collection::vec(0_usize..4 * AT_ONCE, 0..4),
    ) {
        let items: Vec<usize> = (0..count).map(|place| place * place % 1009).collect();
        let places: Vec<usize> = (0..count).collect();
        let work = |place: &usize| {
            if refused.contains(place) { Err(*place) } else { Ok((*place, items[*place] + 1)) }
        };
        let expected: Vec<Result<_, usize>> = places.iter().map(work).collect();
        prop_assert_eq!(&in_order(&places, work).collect::<Vec<_>>(), &expected);
        let all: Result<Vec<_>, usize> = in_order(&places, work).collect();
        let by_hand: Result<Vec<_>, usize> = expected.into_iter().collect();
        prop_assert_eq!(&all, &by_hand);
        if let Some(first) = refused.iter().filter(|place| **place < count).min() {
            prop_assert_eq!(all, Err(*first));
        }
    }
}

#[test]
fn a_caller_that_stops_leaves_the_rest_alone() {
    let (items, done) = (vec![(); 5 * AT_ONCE], AtomicUsize::new(0));
    let work = |(): &()| {
        done.fetch_add(1, Ordering::Relaxed);
    };
    let mut results = in_order(&items, work);
    assert_eq!(done.load(Ordering::Relaxed), 0);
    for _ in 0..3 {
        results.next();
    }
    assert_eq!(done.load(Ordering::Relaxed), AT_ONCE);
    assert_eq!(results.count(), 5 * AT_ONCE - 3);
    assert_eq!(done.load(Ordering::Relaxed), 5 * AT_ONCE);
}
