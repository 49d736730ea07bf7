use super::*;

fn schedule(kind: ScheduleKind, from: f64, to: f64, warmup: usize) -> Schedule {
    Schedule { kind, from, to, warmup }
}

fn values(schedule: Schedule, steps: usize) -> Vec<f64> {
    (0..steps).map(|step| schedule.value(step, steps)).collect()
}

fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }
}

#[test]
fn every_kind_goes_from_one_end_to_the_other() {
    use ScheduleKind::{Constant, Cosine, Exponential, Linear};
    assert_close(&values(schedule(Constant, 2.0, 2.0, 0), 3), &[2.0, 2.0, 2.0]);
    assert_close(&values(schedule(Linear, 1.0, 0.0, 0), 5), &[1.0, 0.75, 0.5, 0.25, 0.0]);
    // cos(π/4) = √2/2.
    let quarter = (1.0 + 0.5_f64.sqrt()) / 2.0;
    assert_close(
        &values(schedule(Cosine, 1.0, 0.0, 0), 5),
        &[1.0, quarter, 0.5, 1.0 - quarter, 0.0],
    );
    assert_close(&values(schedule(Exponential, 8.0, 0.5, 0), 5), &[8.0, 4.0, 2.0, 1.0, 0.5]);
}

#[test]
fn the_warm_up_rises_from_zero_and_the_rest_is_shared_out() {
    let linear = schedule(ScheduleKind::Linear, 1.0, 3.0, 2);
    assert_close(&values(linear, 5), &[0.0, 0.5, 1.0, 2.0, 3.0]);
    assert_close(&[linear.value(100, 5)], &[3.0]);
    // A phase shorter than its warm-up never leaves it.
    assert_close(&values(schedule(ScheduleKind::Linear, 1.0, 3.0, 4), 2), &[0.0, 0.25]);
    assert_close(&[schedule(ScheduleKind::Linear, 1.0, 3.0, 0).value(0, 1)], &[3.0]);
    assert_close(&[schedule(ScheduleKind::Linear, 1.0, 3.0, 0).value(0, 0)], &[3.0]);
}

#[test]
fn a_number_is_a_constant_and_a_table_is_strict() {
    #[derive(Debug, Deserialize, Serialize, PartialEq)]
    struct Whole {
        x: Schedule,
    }
    let read = |text: &str| toml::from_str::<Whole>(text).map(|whole| whole.x);
    assert_eq!(read("x = 2").expect("a number"), Schedule::constant(2.0));
    assert_eq!(read("x = 0.5").expect("a number"), Schedule::constant(0.5));
    let table = read("x = { from = 1, to = 0, kind = \"cosine\", warmup = 3 }").expect("a table");
    assert_eq!(table, schedule(ScheduleKind::Cosine, 1.0, 0.0, 3));
    let message = |text: &str| read(text).expect_err("a mistake").message().to_owned();
    assert_eq!(message("x = { from = 1 }"), "missing field `to`");
    assert!(message("x = { form = 1, to = 2 }").starts_with("unknown field `form`"));
    assert!(message("x = { from = 1, to = 2, kind = \"constant\" }").contains("no `to`"));
    assert!(message("x = \"linear\"").contains("expected a number, or a table"));
    let text = toml::to_string(&Whole { x: table }).expect("TOML");
    assert_eq!(read(&text).expect("what was written"), table);
}

#[test]
fn schedules_out_of_range_are_refused() {
    use ScheduleKind::{Exponential, Linear};
    let wrong = |schedule: Schedule| schedule.validate("x").expect_err("a mistake").text;
    assert_eq!(wrong(Schedule::constant(-1.0)), "`x` is -1, must be a finite number of at least 0");
    assert_eq!(
        wrong(Schedule::constant(f64::NAN)),
        "`x` is NaN, must be a finite number of at least 0"
    );
    assert_eq!(
        wrong(schedule(Linear, 1.0, f64::INFINITY, 0)),
        "`x.to` is inf, must be a finite number of at least 0"
    );
    assert!(wrong(schedule(Exponential, 1.0, 0.0, 0)).contains("above 0"));
    schedule(Exponential, 1.0, 0.5, 0).validate("x").expect("in range");
}

fn curriculum(text: &str) -> Curriculum {
    toml::from_str(text).expect("a curriculum")
}

#[test]
fn a_curriculum_goes_from_many_sft_steps_to_many_ppo_steps() {
    let linear = curriculum("from = [4, 1]\nto = [0, 2]");
    let cycles = 5;
    let steps: Vec<_> =
        (0..cycles).map(|cycle| linear.steps(Curriculum::progress(cycle, cycles))).collect();
    // 4, 3, 2, 1, 0 and 1, 1.25, 1.5, 1.75, 2, halves away from zero.
    assert_eq!(steps, [(4, 1), (3, 1), (2, 2), (1, 2), (0, 2)]);
    assert!((Curriculum::progress(0, 1) - 1.0).abs() < 1e-12);
    assert!((Curriculum::progress(9, 5) - 1.0).abs() < 1e-12);
}

#[test]
fn a_cycle_is_never_empty() {
    for (from, to) in [("[1, 0]", "[0, 1]"), ("[0, 1]", "[3, 0]"), ("[2, 0]", "[0, 5]")] {
        let curriculum = curriculum(&format!("from = {from}\nto = {to}"));
        curriculum.validate("c").expect("in range");
        for cycle in 0..1000 {
            assert_ne!(curriculum.steps(Curriculum::progress(cycle, 1000)), (0, 0));
        }
    }
}

#[test]
fn success_moves_a_curriculum_on() {
    let by = Measure { metric: "rollout/score_mean".to_owned(), from: 0.2, to: 0.6 };
    assert!((by.progress(0.4) - 0.5).abs() < 1e-12);
    assert!(by.progress(0.1).abs() < 1e-12 && (by.progress(5.0) - 1.0).abs() < 1e-12);
    assert!(by.progress(f64::NAN).abs() < 1e-12);
    let falling = Measure { metric: "eval/sft_loss".to_owned(), from: 3.0, to: 2.0 };
    assert!((falling.progress(2.25) - 0.75).abs() < 1e-12);
}

#[test]
fn curricula_out_of_range_are_refused() {
    let wrong = |text: &str| curriculum(text).validate("c").expect_err("a mistake").text;
    assert_eq!(
        wrong("from = [0, 0]\nto = [1, 1]"),
        "`c.from` is [0, 0], must be at least one SFT or PPO step"
    );
    assert!(wrong("from = [1, 1]\nto = [1, 1000001]").contains("at most 1000000"));
    assert!(wrong("from = [1, 1]\nto = [0, 1]\nkind = \"exponential\"").contains("can be 0"));
    let by = "from = [1, 1]\nto = [0, 1]\nby = { metric = \"a/b\", from = 1, to = 1 }";
    assert!(wrong(by).contains("that differ"));
}
