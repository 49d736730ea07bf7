use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::fixtures::{assert_close, build, score};
use crate::sample::Context;

const TIGHT: f64 = 1e-12;

fn repetition(keys: Value, response: &str) -> Option<f64> {
    let mut spec = keys;
    spec["type"] = json!("repetition_penalty");
    score(&spec, &[json!({ "response": response })])[0]
}

#[test]
fn n_grams_that_occur_again_are_penalised() {
    // Triples: `a b a`, `b a b`, `a b a`, `b a b`: 2 different of 4.
    assert_close(repetition(json!({}), "a b A B a b"), Some(-0.5), TIGHT, "words");
    assert_close(repetition(json!({ "n": 1 }), "x x x x"), Some(-0.75), TIGHT, "single words");
    assert_close(repetition(json!({ "n": 1, "penalty": 4 }), "x x"), Some(-2.0), TIGHT, "penalty");
    assert_close(
        repetition(json!({ "n": 2, "unit": "chars" }), "aaaa"),
        Some(-2.0 / 3.0),
        TIGHT,
        "",
    );
    for text in ["", "a", "a a", "a b c d"] {
        let score = repetition(json!({}), text).unwrap();
        assert!(score == 0.0 && score.is_sign_positive(), "{text:?}: {score}");
    }
}

#[test]
fn tokens_are_the_ids_that_are_given() {
    let tree = build(&json!({ "type": "repetition_penalty", "unit": "tokens", "n": 2 }));
    let ids = [7, 8, 7, 8, 9];
    let sample = Sample { token_ids: Some(&ids), ..Sample::of_response(0, "") };
    let got = tree.score(&[sample], &Context::evaluation()).unwrap().value;
    // `7 8`, `8 7`, `7 8`, `8 9`: 3 different of 4.
    assert_eq!(got, [Some(-0.25)]);
    assert!(tree.score(&[Sample::of_response(0, "x")], &Context::evaluation()).is_err());
}

proptest::proptest! {
    #[test]
    fn it_is_the_definition(text in "[abc ]{0,40}", n in 1_usize..5) {
        let words: Vec<&str> = text.split_whitespace().collect();
        let grams: Vec<String> =
            (n..=words.len()).map(|end| words[end - n..end].join(" ")).collect();
        let different: BTreeSet<&String> = grams.iter().collect();
        let want = match grams.len() {
            0 => 0.0,
            all => different.len() as f64 / all as f64 - 1.0,
        };
        let got = repetition(json!({ "n": n }), &text).unwrap();
        proptest::prop_assert!((got - want).abs() < TIGHT, "{} {}", got, want);
    }
}
