use serde::Deserialize;
use serde_json::{Value, json};

use super::error_rate::{char_error_rate, word_error_rate};
use crate::fixtures::{assert_close, golden, score};

mod invariants;

const TIGHT: f64 = 1e-9;

#[derive(Deserialize)]
struct Edit {
    a: String,
    b: String,
    lev_norm_sim: f64,
    fuzz_ratio: f64,
    osa: u32,
    dl: u32,
    jw: f64,
    jaccard_ws_lower: f64,
    wer: f64,
    cer: f64,
}

fn one(spec: Value, response: &str, target: Value) -> Option<f64> {
    score(&spec, &[json!({ "response": response, "target": target })])[0]
}

#[test]
fn edit_metrics_agree_with_rapidfuzz_and_jiwer() {
    let cases: Vec<Edit> = golden("edit.jsonl");
    let rows: Vec<Value> =
        cases.iter().map(|case| json!({ "response": case.a, "target": case.b })).collect();
    let of_longest = |case: &Edit, edits: u32| {
        let longest = case.a.chars().count().max(case.b.chars().count());
        if longest == 0 { 1.0 } else { 1.0 - f64::from(edits) / longest as f64 }
    };
    let inverted = |rate: f64| (1.0 - rate).max(0.0);
    let check = |spec: Value, want: &dyn Fn(&Edit) -> f64| {
        for ((got, case), row) in score(&spec, &rows).iter().zip(&cases).zip(&rows) {
            assert_close(*got, Some(want(case)), TIGHT, &format!("{spec} of {row}"));
        }
    };
    let levenshtein = |algorithm| json!({ "type": "levenshtein", "algorithm": algorithm });
    check(json!({ "type": "levenshtein" }), &|case| case.lev_norm_sim);
    check(levenshtein("indel"), &|case| case.fuzz_ratio / 100.0);
    check(levenshtein("osa"), &|case| of_longest(case, case.osa));
    check(levenshtein("damerau"), &|case| of_longest(case, case.dl));
    check(levenshtein("jaro_winkler"), &|case| case.jw);
    check(json!({ "type": "jaccard" }), &|case| case.jaccard_ws_lower);
    check(json!({ "type": "wer" }), &|case| inverted(case.wer));
    check(json!({ "type": "wer", "invert": false }), &|case| -case.wer);
    check(json!({ "type": "cer" }), &|case| inverted(case.cer));
    for case in &cases {
        assert!((word_error_rate(&case.a, &case.b) - case.wer).abs() < TIGHT, "{}", case.a);
        assert!((char_error_rate(&case.a, &case.b) - case.cer).abs() < TIGHT, "{}", case.a);
    }
}

#[test]
fn exact_match_compares_after_the_preparation_that_is_asked_for() {
    let check = |keys: Value, response: &str, target: &str, want: f64| {
        let mut spec = keys;
        spec["type"] = json!("exact_match");
        assert_close(
            one(spec.clone(), response, json!(target)),
            Some(want),
            0.0,
            &spec.to_string(),
        );
    };
    check(json!({}), "", "", 1.0);
    check(json!({}), "Paris ", "Paris", 0.0);
    check(json!({ "normalize": "strip" }), "\u{1c}Paris \n", "Paris", 1.0);
    check(json!({ "normalize": "squad" }), "The  Eiffel-Tower!", "eiffeltower", 1.0);
    check(json!({ "normalize": "squad" }), "an apple", "apple", 1.0);
    check(json!({ "normalize": "squad" }), "thesis", "sis", 0.0);
    check(json!({ "ignore_case": true }), "ÉCOLE", "école", 1.0);
    check(json!({ "ignore_punctuation": true }), "a,b", "ab", 1.0);
    check(json!({ "ignore_punctuation": true }), "a’b", "ab", 0.0);
    check(json!({ "ignore_numbers": true }), "a1", "a2", 1.0);
    check(json!({ "regexes_to_ignore": ["^the "] }), "the cat", "cat", 1.0);
}

#[test]
fn the_best_of_several_targets_counts() {
    let spec = json!({ "type": "exact_match" });
    assert_eq!(one(spec.clone(), "b", json!(["a", "b"])), Some(1.0));
    assert_eq!(one(spec, "c", json!(["a", "b"])), Some(0.0));
}

#[test]
fn token_f1_is_two_common_over_both_lengths() {
    let f1 = |response, target| one(json!({ "type": "token_f1" }), response, json!(target));
    // 2 common words of 3 and 4: 2·2 / (3 + 4).
    assert_close(f1("red green blue", "Red, green? yellow pink"), Some(4.0 / 7.0), TIGHT, "");
    assert_close(f1("x x x", "x"), Some(0.5), TIGHT, "a word counts as often as both have it");
    assert_eq!(f1("the", "a"), Some(1.0));
    assert_eq!(f1("", "word"), Some(0.0));
    assert_eq!(f1("one", "two"), Some(0.0));
}

#[test]
fn jaccard_counts_n_grams_as_a_set() {
    let jaccard = |keys: Value, a, b| {
        let mut spec = keys;
        spec["type"] = json!("jaccard");
        one(spec, a, json!(b))
    };
    assert_close(jaccard(json!({}), "a b a", "A c"), Some(1.0 / 3.0), TIGHT, "words");
    assert_close(jaccard(json!({ "lowercase": false }), "a b", "A b"), Some(1.0 / 3.0), TIGHT, "");
    assert_close(jaccard(json!({ "n": 2 }), "a b c", "a b d"), Some(1.0 / 3.0), TIGHT, "bigrams");
    assert_close(jaccard(json!({ "unit": "chars" }), "ab", "bc"), Some(1.0 / 3.0), TIGHT, "chars");
    assert_eq!(jaccard(json!({ "n": 3 }), "a", "b"), Some(1.0), "no 3-gram on either side");
}

#[test]
fn length_is_a_count_or_its_fit() {
    let length = |keys: Value, response: &str| {
        let mut spec = keys;
        spec["type"] = json!("length");
        score(&spec, &[json!({ "response": response })])[0]
    };
    assert_eq!(length(json!({}), "one two\u{1c}three"), Some(3.0));
    assert_eq!(length(json!({ "unit": "chars" }), "né\u{301}"), Some(3.0));
    let band = json!({ "min": 2, "max": 4, "soft": 4 });
    let words = |count: usize| "w ".repeat(count);
    let wants = [(0, 0.5), (1, 0.75), (2, 1.0), (4, 1.0), (6, 0.5), (8, 0.0), (100, 0.0)];
    for (count, want) in wants {
        assert_close(length(band.clone(), &words(count)), Some(want), TIGHT, &count.to_string());
    }
    for (count, want) in [(2, 0.0), (3, 1.0), (4, 0.0)] {
        assert_eq!(length(json!({ "target": 3 }), &words(count)), Some(want));
    }
    // DAPO: 0 up to max − soft, then evenly to −1 at max.
    let overlong = json!({ "max": 8, "soft": 4, "shape": "overlong" });
    for (count, want) in [(0, 0.0), (4, 0.0), (5, -0.25), (7, -0.75), (8, -1.0), (9, -1.0)] {
        assert_close(
            length(overlong.clone(), &words(count)),
            Some(want),
            TIGHT,
            &count.to_string(),
        );
    }
}

#[test]
fn length_in_tokens_counts_the_ids_that_are_given() {
    let tree = crate::fixtures::build(&json!({ "type": "length", "unit": "tokens" }));
    let ids = [5, 6, 7];
    let sample = crate::Sample { token_ids: Some(&ids), ..crate::Sample::of_response(0, "x") };
    let context = crate::Context::evaluation();
    assert_eq!(tree.score(&[sample], &context).unwrap().value, [Some(3.0)]);
    let error = tree.score(&[crate::Sample::of_response(4, "x")], &context).unwrap_err();
    insta::assert_snapshot!(error, @"row 4 has no `token_ids`, which the reward `length` reads; add `token_ids` to every row or take `length` out of the spec");
}

#[test]
fn regex_searches_or_matches_the_whole_response() {
    let found = |keys: Value, response: &str| {
        let mut spec = keys;
        spec["type"] = json!("regex");
        score(&spec, &[json!({ "response": response })])[0]
    };
    assert_eq!(found(json!({ "pattern": "b+" }), "abbc"), Some(1.0));
    assert_eq!(found(json!({ "pattern": "b+", "absent": true }), "abbc"), Some(0.0));
    assert_eq!(found(json!({ "pattern": "b+", "full": true }), "abbc"), Some(0.0));
    assert_eq!(found(json!({ "pattern": "a|abbc", "full": true }), "abbc"), Some(1.0));
    assert_eq!(found(json!({ "pattern": "B", "ignore_case": true }), "abc"), Some(1.0));
    assert_eq!(found(json!({ "pattern": "^b" }), "a\nb"), Some(0.0));
    assert_eq!(found(json!({ "pattern": "^b", "multi_line": true }), "a\nb"), Some(1.0));
    assert_eq!(found(json!({ "pattern": "a.b", "dot_all": true }), "a\nb"), Some(1.0));
    // Exponential in an engine that backtracks.
    assert_eq!(found(json!({ "pattern": "(a+)+$" }), &("a".repeat(50_000) + "b")), Some(0.0));
}

#[test]
fn sentiment_is_the_compound_on_the_scale_that_is_asked_for() {
    let sentiment = |keys: Value| {
        let mut spec = keys;
        spec["type"] = json!("sentiment");
        score(&spec, &[json!({ "response": "The book was good." })])[0]
    };
    // 0.4404 is the original's compound of this sentence.
    assert_close(sentiment(json!({})), Some(0.7202), TIGHT, "positive");
    assert_close(sentiment(json!({ "target": "negative" })), Some(0.2798), TIGHT, "negative");
    assert_close(sentiment(json!({ "target": "neutral" })), Some(0.5596), TIGHT, "neutral");
    assert_close(sentiment(json!({ "output": "compound" })), Some(0.4404), TIGHT, "compound");
    let both = json!({ "output": "compound", "target": "negative" });
    assert_close(sentiment(both), Some(-0.4404), TIGHT, "negative compound");
}
