use super::*;
use crate::config::{Curriculum, Measure, PhaseKind, Schedule, ScheduleKind, UntilConfig};

/// The steps of all phases, as letters, with `|` between phases.
fn steps(phases: &[PhaseConfig], metrics: impl Fn(usize) -> Metrics) -> String {
    let mut cursor = Cursor::default();
    let mut done = String::new();
    for step in 0.. {
        assert!(step < 1000, "the plan does not end: {done}");
        let Some(action) = cursor.action(phases) else {
            cursor.next_phase();
            if cursor.phase >= phases.len() {
                return done;
            }
            done.push('|');
            continue;
        };
        done.push(match action {
            Action::Sft => 's',
            Action::Heads => 'h',
            Action::Ppo | Action::Mixed { .. } => 'p',
        });
        // A cursor that was saved and read back goes on alike.
        let json = serde_json::to_string(&cursor).unwrap();
        cursor = serde_json::from_str(&json).unwrap();
        if cursor.done(action, &metrics(step), phases) {
            cursor.next_phase();
            if cursor.phase >= phases.len() {
                return done;
            }
            done.push('|');
        }
    }
    done
}

fn phase(kind: PhaseKind) -> PhaseConfig {
    PhaseConfig::new(kind)
}

#[test]
fn cycles_alternate_after_a_phase_of_one_kind() {
    let phases = [
        PhaseConfig { steps: Some(3), ..phase(PhaseKind::Sft) },
        PhaseConfig { cycles: Some(2), sft_steps: Some(2), ..phase(PhaseKind::Hybrid) },
        PhaseConfig { steps: Some(1), ..phase(PhaseKind::Ppo) },
    ];
    assert_eq!(steps(&phases, |_| Metrics::default()), "sss|sspssp|p");
}

#[test]
fn steps_of_heads_stand_between_those_of_sft_and_ppo() {
    let hybrid = PhaseConfig { cycles: Some(2), heads_steps: Some(2), ..phase(PhaseKind::Hybrid) };
    let phases = [
        PhaseConfig { sft_steps: Some(1), ..hybrid.clone() },
        PhaseConfig { steps: Some(3), ..phase(PhaseKind::Heads) },
        hybrid.clone(),
        PhaseConfig { ppo_steps: Some(0), ..hybrid },
    ];
    assert_eq!(steps(&phases, |_| Metrics::default()), "shhpshhp|hhh|hhphhp|hhhh");
}

/// A checkpoint from before heads could stand in it.
#[test]
fn a_cursor_without_heads_is_still_read() {
    let mut cursor = Cursor::default();
    let phases = [PhaseConfig { steps: Some(3), ..phase(PhaseKind::Sft) }];
    cursor.action(&phases);
    let mut json = serde_json::to_value(&cursor).unwrap();
    json.as_object_mut().unwrap().remove("heads_left");
    assert_eq!(serde_json::from_value::<Cursor>(json).unwrap(), cursor);
}

#[test]
fn a_curriculum_goes_from_sft_to_ppo() {
    let curriculum = Curriculum { from: [2, 0], to: [0, 2], kind: ScheduleKind::Linear, by: None };
    let phases =
        [PhaseConfig { cycles: Some(3), curriculum: Some(curriculum), ..phase(PhaseKind::Hybrid) }];
    assert_eq!(steps(&phases, |_| Metrics::default()), "sssppp");
}

#[test]
fn a_measured_curriculum_waits_for_success_and_never_goes_back() {
    let by = Measure { metric: "m".to_owned(), from: 0.0, to: 1.0 };
    let curriculum =
        Curriculum { from: [1, 0], to: [0, 1], kind: ScheduleKind::Linear, by: Some(by) };
    let phases =
        [PhaseConfig { cycles: Some(5), curriculum: Some(curriculum), ..phase(PhaseKind::Hybrid) }];
    let success = |step| Metrics::from_iter([("m".to_owned(), if step == 1 { 1.0 } else { 0.0 })]);
    assert_eq!(steps(&phases, success), "ssppp");
}

#[test]
fn a_plateau_ends_a_phase() {
    let until = UntilConfig {
        metric: "m".to_owned(),
        mode: crate::config::Mode::Max,
        patience: Some(2),
        min_delta: 0.0,
        window: 1,
        goal: None,
    };
    let phases = [
        PhaseConfig { steps: Some(50), until: Some(until), ..phase(PhaseKind::Ppo) },
        PhaseConfig { steps: Some(1), ..phase(PhaseKind::Sft) },
    ];
    // Progress until step 3, then none: the second value without progress ends it.
    let metric = |step: usize| Metrics::from_iter([("m".to_owned(), step.min(3) as f64)]);
    assert_eq!(steps(&phases, metric), "pppppp|s");
}

#[test]
fn a_mixed_phase_follows_the_schedule_of_its_coefficient() {
    let sft_coef = Schedule { kind: ScheduleKind::Linear, from: 1.0, to: 0.0, warmup: 0 };
    let phases = [PhaseConfig {
        cycles: Some(3),
        mix: Some(MixConfig { sft_coef, sft_batch: Some(2) }),
        ..phase(PhaseKind::Hybrid)
    }];
    let mut cursor = Cursor::default();
    let mut coefs = Vec::new();
    while let Some(action) = cursor.action(&phases) {
        let Action::Mixed { sft_coef, sft_batch: Some(2) } = action else { panic!("{action:?}") };
        coefs.push(sft_coef);
        cursor.done(action, &Metrics::default(), &phases);
    }
    assert_eq!(coefs, [1.0, 0.5, 0.0]);
}
