use super::*;

fn assert_near(got: Option<f64>, want: Option<f64>) {
    match (got, want) {
        (Some(got), Some(want)) => {
            assert!((got - want).abs() <= 1e-9 * want.abs().max(1.0), "{got} {want}");
        }
        (got, want) => assert_eq!(got, want),
    }
}

proptest::proptest! {
    /// The summary of all values at once, which takes two passes, is the definition.
    #[test]
    fn batches_sum_up_to_the_whole(
        values in proptest::collection::vec(proptest::option::weighted(0.8, -9.0..9.0_f64), 0..60),
        size in 1..20usize,
        far in proptest::bool::ANY,
    ) {
        let shift = if far { 1e6 } else { 0.0 };
        let values: Vec<Option<f64>> =
            values.into_iter().map(|value| value.map(|value| value + shift)).collect();
        let mut running = Running::default();
        values.chunks(size).for_each(|batch| running.extend(batch));
        let (got, want) = (running.summary(), Summary::of(&values));
        assert_eq!((got.min, got.max, got.null), (want.min, want.max, want.null));
        assert_near(got.mean, want.mean);
        assert_near(got.std, want.std);
    }
}

#[test]
fn nothing_has_no_mean() {
    let mut running = Running::default();
    running.extend(&[None, None]);
    assert_eq!(running.summary(), Summary { null: 2, ..Summary::default() });
}
