use proptest::prelude::*;

use super::*;
use crate::fixtures::{assert_close, cases, numbers};

/// The definition, in double precision.
fn expected(
    lhs: &Matrix<'_>,
    rhs: &Matrix<'_>,
    scale: f32,
    before: &[f32],
    write: Write,
) -> Vec<f32> {
    let at = |m: &Matrix<'_>, row: usize, column: usize| {
        f64::from(m.values[row * m.row_stride + column * m.column_stride])
    };
    let value = |place: usize| {
        let (row, column) = (place / rhs.columns, place % rhs.columns);
        let sum: f64 = (0..lhs.columns).map(|k| at(lhs, row, k) * at(rhs, k, column)).sum();
        let there = if write == Write::Add { f64::from(before[place]) } else { 0.0 };
        (f64::from(scale) * sum + there) as f32
    };
    (0..lhs.rows * rhs.columns).map(value).collect()
}

/// A matrix over values, by rows or by columns.
fn laid(values: &[f32], rows: usize, columns: usize, by_column: bool) -> Matrix<'_> {
    if by_column {
        Matrix::new(values, columns, rows).transposed()
    } else {
        Matrix::new(values, rows, columns)
    }
}

fn check([m, k, n]: [usize; 3], turned: [bool; 2], write: Write, threads: Threads) {
    let (left, right) = (numbers(1, m * k), numbers(2, k * n));
    let (lhs, rhs) = (laid(&left, m, k, turned[0]), laid(&right, k, n, turned[1]));
    // What is overwritten must not be read: NaN would stay.
    let before = if write == Write::Add { numbers(3, m * n) } else { vec![f32::NAN; m * n] };
    let mut out = before.clone();
    product(lhs, rhs, 0.5, &mut out, write, threads);
    let expected = expected(&lhs, &rhs, 0.5, &before, write);
    assert_close(&format!("{m} × {k} × {n}, {turned:?}, {write:?}"), &out, &expected, 2e-5);
}

#[test]
fn every_layout_and_size_is_the_definition() {
    // Whole tiles, and remainders of rows, columns, strips, stretches and what stays in the cache.
    let sizes =
        [[96, 64, 96], [150, 401, 97], [7, 900, 130], [145, 80, 17], [1, 4096, 65], [300, 1, 999]];
    for size in sizes {
        for turned in [[false, false], [false, true], [true, false], [true, true]] {
            for write in [Write::Over, Write::Add] {
                for threads in [Threads::One, Threads::All] {
                    check(size, turned, write, threads);
                }
            }
        }
    }
}

#[test]
fn threads_do_not_decide_the_rounding() {
    let (m, k, n) = (190, 700, 333);
    let (left, right) = (numbers(4, m * k), numbers(5, k * n));
    for turned in [false, true] {
        let made = [Threads::One, Threads::All].map(|threads| {
            new_product(laid(&left, m, k, turned), laid(&right, k, n, turned), 1.0, threads)
        });
        assert_eq!(made[0], made[1]);
    }
}

#[test]
fn nothing_that_is_no_number_spreads_to_other_rows_or_columns() {
    let (m, k, n) = (80, 90, 100);
    let (mut left, mut right) = (numbers(6, m * k), numbers(7, k * n));
    (left[3 * k + 5], right[8 * n + 99]) = (f32::NAN, f32::INFINITY);
    let out = new_product(Matrix::new(&left, m, k), Matrix::new(&right, k, n), 1.0, Threads::All);
    for (place, value) in out.iter().enumerate() {
        let (row, column) = (place / n, place % n);
        if row == 3 {
            assert!(value.is_nan(), "{row}, {column}: {value}");
        } else {
            assert_eq!(value.is_finite(), column != 99, "{row}, {column}: {value}");
        }
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn any_size_is_the_definition(
        m in 1_usize..200, k in 1_usize..200, n in 1_usize..200,
        left: bool, right: bool, adds: bool,
    ) {
        let write = if adds { Write::Add } else { Write::Over };
        check([m, k, n], [left, right], write, Threads::All);
    }
}
