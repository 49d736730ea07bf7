use serde_json::json;

use super::*;
use crate::fixtures::{assert_close, golden, score};

const TIGHT: f64 = 1e-9;

#[derive(Deserialize)]
struct Row {
    a: String,
    b: String,
    chars: f64,
    words: f64,
}

#[test]
fn every_golden_pair_scores_as_rapidfuzz_scores_it() {
    for case in golden::<Row>("lcs.jsonl") {
        let row = [json!({ "response": case.a, "target": case.b })];
        let lcs = |unit| score(&json!({ "type": "lcs", "unit": unit }), &row)[0];
        assert_close(lcs("chars"), Some(case.chars), TIGHT, &row[0].to_string());
        assert_close(lcs("words"), Some(case.words), TIGHT, &row[0].to_string());
    }
}

#[test]
fn order_counts_and_gaps_do_not() {
    let lcs = |a: &str, b: &str| {
        let spec = json!({ "type": "lcs", "unit": "words", "lowercase": true });
        score(&spec, &[json!({ "response": a, "target": b })])[0]
    };
    assert_close(lcs("a x B", "A b c"), Some(2.0 / 3.0), TIGHT, "a gap");
    assert_close(lcs("c b a", "a b c"), Some(1.0 / 3.0), TIGHT, "the other way round");
    assert_eq!(lcs("", " "), Some(1.0));
    assert_eq!(lcs("", "a"), Some(0.0));
}

/// The longest common subsequence by its recurrence.
fn by_recurrence(a: &[char], b: &[char]) -> usize {
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..a.len() {
        for j in 0..b.len() {
            table[i + 1][j + 1] =
                if a[i] == b[j] { table[i][j] + 1 } else { table[i][j + 1].max(table[i + 1][j]) };
        }
    }
    table[a.len()][b.len()]
}

proptest::proptest! {
    #[test]
    fn it_is_the_recurrence(a in "[ab\u{e9}😀]{0,90}", b in "[ab\u{e9}😀]{1,90}") {
        let (x, y): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        let want = by_recurrence(&x, &y) as f64 / x.len().max(y.len()) as f64;
        let got = Unit::Chars.similarity(&a, &b);
        proptest::prop_assert!((got - want).abs() < TIGHT, "{} {}", got, want);
    }
}
