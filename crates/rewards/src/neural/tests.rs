pub(crate) mod encoders;

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hybrid_model::Device;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Models;
use crate::fixtures::{assert_close, build, env, golden_folder, score, try_score};
use crate::{BuildEnv, Registry};

/// The golden networks: `gpt2` and `bert`, which also stand for the catalogue's models, `llama`,
/// `roberta`, and the classifiers.
pub(crate) fn models() -> &'static Models<'static> {
    Box::leak(Box::new(Models::new(
        &|name| match name {
            "gpt2" | "smollm2-135m-instruct" => Ok(folder("gpt2")),
            "llama" => Ok(folder("llama")),
            "bert" | "all-minilm-l6-v2" => Ok(encoders::folder("bert")),
            "roberta" => Ok(encoders::folder("roberta")),
            "nli" | "detox" | "mood" | "quality" => {
                Ok(golden_folder().join("classifier").join(name))
            }
            _ => Err(format!("no model is called `{name}`")),
        },
        &|name| match name {
            None | Some("cpu") => Ok(Device::flex()),
            Some(name) => Err(format!("no device is called `{name}`")),
        },
    )))
}

pub(super) const NAMES: [&str; 2] = ["gpt2", "llama"];

/// Of PyTorch's numbers, in nats.
pub(super) const TOLERANCE: f64 = 1e-5;

fn folder(name: &str) -> PathBuf {
    golden_folder().join("lm").join(name)
}

/// What `reference/rewards_lm.py` computed.
pub(super) fn expected() -> Value {
    serde_json::from_str(&fs::read_to_string(folder("expected.json")).unwrap()).unwrap()
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// The rows of texts alone.
fn texts(expected: &Value) -> Vec<Value> {
    list(&expected["texts"]).iter().map(|text| json!({ "response": text })).collect()
}

/// The rows of prompts and responses.
pub(super) fn pairs(expected: &Value) -> Vec<Value> {
    let row = |pair: &Value| json!({ "prompt": pair[0], "response": pair[1] });
    list(&expected["pairs"]).iter().map(row).collect()
}

/// A copy of a golden network that a test may damage.
fn copy(name: &str) -> TempDir {
    copy_of(&folder(name))
}

/// A copy of a folder that a test may damage.
pub(super) fn copy_of(folder: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

/// What building `spec` says where every model is `path`.
pub(super) fn refusal(spec: &Value, path: &Path) -> String {
    let find = |_: &str| Ok(path.to_owned());
    let open = |_: Option<&str>| Ok(Device::flex());
    let models = Models::new(&find, &open);
    let env = env().with_models(&models);
    let error = Registry::builtin().unwrap().build(spec, &env).unwrap_err().to_string();
    error.replace(&path.canonicalize().unwrap().display().to_string(), "PATH")
}

#[test]
fn perplexity_is_that_of_evaluate() {
    let expected = expected();
    let rows = texts(&expected);
    for name in NAMES {
        for start in [true, false] {
            let of_mode = |mode: &str| {
                score(
                    &json!({ "type": "perplexity", "model": name, "mode": mode, "add_start_token": start }),
                    &rows,
                )
            };
            let want = list(&expected[name]["perplexity"][start.to_string()]);
            let modes = ["neg_log", "perplexity", "inverse"].map(of_mode);
            for (row, want) in want.iter().enumerate() {
                let want = want.as_f64();
                let what = format!("{name}, start {start}, row {row}");
                assert_close(modes[0][row], want.map(|want| -want.ln()), TOLERANCE, &what);
                let relative = want.map_or(1.0, |want| want * TOLERANCE);
                assert_close(modes[1][row], want, relative, &what);
                assert_close(modes[2][row], want.map(|want| 1.0 / want), TOLERANCE, &what);
            }
        }
    }
}

#[test]
fn a_prompt_is_read_and_not_scored_and_gives_way_to_the_response() {
    let expected = expected();
    let rows = pairs(&expected);
    for name in NAMES {
        let spec = json!({ "type": "perplexity", "model": name, "condition": "prompt" });
        let tree = build(&spec);
        assert_eq!(tree.needs().names(), ["prompt"]);
        let got = try_score(&tree, &rows).unwrap().value;
        for (row, want) in list(&expected[name]["conditional"]).iter().enumerate() {
            assert_close(got[row], want.as_f64(), TOLERANCE, &format!("{name}, row {row}"));
        }
    }
}

#[test]
fn fluency_is_the_logistic_function_of_it() {
    let expected = expected();
    let spec = json!({ "type": "fluency", "model": "llama", "midpoint": -7, "width": 0.5 });
    let got = score(&spec, &texts(&expected));
    for (row, want) in list(&expected["llama"]["perplexity"]["true"]).iter().enumerate() {
        // 1 / (1 + exp((−7 + ln ppl) / ½))
        let want =
            want.as_f64().map(|want| 1.0 / (1.0 + (want.ln() - 7.0).mul_add(2.0, 0.0).exp()));
        assert_close(got[row], want, TOLERANCE, &format!("row {row}"));
    }
    let signs = score(&json!({ "type": "fluency" }), &[json!({ "response": "It is so." })]);
    assert_eq!(signs, [Some(1.0)], "without a model the five signs");
}

#[test]
fn gptscore_is_the_likelihood_of_a_response_or_of_an_answer_about_it() {
    let expected = expected();
    let rows = pairs(&expected);
    for name in NAMES {
        let aspect = &expected["aspect"];
        for (key, template, scored) in [
            ("response", &expected["template"], &expected["scored"]),
            ("about", &expected["about"], &json!(" yes")),
        ] {
            let spec = json!({ "type": "gptscore", "model": name, "template": template,
                               "scored": scored, "aspect": aspect });
            let got = score(&spec, &rows);
            for (row, want) in list(&expected[name]["gptscore"]).iter().enumerate() {
                let what = format!("{name}, {key}, row {row}");
                assert_close(got[row], want[key].as_f64(), TOLERANCE, &what);
            }
        }
    }
}

#[test]
fn the_best_target_counts() {
    let spec = json!({ "type": "gptscore", "template": "{response} =", "scored": " {target}" });
    let tree = build(&spec);
    assert_eq!(tree.needs().names(), ["target"]);
    let row = |target: Value| json!({ "response": "the mill", "target": target });
    let got =
        try_score(&tree, &[row(json!(["old", "water"])), row(json!("old")), row(json!("water"))]);
    let got = got.unwrap().value;
    assert!((got[0].unwrap() - got[1].unwrap().max(got[2].unwrap())).abs() < 1e-6, "{got:?}");
}

#[test]
fn neither_padding_nor_the_other_rows_change_a_score() {
    let expected = expected();
    let (texts, pairs) = (texts(&expected), pairs(&expected));
    let labels = json!(["1", "2", "3"]);
    for name in NAMES {
        for (spec, rows) in [
            (json!({ "type": "perplexity", "model": name }), &texts),
            (json!({ "type": "perplexity", "model": name, "condition": "prompt" }), &pairs),
            (json!({ "type": "gptscore", "model": name }), &pairs),
            (
                json!({ "type": "llm_judge", "model": name, "labels": labels,
                        "template": "{response}?" }),
                &pairs,
            ),
        ] {
            let together = score(&spec, rows);
            let mut reversed: Vec<Value> = rows.clone();
            reversed.reverse();
            let mut backwards = score(&spec, &reversed);
            backwards.reverse();
            let mut narrow = spec.clone();
            narrow["batch_tokens"] = json!(1);
            let alone = score(&narrow, rows);
            assert!(together.iter().flatten().count() >= 3, "{spec}: {together:?}");
            for row in 0..rows.len() {
                let what = format!("{spec}, row {row}");
                assert_close(alone[row], together[row], 1e-6, &what);
                assert_close(backwards[row], together[row], 1e-6, &what);
            }
        }
    }
}

#[test]
fn one_network_serves_all_who_name_it() {
    let (asked, opened) = (Cell::new(0), Cell::new(0));
    let find = |name: &str| {
        asked.set(asked.get() + 1);
        // Two ways to the same folder.
        Ok(if name == "a" { folder("gpt2") } else { folder("llama/../gpt2") })
    };
    let open = |_: Option<&str>| {
        opened.set(opened.get() + 1);
        Ok(Device::flex())
    };
    let models = Models::new(&find, &open);
    assert_eq!(asked.get(), 0, "nothing is looked for before it is named");
    let [a, b] = ["a", "b"].map(|name| models.language_model(name, None).unwrap());
    assert!(Arc::ptr_eq(&a, &b));
    assert_eq!((asked.get(), opened.get()), (2, 2));
    let spec = json!({ "type": "weighted_sum", "components": [
        { "type": "perplexity", "model": "a" }, { "type": "gptscore", "model": "b", "device": "cpu" },
    ] });
    let tree = Registry::builtin().unwrap().build(&spec, &env().with_models(&models)).unwrap();
    // The shelf, `a`, `b`, and the two rewards.
    assert_eq!(Arc::strong_count(&a), 5);
    drop((tree, models, b));
    assert_eq!(Arc::strong_count(&a), 1, "a network goes with its last reward");
}

#[test]
fn the_design_documents_components_build() {
    let spec = json!({ "REWARD": { "type": "weighted_sum", "components": [
        { "type": "sentiment", "weight": 0.3 },
        { "type": "perplexity", "weight": 0.3 },
    ] } });
    let rows = [json!({ "response": "The water is good." })];
    let column = try_score(&build(&spec), &rows).unwrap();
    assert_eq!(column.parts.iter().filter(|part| part.value[0].is_some()).count(), 2);
    let sum: f64 = column.parts.iter().filter_map(|part| part.value[0]).sum();
    assert_close(column.value[0], Some(sum / 2.0), 1e-12, "equal weights");
}

#[test]
fn what_cannot_be_built_says_where_and_why() {
    let registry = Registry::builtin().unwrap();
    let refused = |spec: Value| registry.build(&spec, &env()).unwrap_err().to_string();
    let nested = json!({ "reward": { "type": "weighted_sum", "components": [
        { "type": "length" }, { "type": "perplexity", "model": "gpt5" },
    ] } });
    insta::assert_snapshot!(refused(nested), @"the reward spec has a mistake at `reward.components[1].model`: no model is called `gpt5`");
    insta::assert_snapshot!(refused(json!({ "type": "perplexity", "device": "abacus" })), @"the reward spec has a mistake at `device`: no device is called `abacus`");
    insta::assert_snapshot!(refused(json!({ "type": "perplexity", "max_length": 1 })), @"the reward spec has a mistake at `max_length`: is 1, must be at least 2");
    insta::assert_snapshot!(refused(json!({ "type": "fluency", "model": "gpt2", "width": 0 })), @"the reward spec has a mistake at `width`: is 0, must be finite and more than 0");
    insta::assert_snapshot!(refused(json!({ "type": "gptscore", "scored": "yes" , "template": "{prompt}"})), @"the reward spec has a mistake at its top level: neither `template` nor `scored` has `{response}`, so all rows would score alike");
    insta::assert_snapshot!(refused(json!({ "type": "gptscore", "template": "{question}" })), @"the reward spec has a mistake at `template`: names `{question}`; the places are `prompt`, `response`, `target` and `aspect`, without spaces");
    insta::assert_snapshot!(refused(json!({ "type": "gptscore", "template": "{prompt" })), @"the reward spec has a mistake at `template`: `template` is not a template: at character 1, `{` is not closed; write `{{` and `}}` for braces");
    let without = BuildEnv::without_assets();
    let error = registry.build(&json!({ "type": "perplexity" }), &without).unwrap_err();
    insta::assert_snapshot!(error, @"the reward spec has a mistake at `model`: names `smollm2-135m-instruct`, but the program that reads the spec gives no models");
}

#[test]
fn what_is_no_model_is_refused_before_anything_is_scored() {
    let spec = json!({ "type": "perplexity", "model": "m" });
    let empty = TempDir::new().unwrap();
    insta::assert_snapshot!(refusal(&spec, empty.path()), @"the reward spec has a mistake at `model`: `PATH` is no model: it lacks `config.json`; expected a directory with `config.json` and `model.safetensors` (or its shards and their index), or a `.gguf` file");
    let gpt2 = copy("gpt2");
    fs::remove_file(gpt2.path().join("tokenizer.json")).unwrap();
    insta::assert_snapshot!(refusal(&spec, gpt2.path()), @"the reward spec has a mistake at `model`: there is no `tokenizer.json` in `PATH`; a tokenizer in an older form becomes one with `transformers`: `AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)`");
    let smaller = copy("gpt2");
    let file = smaller.path().join("tokenizer.json");
    let mut tokenizer: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let added = json!({ "id": 4000, "content": "<extra>", "special": true, "normalized": false,
                        "single_word": false, "lstrip": false, "rstrip": false });
    tokenizer["added_tokens"].as_array_mut().unwrap().push(added);
    tokenizer["model"]["vocab"]["<extra>"] = json!(4000);
    fs::write(&file, tokenizer.to_string()).unwrap();
    insta::assert_snapshot!(refusal(&spec, smaller.path()), @"the reward spec has a mistake at `model`: the tokenizer of `PATH` knows 4001 tokens, but the model's embedding has only 330 rows: they belong to different models");
}
