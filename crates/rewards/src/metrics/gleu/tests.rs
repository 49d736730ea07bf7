use serde_json::{Value, json};

use super::*;
use crate::fixtures::{assert_close, golden, score};

const TIGHT: f64 = 1e-9;

#[derive(Deserialize)]
struct Row {
    hyp: String,
    refs: Vec<String>,
    min_len: usize,
    max_len: usize,
    gleu: f64,
}

#[test]
fn every_golden_row_scores_as_nltk_scores_it() {
    for case in golden::<Row>("gleu.jsonl") {
        let spec = json!({
            "type": "gleu", "tokenize": "none", "min_len": case.min_len, "max_len": case.max_len,
        });
        let row = json!({ "response": case.hyp, "target": case.refs });
        let got = score(&spec, std::slice::from_ref(&row))[0];
        assert_close(got, Some(case.gleu), TIGHT, &format!("{spec} of {row}"));
    }
}

#[test]
fn the_smaller_of_precision_and_recall_counts() {
    let gleu = |keys: Value, response: &str, target: &str| {
        let mut spec = keys;
        spec["type"] = json!("google_bleu");
        score(&spec, &[json!({ "response": response, "target": target })])[0]
    };
    // Words only: 2 common of 2 and of 4.
    assert_close(gleu(json!({ "max_len": 1 }), "a b", "a b c d"), Some(0.5), TIGHT, "recall");
    assert_close(gleu(json!({ "max_len": 1 }), "a b c d", "a b"), Some(0.5), TIGHT, "precision");
    // 13a sets the point apart: words `Yes`, `.` and their pair against `yes`, `.`.
    assert_close(gleu(json!({}), "Yes.", "yes ."), Some(1.0 / 3.0), TIGHT, "13a");
    assert_close(gleu(json!({ "lowercase": true }), "Yes.", "yes ."), Some(1.0), TIGHT, "lower");
    assert_eq!(gleu(json!({}), "", ""), Some(0.0));
}

proptest::proptest! {
    #[test]
    fn scores_are_symmetric_and_in_the_unit_range(a in "\\PC{0,40}", b in "\\PC{0,40}") {
        let config = Config::default();
        let there = config.score_pair(&a, &b).unwrap();
        proptest::prop_assert!((0.0..=1.0).contains(&there));
        proptest::prop_assert!((there - config.score_pair(&b, &a).unwrap()).abs() < TIGHT);
    }
}
