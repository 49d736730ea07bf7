use serde_json::json;

use super::*;
use crate::fixtures::{assert_close, golden, score};

const TIGHT: f64 = 1e-12;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    stemmer: bool,
    hyp: String,
    #[serde(rename = "ref")]
    target: String,
    rouge1: [f64; 3],
    rouge2: [f64; 3],
    rouge3: [f64; 3],
    #[serde(rename = "rougeL")]
    rouge_l: [f64; 3],
    #[serde(rename = "rougeLsum")]
    rouge_lsum: [f64; 3],
}

#[test]
fn every_golden_row_scores_as_rouge_score_does() {
    for case in golden::<Case>("rouge.jsonl") {
        let config = Config { use_stemmer: case.stemmer, ..Config::default() };
        let check = |kind, want: [f64; 3]| {
            let got = Rouge { config, kind }.overlap(&case.hyp, &case.target);
            for (got, want) in [got.precision, got.recall, got.f1()].into_iter().zip(want) {
                let what = format!("{:?} {:?}", case.hyp, case.target);
                assert_close(Some(got), Some(want), TIGHT, &what);
            }
        };
        check(Kind::Ngrams(1), case.rouge1);
        check(Kind::Ngrams(2), case.rouge2);
        check(Kind::Ngrams(3), case.rouge3);
        check(Kind::Longest, case.rouge_l);
        check(Kind::Summary { max_tokens: MAX_TOKENS }, case.rouge_lsum);
    }
}

#[test]
fn capitals_count_only_where_they_are_asked_to() {
    let of = |lowercase: bool, stem: bool, response: &str, target: &str| {
        let spec = json!({ "type": "rouge_1", "lowercase": lowercase, "use_stemmer": stem });
        score(&spec, &[json!({ "response": response, "target": target })])[0]
    };
    assert_eq!(
        of(true, true, "RUNNING Cats", "running cat"),
        Some(1.0),
        "a stem of `cats` is `cat`"
    );
    assert_eq!(of(true, false, "Paris", "paris"), Some(1.0));
    assert_eq!(of(false, false, "Paris", "paris"), Some(0.0));
    assert_eq!(of(false, true, "Running", "Runs"), Some(1.0));
    assert_eq!(of(false, true, "Running", "Runnings"), Some(1.0));
    assert_eq!(of(false, true, "Running", "running"), Some(0.0));
}

#[test]
fn the_target_with_the_best_f1_gives_every_number() {
    let rouge = |measure: &str| {
        let spec = json!({ "type": "rouge_l", "measure": measure });
        // F1 of 4/5 and 2/3: the first counts, though the second has the better precision.
        let row = json!({ "response": "a b", "target": ["a b c", "q"] });
        score(&spec, &[row])[0]
    };
    assert_close(rouge("f1"), Some(0.8), TIGHT, "f1");
    assert_close(rouge("precision"), Some(1.0), TIGHT, "precision");
    assert_close(rouge("recall"), Some(2.0 / 3.0), TIGHT, "recall");
}

proptest::proptest! {
    #[test]
    fn the_walk_back_finds_a_longest_subsequence(
        a in proptest::collection::vec(0..4u32, 0..30),
        b in proptest::collection::vec(0..4u32, 0..30),
    ) {
        let mut places = common_places(&a, &b);
        places.reverse();
        let length = lcs_seq::similarity(a.iter().copied(), b.iter().copied());
        proptest::prop_assert_eq!(places.len(), length);
        let mut rest = b.iter();
        proptest::prop_assert!(places.iter().all(|place| rest.any(|token| *token == a[*place])));
    }
}
