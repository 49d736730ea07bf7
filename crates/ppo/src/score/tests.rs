use super::*;

fn moments(scores: &[f64]) -> ScoreMoments {
    let mut moments = ScoreMoments::default();
    scores.iter().for_each(|score| moments.add(*score));
    moments
}

#[test]
fn moments_are_those_of_all_finite_scores() {
    let moments = moments(&[1.0, f64::NAN, 2.0, f64::INFINITY, 6.0]);
    assert_eq!(moments.count(), 3);
    assert!((moments.mean() - 3.0).abs() < 1e-12);
    // (4 + 1 + 9) / 3.
    assert!((moments.std() - (14.0_f64 / 3.0).sqrt()).abs() < 1e-12);
}

#[test]
fn large_scores_lose_no_digits_of_their_spread() {
    let moments = moments(&[1e9, 1e9 + 1.0, 1e9 + 2.0]);
    assert!((moments.std() - (2.0_f64 / 3.0).sqrt()).abs() < 1e-6);
}

#[test]
fn equal_scores_are_not_divided() {
    let config = ScoreConfig { normalize: Normalize::Scale, clip: None };
    for moments in [moments(&[4.0, 4.0]), ScoreMoments::default()] {
        assert!((moments.apply(4.0, &config) - 4.0).abs() < 1e-12);
    }
}

#[test]
fn moments_survive_being_saved() {
    let saved = serde_json::to_string(&moments(&[0.1, 0.7, -3.3])).unwrap();
    assert_eq!(serde_json::from_str::<ScoreMoments>(&saved).unwrap(), moments(&[0.1, 0.7, -3.3]));
}
