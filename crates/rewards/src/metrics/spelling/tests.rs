use serde_json::{Value, json};

use super::*;
use crate::fixtures::{assert_close, score};

/// By the golden dictionary: `cat` with a plural in `s`, `write` with the prefix `re`, and five more.
fn spelling(keys: Value, response: &str) -> Option<f64> {
    let mut spec = keys;
    spec["type"] = json!("spelling");
    score(&spec, &[json!({ "response": response })])[0]
}

#[test]
fn the_share_of_known_words_is_the_score() {
    assert_eq!(spelling(json!({}), "The cats REWRITE the café."), Some(1.0));
    assert_close(spelling(json!({}), "the caats write"), Some(2.0 / 3.0), 1e-12, "one of three");
    assert_eq!(spelling(json!({}), "don't don’t 'the'"), Some(1.0));
    assert_eq!(spelling(json!({}), "the-cat/teh"), Some(2.0 / 3.0));
    assert_eq!(spelling(json!({}), "paris"), Some(0.0), "a name in lower case");
}

#[test]
fn what_has_no_spelling_does_not_count() {
    let text =
        "the `vraible` 3rd x_y www.exmaple.org http://a.b/caats me@caats ```\ncaats\n``` cat";
    assert_eq!(spelling(json!({}), text), Some(1.0));
    for text in ["", " \n", "42 … 😀", "`caats`"] {
        assert_eq!(spelling(json!({}), text), None, "{text:?}");
    }
}

#[test]
fn names_are_left_out_unless_they_are_asked_for() {
    assert_eq!(spelling(json!({}), "Zorblax the Cat"), Some(1.0));
    let strict = json!({ "skip_names": false });
    assert_close(spelling(strict, "Zorblax the Cat"), Some(2.0 / 3.0), 1e-12, "counted");
    assert_eq!(spelling(json!({ "allow": ["ZORBLAX"] }), "zorblax"), Some(1.0));
}

#[test]
fn a_dictionary_that_is_none_is_refused_by_name() {
    let refuse = |spec: Value| {
        let built = Registry::builtin().unwrap().build(&spec, &BuildEnv::without_assets());
        built.unwrap_err().to_string()
    };
    insta::assert_snapshot!(refuse(json!({ "type": "spelling" })), @"the reward spec has a mistake at `dictionary`: the asset `hunspell-en-us` is not available here; or set `dictionary` to a `.dic` file (Debian's package `hunspell-en-us` puts one into /usr/share/hunspell)");
    let missing = refuse(json!({ "type": "spelling", "dictionary": "no/such.dic" }));
    assert!(missing.contains("cannot read `no/such.dic`"), "{missing}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.dic"), "1\ncat\n").unwrap();
    fs::write(folder.path().join("own.aff"), [0xff, 0xfe]).unwrap();
    let spec = json!({ "type": "spelling", "dictionary": folder.path().join("own.dic") });
    let coded = refuse(spec.clone());
    assert!(coded.contains("own.aff` is not UTF-8; convert it"), "{coded}");
    fs::write(folder.path().join("own.aff"), "SFX S Y many\n").unwrap();
    let broken = refuse(spec);
    assert!(broken.contains("is not a Hunspell dictionary"), "{broken}");
}

proptest::proptest! {
    #[test]
    fn scores_are_in_the_unit_range(text in "[\\PC\\s]{0,60}") {
        let score = spelling(json!({ "skip_names": false }), &text);
        proptest::prop_assert!(score.is_none_or(|score| (0.0..=1.0).contains(&score)));
    }
}
