use super::*;

const TARGET: f64 = 6.0;

fn adaptive(coef: f64) -> KlConfig {
    KlConfig { kind: KlControl::Adaptive, coef, target: Some(TARGET), ..KlConfig::default() }
}

/// Runs 100 rollouts of 64 episodes against a policy whose KL is a function of the coefficient.
fn simulate(config: &KlConfig, plant: impl Fn(f64) -> f64) -> f64 {
    let mut controller = KlController::new(config, 100 * 64);
    for _ in 0..100 {
        controller.update(plant(controller.coef()), 64);
    }
    plant(controller.coef())
}

#[test]
fn from_a_coefficient_four_times_wrong_the_kl_reaches_its_target() {
    // Both have the target at a coefficient of 0.1.
    let inverse = |coef: f64| TARGET * 0.1 / coef;
    let saturating = |coef: f64| 2.0 * TARGET / (1.0 + coef / 0.1);
    for wrong in [0.025, 0.4] {
        for kl in [simulate(&adaptive(wrong), inverse), simulate(&adaptive(wrong), saturating)] {
            assert!((kl / TARGET - 1.0).abs() <= 0.25, "from {wrong}: {kl}");
        }
    }
}

#[test]
fn one_step_is_the_formula_of_the_paper() {
    let config = KlConfig { horizon: Some(1000), error_clip: Some(0.2), ..adaptive(0.1) };
    let step = |kl: f64| {
        let mut controller = KlController::new(&config, 1);
        controller.update(kl, 50);
        controller.coef()
    };
    assert!((step(60.0) - 0.1 * (1.0 + 0.2 * 0.05)).abs() < 1e-15);
    assert!((step(-3.0) - 0.1 * (1.0 - 0.2 * 0.05)).abs() < 1e-15);
    assert!((step(6.6) - 0.1 * (1.0 + 0.1 * 0.05)).abs() < 1e-12);
}

#[test]
fn a_broken_kl_and_a_huge_rollout_leave_a_usable_coefficient() {
    let mut controller = KlController::new(&adaptive(0.1), 4);
    controller.update(f64::NAN, 64);
    assert!((controller.coef() - 0.1).abs() < 1e-15);
    controller.update(-1e30, 1_000_000);
    assert!((controller.coef() - 0.01).abs() < 1e-12);
    assert!(KlController::new(&adaptive(0.1), 0).coef() > 0.0);
}

#[test]
fn a_fixed_coefficient_stays() {
    let mut controller = KlController::new(&KlConfig::default(), 100);
    controller.update(100.0, 64);
    assert!((controller.coef() - KlConfig::default().coef).abs() < 1e-15);
}

#[test]
fn a_controller_survives_being_saved() {
    let mut controller = KlController::new(&adaptive(0.1), 1000);
    controller.update(7.7, 64);
    let saved = serde_json::to_string(&controller).unwrap();
    assert_eq!(serde_json::from_str::<KlController>(&saved).unwrap(), controller);
}
