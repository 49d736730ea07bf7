use super::*;

#[test]
fn rows_are_whitened_together() {
    let mut rows = vec![vec![1.0, 2.0], vec![], vec![6.0]];
    whiten(&mut rows, Whitening::ZeroMean, Variance::Population);
    let std = (14.0_f64 / 3.0).sqrt();
    for (found, expected) in rows.concat().iter().zip([-2.0 / std, -1.0 / std, 3.0 / std]) {
        assert!((found - expected).abs() < 1e-8);
    }
}

#[test]
fn the_mean_stays_where_it_carries_meaning() {
    let mut rows = vec![vec![1.0, 2.0, 6.0]];
    whiten(&mut rows, Whitening::KeepMean, Variance::Sample);
    let mean = rows[0].iter().sum::<f64>() / 3.0;
    let variance = rows[0].iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 2.0;
    assert!((mean - 3.0).abs() < 1e-9 && (variance - 1.0).abs() < 1e-8);
}

#[test]
fn a_single_number_and_equal_numbers_stay_finite() {
    let mut one = vec![vec![3.0]];
    whiten(&mut one, Whitening::ZeroMean, Variance::Sample);
    assert_eq!(one, [[3.0]]);
    let mut equal = vec![vec![3.0, 3.0]];
    whiten(&mut equal, Whitening::ZeroMean, Variance::Sample);
    assert_eq!(equal, [[0.0, 0.0]]);
    whiten(&mut [], Whitening::ZeroMean, Variance::Sample);
}
