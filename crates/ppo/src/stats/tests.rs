use super::*;

/// A minibatch of ten tokens.
fn sums(approx_kl: f64, ratio_mean: f64) -> LossSums {
    LossSums {
        approx_kl: approx_kl * 10.0,
        ratio_excess: (ratio_mean - 1.0) * 10.0,
        tokens: 10.0,
        ..LossSums::ZERO
    }
}

#[test]
fn an_update_stops_at_its_target_and_skips_beyond_its_ratio() {
    let config = PpoConfig { target_kl: Some(0.02), max_ratio: Some(2.0), ..PpoConfig::default() };
    let mut stats = UpdateStats::default();
    let mut decide = |part| {
        stats.add(part);
        stats.decide(&config)
    };
    assert_eq!(decide(sums(0.01, 1.0)), Decision::Apply);
    assert_eq!(decide(sums(0.5, 2.5)), Decision::Skip);
    assert_eq!(decide(sums(0.03, 1.0)), Decision::Stop);
    assert_eq!((stats.applied(), stats.skipped(), stats.stopped()), (1, 1, true));
    let metrics = stats.metrics(&config);
    assert!((metrics["ppo/approx_kl"] - 0.18).abs() < 1e-12);
    assert!((metrics["ppo/skipped_minibatches"] - 1.0).abs() < 1e-12);
}

#[test]
fn a_minibatch_is_judged_by_all_of_its_parts() {
    let config = PpoConfig { target_kl: Some(0.02), ..PpoConfig::default() };
    let mut stats = UpdateStats::default();
    stats.add(sums(0.03, 1.0));
    stats.add(sums(0.0, 1.0));
    assert_eq!(stats.decide(&config), Decision::Apply);
}

#[test]
fn numbers_that_are_not_finite_are_seen() {
    assert!(sums(0.1, 1.0).is_finite());
    assert!(!LossSums { value_loss: f64::NAN, ..sums(0.1, 1.0) }.is_finite());
    assert!(!LossSums { kl_loss: f64::INFINITY, ..sums(0.1, 1.0) }.is_finite());
}

#[test]
fn terms_that_are_not_there_have_no_metric() {
    let mut stats = UpdateStats::default();
    stats.add(sums(0.1, 1.0));
    let metrics = stats.metrics(&PpoConfig::default());
    for name in ["ppo/value_loss", "ppo/entropy", "ppo/kl_loss"] {
        assert!(!metrics.contains_key(name), "{name}");
    }
}
