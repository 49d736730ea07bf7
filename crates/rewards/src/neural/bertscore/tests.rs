use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::fixtures::{assert_close, env, score};
use crate::neural::tests::encoders::{NAMES, TOLERANCE, expected, folder, list, pairs};

const MODES: [&str; 3] = ["precision", "recall", "f1"];

/// The three numbers of each row, by `spec` with each mode.
fn three(spec: &Value, rows: &[Value]) -> [Vec<Option<f64>>; 3] {
    MODES.map(|mode| {
        let mut spec = spec.clone();
        spec["type"] = json!("bertscore");
        spec["mode"] = json!(mode);
        score(&spec, rows)
    })
}

/// Compares with rows of P, R and F1 that bert_score gave.
fn assert_theirs(spec: &Value, rows: &[Value], theirs: &Value) {
    let got = three(spec, rows);
    assert_eq!(rows.len(), list(theirs).len());
    for (row, want) in list(theirs).iter().enumerate() {
        for (mode, got) in MODES.iter().zip(&got) {
            let place = MODES.iter().position(|other| other == mode).unwrap();
            let what = format!("{spec}, {mode}, row {row}");
            assert_close(got[row], want[place].as_f64(), TOLERANCE, &what);
        }
    }
}

#[test]
fn it_is_that_of_bert_score_after_every_layer() {
    let expected = expected();
    let rows = pairs(&expected);
    for name in NAMES {
        let layers = expected[name]["bertscore"].as_object().unwrap();
        for (layer, theirs) in layers {
            let layer: usize = layer.parse().unwrap();
            assert_theirs(&json!({ "model": name, "layer": layer }), &rows, theirs);
        }
        // The last of them is the encoder's last, which is meant where nothing is said.
        let (_, theirs) = layers.iter().next_back().unwrap();
        assert_theirs(&json!({ "model": name }), &rows, theirs);
    }
}

#[test]
fn tokens_may_count_by_how_rare_they_are() {
    let expected = expected();
    let documents = TempDir::new().unwrap();
    let path = documents.path().join("documents.jsonl");
    let lines: Vec<String> = list(&expected["documents"]).iter().map(Value::to_string).collect();
    fs::write(&path, lines.join("\n")).unwrap();
    for name in NAMES {
        let spec = json!({ "model": name, "idf": path });
        assert_theirs(&spec, &pairs(&expected), &expected[name]["idf"]);
    }
}

#[test]
fn a_baseline_becomes_zero() {
    let expected = expected();
    let table = folder("baseline.tsv");
    for name in NAMES {
        let theirs = &expected[name]["rescaled"];
        assert_theirs(&json!({ "model": name, "baseline_file": table }), &pairs(&expected), theirs);
    }
    let numbers = json!({ "model": "bert", "baseline": [0.2, 0.14, 0.17] });
    assert_theirs(&numbers, &pairs(&expected), &expected["bert"]["rescaled"]);
    let tabs = TempDir::new().unwrap();
    let path = tabs.path().join("table");
    fs::write(&path, fs::read_to_string(&table).unwrap().replace(',', "\t")).unwrap();
    let tabs = json!({ "model": "bert", "baseline_file": path });
    assert_theirs(&tabs, &pairs(&expected), &expected["bert"]["rescaled"]);
}

#[test]
fn each_number_takes_its_own_best_target() {
    let expected = expected();
    let row = |row: &Value| json!({ "response": row[0], "target": row[1] });
    let rows: Vec<Value> = list(&expected["several"]).iter().map(row).collect();
    for name in NAMES {
        assert_theirs(&json!({ "model": name }), &rows, &expected[name]["several"]);
    }
}

#[test]
fn a_text_of_tokens_that_do_not_count_has_no_precision_and_no_f1() {
    // Every text holds it, so that it weighs ln(1) = 0.
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("documents.txt");
    fs::write(&path, "the\nthe river\n").unwrap();
    let rows = [json!({ "response": "the", "target": "the river" })];
    let [precision, recall, f1] = three(&json!({ "model": "bert", "idf": path }), &rows);
    assert_eq!((precision[0], f1[0]), (None, Some(0.0)));
    assert!(recall[0].is_some());
}

#[test]
fn f1_stays_between_its_parts_whatever_their_signs() {
    for (precision, recall, want) in [
        (0.5, 1.0, 2.0 / 3.0),
        (-0.5, -1.0, -2.0 / 3.0),
        (0.0, 0.0, 0.0),
        (0.5, 0.0, 0.0),
        // 4 and −4 by the formula.
        (-0.5, 0.4, -0.5),
        (0.5, -0.4, -0.4),
        (f64::NAN, 0.4, 0.0),
    ] {
        let got = f1(precision, recall);
        assert!((got - want).abs() < 1e-12, "{precision}, {recall}: {got}");
        assert!(got.abs() <= 1.0);
    }
}

#[test]
fn equal_texts_score_one_and_no_more() {
    let texts = ["ё:?а", "The river runs past the old mill.", "a", "Zürich 🙂"];
    let rows = texts.map(|text| json!({ "response": text, "target": text }));
    for name in NAMES {
        for got in three(&json!({ "model": name }), &rows).iter().flatten().flatten() {
            assert!(*got <= 1.0 && *got > 1.0 - 1e-6, "{name}: {got:.17}");
        }
    }
}

#[test]
fn layers_are_known_by_name() {
    for (name, layer) in [
        ("hf:roberta-large", Some(17)),
        ("hf:FacebookAI/roberta-large@main", Some(17)),
        ("/models/distilbert-base-uncased/", Some(5)),
        ("hf:microsoft/mpnet-base", Some(8)),
        ("allenai/scibert_scivocab_uncased", Some(8)),
        ("all-minilm-l6-v2", None),
        ("large", None),
        ("", None),
    ] {
        assert_eq!(layers::of_name(name), layer, "{name}");
    }
}

#[test]
fn what_cannot_be_built_says_where_and_why() {
    let folder = TempDir::new().unwrap();
    let table = folder.path().join("table.tsv");
    fs::write(&table, "LAYER,P,R,F\n0,0.1,0.2,0.3\n1,0.1,1.0,0.3\n").unwrap();
    let refused = |mut spec: Value| {
        spec["type"] = json!("bertscore");
        let error = Registry::builtin().unwrap().build(&spec, &env()).unwrap_err();
        error.to_string().replace(&table.display().to_string(), "TABLE")
    };
    for (spec, parts) in [
        (json!({ "layer": 3 }), ["layer", "`all-minilm-l6-v2` has 2 layers"]),
        (json!({ "baseline": [0.1, 0.2] }), ["baseline", "three numbers"]),
        (json!({ "baseline": [0.1, 0.2, 1.0] }), ["baseline", "less than 1"]),
        (
            json!({ "baseline": [0, 0, 0], "baseline_file": table }),
            ["baseline_file", "one of them"],
        ),
        (json!({ "baseline_file": table, "layer": 1 }), ["baseline_file", "line 3"]),
        (json!({ "baseline_file": table, "layer": 2 }), ["baseline_file", "line 3"]),
        (json!({ "baseline_file": "nowhere.tsv" }), ["baseline_file", "nowhere.tsv"]),
        (json!({ "idf": "nowhere.txt" }), ["idf", "nowhere.txt"]),
        (json!({ "mode": "f2" }), ["mode", "`f1`"]),
    ] {
        let message = refused(spec.clone());
        assert!(parts.iter().all(|part| message.contains(part)), "{spec}: {message}");
    }
    fs::write(&table, "LAYER,P,R,F\n0,0.1,0.2,0.3\n").unwrap();
    let message = refused(json!({ "baseline_file": table }));
    assert!(message.contains("`TABLE` has no line of layer 2"), "{message}");
}
