use hybrid_testing::fixtures::golden_json;

use super::*;

const LR: f64 = 1e-2;

fn spec(toml: &str) -> SchedulerSpec {
    #[derive(Deserialize)]
    struct Table {
        scheduler: SchedulerSpec,
    }
    toml::from_str::<Table>(&format!("scheduler = {toml}")).unwrap().scheduler
}

#[test]
fn every_schedule_equals_the_reference() {
    let golden = golden_json("optim.json");
    let total = golden["schedule_steps"].as_u64().unwrap() as usize;
    // NaN is null in JSON.
    let metrics: Vec<Option<f64>> = serde_json::from_value(golden["metrics"].clone()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for case in golden["schedules"].as_array().unwrap() {
        let spec: SchedulerSpec = serde_json::from_value(case["scheduler"].clone()).unwrap();
        names.insert(spec.name());
        let warmup = case["warmup"].as_u64().unwrap() as usize;
        let mut scheduler = Scheduler::new(&spec, LR, warmup, total);
        for (step, expected) in case["lrs"].as_array().unwrap().iter().enumerate() {
            let (ours, expected) = (LR * scheduler.factor(), expected.as_f64().unwrap());
            let message =
                format!("{}: step {step}: {ours}, expected {expected}", case["scheduler"]);
            assert!((ours - expected).abs() <= 1e-12, "{message}");
            scheduler.advance(metrics.get(step).map(|metric| metric.unwrap_or(f64::NAN)));
        }
    }
    assert_eq!(names.len(), SchedulerSpec::NAMES.len(), "{names:?}");
}

#[test]
fn schedules_stay_at_their_end() {
    for (toml, end) in [
        ("'linear'", 0.0),
        ("'cosine'", 0.0),
        ("{ type = 'cosine', min_lr_ratio = 0.1 }", 0.1),
        ("{ type = 'cosine_with_restarts', num_cycles = 3 }", 0.0),
        ("{ type = 'polynomial', lr_end = 1e-3 }", 0.1),
        ("{ type = 'wsd', min_lr_ratio = 0.2 }", 0.2),
    ] {
        let mut scheduler = Scheduler::new(&spec(toml), LR, 5, 20);
        for _ in 0..20 {
            scheduler.advance(None);
        }
        for _ in 0..40 {
            assert!((scheduler.factor() - end).abs() < 1e-12, "{toml}: {}", scheduler.factor());
            scheduler.advance(None);
        }
    }
}

#[test]
fn degenerate_spans_give_finite_factors() {
    for name in SchedulerSpec::NAMES {
        for (warmup, total) in [(0, 0), (0, 1), (5, 5), (9, 5), (5, 0)] {
            let mut scheduler = Scheduler::new(&spec(&format!("'{name}'")), LR, warmup, total);
            for step in 0..20 {
                let factor = scheduler.factor();
                assert!((0.0..=1.0).contains(&factor), "{name} {warmup} {total} {step}: {factor}");
                scheduler.advance(Some(1.0));
            }
        }
    }
}

#[test]
fn a_plateau_warms_up_first_and_ignores_metrics_meanwhile() {
    let spec = spec("{ type = 'reduce_on_plateau', patience = 0, factor = 0.5 }");
    let mut scheduler = Scheduler::new(&spec, LR, 4, 20);
    let factors: Vec<f64> = (0..8)
        .map(|_| {
            let factor = scheduler.factor();
            scheduler.advance(Some(1.0));
            factor
        })
        .collect();
    // Metric 4 is the first that counts and the best; each later one is no better.
    assert_eq!(factors, [0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 0.5, 0.25]);
    scheduler.advance(None);
    assert!((scheduler.factor() - 0.125).abs() < 1e-12);
}
