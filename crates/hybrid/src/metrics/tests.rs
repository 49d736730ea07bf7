use super::*;

#[test]
fn distinct_2_counts_pairs_within_rows_only() {
    // Pairs: (1,2) (2,1) (1,2) and (1,2): two distinct of four.
    let share = distinct_2(&[&[1, 2, 1, 2], &[1, 2]], 100);
    assert!((share - 0.5).abs() < 1e-12, "{share}");
}

#[test]
fn distinct_2_is_a_mean_over_full_blocks() {
    // Blocks [1 1 1] and [1 2 3]: pairs 1-1 1-1 (one of two) and 1-1 1-2 2-3 (all); the last 9 is left out.
    let share = distinct_2(&[&[1, 1, 1, 1, 2, 3, 9]], 3);
    assert!((share - 0.75).abs() < 1e-12, "{share}");
}

#[test]
fn distinct_2_of_nothing_is_no_number() {
    assert!(distinct_2(&[], 8).is_nan());
    assert!(distinct_2(&[&[5]], 8).is_nan());
}

#[test]
fn what_is_not_finite_is_null() {
    let mut metrics = Metrics::default();
    metrics.set("a", f64::NAN);
    metrics.set("b", 1.5);
    let json = Value::Object(metrics.to_json()).to_string();
    assert_eq!(json, r#"{"a":null,"b":1.5}"#);
}
