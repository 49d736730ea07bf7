use super::*;

fn near(ours: f64, expected: f64) {
    assert!((ours - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{ours}, not {expected}");
}

/// Expected by SciPy 1.17:
///
/// ```python
/// from scipy import stats
/// b = [0.50, 0.31, 0.42, 0.55, 0.47, 0.39, 0.61, 0.28]
/// a = [0.71, 0.45, 0.40, 0.77, 0.66, 0.52, 0.83, 0.35]
/// r = stats.ttest_rel(a, b); print(r.pvalue, r.confidence_interval())
/// ```
#[test]
fn eight_pairs_as_scipy_compares_them() {
    let before = [0.50, 0.31, 0.42, 0.55, 0.47, 0.39, 0.61, 0.28];
    let after = [0.71, 0.45, 0.40, 0.77, 0.66, 0.52, 0.83, 0.35];
    let found = compare(&before, &after).unwrap();
    assert_eq!(found.count, 8);
    near(found.before, 0.44125);
    near(found.after, 0.58625);
    near(found.difference, 0.145);
    near(found.p_value, 0.0019131306846683605);
    near(found.interval.0, 0.07392066036667083);
    near(found.interval.1, 0.2160793396333292);
    // The other way round everything changes its sign, and chance is as likely.
    let back = compare(&after, &before).unwrap();
    near(back.interval.1, -0.07392066036667083);
    near(back.p_value, found.p_value);
}

/// As above, for `b = [1.0, 2.0]` and `a = [2.0, 1.5]`.
#[test]
fn two_pairs_say_little() {
    let found = compare(&[1.0, 2.0], &[2.0, 1.5]).unwrap();
    near(found.p_value, 0.7951672353008665);
    near(found.interval.0, -9.27965355213102);
    near(found.interval.1, 9.77965355213102);
}

#[test]
fn equal_differences_leave_no_doubt() {
    let same = compare(&[0.25, 0.5, 0.75], &[0.25, 0.5, 0.75]).unwrap();
    assert_eq!((same.difference, same.interval, same.p_value), (0.0, (0.0, 0.0), 1.0));
    let higher = compare(&[0.25, 0.5, 0.75], &[0.5, 0.75, 1.0]).unwrap();
    assert_eq!((higher.difference, higher.interval, higher.p_value), (0.25, (0.25, 0.25), 0.0));
}

#[test]
fn nothing_is_said_without_pairs_of_numbers() {
    assert_eq!(compare(&[], &[]), None);
    assert_eq!(compare(&[1.0], &[2.0]), None);
    assert_eq!(compare(&[1.0, 2.0], &[2.0]), None);
    assert_eq!(compare(&[1.0, f64::NAN], &[2.0, 3.0]), None);
    assert_eq!(compare(&[1.0, 2.0], &[2.0, f64::INFINITY]), None);
}
