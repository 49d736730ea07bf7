//! What the original libraries say of a text, said again by the binary.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{assert_near, scores};

/// Rows and what they should score, by spec: a spec is one run of the binary.
#[derive(Default)]
struct Cases {
    by_spec: BTreeMap<String, Vec<(Value, f64)>>,
}

impl Cases {
    fn add(&mut self, spec: &Value, row: Value, want: f64) {
        self.by_spec.entry(spec.to_string()).or_default().push((row, want));
    }

    /// Runs everything; `least` is how many rows there must have been.
    fn check(self, least: usize) {
        let mut checked = 0;
        for (spec, cases) in self.by_spec {
            let rows: Vec<Value> = cases.iter().map(|(row, _)| row.clone()).collect();
            let got = scores(&serde_json::from_str(&spec).unwrap(), &rows);
            assert_eq!(got.len(), cases.len());
            for (got, (_, want)) in got.iter().zip(&cases) {
                assert_near(&got["score"], *want);
            }
            checked += cases.len();
        }
        assert!(checked >= least, "{checked}");
    }
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/rewards"))
}

fn golden(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `keys` with a `type`.
fn spec(kind: &str, keys: &Value) -> Value {
    let mut spec = json!({ "type": kind });
    spec.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    spec
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn sacrebleu() {
    let mut cases = Cases::default();
    for case in golden("bleu_sentence.jsonl") {
        // sacrebleu's own default where ours differs.
        let mut spec = spec("bleu", &json!({ "effective_order": false }));
        spec.as_object_mut().unwrap().extend(case["cfg"].as_object().unwrap().clone());
        let row = json!({ "response": case["hyp"], "target": case["refs"] });
        cases.add(&spec, row, (number(&case["score"]) / 100.0).min(1.0));
    }
    for case in golden("chrf.jsonl") {
        let row = json!({ "response": case["hyp"], "target": case["refs"] });
        let want = (number(&case["score"]) / 100.0).min(1.0);
        cases.add(&spec("chrf", &case["cfg"]), row, want);
    }
    for case in golden("ter.jsonl") {
        let row = json!({ "response": case["hyp"], "target": case["refs"] });
        let rate = number(&case["score"]) / 100.0;
        cases.add(&spec("ter", &case["cfg"]), row.clone(), (1.0 - rate).max(0.0));
        let mut raw = spec("ter", &case["cfg"]);
        raw["invert"] = json!(false);
        cases.add(&raw, row, -rate);
    }
    cases.check(91 + 60 + 2 * 84);
}

#[test]
fn rouge_score() {
    let mut cases = Cases::default();
    let kinds = [
        ("rouge_1", "rouge1"),
        ("rouge_2", "rouge2"),
        ("rouge_3", "rouge3"),
        ("rouge_l", "rougeL"),
        ("rouge_lsum", "rougeLsum"),
    ];
    for case in golden("rouge.jsonl") {
        for (kind, key) in kinds {
            for (place, measure) in ["precision", "recall", "f1"].into_iter().enumerate() {
                let keys = json!({ "use_stemmer": case["stemmer"], "measure": measure });
                let row = json!({ "response": case["hyp"], "target": case["ref"] });
                cases.add(&spec(kind, &keys), row, number(&case[key][place]));
            }
        }
    }
    cases.check(30 * 15);
}

#[test]
fn nltk() {
    let mut cases = Cases::default();
    for case in golden("gleu.jsonl") {
        let keys = json!({
            "tokenize": "none", "min_len": case["min_len"], "max_len": case["max_len"],
        });
        let row = json!({ "response": case["hyp"], "target": case["refs"] });
        cases.add(&spec("gleu", &keys), row, number(&case["gleu"]));
    }
    let text = |words: &Value| -> String {
        let words: Vec<&str> =
            words.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        words.join(" ")
    };
    let wordnet = json!({ "wordnet": folder().join("wordnet") });
    for case in golden("meteor_nltk.jsonl") {
        let row = json!({ "response": text(&case["hyp"]), "target": text(&case["ref"]) });
        cases.add(&spec("meteor", &wordnet), row.clone(), number(&case["wordnet30"]));
        cases.add(&spec("meteor_stem", &json!({})), row, number(&case["no_wordnet"]));
    }
    cases.check(72 + 2 * 134);
}

#[test]
fn rapidfuzz_and_jiwer() {
    let mut cases = Cases::default();
    for case in golden("edit.jsonl") {
        let length = |key: &str| case[key].as_str().unwrap().chars().count();
        let longest = length("a").max(length("b"));
        let of_longest = |edits: &Value| match longest {
            0 => 1.0,
            longest => 1.0 - number(edits) / longest as f64,
        };
        let wants = [
            ("levenshtein", json!({}), number(&case["lev_norm_sim"])),
            ("levenshtein", json!({ "algorithm": "indel" }), number(&case["fuzz_ratio"]) / 100.0),
            ("levenshtein", json!({ "algorithm": "osa" }), of_longest(&case["osa"])),
            ("levenshtein", json!({ "algorithm": "damerau" }), of_longest(&case["dl"])),
            ("levenshtein", json!({ "algorithm": "jaro_winkler" }), number(&case["jw"])),
            ("jaccard", json!({}), number(&case["jaccard_ws_lower"])),
            ("wer", json!({ "invert": false }), -number(&case["wer"])),
            ("cer", json!({ "invert": false }), -number(&case["cer"])),
        ];
        for (kind, keys, want) in wants {
            let row = json!({ "response": case["a"], "target": case["b"] });
            cases.add(&spec(kind, &keys), row, want);
        }
    }
    for case in golden("lcs.jsonl") {
        for unit in ["chars", "words"] {
            let row = json!({ "response": case["a"], "target": case["b"] });
            cases.add(&spec("lcs", &json!({ "unit": unit })), row, number(&case[unit]));
        }
    }
    cases.check(8 * 74 + 2 * 74);
}

#[test]
fn textstat() {
    let mut cases = Cases::default();
    let formulas = [
        ("flesch_reading_ease", "flesch_reading_ease"),
        ("flesch_kincaid", "flesch_kincaid_grade"),
        ("gunning_fog", "gunning_fog"),
        ("smog", "smog_index"),
        ("automated_readability", "automated_readability_index"),
        ("coleman_liau", "coleman_liau_index"),
        ("dale_chall", "dale_chall_readability_score"),
        ("linsear_write", "linsear_write_formula"),
    ];
    for case in golden("textstat.jsonl") {
        for (kind, key) in formulas {
            let row = json!({ "response": case["text"] });
            cases.add(&spec(kind, &json!({})), row, number(&case[key]));
        }
    }
    cases.check(8 * 72);
}

#[test]
fn vader() {
    let mut cases = Cases::default();
    let keys = json!({ "output": "compound", "lexicon": folder().join("vader") });
    for name in ["vader.jsonl", "vader_random.jsonl"] {
        for case in golden(name) {
            let row = json!({ "response": case["text"] });
            cases.add(&spec("sentiment", &keys), row, number(&case["compound"]));
        }
    }
    cases.check(317);
}
