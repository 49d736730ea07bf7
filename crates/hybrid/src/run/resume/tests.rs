use super::*;
use crate::config::{PhaseConfig, PhaseKind};

fn config() -> RunConfig {
    RunConfig {
        phase: vec![
            PhaseConfig { steps: Some(3), ..PhaseConfig::new(PhaseKind::Sft) },
            PhaseConfig { steps: Some(4), ..PhaseConfig::new(PhaseKind::Ppo) },
        ],
        ..RunConfig::default()
    }
}

/// The first difference to [`config`] after `change`.
fn difference(change: impl Fn(&mut RunConfig)) -> Option<(String, String, String)> {
    let mut now = config();
    change(&mut now);
    first_difference(&config(), &now).map(|found| (found.key, found.begun, found.now))
}

fn found(key: &str, begun: &str, now: &str) -> Option<(String, String, String)> {
    Some((key.to_owned(), begun.to_owned(), now.to_owned()))
}

#[test]
fn what_is_written_and_measured_may_change() {
    assert_eq!(difference(|_| ()), None);
    let change = |config: &mut RunConfig| {
        config.output.dir = "elsewhere".into();
        config.output.save_every = 7;
        config.eval.every = 3;
    };
    assert_eq!(difference(change), None);
}

#[test]
fn what_is_learnt_may_not() {
    assert_eq!(difference(|config| config.seed = 7), found("seed", "`42`", "`7`"));
    let longer = |config: &mut RunConfig| {
        if let Some(phase) = config.phase.get_mut(1) {
            phase.steps = Some(5);
        }
    };
    assert_eq!(difference(longer), found("phase[1].steps", "`4`", "`5`"));
    let named = |config: &mut RunConfig| config.model.base = Some("m".to_owned());
    assert_eq!(difference(named), found("model.base", "absent", "`\"m\"`"));
    let shorter = |config: &mut RunConfig| drop(config.phase.pop());
    assert_eq!(difference(shorter).map(|it| it.0), Some("phase".to_owned()));
}
