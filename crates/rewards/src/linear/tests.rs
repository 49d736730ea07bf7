use proptest::prelude::*;
use serde_json::{Value, json};

use super::features::{FeatureOptions, Features, Sparse};
use super::fit::{Problem, calibrate, dot, sigmoid};
use super::{Columns, Labelled, LinearError, Model, Options, read_rows, train};
use crate::fixtures::{breadth, score};
use crate::hash::hash;

/// Rows that a word decides four times out of five.
fn rows(count: usize) -> Vec<Labelled> {
    let row = |i: usize| {
        let draw = hash(&i.to_le_bytes());
        let label = draw & 1 == 1;
        let noisy = (draw >> 1).is_multiple_of(5);
        let word = if label == noisy { "bad" } else { "good" };
        let text = format!("w{} {word} w{}", (draw >> 8) % 17, (draw >> 16) % 101);
        Labelled { text, label }
    };
    (0..count).map(row).collect()
}

#[test]
fn the_regression_finds_the_optimum_of_another_method() {
    let golden = &breadth()["regression"];
    let cases = golden["rows"].as_array().unwrap();
    let texts: Vec<&str> = cases.iter().map(|case| case["text"].as_str().unwrap()).collect();
    let labels: Vec<bool> = cases.iter().map(|case| case["label"].as_bool().unwrap()).collect();
    let features = Features::of(&texts, FeatureOptions::default()).unwrap();
    let vectors: Vec<Sparse> = texts.iter().map(|text| features.vector(text)).collect();
    let l2 = golden["l2"].as_f64().unwrap();
    let problem = Problem { vectors: &vectors, labels: &labels, features: features.len(), l2 };
    let (weights, bias) = problem.solve();
    for (vector, want) in vectors.iter().zip(golden["logits"].as_array().unwrap()) {
        let (got, want) = (dot(vector, &weights) + bias, want.as_f64().unwrap());
        assert!((sigmoid(got) - sigmoid(want)).abs() < 1e-7, "{got} {want}");
    }
}

#[test]
fn calibration_undoes_a_wrong_scale() {
    // Labels follow the odds of z / 3, so that the slope must come out near ⅓.
    let mut logits = Vec::new();
    let mut labels = Vec::new();
    for step in -30..=30 {
        let z = f64::from(step) / 5.0;
        for turn in 0..200 {
            logits.push(z);
            labels.push((f64::from(turn) + 0.5) / 200.0 < sigmoid(z / 3.0 + 0.5));
        }
    }
    let (slope, offset) = calibrate(&logits, &labels);
    assert!((slope - 1.0 / 3.0).abs() < 0.01 && (offset - 0.5).abs() < 0.02, "{slope} {offset}");
    let (slope, _) = calibrate(&[1.0, -1.0, 1.0, -1.0], &[false, true, false, true]);
    assert!(slope.abs() < 1e-12, "never turned round: {slope}");
}

#[test]
fn a_model_learns_saves_and_scores_the_same() {
    let rows = rows(4_000);
    let model = train(&rows, &Options::default()).unwrap();
    let report = model.report;
    assert_eq!(report.training + report.calibration + report.held_out, rows.len());
    assert!((0.72..0.88).contains(&report.accuracy.value), "{report:?}");
    assert!(report.auc.low > 0.65 && report.auc.low < report.auc.value, "{report:?}");
    assert!(report.calibration_error < 0.1 && report.brier.value < 0.2, "{report:?}");
    assert_eq!(train(&rows, &Options::default()).unwrap(), model, "trained twice");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    model.save(&path).unwrap();
    assert_eq!(Model::load(&path).unwrap(), model);
    let spec = json!({ "type": "sarcasm", "model": path });
    for text in ["a good one", "a bad one", "", "unknown"] {
        let want = model.probability(text);
        let row = [json!({ "response": text })];
        assert_eq!(score(&spec, &row), [Some(want)]);
        let mut other = spec.clone();
        other["invert"] = json!(true);
        assert!((score(&other, &row)[0].unwrap() + want - 1.0).abs() < 1e-12);
        other["output"] = json!("logit");
        assert_eq!(score(&other, &row), [Some(-model.logit(text))]);
    }
    assert!(model.probability("good good") > 0.6 && model.probability("bad bad") < 0.4);
}

#[test]
fn equal_texts_share_a_part_and_the_order_does_not_matter() {
    let mut doubled = rows(600);
    doubled.extend(rows(600));
    let model = train(&doubled, &Options::default()).unwrap();
    doubled.reverse();
    let turned = train(&doubled, &Options::default()).unwrap();
    assert_eq!(turned.report.held_out, model.report.held_out);
    for text in ["good", "bad", "w1 good w2"] {
        assert!((turned.probability(text) - model.probability(text)).abs() < 1e-6);
    }
    let seeded = train(&doubled, &Options { seed: 1, ..Options::default() }).unwrap();
    assert_ne!(seeded.report.held_out, model.report.held_out);
}

#[test]
fn characters_are_features_too() {
    let features = FeatureOptions { words: 0, chars: 3, min_df: 1, ..FeatureOptions::default() };
    let features = Features::of(&["Ab  c"], features).unwrap();
    // "ab c": ab, "b ", " c", "ab ", "b c".
    assert_eq!(features.len(), 5);
    assert_eq!(features.vector("zz"), []);
    let length: f64 = features.vector("ab").iter().map(|(_, value)| value * value).sum();
    assert!((length - 1.0).abs() < 1e-12);
}

#[test]
fn too_little_is_refused() {
    let error = |rows: &[Labelled], options| train(rows, &options).unwrap_err();
    let few = error(&rows(5), Options::default());
    assert!(few.is_bad_input() && matches!(few, LinearError::TooFewRows { .. }), "{few}");
    let features = FeatureOptions { min_df: 5_000, ..FeatureOptions::default() };
    insta::assert_snapshot!(error(&rows(500), Options { features, ..Options::default() }), @"no n-gram stands in 5000 training rows or more; lower `min_df`");
    insta::assert_snapshot!(error(&rows(500), Options { l2: f64::NAN, ..Options::default() }), @"the option `l2` is NaN, must be finite and more than 0");
    insta::assert_snapshot!(error(&rows(500), Options { held_out: 0.85, ..Options::default() }), @"the option `held_out` is 0.85, must be at most 0.9 with `calibration` added");
}

#[test]
fn rows_are_read_with_their_labels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let read = |text: &str, columns: &Columns| {
        std::fs::write(&path, text).unwrap();
        let shown = path.display().to_string();
        read_rows(&path, columns).map_err(|error| error.to_string().replace(&shown, "rows.jsonl"))
    };
    let labels = |rows: Vec<Labelled>| rows.into_iter().map(|row| row.label).collect::<Vec<_>>();
    let plain = Columns::default();
    let text = "{\"text\":\"a\",\"label\":1}\n\n{\"text\":\"b\",\"label\":\"No\"}\n{\"text\":\"c\",\"label\":true}\n";
    assert_eq!(labels(read(text, &plain).unwrap()), [true, false, true]);
    let named = Columns { text: "t".into(), label: "l".into(), positive: Some("spam".into()) };
    assert_eq!(
        labels(read("{\"t\":\"a\",\"l\":\"spam\"}\n{\"t\":\"b\",\"l\":\"ham\"}", &named).unwrap()),
        [true, false]
    );
    insta::assert_snapshot!(read("{\"text\":\"a\",\"label\":1}\n{\"text\":\"b\",\"label\":\"ham\"}", &plain).unwrap_err(), @r#"line 2 of `rows.jsonl`: field `label`: the string "ham" is neither 1 nor 0; say which label is the positive one"#);
    insta::assert_snapshot!(read("{\"text\":\"a\"}", &plain).unwrap_err(), @"line 1 of `rows.jsonl`: has no `label`; add it, or name the field that holds it");
    insta::assert_snapshot!(read("nonsense", &plain).unwrap_err(), @"line 1 of `rows.jsonl`: is not JSON: expected ident at line 1 column 2");
}

#[test]
fn a_damaged_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    train(&rows(1_000), &Options::default()).unwrap().save(&path).unwrap();
    let whole: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let damage = |change: &dyn Fn(&mut Value)| {
        let mut model = whole.clone();
        change(&mut model);
        std::fs::write(&path, model.to_string()).unwrap();
        let error = Model::load(&path).unwrap_err();
        assert!(error.is_bad_input());
        error.to_string()
    };
    assert!(damage(&|model| model["format"] = json!(9)).contains("its format is 9, must be 1"));
    assert!(
        damage(&|model| drop(model["weights"].as_array_mut().unwrap().pop()))
            .contains("weights for")
    );
    assert!(damage(&|model| model["bias"] = json!("x")).contains("`bias`"));
    assert!(
        damage(&|model| model["features"]["ngrams"][1] = model["features"]["ngrams"][0].clone())
            .contains("twice")
    );
}

proptest! {
    #[test]
    fn sigmoids_are_probabilities(z in any::<f64>()) {
        prop_assert!(z.is_nan() || (0.0..=1.0).contains(&sigmoid(z)));
    }
}
