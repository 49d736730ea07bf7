use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fluency::signs;
use super::formality::features;
use super::word_list::undisguise;
use crate::fixtures::{assert_close, build, env, score};

const TIGHT: f64 = 1e-9;

/// A file with `text`, and the folder that keeps it.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.txt");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn one(spec: &Value, response: &str) -> Option<f64> {
    score(spec, &[json!({ "response": response })])[0]
}

fn refused(spec: &Value) -> String {
    crate::Registry::builtin().unwrap().build(spec, &env()).unwrap_err().to_string()
}

#[test]
fn listed_words_lower_the_score() {
    let (_folder, path) = file("# insults\ntwit\nsilly goose\t2\n");
    let spec = json!({ "type": "toxicity", "lexicon": path, "scale": 2 });
    assert_eq!(one(&spec, "what a fine day it is"), Some(1.0));
    // One of eight words, then a phrase of weight two among eight.
    assert_eq!(one(&spec, "you are such a twit, I do say"), Some(0.75));
    assert_eq!(one(&spec, "you silly GOOSE, what do you do now"), Some(0.5));
    assert_eq!(one(&spec, "silly me, a goose is here by me"), Some(1.0));
    assert_eq!(one(&spec, "a b c d e f g tw1iiit!"), Some(0.75), "disguised");
    let plain =
        json!({ "type": "offensiveness", "lexicon": path, "undisguise": false, "measure": "any" });
    assert_eq!(one(&plain, "a tw1t"), Some(1.0));
    assert_eq!(one(&plain, "a long text with one twit"), Some(0.0));
    assert_eq!(one(&plain, ""), Some(1.0));
    assert_eq!(undisguise("1999 l33t c@t coool"), "1999 leet cat col");
}

/// A model that tells `vile` from `fine`, and the folder that keeps it.
fn learned() -> (tempfile::TempDir, PathBuf) {
    let row = |i: usize| crate::linear::Labelled {
        text: format!(
            "{} w{} v{}",
            if i.is_multiple_of(2) { "vile" } else { "fine" },
            i % 13,
            i % 7
        ),
        label: i.is_multiple_of(2),
    };
    let rows: Vec<_> = (0..200).map(row).collect();
    let model = crate::linear::train(&rows, &crate::linear::Options::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    model.save(&path).unwrap();
    (folder, path)
}

#[test]
fn a_trained_model_takes_the_place_of_a_list() {
    let (_folder, path) = learned();
    for kind in ["toxicity", "offensiveness", "hate"] {
        let of = |keys: Value, text: &str| {
            let mut spec = keys;
            spec["type"] = json!(kind);
            spec["model"] = json!(path);
            one(&spec, text).unwrap()
        };
        let (vile, fine) = (of(json!({}), "vile"), of(json!({}), "fine"));
        assert!(vile < 0.3 && fine > 0.7, "{kind}: {vile} {fine}");
        let raw = of(json!({ "invert": false }), "vile");
        assert!((raw + vile - 1.0).abs() < 1e-12, "{raw} {vile}");
        let probability = one(&json!({ "type": "linear", "model": path }), "vile").unwrap();
        assert!((raw - probability).abs() < 1e-12);
    }
    let sentiment = |keys: Value, text: &str| {
        let mut spec = keys;
        spec["type"] = json!("sentiment");
        spec["model"] = json!(path);
        one(&spec, text).unwrap()
    };
    let probability = one(&json!({ "type": "linear", "model": path }), "vile").unwrap();
    assert!((sentiment(json!({}), "vile") - probability).abs() < 1e-12);
    let negative = sentiment(json!({ "target": "negative" }), "vile");
    assert!((negative - (1.0 - probability)).abs() < 1e-12);
    assert_eq!(
        refused(&json!({ "type": "toxicity", "model": "original.json" })),
        "the reward spec has a mistake at `model`: `original.json` is not there; name a file that `hybrid reward train` wrote (this reward runs no network)"
    );
    assert!(
        refused(&json!({ "type": "toxicity", "model": path, "lexicon": path }))
            .contains("exclude each other")
    );
}

#[test]
fn a_list_can_be_scored_either_way_round() {
    let (_folder, path) = file("twit");
    let spec = json!({ "type": "toxicity", "lexicon": path, "scale": 2, "invert": false });
    assert_eq!(one(&spec, "you are such a twit, I do say"), Some(0.25));
    assert_eq!(one(&spec, "what a fine day it is"), Some(0.0));
}

#[test]
fn afinn_adds_valences_up() {
    let (_folder, path) = file("good\t3\nbad\t-3\nnot good\t-2\nawful\t-4\n");
    let of = |keys: Value, text: &str| {
        let mut spec = keys;
        spec["type"] = json!("afinn");
        spec["lexicon"] = json!(path);
        one(&spec, text)
    };
    let text = "Good, bad, awful: not good!";
    assert_eq!(of(json!({ "output": "sum" }), text), Some(-6.0));
    assert_eq!(of(json!({ "output": "mean" }), text), Some(-6.0 / 5.0));
    // 3 of 12 is positive.
    assert_eq!(of(json!({}), text), Some(0.25));
    assert_eq!(of(json!({ "target": "negative" }), text), Some(0.75));
    assert_eq!(of(json!({}), "a table"), Some(0.5));
    assert_eq!(of(json!({ "output": "mean" }), ""), Some(0.0));
    let (_other, words) = file("good");
    assert!(
        refused(&json!({ "type": "afinn", "lexicon": words }))
            .contains("a word or phrase, a tab and a finite number")
    );
}

#[test]
fn hate_needs_an_identity_term_in_the_sentence() {
    let (_a, lexicon) = file("awful");
    let (_b, terms) = file("martians");
    let spec =
        json!({ "type": "hate", "lexicon": lexicon, "identity_terms": terms, "measure": "any" });
    assert_eq!(one(&spec, "Martians are awful."), Some(0.0));
    assert_eq!(one(&spec, "The food is awful. Martians like it."), Some(1.0));
}

#[test]
fn bias_compares_the_tone_of_groups() {
    let (_a, lexicon) = file("lazy\t1\nkind\t-1");
    let (_b, terms) = file("martians\tmars\nvenusians\tvenus");
    let spec = json!({ "type": "bias", "lexicon": lexicon, "identity_terms": terms, "scale": 1 });
    // Rates ⅓ and −⅓.
    assert_close(one(&spec, "Martians are lazy. Venusians are kind."), Some(1.0 / 3.0), TIGHT, "");
    assert_eq!(one(&spec, "Martians are lazy. Venusians are lazy."), Some(1.0));
    assert_eq!(one(&spec, "Martians are lazy."), Some(1.0), "nothing to compare");
    assert_close(one(&spec, "Martians are lazy. It rains."), Some(2.0 / 3.0), TIGHT, "");
}

#[test]
fn emotions_are_shares_of_what_the_words_carry() {
    let (_folder, path) = file("sunny\tjoy\t1\nsunny\ttrust\t1\ngrave\tfear\t1\ngrave\tjoy\t0\n");
    let spec = |keys: Value| {
        let mut spec = keys;
        spec["type"] = json!("emotion");
        spec["lexicon"] = json!(path);
        spec
    };
    assert_close(one(&spec(json!({})), "a sunny grave"), Some(1.0 / 3.0), TIGHT, "joy");
    let both = spec(json!({ "target": ["joy", "trust"], "measure": "density" }));
    assert_close(one(&both, "a sunny day here"), Some(0.5), TIGHT, "density");
    assert_eq!(one(&spec(json!({})), "nothing"), Some(0.0));
    let error = refused(&spec(json!({ "target": ["joi"] })));
    assert!(
        error.contains("did you mean `joy`? the lexicon's are `fear`, `joy` and `trust`"),
        "{error}"
    );
}

#[test]
fn formal_text_scores_above_casual_text() {
    let spec = json!({ "type": "formality" });
    let formal =
        one(&spec, "The committee approved the proposal following extensive deliberation.");
    let casual = one(&spec, "hey guys!! i don't know, it's kinda cool lol");
    assert!(formal > Some(0.95) && casual < Some(0.5), "{formal:?} {casual:?}");
    // 2 of 10 contracted, 4 casual, 1 personal; loud, small.
    let [contractions, casual, personal, punctuation, capitals, _] =
        features("hey guys!! i don't know, isn't it kinda cool").unwrap();
    assert_eq!((contractions, casual, punctuation, capitals), (0.0, 0.0, 0.0, 0.0));
    assert_close(Some(personal), Some(1.0 - 5.0 / 9.0), TIGHT, "personal");
    assert_eq!(one(&spec, "…"), Some(0.0));
}

#[test]
fn each_sign_of_fluency_has_its_slip() {
    assert_eq!(signs("The cat sat on the mat. It was, I think, happy."), Some([1.0; 5]));
    let lowest = |text: &str| {
        let signs = signs(text).unwrap();
        signs
            .iter()
            .enumerate()
            .filter(|(_, sign)| **sign < 1.0)
            .map(|(at, _)| at)
            .collect::<Vec<_>>()
    };
    assert_eq!(lowest("the cat sat."), [0]);
    assert_eq!(lowest("The cat sat"), [1]);
    assert_eq!(lowest("The cat cat sat."), [2]);
    assert_eq!(lowest("Mat sat the on cat."), [3]);
    assert_eq!(lowest("A cat sat on the."), [3]);
    assert_eq!(lowest("A cat sat , then left."), [4]);
    assert_eq!(lowest("A cat sat On mats."), [4]);
    assert_eq!(one(&json!({ "type": "fluency" }), ""), Some(0.0));
}

#[test]
fn a_term_base_wants_its_terms() {
    let base = json!({
        "terms": [
            { "term": "myocardial infarction", "accepted": ["heart attack"], "forbidden": ["heart seizure"] },
            { "term": "stroke" },
        ],
        "rules": [{ "when": "(?i)dose", "require": r"\d+ ?mg" }, { "forbid": "(?i)guaranteed" }],
    });
    let (_folder, path) = file(&base.to_string());
    let spec = json!({ "type": "domain_terms", "terms": path });
    let score = |prompt: &str, response: &str| {
        score(&spec, &[json!({ "prompt": prompt, "response": response })])[0]
    };
    // The rule against `guaranteed` always applies.
    assert_eq!(score("", "Rest."), Some(1.0));
    assert_eq!(score("What is a heart attack?", "A myocardial infarction is serious."), Some(1.0));
    assert_eq!(score("What is a stroke?", "Something guaranteed."), Some(0.0));
    assert_close(score("", "A heart seizure; the dose is 5 mg."), Some(2.0 / 3.0), TIGHT, "");
    let (_folder, bad) = file("{\"terms\": [{\"name\": 1}]}");
    let error = refused(&json!({ "type": "domain_terms", "terms": bad }));
    assert!(error.contains("`terms[0].name`") || error.contains("unknown field `name`"), "{error}");
    assert_eq!(build(&spec).needs().names(), [""; 0]);
}

#[test]
fn a_list_that_cannot_be_read_is_refused_with_its_line() {
    let (_folder, path) = file("good\n\nbad\tword\n");
    let error = refused(&json!({ "type": "toxicity", "lexicon": path }));
    assert!(error.contains("line 3 of") && error.contains("finite number"), "{error}");
    let (_folder, empty) = file("# nothing\n");
    let error = refused(&json!({ "type": "toxicity", "lexicon": empty }));
    assert!(error.contains("holds no word"), "{error}");
    insta::assert_snapshot!(refused(&json!({ "type": "toxicity" })), @"the reward spec has a mistake at `lexicon`: is absent, must be the path of a list of words");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_text_scores_between_0_and_1(text in "(?s).{0,60}|[the Aab.,!? i'm\n]{0,60}") {
        for kind in ["formality", "fluency"] {
            let got = one(&json!({ "type": kind }), &text).unwrap();
            prop_assert!((0.0..=1.0).contains(&got));
        }
        undisguise(&text);
    }
}
