//! What holds of every reward whatever the text: a range, no panic, a bounded time, symmetry and identity
//! where a metric has them.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixtures::{build, env, score};
use crate::{Context, Registry, RewardTree, Sample};

/// Every reward of the registry that can be built without files of the user's, with variants whose
/// code differs.
fn specs() -> Vec<Value> {
    let registry = Registry::builtin().unwrap();
    let named = registry.list().into_iter().filter(|entry| {
        entry.kind == crate::spec::info::EntryKind::Reward
            && registry.build(&json!({ "type": entry.name }), &env()).is_ok()
    });
    let mut specs: Vec<Value> = named.map(|entry| json!({ "type": entry.name })).collect();
    assert!(specs.len() > 40, "{} rewards", specs.len());
    for tokenizer in ["intl", "zh", "char", "none"] {
        specs.push(json!({ "type": "bleu", "tokenize": tokenizer, "smooth_method": "add-k" }));
        specs.push(json!({ "type": "gleu", "tokenize": tokenizer }));
    }
    specs.extend([
        json!({ "type": "bleu", "smooth_method": "floor", "lowercase": true }),
        json!({ "type": "chrf", "word_order": 2, "whitespace": true }),
        json!({ "type": "chrf", "eps_smoothing": true }),
        json!({ "type": "ter", "normalized": true, "asian_support": true }),
        json!({ "type": "ter", "no_punct": true, "case_sensitive": true }),
        json!({ "type": "rouge_l", "use_stemmer": false, "lowercase": false }),
        json!({ "type": "rouge_2", "lowercase": false }),
        json!({ "type": "meteor_stem", "tokenize": "treebank" }),
        json!({ "type": "levenshtein", "algorithm": "osa" }),
        json!({ "type": "levenshtein", "algorithm": "damerau" }),
        json!({ "type": "levenshtein", "algorithm": "jaro_winkler" }),
        json!({ "type": "exact_match", "normalize": "squad" }),
        json!({ "type": "jaccard", "unit": "chars", "n": 3 }),
        json!({ "type": "lcs", "unit": "words" }),
        json!({ "type": "compression_ratio" }),
        json!({ "type": "length", "unit": "chars", "min": 2, "max": 9, "soft": 3 }),
        json!({ "type": "format", "format": "json" }),
        json!({ "type": "readability", "formula": "dale_chall", "min": 5, "max": 8 }),
        json!({ "type": "spelling_grammar" }),
    ]);
    let buildable = |spec: &Value| registry.build(spec, &env()).is_ok();
    specs.retain(buildable);
    specs
}

fn score_pair(tree: &RewardTree, response: &str, target: &str) -> Option<f64> {
    let targets = [target.to_owned()];
    let fields = serde_json::Map::from_iter([("score".to_owned(), json!(1))]);
    let ids = [1, 2, 3];
    let sample = Sample {
        targets: &targets,
        prompt: target,
        token_ids: Some(&ids),
        fields: &fields,
        ..Sample::of_response(0, response)
    };
    let column = tree.score(&[sample], &Context::evaluation()).unwrap();
    assert_eq!(column.parts.iter().map(|part| part.nonfinite).sum::<usize>(), 0);
    column.value[0]
}

/// Letters of many scripts, marks, emoji in sequences, directions, controls, entities and markup.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-Z]{1,9}",
        "[ \\t\\n\u{1c}\u{85}\u{2003}]{1,3}",
        "[.,!?;:'\"()\\-–…“”]{1,3}",
        "[0-9]{1,4}([.,][0-9]+)?",
        "[\u{0}-\u{1f}\u{7f}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{feff}]",
        "[\u{300}-\u{36f}\u{20d0}-\u{20dc}]{1,4}",
        "[а-яё]{1,6}|[一-龥]{1,4}|[ぁ-ゖァ-ヺ]{1,4}|[א-ת]{1,5}|[ء-ي]{1,5}|[अ-ह]{1,3}|[가-힣]{1,3}",
        "(😀|👍🏽|👩‍👩‍👧|🏳️‍🌈|❤️|🇫🇷|ß|İ|ı|ſ|ﬁ|ǅ|K|²|½)",
        "(&amp;|&quot;|<skipped>|-\n|```|<think>|\\{\"a\":1\\}|n't|'s)",
        "\\PC{1,3}",
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_score_is_finite_and_in_the_listed_range(a in texts(), b in texts()) {
        thread_local! {
            static TREES: Vec<(Value, (f64, f64), RewardTree)> = trees();
        }
        TREES.with(|trees| {
            for (spec, (low, high), tree) in trees {
                for (response, target) in [(&a, &b), (&a, &a), (&a, &String::new())] {
                    if let Some(score) = score_pair(tree, response, target) {
                        prop_assert!(score.is_finite(), "{spec} of {response:?} and {target:?}");
                        prop_assert!(
                            (*low..=*high).contains(&score),
                            "{spec} of {response:?} and {target:?}: {score}"
                        );
                    }
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn some_metrics_do_not_care_which_text_is_the_target(a in texts(), b in texts()) {
        for spec in [
            json!({ "type": "exact_match" }),
            json!({ "type": "jaccard" }),
            json!({ "type": "token_f1" }),
            json!({ "type": "lcs" }),
            json!({ "type": "gleu" }),
            json!({ "type": "rouge_1" }),
            json!({ "type": "rouge_l" }),
            json!({ "type": "levenshtein" }),
            json!({ "type": "levenshtein", "algorithm": "osa" }),
            json!({ "type": "levenshtein", "algorithm": "damerau" }),
            json!({ "type": "levenshtein", "algorithm": "indel" }),
        ] {
            let one = json!({ "response": a, "target": b });
            let other = json!({ "response": b, "target": a });
            let scores = score(&spec, &[one, other]);
            let (one, other) = (scores[0].unwrap(), scores[1].unwrap());
            prop_assert!((one - other).abs() < 1e-12, "{spec} of {a:?} and {b:?}: {one}, {other}");
        }
    }

    #[test]
    fn an_equal_text_scores_best(text in texts(), other in texts()) {
        for kind in [
            "exact_match", "jaccard", "token_f1", "lcs", "levenshtein", "wer", "cer", "chrf", "bleu",
            "gleu", "rouge_1", "rouge_l", "rouge_lsum", "ter",
        ] {
            let rows = [json!({ "response": text, "target": text }), json!({ "response": other, "target": text })];
            let scores = score(&json!({ "type": kind }), &rows);
            let (same, other_score) = (scores[0].unwrap(), scores[1].unwrap());
            // 1, or 0 where the metric sees nothing in the text.
            prop_assert!((same - 1.0).abs() < 1e-9 || same.abs() < 1e-9, "{kind} of {text:?}: {same}");
            prop_assert!(same >= other_score - 1e-9, "{kind} of {text:?}: {same}, {other:?}: {other_score}");
        }
    }
}

fn trees() -> Vec<(Value, (f64, f64), RewardTree)> {
    let registry = Registry::builtin().unwrap();
    let list = registry.list();
    let with_range = |spec: Value| {
        let entry = list.iter().find(|entry| spec["type"] == entry.name).unwrap();
        let open = (f64::NEG_INFINITY, f64::INFINITY);
        let range = (entry.range.0.unwrap_or(open.0), entry.range.1.unwrap_or(open.1));
        let tree = registry.build(&spec, &env()).unwrap();
        (spec, range, tree)
    };
    specs().into_iter().map(with_range).collect()
}

#[test]
fn a_megabyte_takes_no_reward_long() {
    let word = "a".repeat(1 << 20);
    let other = "ab".repeat(1 << 19);
    let emoji = "👩\u{200d}👧".repeat(80_000);
    let words = "ab c'd. ".repeat(1 << 17);
    for (spec, _, tree) in trees() {
        for (response, target) in
            [(&word, &other), (&emoji, &word), (&words, &word), (&words, &words)]
        {
            let start = Instant::now();
            score_pair(&tree, response, target);
            let took = start.elapsed();
            // Minutes or hours where something is quadratic; a busy machine is ten times slower.
            let lengths = (response.len(), target.len());
            assert!(took < Duration::from_secs(60), "{spec} of {lengths:?} bytes: {took:?}");
        }
    }
}

#[test]
fn what_remembers_stays_bounded_over_many_batches() {
    let spec = json!({ "type": "weighted_sum", "components": [
        { "type": "novelty", "capacity": 500 },
        { "type": "exploration_bonus", "bits": 8 },
        { "type": "curiosity", "capacity": 500, "postprocess": [{ "type": "ema_normalize" }] },
    ]});
    let tree = build(&spec);
    let size = || tree.state().map_or(0, |state| state.to_string().len());
    let mut sizes = Vec::new();
    for step in 0..60_u64 {
        let rows: Vec<String> = (0..200)
            .map(|row| {
                (0..12)
                    .map(|word| format!("w{} ", step * 7919 + row * 31 + word))
                    .collect::<String>()
            })
            .collect();
        let samples: Vec<_> =
            (0..).zip(&rows).map(|(id, row)| Sample::of_response(id, row)).collect();
        tree.score(&samples, &Context::training(step)).unwrap();
        sizes.push(size());
    }
    // Full long before the half; then only digits of counters grow.
    let (half, end) = (sizes[30] as f64, sizes[59] as f64);
    assert!(end < half * 1.1, "the state grew from {half} to {end} bytes");
}
