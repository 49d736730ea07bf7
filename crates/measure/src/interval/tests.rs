use proptest::prelude::*;
use serde_json::Value;

use super::{auc, correlation, pearson, proportion};

#[test]
fn auc_and_its_interval_follow_from_all_pairs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/rewards/breadth.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let list = |key: &str| golden["auc"][key].as_array().unwrap().clone();
    let scores: Vec<f64> = list("scores").iter().filter_map(Value::as_f64).collect();
    let labels: Vec<bool> = list("labels").iter().filter_map(Value::as_bool).collect();
    let want: Vec<f64> = list("interval").iter().filter_map(Value::as_f64).collect();
    let got = auc(&scores, &labels).unwrap();
    for (got, want) in [got.value, got.low, got.high].iter().zip(want) {
        assert!((got - want).abs() < 1e-12, "{got} {want}");
    }
}

#[test]
fn what_cannot_be_measured_is_none() {
    assert_eq!(auc(&[], &[]), None);
    assert_eq!(auc(&[1.0, 2.0], &[true, true]), None);
    assert_eq!(auc(&[1.0, f64::NAN], &[true, false]), None);
    assert_eq!(auc(&[1.0], &[true, false]), None);
    assert_eq!(proportion(0, 0), None);
    assert_eq!(proportion(2, 1), None);
}

#[test]
fn wilson_is_as_published() {
    // Newcombe (1998), table I: 81 of 263 is 0.2553 to 0.3662, 0 of 20 is 0 to 0.1611.
    let round = |value: f64| (value * 1e4).round() / 1e4;
    let some = proportion(81, 263).unwrap();
    assert_eq!((round(some.low), round(some.high)), (0.2553, 0.3662));
    let none = proportion(0, 20).unwrap();
    assert_eq!((round(none.low), round(none.high)), (0.0, 0.1611));
}

proptest! {
    #[test]
    fn turning_the_scores_round_turns_the_auc_round(
        rows in prop::collection::vec((-3..3i32, any::<bool>()), 2..40)
    ) {
        let scores: Vec<f64> = rows.iter().map(|(score, _)| f64::from(*score)).collect();
        let turned: Vec<f64> = scores.iter().map(|score| -score).collect();
        let labels: Vec<bool> = rows.iter().map(|(_, label)| *label).collect();
        match (auc(&scores, &labels), auc(&turned, &labels)) {
            (Some(one), Some(other)) => prop_assert!((one.value + other.value - 1.0).abs() < 1e-12),
            (None, None) => {}
            _ => prop_assert!(false),
        }
    }
}

#[test]
fn correlation_is_pearsons_with_fishers_interval() {
    // By hand: x = 1..5, y = 2 1 4 3 5; covariance 8, variances 10 and 10: r = 0.8.
    let found = correlation(&[1.0, 2.0, 3.0, 4.0, 5.0], &[2.0, 1.0, 4.0, 3.0, 5.0]).unwrap();
    assert!((found.value - 0.8).abs() < 1e-12);
    // atanh 0.8 = 1.0986, ± 1.96 / √2, back through tanh.
    assert!((found.low - (1.098_612_289 - 1.385_903_824_f64).tanh()).abs() < 1e-6, "{found:?}");
    assert!((found.high - (1.098_612_289 + 1.385_903_824_f64).tanh()).abs() < 1e-6, "{found:?}");
    assert_eq!(correlation(&[1.0; 5], &[1.0, 2.0, 3.0, 4.0, 5.0]), None);
    assert_eq!(correlation(&[1.0, 2.0], &[1.0, 2.0]), None);
    let line = [1.0, 2.0, 3.0, 4.0];
    assert!((correlation(&line, &line.map(|x| -3.0 * x)).unwrap().value + 1.0).abs() < 1e-12);
}

#[test]
fn pearson_needs_two_rows_that_differ() {
    assert_eq!(pearson(&[0.0, 1.0], &[5.0, 3.0]), Some(-1.0));
    assert_eq!(pearson(&[], &[]), None);
    assert_eq!(pearson(&[1.0], &[1.0]), None);
    assert_eq!(pearson(&[0.1; 7], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), None);
    assert_eq!(pearson(&[1.0, f64::INFINITY], &[1.0, 2.0]), None);
}
