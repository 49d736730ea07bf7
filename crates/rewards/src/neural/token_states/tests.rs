use proptest::prelude::*;

use super::*;

#[test]
fn the_best_match_may_be_opposite() {
    // bert_score gives 0 here where it pads, and the true cosine where it does not.
    let one = TokenStates::new(vec![1], vec![3.0, 0.0], 2);
    let other = TokenStates::new(vec![1, 2], vec![-2.0, 0.0, -1.0, 1.0], 2);
    let (own, others) = one.matches(&other);
    assert!((own[0] + 0.5_f32.sqrt()).abs() < 1e-6, "{own:?}");
    assert!((others[0] + 1.0).abs() < 1e-6 && (others[1] + 0.5_f32.sqrt()).abs() < 1e-6);
}

#[test]
fn a_state_that_is_no_direction_is_seen() {
    assert!(TokenStates::new(vec![1], vec![3.0, -4.0], 2).is_finite());
    for broken in [[0.0, 0.0], [f32::NAN, 1.0], [f32::INFINITY, 1.0]] {
        assert!(!TokenStates::new(vec![1], broken.to_vec(), 2).is_finite(), "{broken:?}");
    }
}

proptest! {
    /// Against the definition in double precision, of widths that eight does and does not divide.
    #[test]
    fn matches_are_the_largest_cosines(
        width in 1..20_usize,
        seed in prop::collection::vec(-1.0_f32..1.0, 160..200),
    ) {
        let rows: Vec<&[f32]> = seed.chunks_exact(width).collect();
        let long = |row: &&[f32]| row.iter().map(|value| value.abs()).sum::<f32>() > 0.1;
        let rows: Vec<&[f32]> = rows.into_iter().filter(long).collect();
        prop_assume!(rows.len() >= 3);
        let (ours, theirs) = rows.split_at(rows.len() / 3);
        let states = |rows: &[&[f32]]| TokenStates::new(vec![0; rows.len()], rows.concat(), width);
        let cosine = |a: &[f32], b: &[f32]| {
            let dot = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
            };
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        let (own, others) = states(ours).matches(&states(theirs));
        prop_assert_eq!((own.len(), others.len()), (ours.len(), theirs.len()));
        for (found, row) in own.iter().zip(ours) {
            let want = theirs.iter().map(|other| cosine(row, other)).fold(-2.0, f64::max);
            prop_assert!((f64::from(*found) - want).abs() < 1e-5);
        }
        for (found, row) in others.iter().zip(theirs) {
            let want = ours.iter().map(|other| cosine(row, other)).fold(-2.0, f64::max);
            prop_assert!((f64::from(*found) - want).abs() < 1e-5);
        }
    }
}
