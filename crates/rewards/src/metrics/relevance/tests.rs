use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixtures::{assert_close, breadth, score};

const TIGHT: f64 = 1e-9;

fn one(spec: &Value, prompt: &str, response: &str) -> Option<f64> {
    score(spec, &[json!({ "prompt": prompt, "response": response })])[0]
}

#[test]
fn vectors_and_bm25_are_as_defined() {
    let golden = breadth();
    let corpus: Vec<&str> =
        golden["corpus"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("corpus.txt");
    std::fs::write(&path, corpus.join("\n")).unwrap();
    let specs = [
        ("tfidf", json!({ "type": "domain_relevance", "corpus": path })),
        ("bm25", json!({ "type": "domain_relevance", "corpus": path, "method": "bm25" })),
        ("topic", json!({ "type": "topic_consistency" })),
        ("topic_corpus", json!({ "type": "topic_consistency", "corpus": path })),
    ];
    for (name, spec) in specs {
        for case in golden["texts"].as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            assert_close(one(&spec, corpus[0], text), case[name].as_f64(), TIGHT, name);
        }
    }
}

#[test]
fn topic_looks_at_sentences_where_asked() {
    let topic = |part: &str| {
        let spec = json!({ "type": "topic_consistency", "part": part });
        one(&spec, "cat", "The cat. A dog.")
    };
    assert_close(topic("whole"), Some(0.5_f64.sqrt()), TIGHT, "whole");
    assert_eq!((topic("mean"), topic("min")), (Some(0.5), Some(0.0)));
}

#[test]
fn coverage_counts_stems_phrases_and_fields() {
    let prompt = json!({ "type": "coverage" });
    assert_eq!(one(&prompt, "Describe the running cats", "A cat runs."), Some(2.0 / 3.0));
    assert_eq!(one(&prompt, "What is it?", "x"), None, "function words only");
    let words = json!({ "type": "coverage", "keywords": ["red wine", "Cheese"] });
    assert_eq!(one(&words, "", "Wines, red ones, and cheeses"), Some(0.5));
    let field = json!({ "type": "coverage", "field": "must" });
    let row = json!({ "response": "a b", "must": ["b", "c", "a b"] });
    assert_close(score(&field, &[row])[0], Some(2.0 / 3.0), TIGHT, "field");
    let target = json!({ "type": "coverage", "from": "target" });
    let row = json!({ "response": "blue moon", "target": ["blue sea", "moon"] });
    assert_eq!(score(&target, &[row])[0], Some(1.0));
}

#[test]
fn questions_ask_for_kinds_of_answers() {
    let kind = json!({ "type": "qa_relevance", "type_weight": 1 });
    for (question, answer, want) in [
        ("Who wrote it?", "It was Jane Austen.", 1.0),
        ("Who wrote it?", "somebody did", 0.0),
        ("When did it end?", "In 1945.", 1.0),
        ("How many moons are there?", "There are two.", 1.0),
        ("Is it raining?", "Yes, it is.", 1.0),
        ("Why did it fail?", "Because it was old.", 1.0),
        ("Why did it fail?", "It failed.", 0.0),
    ] {
        assert_eq!(one(&kind, question, answer), Some(want), "{question} {answer}");
    }
    let mixed = json!({ "type": "qa_relevance" });
    assert_eq!(
        one(&mixed, "Who painted the ceiling?", "Michelangelo Buonarroti painted it"),
        Some(0.75)
    );
    assert_eq!(one(&mixed, "Who painted the ceiling?", ""), Some(0.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_scores_between_0_and_1(prompt in any::<String>(), response in any::<String>()) {
        for kind in ["coverage", "qa_relevance", "topic_consistency"] {
            let got = one(&json!({ "type": kind }), &prompt, &response);
            prop_assert!(got.is_none_or(|score| (0.0..=1.0).contains(&score)));
        }
    }
}
