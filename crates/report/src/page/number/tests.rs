use super::*;

#[test]
fn four_digits_a_real_minus_and_no_needless_zeros() {
    let table = [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-1.5, "−1.5"),
        (0.123_456, "0.1235"),
        (12.0, "12"),
        (3.241_592, "3.242"),
        (999.96, "1000"),
        (9999.4, "9999"),
        (12_345.6, "12,346"),
        (-1_234_567.0, "−1,234,567"),
        (2e-5, "2e−5"),
        (1.2345e9, "1.234e9"),
        (1e300, "1e300"),
        (5e-324, "4.941e−324"),
        (f64::NAN, "none"),
        (f64::INFINITY, "inf"),
    ];
    for (value, expected) in table {
        assert_eq!(number(value), expected, "{value:e}");
    }
}

#[test]
fn a_unit_follows_where_it_has_a_name() {
    assert_eq!(with_unit(12.5, "tokens/s"), "12.5 tokens/s");
    assert_eq!(with_unit(0.5, "share"), "0.5");
}

#[test]
fn data_keeps_six_digits() {
    assert_eq!(short(0.123_456_789).to_string(), "0.123457");
    assert_eq!(short(-98_765_432.1).to_string(), "-98765400");
}

#[test]
fn durations_read_like_a_clock() {
    let table = [
        (0.0, "0 s"),
        (8.14, "8.14 s"),
        (59.0, "59 s"),
        (245.0, "4 min 05 s"),
        (11_520.0, "3 h 12 min"),
        (-1.0, "0 s"),
    ];
    for (seconds, expected) in table {
        assert_eq!(duration(seconds), expected);
    }
}
