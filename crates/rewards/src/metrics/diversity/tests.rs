use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixtures::{assert_close, breadth, build, score, try_score, try_score_in};
use crate::sample::Context;

const TIGHT: f64 = 1e-9;

fn one(spec: Value, response: &str) -> Option<f64> {
    score(&spec, &[json!({ "response": response })])[0]
}

#[test]
fn distinct_and_entropy_are_as_defined() {
    for case in breadth()["texts"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        for n in 1..=2 {
            let want = |name: &str| case[format!("{name}_{n}")].as_f64();
            assert_close(
                one(json!({ "type": "distinct_n", "n": n }), text),
                want("distinct"),
                TIGHT,
                text,
            );
            assert_close(
                one(json!({ "type": "entropy", "n": n }), text),
                want("entropy"),
                TIGHT,
                text,
            );
        }
    }
    assert_eq!(one(json!({ "type": "entropy", "normalize": false }), "a b c d"), Some(4_f64.ln()));
}

#[test]
fn a_group_shares_its_score() {
    let rows: Vec<Value> = [("p", "a b"), ("p", "a b"), ("q", "c d")]
        .map(|(group, text)| json!({ "response": text, "group": group }))
        .into();
    let spec = json!({ "type": "distinct_n", "scope": "group" });
    assert_eq!(score(&spec, &rows), [Some(0.5), Some(0.5), Some(1.0)]);
    assert_eq!(build(&spec).needs().names(), ["group"]);
}

#[test]
fn self_bleu_is_bleu_against_the_others() {
    let texts = ["the cat sat on a mat", "the cat sat on the mat", "dogs bark at night a lot"];
    let rows: Vec<Value> =
        texts.iter().map(|text| json!({ "response": text, "group": 1 })).collect();
    let got = score(&json!({ "type": "self_bleu" }), &rows);
    for (place, text) in texts.iter().enumerate() {
        let others: Vec<&&str> = texts.iter().filter(|other| *other != text).collect();
        let row = json!({ "response": text, "target": others });
        let bleu = score(&json!({ "type": "bleu" }), &[row])[0].unwrap();
        assert_close(got[place], Some(1.0 - bleu), TIGHT, text);
    }
    assert_eq!(one(json!({ "type": "self_bleu" }), "alone"), None);
}

#[test]
fn what_remembers_scores_each_batch_against_those_before() {
    let golden = breadth();
    let bonus = json!({ "type": "exploration_bonus", "bits": 24 });
    let curiosity = json!({ "type": "curiosity", "vocabulary": 1000 });
    let mut nll = curiosity.clone();
    nll["output"] = json!("nll");
    let specs = [
        ("novelty", json!({ "type": "novelty" })),
        ("exploration_bonus", bonus),
        ("curiosity", curiosity),
        ("nll", nll),
    ];
    for (name, spec) in specs {
        let mut tree = build(&spec);
        for (batch, wants) in
            golden["batches"].as_array().unwrap().iter().zip(golden["memories"].as_array().unwrap())
        {
            let rows: Vec<Value> =
                batch.as_array().unwrap().iter().map(|text| json!({ "response": text })).collect();
            // Looking changes nothing, and a fresh tree with the saved state goes on as the old one.
            let looked = try_score_in(&tree, &rows, &Context::evaluation()).unwrap().value;
            let saved = serde_json::to_string(&tree.state().unwrap()).unwrap();
            let resumed = build(&spec);
            resumed.load_state(&serde_json::from_str(&saved).unwrap()).unwrap();
            tree = resumed;
            let got = try_score(&tree, &rows).unwrap().value;
            assert_eq!(got, looked);
            for (got, want) in got.iter().zip(wants.as_array().unwrap()) {
                assert_close(*got, want[name].as_f64(), TIGHT, name);
            }
        }
    }
}

#[test]
fn memories_are_bounded_and_refuse_a_foreign_state() {
    let words = |range: std::ops::Range<u32>| -> Vec<Value> {
        range.map(|i| json!({ "response": format!("w{i} x{i} y{i} z{i}") })).collect()
    };
    let count = |state: &Value, key: &str| state["reward"][key].as_array().unwrap().len();
    for (spec, key, most) in [
        (json!({ "type": "novelty", "capacity": 50 }), "seen", 50),
        (json!({ "type": "curiosity", "capacity": 50 }), "grams", 50),
        (json!({ "type": "exploration_bonus", "bits": 5 }), "counts", 32),
    ] {
        let tree = build(&spec);
        for start in 0..5 {
            try_score(&tree, &words(start * 40..start * 40 + 40)).unwrap();
        }
        assert!(count(&tree.state().unwrap(), key) <= most, "{spec}");
        let mut other = spec.clone();
        other["n"] = json!(4);
        assert!(build(&other).load_state(&tree.state().unwrap()).is_err(), "{spec}");
    }
    // The newest stay: of 80 n-grams of the last batch 50, and none of the batches before it.
    let tree = build(&json!({ "type": "novelty", "capacity": 50 }));
    try_score(&tree, &words(0..40)).unwrap();
    try_score(&tree, &words(40..80)).unwrap();
    let look = |rows: Vec<Value>| try_score_in(&tree, &rows, &Context::evaluation()).unwrap().value;
    assert!(look(words(0..40)).iter().all(|new| *new == Some(1.0)));
    let known: f64 = look(words(40..80)).iter().flatten().map(|new| 2.0 * (1.0 - new)).sum();
    assert_close(Some(known), Some(50.0), TIGHT, "n-grams remembered");
}

#[test]
fn a_corpus_is_known_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in
        [("a.txt", "The cat sat down.\n\n"), ("a.jsonl", "{\"text\": \"the cat sat down\"}\n")]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let spec = json!({ "type": "novelty", "corpus": path, "memory": false });
        assert_eq!(one(spec.clone(), "the CAT sat up"), Some(0.5));
        assert_eq!(build(&spec).state(), None);
    }
}

#[test]
fn repetition_compresses() {
    let ratio = |text: &str| one(json!({ "type": "compression_ratio" }), text).unwrap();
    assert!(ratio(&"all work and no play ".repeat(100)) < 0.05);
    let varied: String = (0..400).map(|i: u32| char::from((33 + i * i % 90) as u8)).collect();
    assert!(ratio(&varied) > 0.2);
    assert_eq!(one(json!({ "type": "compression_ratio" }), ""), Some(0.0));
    assert_eq!(one(json!({ "type": "compression_ratio" }), "short"), Some(1.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn scores_stay_in_their_range_and_ignore_the_order_of_rows(
        texts in prop::collection::vec("[abc \n\u{301}é🎉]{0,20}", 1..8)
    ) {
        for kind in ["distinct_n", "entropy", "compression_ratio", "novelty", "exploration_bonus", "curiosity", "self_bleu"] {
            let rows: Vec<Value> = texts.iter().map(|text| json!({ "response": text, "group": 1 })).collect();
            let backwards: Vec<Value> = rows.iter().rev().cloned().collect();
            let (one, other) = (build(&json!({ "type": kind })), build(&json!({ "type": kind })));
            let got = try_score(&one, &rows).unwrap().value;
            let mut turned = try_score(&other, &backwards).unwrap().value;
            turned.reverse();
            for (a, b) in got.iter().zip(&turned) {
                prop_assert!(a.is_none_or(|score| (-1e-12..=1.0 + 1e-12).contains(&score)), "{} {:?}", kind, a);
                prop_assert!(a.is_some() == b.is_some() && (a.unwrap_or(0.0) - b.unwrap_or(0.0)).abs() < 1e-12, "{} {:?} {:?}", kind, a, b);
            }
            prop_assert_eq!(one.state(), other.state());
        }
    }
}
