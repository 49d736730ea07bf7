use super::*;

/// What every axis owes: its ends around the data, labels within, places that rise.
fn check(axis: &Axis, min: f64, max: f64) {
    assert!(axis.low < axis.high, "{axis:?}");
    assert!(axis.ticks.len() <= 24 && !axis.ticks.is_empty(), "{axis:?}");
    assert!(axis.ticks.is_sorted_by(|a, b| a < b), "{axis:?}");
    for place in [min, max].into_iter().chain(axis.ticks.iter().copied()).map(|v| axis.place(v)) {
        assert!((0.0..=1.0).contains(&place), "{place} on {axis:?}");
    }
    assert!(axis.place(min) <= axis.place(max));
}

#[test]
fn linear_axes_hold_for_any_two_numbers() {
    let nasty = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        1e-300,
        5e-324,
        1e300,
        -1e300,
        f64::MAX,
        f64::MIN,
        0.1,
        0.1 + 1e-17,
        1e15,
        1e15 + 0.125,
        -3.7,
    ];
    for min in nasty {
        for max in nasty {
            if min <= max {
                check(&Axis::linear(min, max, 4), min, max);
            }
        }
    }
}

#[test]
fn labels_are_round_and_zero_is_taken_in_where_near() {
    assert_eq!(Axis::linear(0.3, 9.7, 4).ticks, [0.0, 5.0, 10.0]);
    assert_eq!(Axis::linear(90.0, 100.0, 4).ticks, [90.0, 95.0, 100.0]);
    assert_eq!(Axis::linear(-8.0, -1.0, 4).ticks, [-8.0, -6.0, -4.0, -2.0, 0.0]);
    assert_eq!(Axis::linear(0.0, 40.0, 4).ticks, [0.0, 10.0, 20.0, 30.0, 40.0]);
}

#[test]
fn a_constant_stands_in_the_middle() {
    for value in [48.0, -0.5, 0.0, 1e-12] {
        let place = Axis::linear(value, value, 4).place(value);
        assert!((0.3..0.7).contains(&place), "{value} stands at {place}");
    }
}

#[test]
fn logarithmic_axes_have_equal_decades() {
    let axis = Axis::logarithmic(2e-6, 3.0);
    check(&axis, 2e-6, 3.0);
    let distance = |a: f64, b: f64| axis.place(b) - axis.place(a);
    assert!((distance(1e-5, 1e-4) - distance(1e-1, 1.0)).abs() < 1e-12);
    check(&Axis::logarithmic(1e-300, 1e300), 1e-300, 1e300);
    check(&Axis::logarithmic(1.0, 1.0), 1.0, 1.0);
    assert!(Axis::logarithmic(1.0, 10.0).place(f64::NAN).abs() < 1e-12);
}

#[test]
fn steps_have_no_margin_and_whole_labels() {
    for (first, last) in [
        (0, 0),
        (0, 1),
        (5, 5),
        (1, 400),
        (7, 12),
        (0, 100_000),
        (0, u64::MAX),
        (u64::MAX, u64::MAX),
    ] {
        let axis = Axis::steps(first, last);
        assert!(axis.low <= axis.high, "{axis:?}");
        assert!(axis.ticks.len() <= 17);
        assert!(axis.ticks.iter().all(|tick| tick.fract() == 0.0), "{axis:?}");
        assert!((0.0..=1.0).contains(&axis.place(last as f64)), "{axis:?}");
    }
    assert_eq!(Axis::steps(0, 400).ticks, [0.0, 100.0, 200.0, 300.0, 400.0]);
}
