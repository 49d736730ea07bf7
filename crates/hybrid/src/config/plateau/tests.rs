use super::*;

fn config(text: &str) -> UntilConfig {
    toml::from_str(&format!("metric = \"eval/score_mean\"\n{text}")).expect("a table")
}

fn verdicts(config: &UntilConfig, values: &[f64]) -> Vec<Verdict> {
    let mut plateau = Plateau::default();
    values.iter().map(|value| plateau.observe(*value, config)).collect()
}

use Verdict::{Continue, Reached, Stalled};

#[test]
fn a_goal_ends_the_phase_at_once() {
    assert_eq!(verdicts(&config("goal = 0.5"), &[0.1, 0.4, 0.5]), [Continue, Continue, Reached]);
    let falling = config("goal = 2.0\nmode = \"min\"");
    assert_eq!(verdicts(&falling, &[3.0, 2.1, 1.9]), [Continue, Continue, Reached]);
}

#[test]
fn patience_counts_values_without_progress() {
    let rising = config("patience = 2");
    assert_eq!(
        verdicts(&rising, &[0.1, 0.2, 0.2, 0.3, 0.3, 0.25]),
        [Continue, Continue, Continue, Continue, Continue, Stalled]
    );
    let falling = config("patience = 1\nmode = \"min\"");
    assert_eq!(verdicts(&falling, &[3.0, 2.0, 2.5]), [Continue, Continue, Stalled]);
}

#[test]
fn small_steps_are_no_progress() {
    let strict = config("patience = 2\nmin_delta = 0.1");
    // Each is compared with the best, not with the one before.
    assert_eq!(
        verdicts(&strict, &[0.0, 0.06, 0.12, 0.15, 0.18]),
        [Continue, Continue, Continue, Continue, Stalled]
    );
}

#[test]
fn a_window_smooths_and_waits_until_it_is_full() {
    let smooth = config("goal = 1.0\nwindow = 3");
    // Means of three: 0.67, 1.0.
    assert_eq!(verdicts(&smooth, &[2.0, 0.0, 0.0, 3.0]), [Continue, Continue, Continue, Reached]);
}

#[test]
fn values_that_are_no_numbers_are_left_out() {
    let rising = config("patience = 1\ngoal = 9.0");
    assert_eq!(
        verdicts(&rising, &[1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 2.0]),
        [Continue; 5]
    );
}

#[test]
fn the_state_goes_through_a_checkpoint() {
    let rising = config("patience = 2\nwindow = 2");
    let values = [0.1, 0.7, 0.30000000000000004, 0.2, 0.1, 0.3];
    let whole = verdicts(&rising, &values);
    for cut in 0..values.len() {
        let mut plateau = Plateau::default();
        let (before, after) = values.split_at(cut);
        let mut found: Vec<_> = before.iter().map(|v| plateau.observe(*v, &rising)).collect();
        let text = serde_json::to_string(&plateau).expect("JSON");
        let mut again: Plateau = serde_json::from_str(&text).expect("what was written");
        assert_eq!(again, plateau);
        found.extend(after.iter().map(|v| again.observe(*v, &rising)));
        assert_eq!(found, whole);
    }
}

#[test]
fn tables_out_of_range_are_refused() {
    let wrong = |text: &str| config(text).validate("u").expect_err("a mistake").text;
    assert_eq!(wrong(""), "`u` needs `patience` or `goal`, else it never ends the phase");
    assert_eq!(wrong("patience = 0"), "`u.patience` is 0, must be at least 1");
    assert_eq!(wrong("goal = 1\nwindow = 0"), "`u.window` is 0, must be at least 1");
    assert_eq!(
        wrong("goal = 1\nmin_delta = nan"),
        "`u.min_delta` is NaN, must be a finite number of at least 0"
    );
    assert_eq!(wrong("goal = inf"), "`u.goal` is inf, must be a finite number");
}
