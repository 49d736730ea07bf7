//! `hybrid reward` with a network: a classifier in a folder.

use serde_json::{Value, json};

use super::{score, scores};

/// The golden classifiers, and what `transformers` answers.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/rewards/classifier");

fn expected() -> Value {
    let text = std::fs::read_to_string(format!("{FOLDER}/expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_folder_of_a_classifier_scores_as_transformers_does() {
    let expected = expected();
    let texts = expected["texts"].as_array().unwrap();
    let rows: Vec<Value> = texts.iter().map(|text| json!({ "response": text })).collect();
    let (nli, detox) = (format!("{FOLDER}/nli"), format!("{FOLDER}/detox"));
    let spec = json!({ "type": "weighted_sum", "components": [
        { "type": "classifier", "model": nli, "label": "entailment" },
        { "type": "safety", "toxicity": { "model": detox }, "veto": 0.2 },
    ] });
    let got = scores(&spec, &rows);
    for (row, line) in got.iter().enumerate() {
        let near = |path: &str, want: f64| {
            let got = line["components"][path].as_f64().unwrap();
            assert!((got - want).abs() < 1e-5, "{path} of row {row}: {got}, expected {want}");
        };
        near("classifier", expected["nli"]["texts"][row]["softmax"][2].as_f64().unwrap());
        let toxic = expected["detox"]["texts"][row]["sigmoid"][0].as_f64().unwrap();
        near("safety/toxicity", 1.0 - toxic);
    }
    assert_eq!(got.len(), texts.len());
}

#[test]
fn what_is_no_label_and_no_folder_is_bad_input() {
    let refused = |keys: Value| {
        let mut spec = json!({ "type": "classifier" });
        spec.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        score(&spec, &[json!({ "response": "a" })], &[]).bad_input()
    };
    let nli = format!("{FOLDER}/nli");
    insta::assert_snapshot!(refused(json!({ "model": nli, "label": "entailed" })), @"error: the reward spec has a mistake at `label`: the model has no label `entailed`; its labels are `CONTRADICTION`, `NEUTRAL` and `ENTAILMENT`");
    insta::assert_snapshot!(refused(json!({ "model": "no/such/folder", "label": 0 })), @"error: `reward.model`: there is no file or directory `no/such/folder`");
    insta::assert_snapshot!(refused(json!({ "label": 0 })), @"error: the reward spec has a mistake at `model`: is absent, must name a sequence classifier");
}
