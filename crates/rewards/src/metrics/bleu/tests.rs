use serde_json::{Map, Value, json};

use super::*;
use crate::fixtures::{assert_close, golden};

const TIGHT: f64 = 1e-9;

#[derive(Deserialize)]
struct Sentence {
    cfg: Value,
    hyp: String,
    refs: Vec<String>,
    score: f64,
    bp: f64,
    precisions: Vec<f64>,
    sys_len: u64,
    ref_len: u64,
}

#[derive(Deserialize)]
struct Corpus {
    cfg: Value,
    score: f64,
    bp: f64,
    precisions: Vec<f64>,
    sys_len: u64,
    ref_len: u64,
}

/// sacrebleu's own defaults where ours differ: no effective order.
fn config(keys: &Value) -> Config {
    let mut all = Map::from_iter([("effective_order".to_owned(), json!(false))]);
    all.extend(keys.as_object().unwrap().clone());
    serde_json::from_value(Value::Object(all)).unwrap()
}

fn compare(got: &Score, score: f64, bp: f64, precisions: &[f64], what: &str) {
    assert_close(Some(got.score), Some(score), TIGHT, what);
    assert_close(Some(got.brevity_penalty), Some(bp), TIGHT, what);
    for (got, want) in got.precisions.iter().zip(precisions) {
        assert_close(Some(*got), Some(*want), TIGHT, what);
    }
}

#[test]
fn every_golden_sentence_scores_as_sacrebleu_scores_it() {
    for case in golden::<Sentence>("bleu_sentence.jsonl") {
        let config = config(&case.cfg);
        let statistics = config.statistics(&case.hyp, &case.refs);
        let what = format!("{} {:?} {:?}", case.cfg, case.hyp, case.refs);
        assert_eq!(statistics.response_len, case.sys_len, "{what}");
        assert_eq!(statistics.target_len, case.ref_len, "{what}");
        compare(&config.score(&statistics), case.score, case.bp, &case.precisions, &what);
    }
}

#[test]
fn the_statistics_of_sentences_add_up_to_the_corpus() {
    #[derive(Deserialize)]
    struct Pair {
        hyp: String,
        #[serde(rename = "ref")]
        target: String,
    }
    let pairs: Vec<Pair> = golden("pairs.jsonl");
    for case in golden::<Corpus>("bleu_corpus.jsonl") {
        let config = config(&case.cfg);
        let mut sum = Statistics::default();
        for Pair { hyp, target } in &pairs {
            let one = config.statistics(hyp, std::slice::from_ref(target));
            sum.response_len += one.response_len;
            sum.target_len += one.target_len;
            for n in 0..MAX_ORDER {
                sum.correct[n] += one.correct[n];
                sum.total[n] += one.total[n];
            }
        }
        let what = case.cfg.to_string();
        assert_eq!((sum.response_len, sum.target_len), (case.sys_len, case.ref_len), "{what}");
        compare(&config.score(&sum), case.score, case.bp, &case.precisions, &what);
        let segments =
            pairs.iter().map(|pair| (pair.hyp.as_str(), std::slice::from_ref(&pair.target)));
        let score = corpus_bleu(segments, case.cfg.as_object().unwrap()).unwrap();
        assert_close(Some(score), Some(case.score), TIGHT, &what);
    }
    let wrong = json!({ "smooth": "exp" });
    assert!(corpus_bleu([], wrong.as_object().unwrap()).is_err());
}

#[test]
fn as_a_reward_an_equal_text_scores_one_and_an_empty_one_zero() {
    let bleu = |response: &str, target: &str| {
        let rows = [json!({ "response": response, "target": target })];
        crate::fixtures::score(&json!({ "type": "bleu" }), &rows)[0]
    };
    assert_close(bleu("the cat", "the cat"), Some(1.0), TIGHT, "equal");
    assert_eq!(bleu("", "the cat"), Some(0.0));
    assert_eq!(bleu("the cat", ""), Some(0.0));
    assert_eq!(bleu("", ""), Some(0.0));
}

proptest::proptest! {
    #[test]
    fn scores_stay_in_the_unit_range(
        response in "\\PC{0,60}",
        targets in proptest::collection::vec("\\PC{0,60}", 1..3),
    ) {
        for tokenize in ["13a", "intl", "zh", "char", "none"] {
            let config = config(&json!({ "tokenize": tokenize, "effective_order": true }));
            let score = config.score(&config.statistics(&response, &targets)).score;
            proptest::prop_assert!((0.0..=100.000_000_1).contains(&score), "{}", score);
        }
    }
}
