use serde_json::{Value, json};

use super::tables::Tables;
use super::words::{Counts, count};
use super::*;
use crate::fixtures::{assert_close, golden, score};

const TIGHT: f64 = 1e-9;

#[derive(Deserialize)]
struct Row {
    text: String,
    sentence_count: usize,
    lexicon_count: usize,
    syllable_count: usize,
    char_count: usize,
    letter_count: usize,
    flesch_reading_ease: f64,
    flesch_kincaid_grade: f64,
    gunning_fog: f64,
    smog_index: f64,
    automated_readability_index: f64,
    coleman_liau_index: f64,
    dale_chall_readability_score: f64,
    linsear_write_formula: f64,
}

#[test]
fn every_golden_text_is_counted_as_textstat_counts_it() {
    for row in golden::<Row>("textstat.jsonl") {
        let (tables, mut syllables) = (Tables::get(), 0);
        let counts = count(&row.text, |word| syllables += tables.syllables(word));
        let want = Counts {
            sentences: row.sentence_count,
            pieces: row.text.split(crate::text::is_space).filter(|piece| !piece.is_empty()).count(),
            words: row.lexicon_count,
            characters: row.char_count,
            letters: row.letter_count,
        };
        assert_eq!((counts, syllables), (want, row.syllable_count), "{:?}", row.text);
    }
}

#[test]
fn every_golden_text_scores_as_textstat_scores_it() {
    type Of = fn(&Row) -> f64;
    let formulas: [(&str, Of); 8] = [
        ("flesch_reading_ease", |row| row.flesch_reading_ease),
        ("flesch_kincaid", |row| row.flesch_kincaid_grade),
        ("gunning_fog", |row| row.gunning_fog),
        ("smog", |row| row.smog_index),
        ("automated_readability", |row| row.automated_readability_index),
        ("coleman_liau", |row| row.coleman_liau_index),
        ("dale_chall", |row| row.dale_chall_readability_score),
        ("linsear_write", |row| row.linsear_write_formula),
    ];
    let cases: Vec<Row> = golden("textstat.jsonl");
    let rows: Vec<Value> = cases.iter().map(|case| json!({ "response": case.text })).collect();
    for (name, want) in formulas {
        for (got, case) in score(&json!({ "type": name }), &rows).iter().zip(&cases) {
            assert_close(*got, Some(want(case)), TIGHT, &format!("{name} of {:?}", case.text));
        }
    }
}

#[test]
fn a_band_scores_one_inside_and_falls_outside() {
    let kincaid = |keys: Value| {
        let mut spec = keys;
        spec["type"] = json!("flesch_kincaid_grade");
        // textstat's grade of this text is −1.84.
        score(&spec, &[json!({ "response": "The cat sat on the mat. The dog ran fast." })])[0]
    };
    let close = |keys: Value, want| {
        assert_close(kincaid(keys.clone()), Some(want), TIGHT, &keys.to_string());
    };
    close(json!({ "min": -2, "max": 0 }), 1.0);
    close(json!({ "max": -1.84 }), 1.0);
    close(json!({ "min": 0.16, "soft": 4 }), 0.5);
    close(json!({ "max": -2.84, "soft": 4 }), 0.75);
    close(json!({ "min": -0.34 }), 0.5);
    close(json!({ "min": 0, "soft": 0 }), 0.0);
    close(json!({ "min": 9 }), 0.0);
}

#[test]
fn bands_that_mean_nothing_are_refused() {
    let refused = |keys: Value| {
        let mut spec = keys;
        spec["type"] = json!("smog");
        let built = Registry::builtin().unwrap().build(&spec, &crate::fixtures::env());
        built.unwrap_err().to_string()
    };
    insta::assert_snapshot!(refused(json!({ "min": 9, "max": 6 })), @"the reward spec has a mistake at `min`: is 9, must be at most `max`, which is 6");
    insta::assert_snapshot!(refused(json!({ "soft": 2 })), @"the reward spec has a mistake at `soft`: has no effect without `min` or `max`; set one or remove it");
    insta::assert_snapshot!(refused(json!({ "min": 6, "soft": -1 })), @"the reward spec has a mistake at `soft`: is -1, must be finite and at least 0");
}

#[test]
fn one_reward_takes_any_formula_by_name() {
    let rows = [json!({ "response": "The cat sat on the mat. It was an unremarkable afternoon." })];
    for (_, info) in FORMULAS {
        let by_name = score(&json!({ "type": info.name, "max": 4 }), &rows);
        let by_key = json!({ "type": "readability", "formula": info.name, "max": 4 });
        assert_eq!(score(&by_key, &rows), by_name, "{}", info.name);
    }
    let default = score(&json!({ "type": "readability" }), &rows);
    assert_eq!(default, score(&json!({ "type": "flesch_reading_ease" }), &rows));
}

#[test]
fn a_megabyte_without_a_space_takes_linear_time() {
    let long = "antidisestablishment".repeat(50_000);
    let words = long.clone() + "'";
    for (formula, _) in FORMULAS {
        assert!(formula.value(&long).is_finite() && formula.value(&words).is_finite());
    }
}

proptest::proptest! {
    #[test]
    fn formulas_are_finite_and_blind_to_white_space_around(text in "[\\PC\\s]{0,80}") {
        for (formula, info) in FORMULAS {
            let value = formula.value(&text);
            proptest::prop_assert!(value.is_finite(), "{}", info.name);
            if !crate::text::strip(&text).is_empty() {
                let spaced = formula.value(&format!("\n {text}\t"));
                proptest::prop_assert!((spaced - value).abs() <= TIGHT, "{}", info.name);
            }
        }
    }
}
