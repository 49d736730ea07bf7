use super::*;

#[test]
fn a_summary_has_all_steps_and_both_measurements() {
    let line = |steps: u64, after: &str| {
        format!(
            "progress\n{{\"steps\": {steps}, \"before\": {{\"eval/score_mean\": 0.5}}, \"after\": \
             {after}}}\n"
        )
    };
    let good = "{\"eval/score_mean\": 0.25}";
    expect_summary(&line(3, good), 3).unwrap();
    assert!(expect_summary(&line(2, good), 3).is_err());
    assert!(expect_summary(&line(3, "{}"), 3).is_err());
    assert!(expect_summary(&line(3, "{\"eval/score_mean\": null}"), 3).is_err());
    assert!(expect_summary("", 3).is_err());
}

#[test]
fn metrics_are_compared_without_their_times() {
    let folder = tempfile::tempdir().unwrap();
    let line = |seconds: f64, loss: f64| {
        let text = format!(
            "{{\"step\": 1, \"time_s\": {seconds}, \"metrics\": {{\"sft/loss\": {loss}, \
             \"time/step_s\": {seconds}}}}}\n"
        );
        fs::write(folder.path().join("metrics.jsonl"), text).unwrap();
        metrics(folder.path()).unwrap()
    };
    assert_eq!(line(1.0, 2.5), line(3.0, 2.5));
    assert_ne!(line(1.0, 2.5), line(1.0, 2.25));
}
