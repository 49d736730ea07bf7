use serde_json::json;

use crate::fixtures::{assert_close, breadth, score};

#[test]
fn both_measures_are_as_defined() {
    for case in breadth()["documents"].as_array().unwrap() {
        let sentences: Vec<String> = case["sentences"]
            .as_array()
            .unwrap()
            .iter()
            .map(|sentence| format!("{}.\n", sentence.as_str().unwrap()))
            .collect();
        let row = [json!({ "response": sentences.concat() })];
        for (kind, key) in [("lexical_cohesion", "cohesion"), ("entity_grid", "entity_grid")] {
            let got = score(&json!({ "type": kind }), &row)[0];
            assert_close(got, case[key].as_f64(), 1e-9, &row[0].to_string());
        }
    }
}

#[test]
fn a_long_text_is_cut() {
    let row = [json!({ "response": "A cat. A dog. A cat. ".repeat(20_000) })];
    for kind in ["lexical_cohesion", "entity_grid"] {
        let got = score(&json!({ "type": kind, "max_sentences": 3 }), &row)[0];
        let first =
            score(&json!({ "type": kind }), &[json!({ "response": "A cat. A dog. A cat." })])[0];
        assert_eq!(got, first);
    }
}
