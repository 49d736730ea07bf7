use serde_json::{Value, json};

use super::*;
use crate::fixtures::{assert_close, golden, score};

#[derive(Deserialize)]
struct Case {
    cfg: Value,
    hyp: String,
    refs: Vec<String>,
    score: f64,
}

#[test]
fn every_golden_row_scores_as_sacrebleu_scores_it() {
    for case in golden::<Case>("chrf.jsonl") {
        let mut spec = case.cfg.clone();
        spec["type"] = json!("chrf");
        let got = score(&spec, &[json!({ "response": case.hyp, "target": case.refs })])[0];
        assert_close(
            got,
            Some((case.score / 100.0).min(1.0)),
            1e-11,
            &format!("{spec} {:?}", case.hyp),
        );
    }
}

#[test]
fn the_best_target_counts_and_empty_texts_score_nothing() {
    let chrf = |response: &str, target: Value| {
        score(&json!({ "type": "chrf" }), &[json!({ "response": response, "target": target })])[0]
    };
    assert_close(chrf("cat", json!(["dog", "cat"])), Some(1.0), 1e-12, "best");
    assert_eq!(chrf("", json!("")), Some(0.0));
    assert_eq!(chrf("a", json!("")), Some(0.0));
    assert_eq!(chrf("", json!("a")), Some(0.0));
}
