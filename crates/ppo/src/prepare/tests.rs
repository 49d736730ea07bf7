use super::*;
use crate::episode::{End, Score, weighted_reference};

fn episode(n: usize, score: Score, end: End) -> Episode {
    Episode {
        prompt_ids: vec![1],
        completion_ids: vec![2; n],
        logprobs: vec![-1.0; n],
        ref_logprobs: vec![-1.5; n],
        values: vec![0.0; n],
        score,
        end,
    }
}

fn rewards(episodes: &[Episode], config: &PpoConfig) -> Vec<Vec<f32>> {
    let prepared = prepare(episodes, 0.1, &mut ScoreMoments::default(), config).unwrap();
    prepared.rows.into_iter().map(|row| row.rewards).collect()
}

fn message(episode: Episode, config: &PpoConfig) -> String {
    let error = prepare(&[episode], 0.1, &mut ScoreMoments::default(), config).unwrap_err();
    assert!(!error.is_bad_input());
    error.to_string()
}

#[test]
fn the_score_is_on_the_last_action_token() {
    let row = episode(3, Score::Terminal(Some(2.0)), End::Terminated);
    let found = rewards(&[row], &PpoConfig::default()).concat();
    for (found, expected) in found.iter().zip([-0.05, -0.05, 1.95]) {
        assert!((found - expected).abs() < 1e-6);
    }
}

#[test]
fn the_penalty_for_a_missing_end_asks_how_the_row_ended() {
    let config = PpoConfig { missing_eos_penalty: Some(0.5), ..PpoConfig::default() };
    let row = |end| episode(1, Score::Terminal(Some(2.0)), end);
    let found = rewards(&[row(End::Terminated), row(End::Truncated)], &config).concat();
    assert!((found[0] - found[1] - 0.5).abs() < 1e-6);
}

#[test]
fn trl_has_its_score_one_slot_after_the_end() {
    let config = PpoConfig { compat: Some(crate::config::Compat::Trl), ..PpoConfig::default() };
    let mut early = episode(2, Score::Terminal(Some(2.0)), End::Terminated);
    early.values.push(0.7);
    let full = episode(2, Score::Terminal(Some(2.0)), End::Terminated);
    let found = rewards(&[early, full], &config);
    assert_eq!(found[0].len(), 3);
    assert!((found[0][2] - 2.0).abs() < 1e-6 && (found[0][1] + 0.05).abs() < 1e-6);
    assert!((found[1][1] - 1.95).abs() < 1e-6);
}

#[test]
fn a_rollout_of_null_rows_has_no_counted_row() {
    let rows = [
        episode(2, Score::Terminal(None), End::Terminated),
        episode(2, Score::PerToken(vec![1.0, f64::NAN]), End::Terminated),
        episode(0, Score::Terminal(Some(1.0)), End::Terminated),
    ];
    let config = PpoConfig::default();
    let mut moments = ScoreMoments::default();
    let prepared = prepare(&rows, 0.1, &mut moments, &config).unwrap();
    assert!(prepared.counted().is_empty());
    assert_eq!((prepared.stats.null_rows, moments.count()), (3, 0));
    assert!(prepared.stats.metrics()["rollout/score_mean"].is_nan());
    assert!(prepare(&[], 0.1, &mut moments, &config).unwrap().rows.is_empty());
}

#[test]
fn parts_that_do_not_fit_are_named() {
    let config = PpoConfig::default();
    let good = episode(2, Score::Terminal(Some(1.0)), End::Truncated);
    let row = Episode { ref_logprobs: vec![0.0], ..good.clone() };
    let expected = "`ref_logprobs` of row 0 of the rollout has 1 entries, expected 2, one a \
                    completion token";
    assert_eq!(message(row, &config), expected);
    let row = Episode { score: Score::PerToken(vec![1.0]), ..good.clone() };
    assert!(message(row, &config).starts_with("`score` of row 0 of the rollout has 1 entries"));
    let bootstrap = PpoConfig { truncated: crate::config::Truncated::Bootstrap, ..config.clone() };
    let expected = "`values` of row 0 of the rollout has 2 entries, expected 3: one a completion \
                    token and one after the last";
    assert_eq!(message(good.clone(), &bootstrap), expected);
    let row = Episode { logprobs: vec![-1.0, f32::NAN], ..good };
    assert!(message(row, &config).contains("`logprobs` of row 0 of the rollout is not finite at"));
}

#[test]
fn several_references_are_one_by_weight() {
    let (a, b) = ([-1.0, -2.0], [-3.0, -2.0]);
    assert_eq!(weighted_reference(0, &[(&a, 0.75), (&b, 0.25)]).unwrap(), [-1.5, -2.0]);
    assert!(weighted_reference(0, &[(&a, 0.5), (&b[..1], 0.5)]).is_err());
    assert!(weighted_reference(0, &[]).unwrap().is_empty());
}
