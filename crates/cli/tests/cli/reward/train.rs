//! `hybrid reward train`: a classifier that the rewards then read.

use serde_json::{Value, json};

use super::{lines, score};
use crate::support::{file, hybrid};

/// Rows in which a word decides, but for one in five.
fn labelled() -> Vec<Value> {
    (0..1_500_u64)
        .map(|n| {
            // The finaliser of SplitMix64.
            let mut draw = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            draw = (draw ^ (draw >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            draw = (draw ^ (draw >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            draw ^= draw >> 31;
            let label = draw & 1 == 1;
            let word = if label == (draw >> 1).is_multiple_of(5) { "dull" } else { "fine" };
            let text = format!("w{} {word} w{}", (draw >> 8) % 31, (draw >> 16) % 97);
            json!({ "text": text, "label": label })
        })
        .collect()
}

#[test]
fn a_model_trains_reports_and_scores() {
    let (folder, data) = file("labelled.jsonl", &lines(&labelled()));
    let model = folder.path().join("model.json");
    let model = model.to_str().unwrap();
    let train = ["reward", "train", "--data", &data, "--output", model];
    let report = hybrid(&[&train[..], &["--json"]].concat()).json();
    assert_eq!(report["model"], model);
    let report = &report["report"];
    let parts = ["training", "calibration", "held_out"].map(|part| report[part].as_u64().unwrap());
    assert_eq!(parts.iter().sum::<u64>(), 1_500);
    // A fifth of the labels goes against the word, so no more than 0.8 can be right.
    let accuracy = &report["accuracy"];
    let [low, value, high] = ["low", "value", "high"].map(|key| accuracy[key].as_f64().unwrap());
    assert!(low < value && value < high && (0.65..0.92).contains(&value), "{report}");
    assert!(report["auc"]["low"].as_f64().unwrap() > 0.6, "{report}");
    let brier = &report["brier"];
    assert!(brier["low"].as_f64() < brier["value"].as_f64(), "{report}");
    let before = std::fs::read_to_string(model).unwrap();
    insta::assert_snapshot!(hybrid(&train).bad_input().replace(&folder.path().display().to_string(), "DIR"), @"error: `DIR/model.json` is there already; give another `--output`, or `--force` to replace it");
    let printed = hybrid(&[&train[..], &["--force"]].concat()).data();
    assert_eq!(std::fs::read_to_string(model).unwrap(), before, "equal rows, equal model");
    let names: Vec<&str> = printed.lines().map(|line| line.split("  ").next().unwrap()).collect();
    assert_eq!(
        names,
        [
            "model",
            "training",
            "calibration",
            "held out",
            "accuracy",
            "AUC",
            "Brier score",
            "calibration error",
        ]
    );
    let spec = json!({ "type": "linear", "model": model });
    let rows = [json!({ "response": "w1 fine w2" }), json!({ "response": "w1 dull w2" })];
    let got = score(&spec, &rows, &["--quiet"]).json_lines();
    let score = |row: usize| got[row]["score"].as_f64().unwrap();
    assert!(score(0) > 0.65 && score(1) < 0.35, "{got:?}");
}

#[test]
fn fields_and_labels_have_other_names() {
    let rows: Vec<Value> = labelled()
        .iter()
        .map(|row| {
            let system = json!({ "role": "system", "content": "Judge." });
            let user = json!({ "role": "user", "content": row["text"] });
            let ideal = if row["label"] == true { "spam" } else { "ham" };
            json!({ "input": [system, user], "ideal": ideal })
        })
        .collect();
    let (folder, data) = file("labelled.jsonl", &lines(&rows));
    let plain = file("plain.jsonl", &lines(&labelled()));
    let model = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (one, two) = (model("one.json"), model("two.json"));
    let fields = ["--text", "input", "--label", "ideal", "--positive", "spam"];
    let train = |data: &str, output: &str, more: &[&str]| {
        let args = ["reward", "train", "--data", data, "--output", output, "--json"];
        hybrid(&[&args, more].concat())
    };
    train(&data, &one, &fields).json();
    train(&plain.1, &two, &[]).json();
    assert_eq!(std::fs::read_to_string(one).unwrap(), std::fs::read_to_string(two).unwrap());
    let bad = |more: &[&str]| {
        let outcome = train(&data, &model("bad.json"), more);
        let message = outcome.bad_input().replace(&folder.path().display().to_string(), "DIR");
        assert!(!folder.path().join("bad.json").exists());
        message
    };
    insta::assert_snapshot!(bad(&[]), @"error: line 1 of `DIR/labelled.jsonl` has no `text`; add it, or name the field that holds it");
    insta::assert_snapshot!(bad(&["--text", "input"]), @"error: line 1 of `DIR/labelled.jsonl` has no `label`; add it, or name the field that holds it");
    insta::assert_snapshot!(bad(&["--text", "input", "--label", "ideal"]), @r#"error: line 1 of `DIR/labelled.jsonl` field `ideal`: the string "spam" is neither 1 nor 0; say which label is the positive one"#);
    insta::assert_snapshot!(bad(&["--text", "ideal", "--label", "input"]), @"error: line 1 of `DIR/labelled.jsonl` field `input`: expected a string, a number, true or false, got an array of 2");
    insta::assert_snapshot!(bad(&[&fields[..], &["--held-out", "0.95"]].concat()), @"error: the option `held_out` is 0.95, must be at most 0.9 with `calibration` added");
    insta::assert_snapshot!(bad(&[&fields[..], &["--l2", "-1"]].concat()), @"error: the option `l2` is -1, must be finite and more than 0");
    insta::assert_snapshot!(bad(&["--text", "input", "--label", "ideal", "--positive", "eggs"]), @r#"error: `--positive eggs` is no row's `ideal`; there are "ham", "spam""#);
}
