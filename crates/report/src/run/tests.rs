use std::fs;

use tempfile::TempDir;

use super::*;

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, content) in files {
        fs::write(folder.path().join(name), content).expect("written");
    }
    folder
}

fn run_of(metrics: &str) -> Run {
    let folder = folder(&[("metrics.jsonl", metrics.as_bytes())]);
    Run::read(folder.path()).expect("a run")
}

fn values(run: &Run, key: &str) -> Vec<(u64, Option<f64>)> {
    run.curves.get(key).into_iter().flatten().map(|point| (point.step, point.value)).collect()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}

#[test]
fn lines_become_curves_and_null_is_no_number() {
    let run = run_of(concat!(
        r#"{"step":0,"phase":"sft","time_s":0.5,"metrics":{"eval/score_mean":0.25}}"#,
        "\n\n",
        r#"{"step":1,"phase":"sft","time_s":1.5,"metrics":{"sft/loss":3,"x":null},"new":1}"#,
        "\r\n",
        r#"{"step":2,"phase":"ppo","time_s":2.5,"metrics":{"x":-1e-3}}"#,
    ));
    assert_eq!(values(&run, "sft/loss"), [(1, Some(3.0))]);
    assert_eq!(values(&run, "x"), [(1, None), (2, Some(-1e-3))]);
    assert_eq!((run.steps, run.is_torn), (Some((0, 2)), false));
    assert!((run.seconds - 2.5).abs() < 1e-12);
    let bands: Vec<_> = run.phases.iter().map(|b| (b.label.as_str(), b.first, b.last)).collect();
    assert_eq!(bands, [("sft", 0, 1), ("ppo", 2, 2)]);
}

#[test]
fn half_a_last_line_is_left_out_even_within_a_character() {
    let whole = br#"{"step":1,"metrics":{"x":1}}"#;
    let next = "{\"step\":2,\"phase\":\"é".as_bytes();
    for cut in 1..next.len() {
        let mut bytes = whole.to_vec();
        bytes.push(b'\n');
        bytes.extend_from_slice(next.get(..cut).expect("within"));
        let folder = folder(&[("metrics.jsonl", &bytes)]);
        let run = Run::read(folder.path()).expect("tolerated");
        assert!(run.is_torn, "cut at {cut}");
        assert_eq!(values(&run, "x"), [(1, Some(1.0))]);
    }
}

#[test]
fn damage_elsewhere_names_file_and_line() {
    let good = r#"{"step":1,"metrics":{}}"#;
    for bad in [
        "{\"step\":2,",
        "[]",
        "{\"step\":-1,\"metrics\":{}}",
        "{\"step\":1}",
        "\u{0}",
        "{\"step\":1,\"metrics\":{\"x\":\"NaN\"}}",
    ] {
        let text = format!("{good}\n\n{bad}\n{good}\n");
        let folder = folder(&[("metrics.jsonl", text.as_bytes())]);
        let error = Run::read(folder.path()).expect_err(bad);
        let text = chain(&error);
        assert!(text.starts_with("line 3 of `") && text.contains("metrics.jsonl"), "{text}");
        assert!(error.is_bad_input());
    }
}

#[test]
fn a_whole_bad_last_line_is_damage() {
    let folder = folder(&[("metrics.jsonl", b"{\"step\":1,\n")]);
    let error = Run::read(folder.path()).expect_err("it has its line end");
    assert!(matches!(error, ReportError::BadLine { line: 1, .. }), "{error}");
}

#[test]
fn a_resumed_run_forgets_what_came_after_its_checkpoint() {
    let line = |step: u64, phase: &str, x: u64| {
        format!("{{\"step\":{step},\"phase\":\"{phase}\",\"metrics\":{{\"x\":{x}}}}}\n")
    };
    let text: String = [
        line(1, "a", 1),
        line(2, "a", 2),
        line(3, "b", 3),
        line(4, "c", 4),
        line(3, "b", 30),
        line(4, "b", 40),
    ]
    .concat();
    let run = run_of(&text);
    assert_eq!(
        values(&run, "x"),
        [(1, Some(1.0)), (2, Some(2.0)), (3, Some(30.0)), (4, Some(40.0))]
    );
    let bands: Vec<_> = run.phases.iter().map(|b| (b.label.as_str(), b.first, b.last)).collect();
    assert_eq!(bands, [("a", 1, 2), ("b", 3, 4)]);
}

#[test]
fn a_phase_by_number_is_named_by_the_configuration() {
    let metrics = concat!(
        "{\"step\":0,\"phase\":0,\"metrics\":{}}\n",
        "{\"step\":1,\"phase\":0,\"metrics\":{}}\n",
        "{\"step\":2,\"phase\":1,\"metrics\":{}}\n",
        "{\"step\":2,\"phase\":2,\"metrics\":{\"eval/score_mean\":1}}\n",
    );
    let config = "[[phase]]\nkind = \"sft\"\n[[phase]]\nkind = \"hybrid\"\n";
    let folder =
        folder(&[("metrics.jsonl", metrics.as_bytes()), ("config.toml", config.as_bytes())]);
    let run = Run::read(folder.path()).expect("a run");
    let bands: Vec<_> = run.phases.iter().map(|b| (b.label.as_str(), b.first, b.last)).collect();
    // The measurement after the last phase stands at its last step.
    assert_eq!(bands, [("1 sft", 0, 1), ("2 hybrid", 2, 2)]);
    assert_eq!(run_of(metrics).phases.first().map(|band| band.label.as_str()), Some("1"));
}

#[test]
fn a_later_number_of_the_same_step_replaces_an_earlier() {
    let run =
        run_of("{\"step\":1,\"metrics\":{\"x\":1}}\n{\"step\":1,\"metrics\":{\"x\":2,\"y\":3}}\n");
    assert_eq!(values(&run, "x"), [(1, Some(2.0))]);
    assert_eq!(values(&run, "y"), [(1, Some(3.0))]);
}

#[test]
fn samples_are_read_with_one_target_or_several_or_none() {
    let samples = concat!(
        r#"{"step":0,"split":"before","prompt":"p","response":"r","target":"t","score":0.5,"components":{"a":null}}"#,
        "\n",
        r#"{"step":4,"split":"during","prompt":"p","response":"r","target":["t","u"]}"#,
        "\n",
        r#"{"step":9,"split":"after","prompt":"p","response":"","target":null,"score":null,"components":{}}"#,
        "\n",
    );
    let folder = folder(&[("metrics.jsonl", b""), ("samples.jsonl", samples.as_bytes())]);
    let run = Run::read(folder.path()).expect("a run");
    let [first, second, third] = run.samples.as_slice() else { panic!("{:?}", run.samples) };
    assert_eq!(first.target, Some(Target::One("t".into())));
    assert_eq!(first.components.get("a"), Some(&None));
    assert_eq!(second.target, Some(Target::Many(vec!["t".into(), "u".into()])));
    assert_eq!((third.split, third.score, &third.target), (Split::After, None, &None));
    assert_eq!(run.steps, None);
}

#[test]
fn damaged_samples_configuration_and_environment_are_told_apart() {
    let with = |name: &str, content: &[u8]| {
        let folder = folder(&[("metrics.jsonl", b""), (name, content)]);
        chain(&Run::read(folder.path()).expect_err(name))
    };
    let samples = with("samples.jsonl", b"{\"step\":1,\"split\":\"sideways\"}\n");
    assert!(samples.contains("line 1 of") && samples.contains("sideways"), "{samples}");
    let config = with("config.toml", b"a = 1\n\nb = [\n");
    assert!(config.contains("of `") && config.contains("is not TOML"), "{config}");
    let config = with("config.toml", b"a = 1\nb = \"\xff\"\n");
    assert!(config.starts_with("line 2 of") && config.contains("UTF-8"), "{config}");
    let env = with("env.json", b"[1]");
    assert!(env.contains("is not one JSON object"), "{env}");
}

#[test]
fn a_folder_without_metrics_is_no_run() {
    let folder = folder(&[("config.toml", b"")]);
    for path in
        [folder.path().to_path_buf(), folder.path().join("none"), folder.path().join("config.toml")]
    {
        let error = Run::read(&path).expect_err("no run");
        assert!(matches!(error, ReportError::NotARun { .. }) && error.is_bad_input(), "{error}");
    }
}
