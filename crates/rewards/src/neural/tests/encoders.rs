//! The rewards by the vectors of an encoder, against sentence_transformers.

use std::fs;
use std::path::PathBuf;

use hybrid_model::Device;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixtures::{assert_close, build, env, golden_folder, score, try_score};
use crate::neural::{Embedder, Models};
use crate::{BuildEnv, Registry};

pub(crate) const NAMES: [&str; 2] = ["bert", "roberta"];

/// Of PyTorch's numbers.
pub(crate) const TOLERANCE: f64 = 1e-5;

/// A file or folder of `golden/rewards/embedding`.
pub(crate) fn folder(name: &str) -> PathBuf {
    golden_folder().join("embedding").join(name)
}

/// What `reference/rewards_embedding.py` computed.
pub(crate) fn expected() -> Value {
    serde_json::from_str(&fs::read_to_string(folder("expected.json")).unwrap()).unwrap()
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// The rows of responses and targets, which are their prompts, too.
pub(crate) fn pairs(expected: &Value) -> Vec<Value> {
    let row = |pair: &Value| json!({ "response": pair[0], "target": pair[1], "prompt": pair[1] });
    list(&expected["pairs"]).iter().map(row).collect()
}

fn raw_cosine(name: &str, one: &str, other: &str) -> f64 {
    let spec = json!({ "type": "cosine_sts", "model": name, "scale": "raw" });
    score(&spec, &[json!({ "response": one, "target": other })])[0].unwrap()
}

/// What building `spec` says.
fn refusal(spec: &Value) -> String {
    Registry::builtin().unwrap().build(spec, &env()).unwrap_err().to_string()
}

#[test]
fn cosine_sts_is_that_of_sentence_transformers() {
    let expected = expected();
    let rows = pairs(&expected);
    for name in NAMES {
        let of_scale =
            |scale: &str| score(&json!({ "type": "sts", "model": name, "scale": scale }), &rows);
        let [half, clip, raw] = ["half", "clip", "raw"].map(of_scale);
        let default = score(&json!({ "type": "cosine_sts", "model": name }), &rows);
        for (row, want) in list(&expected[name]["cosine"]).iter().enumerate() {
            let want = want.as_f64().unwrap();
            let what = format!("{name}, row {row}");
            assert_close(raw[row], Some(want), TOLERANCE, &what);
            assert_close(clip[row], Some(want.max(0.0)), TOLERANCE, &what);
            assert_close(half[row], Some(0.5 * (want + 1.0)), TOLERANCE, &what);
            assert_eq!(half[row], default[row]);
        }
    }
}

#[test]
fn the_best_target_counts_and_without_one_there_is_no_score() {
    let targets = ["stone", "The baker closes his shop.", "water"];
    let row = |target: Value| json!({ "response": "The baker opens.", "target": target });
    let mut rows: Vec<Value> = targets.iter().map(|target| row(json!(target))).collect();
    rows.push(row(json!(targets)));
    let tree = build(&json!({ "type": "cosine_sts" }));
    assert_eq!(tree.needs().names(), ["target"]);
    let got = try_score(&tree, &rows).unwrap().value;
    let best = got[..3].iter().flatten().copied().fold(0.0, f64::max);
    assert_close(got[3], Some(best), 1e-6, "the best");
    assert!(got[..3].iter().flatten().any(|score| best - score > 0.01), "{got:?}");
}

#[test]
fn style_is_nearness_to_the_mean_of_exemplars() {
    let expected = expected();
    let rows = pairs(&expected);
    let files = TempDir::new().unwrap();
    let path = files.path().join("style.txt");
    let lines: Vec<&str> =
        list(&expected["exemplars"]).iter().map(|text| text.as_str().unwrap()).collect();
    fs::write(&path, lines.join("\n")).unwrap();
    for name in NAMES {
        let given = score(
            &json!({ "type": "style", "model": name, "exemplars": lines, "scale": "raw" }),
            &rows,
        );
        let read = score(&json!({ "type": "style", "model": name, "file": path }), &rows);
        for (row, want) in list(&expected[name]["style"]).iter().enumerate() {
            let blank = rows[row]["response"].as_str().unwrap().trim().is_empty();
            let want = want.as_f64().filter(|_| !blank);
            assert_close(given[row], want, TOLERANCE, &format!("{name}, row {row}"));
            assert_close(read[row], want.map(|want| want.max(0.0)), TOLERANCE, "by file");
        }
    }
    for (spec, part) in [
        (json!({ "type": "style" }), "one of them must give texts"),
        (json!({ "type": "style", "exemplars": ["a"], "file": path }), "give one of them"),
        (json!({ "type": "style", "file": "nowhere.txt" }), "nowhere.txt"),
    ] {
        let message = refusal(&spec);
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn coherence_is_nearness_of_sentences_that_follow() {
    let expected = expected();
    let join = |text: &Value| {
        list(text).iter().map(|part| part.as_str().unwrap()).collect::<Vec<_>>().join(" ")
    };
    let rows: Vec<Value> = list(&expected["sentences"])
        .iter()
        .map(|text| json!({ "response": join(text) }))
        .chain(["One sentence.", "", " \n"].map(|text| json!({ "response": text })))
        .collect();
    for name in NAMES {
        let got = score(&json!({ "type": "coherence", "model": name, "scale": "raw" }), &rows);
        for (row, got) in got.iter().enumerate() {
            let want = expected[name]["coherence"].get(row).and_then(Value::as_f64);
            assert_close(*got, want, TOLERANCE, &format!("{name}, row {row}"));
        }
    }
}

#[test]
fn topic_consistency_by_a_model_is_nearness_to_the_prompt() {
    let expected = expected();
    let rows = pairs(&expected);
    for name in NAMES {
        let tree = build(&json!({ "type": "topic_consistency", "model": name, "scale": "raw" }));
        assert_eq!(tree.needs().names(), ["prompt"]);
        let got = try_score(&tree, &rows).unwrap().value;
        for (row, want) in list(&expected[name]["cosine"]).iter().enumerate() {
            let blank = |key: &str| rows[row][key].as_str().unwrap().trim().is_empty();
            let want = want.as_f64().filter(|_| !blank("response") && !blank("prompt"));
            assert_close(got[row], want, TOLERANCE, &format!("{name}, row {row}"));
        }
    }
}

#[test]
fn topic_consistency_looks_at_sentences_and_at_topics_of_its_own() {
    let (one, other) = ("The baker opens his shop.", "What is the name of the town?");
    let topics = ["the shop", "a name"];
    let near = |text: &str, topic: &str| raw_cosine("bert", text, topic);
    let nearest = |text: &str| near(text, topics[0]).max(near(text, topics[1]));
    let of_part = |part: &str| {
        let spec = json!({ "type": "topic_consistency", "model": "bert", "part": part,
                           "scale": "raw", "topics": topics });
        let tree = build(&spec);
        assert!(tree.needs().names().is_empty(), "the prompt is not read");
        try_score(&tree, &[json!({ "response": format!("{one} {other}") })]).unwrap().value[0]
    };
    assert_close(of_part("whole"), Some(nearest(&format!("{one} {other}"))), 1e-6, "whole");
    assert_close(of_part("min"), Some(nearest(one).min(nearest(other))), 1e-6, "min");
    let mean = f64::midpoint(nearest(one), nearest(other));
    assert_close(of_part("mean"), Some(mean), 1e-6, "mean");
    let both = json!({ "type": "topic_consistency", "model": "bert", "corpus": "texts.txt" });
    assert!(refusal(&both).contains("corpus"), "{}", refusal(&both));
    // By words as well, and as before where there is no topic.
    let words = json!({ "type": "topic_consistency", "topics": ["dog", "cat"] });
    let rows = [json!({ "response": "The cat." }), json!({ "response": "A bird." })];
    assert_eq!(score(&words, &rows), [Some(1.0), Some(0.0)]);
}

#[test]
fn neither_padding_nor_other_rows_nor_memory_change_a_score() {
    let rows = pairs(&expected());
    let exemplars = json!(["The river runs.", "the town"]);
    for name in NAMES {
        for spec in [
            json!({ "type": "cosine_sts", "model": name }),
            json!({ "type": "bertscore", "model": name }),
            json!({ "type": "style", "model": name, "exemplars": exemplars }),
            json!({ "type": "coherence", "model": name }),
            json!({ "type": "topic_consistency", "model": name, "part": "mean" }),
        ] {
            let tree = build(&spec);
            let together = try_score(&tree, &rows).unwrap().value;
            assert_eq!(try_score(&tree, &rows).unwrap().value, together, "{spec}, remembered");
            let mut reversed = rows.clone();
            reversed.reverse();
            let mut backwards = score(&spec, &reversed);
            backwards.reverse();
            let mut narrow = spec.clone();
            narrow["batch_tokens"] = json!(1);
            narrow["cache"] = json!(0);
            let alone = score(&narrow, &rows);
            for row in 0..rows.len() {
                let what = format!("{spec}, row {row}");
                assert_close(alone[row], together[row], 1e-6, &what);
                assert_close(backwards[row], together[row], 1e-6, &what);
            }
        }
    }
}

#[test]
fn the_tokenizer_may_lie_with_the_encoder_and_texts_may_be_lowered() {
    let copy = TempDir::new().unwrap();
    let inner = copy.path().join("0_Transformer");
    fs::create_dir(&inner).unwrap();
    for entry in fs::read_dir(folder("roberta")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, inner.join(path.file_name().unwrap())).unwrap();
    }
    fs::create_dir(copy.path().join("1_Pooling")).unwrap();
    fs::write(copy.path().join("1_Pooling/config.json"), r#"{"pooling_mode": "mean"}"#).unwrap();
    let module =
        |path: &str, kind: &str| json!({ "idx": 0, "name": "", "path": path, "type": kind });
    let modules = json!([module("0_Transformer", "Transformer"), module("1_Pooling", "Pooling")]);
    fs::write(copy.path().join("modules.json"), modules.to_string()).unwrap();
    let pair = ["Water Mill", "water mill"];
    let cosine = || {
        let embedder = Embedder::load(copy.path(), &Device::flex()).unwrap();
        embedder.similarities(&[(pair[0], pair[1]), (pair[1], pair[1])], 8).unwrap()
    };
    let cased = cosine();
    assert!((cased[0] - raw_cosine("roberta", pair[0], pair[1])).abs() < 1e-6, "{cased:?}");
    assert!(cased[0] < 0.999 && cased[1] > 0.999_99, "{cased:?}");
    fs::write(inner.join("sentence_bert_config.json"), r#"{"do_lower_case": true}"#).unwrap();
    assert!(cosine()[0] > 0.999_99);
}

#[test]
fn the_design_documents_three_components_are_scored_as_it_writes_them() {
    let spec = r#"
    {
    "REWARD": {
        "type": "weighted_sum",
        "components": [
        {"type": "sentiment", "weight": 0.3},
        {"type": "perplexity", "weight": 0.3},
        {"type": "cosine_sts", "weight": 0.4}
        ]
    }
    }
"#;
    let tree = build(&serde_json::from_str(spec).unwrap());
    let row = json!({ "response": "The water is good.", "target": "Good water." });
    let column = try_score(&tree, &[row]).unwrap();
    let names: Vec<&str> = column.parts.iter().map(|part| part.path.as_str()).collect();
    assert_eq!(names, ["sentiment", "perplexity", "cosine_sts"]);
    let parts: Vec<f64> = column.parts.iter().map(|part| part.value[0].unwrap()).collect();
    let want = 0.3 * parts[0] + 0.3 * parts[1] + 0.4 * parts[2];
    assert_close(column.value[0], Some(want), 1e-12, "weights that sum to 1");
    assert!(
        (parts[2] - f64::midpoint(1.0, raw_cosine("bert", "The water is good.", "Good water.")))
            .abs()
            < 1e-9
    );
}

#[test]
fn what_is_no_encoder_is_refused() {
    let spec = json!({ "type": "cosine_sts" });
    let error = Registry::builtin().unwrap().build(&spec, &BuildEnv::without_assets()).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("`all-minilm-l6-v2`") && error.contains("no models"), "{error}");
    let refused = |path: PathBuf| {
        let find = |_: &str| Ok(path.clone());
        let open = |_: Option<&str>| Ok(Device::flex());
        let models = Models::new(&find, &open);
        models.embedder("m", None).unwrap_err().reason
    };
    let message = refused(golden_folder().join("lm/gpt2"));
    assert!(message.contains("gpt2"), "{message}");
    let bare = TempDir::new().unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::copy(folder("roberta").join(file), bare.path().join(file)).unwrap();
    }
    assert!(refused(bare.path().to_owned()).contains("tokenizer"));
    // The tokenizer of the larger vocabulary beside the smaller encoder.
    for file in ["config.json", "model.safetensors"] {
        fs::copy(folder("bert").join(file), bare.path().join(file)).unwrap();
    }
    for file in ["tokenizer.json", "tokenizer_config.json"] {
        fs::copy(folder("roberta").join(file), bare.path().join(file)).unwrap();
    }
    let message = refused(bare.path().to_owned());
    assert!(message.contains("different models"), "{message}");
    let message = refusal(&json!({ "type": "coherence", "max_length": 1 }));
    assert!(message.contains("max_length"), "{message}");
}
