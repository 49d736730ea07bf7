use serde_json::{Value, json};

use super::*;
use crate::fixtures::{assert_close, golden, score};

#[derive(Deserialize)]
struct Case {
    cfg: Value,
    hyp: String,
    refs: Vec<String>,
    score: f64,
    num_edits: usize,
    ref_length: f64,
}

#[test]
fn every_golden_row_scores_as_sacrebleu_scores_it() {
    for case in golden::<Case>("ter.jsonl") {
        let config: Config = serde_json::from_value(case.cfg.clone()).unwrap();
        let what = format!("{} {:?} {:?}", case.cfg, case.hyp, case.refs);
        let got = config.edits(&case.hyp, &case.refs).unwrap();
        assert_eq!(got.edits, case.num_edits, "{what}");
        assert_close(Some(got.target_len), Some(case.ref_length), 1e-9, &what);
        assert_close(Some(100.0 * got.rate()), Some(case.score), 1e-9, &what);
    }
}

#[test]
fn the_edits_of_sentences_add_up_to_the_corpus() {
    #[derive(Deserialize)]
    struct Pair {
        hyp: String,
        #[serde(rename = "ref")]
        target: String,
    }
    #[derive(Deserialize)]
    struct Corpus {
        cfg: Value,
        score: f64,
        num_edits: usize,
    }
    let pairs: Vec<Pair> = golden("pairs.jsonl");
    for case in golden::<Corpus>("ter_corpus.jsonl") {
        let config: Config = serde_json::from_value(case.cfg.clone()).unwrap();
        let mut sum = Edits { edits: 0, target_len: 0.0 };
        for Pair { hyp, target } in &pairs {
            let one = config.edits(hyp, std::slice::from_ref(target)).unwrap();
            sum.edits += one.edits;
            sum.target_len += one.target_len;
        }
        let what = case.cfg.to_string();
        assert_eq!(sum.edits, case.num_edits, "{what}");
        assert_close(Some(100.0 * sum.rate()), Some(case.score), 1e-9, &what);
    }
}

#[test]
fn as_a_reward_fewer_edits_score_more() {
    let ter = |keys: Value, response: &str, target: &str| {
        let mut spec = keys;
        spec["type"] = json!("ter");
        score(&spec, &[json!({ "response": response, "target": target })])[0]
    };
    assert_close(ter(json!({}), "b c d a", "a b c d"), Some(0.75), 1e-12, "one shift");
    assert_close(ter(json!({ "invert": false }), "b c d a", "a b c d"), Some(-0.25), 1e-12, "");
    assert_eq!(ter(json!({}), "", ""), Some(1.0));
    assert_eq!(ter(json!({}), "a b", ""), Some(0.0));
    assert_eq!(ter(json!({}), "", "a b"), Some(0.0));
    assert_eq!(ter(json!({}), "a b c d", "a"), Some(0.0), "more edits than words");
    assert_eq!(ter(json!({ "max_tokens": 2 }), "a b x", "a b y z"), Some(1.0), "cut after two");
}

#[test]
fn long_texts_take_a_bounded_time() {
    let words = |seed: u64| -> String {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!("w{}", (state >> 33) % 50)
        };
        (0..20_000).map(|_| next()).collect::<Vec<_>>().join(" ")
    };
    let spec = json!({ "type": "ter" });
    let got = score(&spec, &[json!({ "response": words(1), "target": words(2) })])[0];
    assert!(got.is_some_and(|score| (0.0..=1.0).contains(&score)));
}
