use super::Verdict::{Best, Stop, Wait};
use super::*;

fn verdicts(options: StopOptions, values: &[f64]) -> Vec<Verdict> {
    let mut stop = EarlyStop { options, best: None, waited: 0 };
    values.iter().map(|value| stop.observe(*value)).collect()
}

#[test]
fn stops_after_patience_without_progress() {
    let options = StopOptions { patience: 2, min_delta: 0.1, mode: Mode::Max };
    // 0.55 is better than 0.5, but by less than `min_delta`, and the best stays 0.5.
    let found = verdicts(options, &[0.5, 0.55, 0.61, 0.6, 0.61]);
    assert_eq!(found, [Best, Wait, Best, Wait, Stop]);
}

#[test]
fn a_loss_goes_down_and_nan_is_no_progress() {
    let options = StopOptions { patience: 2, min_delta: 0.0, mode: Mode::Min };
    let found = verdicts(options, &[f64::NAN, 2.0, 2.0, 1.5, f64::NEG_INFINITY, f64::NAN]);
    assert_eq!(found, [Wait, Best, Wait, Best, Wait, Stop]);
}

#[test]
fn it_goes_on_where_it_was_saved() {
    let mut whole = EarlyStop::new(StopOptions::default()).unwrap();
    whole.observe(0.3);
    whole.observe(0.2);
    let saved = serde_json::to_string(&whole).unwrap();
    let mut resumed: EarlyStop = serde_json::from_str(&saved).unwrap();
    assert_eq!(resumed.best(), Some(0.3));
    for value in [0.1, 0.1] {
        assert_eq!(whole.observe(value), resumed.observe(value));
    }
    assert_eq!(resumed, whole);
}

#[test]
fn options_out_of_range_are_refused() {
    let with = |patience, min_delta| {
        EarlyStop::new(StopOptions { patience, min_delta, mode: Mode::Max }).is_err()
    };
    assert_eq!(
        [with(0, 0.0), with(1, -1.0), with(1, f64::NAN), with(1, 0.0)],
        [true, true, true, false]
    );
}
