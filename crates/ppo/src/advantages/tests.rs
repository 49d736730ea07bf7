use super::*;

#[test]
fn lambda_one_is_the_return_minus_the_value() {
    let (rewards, values) = ([0.5, -1.0, 2.0], [0.1, 0.2, 0.3]);
    let advantages = gae(&rewards, &values, 0.7, 0.9, 1.0);
    let returns = returns_to_go(&rewards, 0.7, 0.9);
    // 2 + 0.9·0.7, and so on backwards.
    for (found, expected) in returns.iter().zip([0.5 + 0.9 * (-1.0 + 0.9 * 2.63), 1.367, 2.63]) {
        assert!((found - expected).abs() < 1e-12);
    }
    for ((advantage, value), g) in advantages.iter().zip(values).zip(returns) {
        assert!((advantage + value - g).abs() < 1e-12);
    }
}

#[test]
fn no_tokens_have_no_advantages() {
    assert!(gae(&[], &[], 1.0, 0.9, 0.9).is_empty());
    assert!(returns_to_go(&[], 1.0, 0.9).is_empty());
}

#[test]
fn the_baseline_leaves_the_row_itself_out() {
    assert_eq!(mean_of_others(&[vec![1.0, 3.0], vec![5.0], vec![]]), [5.0, 2.0, 3.0]);
    assert_eq!(mean_of_others(&[vec![4.0]]), [0.0]);
}
