//! Texts and files that programs trip over.

use serde_json::{Value, json};

use super::{lines, scores};
use crate::support::{file, hybrid};

/// Rewards of every sort, together; their scores are another matter here.
fn everything() -> Value {
    let wordnet = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/rewards/wordnet");
    let vader = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/rewards/vader");
    let alone = [
        "bleu",
        "chrf",
        "ter",
        "rouge_1",
        "rouge_2",
        "rouge_l",
        "rouge_lsum",
        "gleu",
        "meteor_stem",
        "levenshtein",
        "jaccard",
        "token_f1",
        "exact_match",
        "wer",
        "cer",
        "lcs",
        "length",
        "flesch_kincaid",
        "smog",
        "dale_chall",
        "repetition_penalty",
        "distinct_n",
        "self_bleu",
        "novelty",
        "compression_ratio",
        "entropy",
        "exploration_bonus",
        "curiosity",
        "lexical_cohesion",
        "entity_grid",
        "entity_consistency",
        "coverage",
        "qa_relevance",
        "topic_consistency",
        "formality",
        "fluency",
    ];
    let mut components: Vec<Value> = alone.iter().map(|name| json!({ "type": name })).collect();
    components.push(json!({ "type": "meteor", "wordnet": wordnet }));
    components.push(json!({ "type": "sentiment", "lexicon": vader }));
    components.push(json!({ "type": "format", "kind": "json" }));
    json!({ "type": "weighted_sum", "missing": "skip", "components": components })
}

fn row(response: &str, target: &str) -> Value {
    json!({ "prompt": "What is it?", "response": response, "target": target })
}

#[test]
fn odd_texts_score_a_number_or_nothing() {
    let texts = [
        "",
        " \t\r\n\u{1c}\u{85}",
        "\u{0}\u{1}\u{7f}\u{9f}\u{feff}",
        "👩‍👩‍👧‍👦🏳️‍🌈 🇩🇪",
        "e\u{301}\u{302}\u{303} a\u{20dd}",
        "שלום עולם ‏مرحبا بالعالم‎ \u{202e}abc\u{202c}",
        "ﬁ ǆ İ ß ΑΣ",
        "你好，世界。こんにちは。안녕하세요",
        "\u{10ffff}\u{e000}\u{200d}",
        "\"}{][\\",
    ];
    let mut rows = Vec::new();
    for response in texts {
        rows.extend(texts.map(|target| row(response, target)));
    }
    let got = scores(&everything(), &rows);
    assert_eq!(got.len(), rows.len());
    for line in got {
        assert!(line["score"].is_number() || line["score"].is_null(), "{line}");
    }
}

#[test]
fn a_megabyte_without_a_space_is_one_token() {
    let long = "x".repeat(1 << 20);
    let almost = format!("{}y", &long[1..]);
    let rows = [row(&long, &long), row(&long, &almost), row(&almost, "x"), row("x", &long)];
    let got = scores(&everything(), &rows);
    assert_eq!(got.len(), 4);
    assert_eq!(got[0]["components"]["exact_match"], 1.0);
    assert_eq!(got[1]["components"]["exact_match"], 0.0);
    assert_eq!(got[1]["components"]["token_f1"], 0.0);
}

#[test]
fn a_hundred_thousand_rows_come_out_in_order() {
    let rows: Vec<Value> = (0..100_000_usize)
        .map(|n| json!({ "id": n, "response": "w ".repeat(n % 11), "target": "w w w" }))
        .collect();
    let (_folder, path) = file("rows.jsonl", &lines(&rows));
    let spec =
        "{\"type\": \"min\", \"components\": [{\"type\": \"length\"}, {\"type\": \"bleu\"}]}";
    let got = hybrid(&["reward", "--spec", spec, "--input", &path, "--quiet"]).data();
    let mut count = 0;
    for (n, line) in got.lines().enumerate() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["id"], n);
        assert_eq!(line["components"]["length"], (n % 11) as f64);
        count += 1;
    }
    assert_eq!(count, 100_000);
}
