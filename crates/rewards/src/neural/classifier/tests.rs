use std::fs;

use hybrid_model::labels::{Labels, Problem};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::readout::{Pick, Readout, Scale};
use crate::Registry;
use crate::fixtures::{assert_close, build, env, golden_folder, score, try_score};
use crate::neural::tests::{TOLERANCE, copy_of, list, models, refusal};

/// What `reference/rewards_classifier.py` computed.
fn expected() -> Value {
    let file = golden_folder().join("classifier/expected.json");
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(|value| value.as_f64().unwrap()).collect()
}

fn texts(expected: &Value) -> Vec<Value> {
    list(&expected["texts"]).iter().map(|text| json!({ "response": text })).collect()
}

fn pairs(expected: &Value) -> Vec<Value> {
    let row = |pair: &Value| json!({ "prompt": pair[0], "response": pair[1] });
    list(&expected["pairs"]).iter().map(row).collect()
}

/// Scores `rows` by `spec`; each must be what `want` makes of the golden answer of its row.
#[track_caller]
fn assert_scores(spec: &Value, rows: &[Value], answers: &Value, want: impl Fn(&Value) -> f64) {
    let got = score(spec, rows);
    assert_eq!(got.len(), list(answers).len());
    for (row, answer) in list(answers).iter().enumerate() {
        assert_close(got[row], Some(want(answer)), TOLERANCE, &format!("{spec}, row {row}"));
    }
}

fn refused(spec: &Value) -> String {
    Registry::builtin().unwrap().build(spec, &env()).unwrap_err().to_string()
}

#[test]
fn rows_and_logits_are_those_of_transformers() {
    let expected = expected();
    for name in ["nli", "detox", "mood", "quality"] {
        let model = models().classifier(name, None, None).unwrap();
        assert_eq!(model.limit(None), 24, "{name}");
        let mut rows = Vec::new();
        let mut logits = Vec::new();
        for (texts, answers) in [("texts", "texts"), ("pairs", "pairs")] {
            let answers = list(&expected[name][answers]);
            for (text, answer) in list(&expected[texts]).iter().zip(answers) {
                let (first, second) = match text {
                    Value::String(text) => (text.as_str(), None),
                    pair => (pair[0].as_str().unwrap(), pair[1].as_str()),
                };
                let row = model.row(first, second, 24).unwrap();
                assert_eq!(json!(row.ids), answer["ids"], "{name}, {text}");
                let types = list(&answer["types"]);
                if !types.is_empty() {
                    assert_eq!(json!(row.types), answer["types"], "{name}, {text}");
                }
                rows.push(row);
                logits.push(numbers(&answer["logits"]));
            }
        }
        let got = model.logits(&rows.iter().collect::<Vec<_>>());
        for (row, want) in logits.iter().enumerate() {
            assert_eq!(got[row].len(), want.len());
            for (got, want) in got[row].iter().zip(want) {
                assert_close(Some(*got), Some(*want), TOLERANCE, &format!("{name}, row {row}"));
            }
        }
    }
}

#[test]
fn a_label_has_its_probability_on_every_scale() {
    let expected = expected();
    let (texts, pairs) = (texts(&expected), pairs(&expected));
    let nli = &expected["nli"];
    let spec = |label: Value| json!({ "type": "classifier", "model": "nli", "label": label });
    for label in [json!("ENTAILMENT"), json!("entailment"), json!(2), json!(["Entailment"])] {
        assert_scores(&spec(label), &texts, &nli["texts"], |a| numbers(&a["softmax"])[2]);
    }
    let either = |a: &Value| numbers(&a["softmax"])[0] + numbers(&a["softmax"])[2];
    assert_scores(&spec(json!(["contradiction", 2])), &texts, &nli["texts"], either);
    let with = |key: &str, value: Value| {
        let mut spec = spec(json!("neutral"));
        spec[key] = value;
        spec
    };
    assert_scores(&with("text", json!("pair")), &pairs, &nli["pairs"], |a| {
        numbers(&a["softmax"])[1]
    });
    assert_scores(&with("score", json!("logit")), &texts, &nli["texts"], |a| {
        numbers(&a["logits"])[1]
    });
    assert_scores(&with("score", json!("log_probability")), &texts, &nli["texts"], |a| {
        numbers(&a["softmax"])[1].ln()
    });
    assert_scores(&with("invert", json!(true)), &texts, &nli["texts"], |a| {
        1.0 - numbers(&a["softmax"])[1]
    });
    assert_scores(&with("problem", json!("multi_label")), &texts, &nli["texts"], |a| {
        numbers(&a["sigmoid"])[1]
    });
    let grades = json!({ "type": "classifier", "model": "nli",
                         "labels": { "contradiction": -1, "neutral": 0.25, "entailment": 1 } });
    assert_scores(&grades, &texts, &nli["texts"], |a| {
        let p = numbers(&a["softmax"]);
        p[2] - p[0] + 0.25 * p[1]
    });
}

#[test]
fn the_prompt_is_read_where_the_text_says_so() {
    let row = [json!({ "prompt": "The river", "response": "runs past" })];
    let spec = |text: &str| json!({ "type": "classifier", "model": "mood", "label": "positive", "text": text });
    let joined = [json!({ "prompt": "other", "response": "The river\nruns past" })];
    assert_eq!(score(&spec("prompt_response"), &row), score(&spec("response"), &joined));
    assert_ne!(score(&spec("prompt_response"), &row), score(&spec("response"), &row));
    assert_ne!(score(&spec("prompt_response"), &row), score(&spec("pair"), &row));
    assert_eq!(build(&spec("pair")).needs().names(), ["prompt"]);
    assert!(build(&spec("response")).needs().names().is_empty());
}

#[test]
fn one_output_is_a_number_unless_the_spec_says_otherwise() {
    let expected = expected();
    let (texts, answers) = (texts(&expected), &expected["quality"]["texts"]);
    let plain = json!({ "type": "classifier", "model": "quality" });
    assert_scores(&plain, &texts, answers, |a| numbers(&a["logits"])[0]);
    let inverted = json!({ "type": "classifier", "model": "quality", "invert": true });
    assert_scores(&inverted, &texts, answers, |a| -numbers(&a["logits"])[0]);
    let sigmoid = json!({ "type": "classifier", "model": "quality", "problem": "multi_label" });
    assert_scores(&sigmoid, &texts, answers, |a| numbers(&a["sigmoid"])[0]);
}

#[test]
fn toxicity_follows_detoxify() {
    let expected = expected();
    let (texts, answers) = (texts(&expected), &expected["detox"]["texts"]);
    let spec = |keys: Value| {
        let mut spec = json!({ "type": "toxicity", "model": "detox" });
        spec.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        spec
    };
    assert_scores(&spec(json!({})), &texts, answers, |a| 1.0 - numbers(&a["sigmoid"])[0]);
    let threat = json!({ "label": "threat", "invert": false });
    assert_scores(&spec(threat), &texts, answers, |a| numbers(&a["sigmoid"])[3]);
    let worst = json!({ "label": ["insult", "identity_attack", "obscene"] });
    assert_scores(&spec(worst), &texts, answers, |a| {
        let p = numbers(&a["sigmoid"]);
        1.0 - p[2].max(p[4]).max(p[5])
    });
    let exclusive = json!({ "problem": "single_label", "invert": false });
    assert_scores(&spec(exclusive), &texts, answers, |a| numbers(&a["softmax"])[0]);
}

#[test]
fn named_rewards_find_their_label() {
    let expected = expected();
    let (texts, mood) = (texts(&expected), &expected["mood"]["texts"]);
    for (target, place) in [("negative", 0), ("neutral", 1), ("positive", 2)] {
        let spec = json!({ "type": "sentiment", "model": "mood", "target": target });
        assert_scores(&spec, &texts, mood, |a| numbers(&a["softmax"])[place]);
    }
    let spec = json!({ "type": "sentiment", "model": "mood" });
    assert_scores(&spec, &texts, mood, |a| numbers(&a["softmax"])[2]);
    let spec = json!({ "type": "emotion", "model": "mood", "target": ["Positive", "neutral"] });
    assert_scores(&spec, &texts, mood, |a| numbers(&a["softmax"])[1..].iter().sum());
    for (name, label, inverted) in [
        ("sarcasm", "irony", false),
        ("formality", "formal", false),
        ("hate", "hate", true),
        ("hate_speech", "hate", true),
        ("offensiveness", "offensive", true),
        ("bias", "Biased", true),
        ("toxicity", "toxic", true),
    ] {
        let folder = renamed("nli", &["other", label, "third"]);
        let model = folder.path().to_str().unwrap();
        let problem = "single_label";
        let spec = json!({ "type": name, "model": model, "problem": problem });
        let find = |_: &str| Ok(folder.path().to_owned());
        let open = |_: Option<&str>| Ok(hybrid_model::Device::flex());
        let models = crate::neural::Models::new(&find, &open);
        let env = env().with_models(&models);
        let tree = Registry::builtin().unwrap().build(&spec, &env).unwrap();
        let got = try_score(&tree, &texts).unwrap().value;
        for (row, answer) in list(&expected["nli"]["texts"]).iter().enumerate() {
            let p = numbers(&answer["softmax"])[1];
            let want = if inverted { 1.0 - p } else { p };
            assert_close(got[row], Some(want), TOLERANCE, &format!("{name}, row {row}"));
        }
    }
}

/// A copy of a golden classifier whose labels are called otherwise.
fn renamed(name: &str, labels: &[&str]) -> tempfile::TempDir {
    let copy = copy_of(&golden_folder().join("classifier").join(name));
    let file = copy.path().join("config.json");
    let mut config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let named = labels.iter().enumerate().map(|(at, label)| (at.to_string(), json!(label)));
    config["id2label"] = Value::Object(named.collect());
    fs::write(&file, config.to_string()).unwrap();
    copy
}

#[test]
fn without_a_network_they_are_what_they_were() {
    let row = [json!({ "response": "The water is good." })];
    let lexicon = score(&json!({ "type": "sentiment", "target": "positive" }), &row);
    assert!(lexicon[0].unwrap() > 0.6, "{lexicon:?}");
    let null = json!({ "type": "sentiment", "target": "positive", "model": null });
    assert_eq!(score(&null, &row), lexicon);
    insta::assert_snapshot!(refused(&json!({ "type": "sentiment", "model": "none.json" })), @"the reward spec has a mistake at `model`: `none.json` is not there; name a file that `hybrid reward train` wrote (this reward runs no network)");
    insta::assert_snapshot!(refused(&json!({ "type": "sentiment", "label": "x", "problem": null })), @r"
    the reward spec has 2 mistakes:
      `label`: has no effect without a network as `model`; remove it
      `problem`: has no effect without a network as `model`; remove it
    ");
    insta::assert_snapshot!(refused(&json!({ "type": "sentiment", "model": "mood", "output": "unit" })), @"the reward spec has a mistake at `output`: has no effect where `model` is a network; remove it");
    insta::assert_snapshot!(refused(&json!({ "type": "sentiment", "model": "mood", "tagret": "x" })), @"the reward spec has a mistake at `tagret`: unknown key; did you mean `target`? the keys are `model`, `target`, `task`, `label`, `labels`, `problem`, `text`, `score`, `invert`, `max_length`, `device`, `batch_tokens`, `cache`, `type`, `name`, `weight`, `postprocess` and `timeout_ms`");
}

#[test]
fn mistakes_name_their_key_and_the_labels() {
    let nli = |keys: Value| {
        let mut spec = json!({ "type": "classifier", "model": "nli" });
        spec.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        refused(&spec)
    };
    insta::assert_snapshot!(refused(&json!({ "type": "classifier" })), @"the reward spec has a mistake at `model`: is absent, must name a sequence classifier");
    insta::assert_snapshot!(nli(json!({})), @"the reward spec has a mistake at `label`: is absent, must be one of the model's labels: `CONTRADICTION`, `NEUTRAL` and `ENTAILMENT`");
    insta::assert_snapshot!(nli(json!({ "label": "entails" })), @"the reward spec has a mistake at `label`: the model has no label `entails`; its labels are `CONTRADICTION`, `NEUTRAL` and `ENTAILMENT`");
    insta::assert_snapshot!(nli(json!({ "label": 3 })), @"the reward spec has a mistake at `label`: is 3, but the model's 3 labels count from 0: `CONTRADICTION`, `NEUTRAL` and `ENTAILMENT`");
    insta::assert_snapshot!(nli(json!({ "label": [] })), @"the reward spec has a mistake at `label`: is an empty list, must name a label");
    insta::assert_snapshot!(nli(json!({ "label": true })), @"the reward spec has a mistake at `label`: expected a string, a whole number or a list of them, or null, got the boolean true");
    insta::assert_snapshot!(nli(json!({ "labels": { "x": 1 } })), @"the reward spec has a mistake at `labels.x`: the model has no label `x`; its labels are `CONTRADICTION`, `NEUTRAL` and `ENTAILMENT`");
    insta::assert_snapshot!(nli(json!({ "labels": { "x": 1 }, "label": 0 })), @"the reward spec has a mistake at its top level: `label` and `labels` exclude each other; keep one of them");
    insta::assert_snapshot!(nli(json!({ "label": [0, 1], "score": "logit" })), @"the reward spec has a mistake at `score`: is `logit`, which several labels do not have; name one");
    insta::assert_snapshot!(nli(json!({ "label": 0, "score": "log_probability", "problem": "regression" })), @"the reward spec has a mistake at `score`: is `log_probability`, but the model is a regression, which has none");
    insta::assert_snapshot!(nli(json!({ "label": [0, 1], "problem": "regression" })), @"the reward spec has a mistake at `label`: names several outputs of a regression; name one, or give `labels` weights");
    insta::assert_snapshot!(refused(&json!({ "type": "hate", "model": "nli" })), @"the reward spec has a mistake at `label`: is absent, and the model has none of `hate`, `hateful` and `hate_speech`; set it to one of `CONTRADICTION`, `NEUTRAL` and `ENTAILMENT`");
    insta::assert_snapshot!(refused(&json!({ "type": "sentiment", "model": "nli" })), @"the reward spec has a mistake at `target`: the model has no label `positive`; its labels are `CONTRADICTION`, `NEUTRAL` and `ENTAILMENT`");
    insta::assert_snapshot!(refused(&json!({ "type": "toxicity", "model": "gpt5" })), @"the reward spec has a mistake at `model`: no model is called `gpt5`");
    let file = golden_folder().join("classifier/nli/config.json");
    insta::assert_snapshot!(refusal(&json!({ "type": "classifier", "model": "m" }), &file), @"the reward spec has a mistake at `model`: `PATH` is a file, but a classifier is a folder with `config.json`, `model.safetensors` and `tokenizer.json`");
    let empty = tempfile::TempDir::new().unwrap();
    insta::assert_snapshot!(refusal(&json!({ "type": "classifier", "model": "m" }), empty.path()), @"the reward spec has a mistake at `model`: `PATH` is no model: it lacks `config.json`; expected a directory with `config.json` and `model.safetensors` (or its shards and their index), or a `.gguf` file");
}

#[test]
fn neither_padding_nor_the_other_rows_change_a_score() {
    let rows = texts(&expected());
    for model in ["nli", "mood"] {
        let spec = json!({ "type": "classifier", "model": model, "label": 1 });
        let narrow = json!({ "type": "classifier", "model": model, "label": 1, "batch_tokens": 1 });
        for (row, (one, other)) in score(&spec, &rows).iter().zip(score(&narrow, &rows)).enumerate()
        {
            assert_close(*one, other, 1e-6, &format!("{model}, row {row}"));
        }
    }
}

#[test]
fn max_length_cuts_the_end() {
    let spec = json!({ "type": "classifier", "model": "nli", "label": 0, "max_length": 4 });
    let row = |text: &str| json!({ "response": text });
    let got = score(&spec, &[row("a b c d e"), row("a b"), row("a c")]);
    assert_eq!(got[0], got[1]);
    assert_ne!(got[0], got[2]);
}

proptest! {
    /// By the textbook's formulas, which are exact enough for logits of this size.
    #[test]
    fn scales_follow_their_definitions(
        logits in prop::collection::vec(-9.0..9.0, 3..6), single in any::<bool>(),
        picks in prop::collection::btree_set(0..3_usize, 1..3),
    ) {
        let names = (0..logits.len()).map(|at| format!("l{at}")).collect();
        let problem = if single { Problem::SingleLabel } else { Problem::MultiLabel };
        let labels = Labels { names, problem };
        let all: f64 = logits.iter().map(|logit: &f64| logit.exp()).sum();
        let p = if single {
            picks.iter().map(|at| logits[*at].exp() / all).sum()
        } else {
            picks.iter().map(|at| 1.0 / (1.0 + (-logits[*at]).exp())).fold(0.0, f64::max)
        };
        let chosen: Vec<Pick> = picks.iter().map(|at| Pick::Index(*at)).collect();
        let mut readout = Readout::of(&labels, &chosen, "label").unwrap();
        prop_assert!((readout.score(&logits) - p).abs() < 1e-12);
        readout.scale(Scale::LogProbability).unwrap();
        prop_assert!((readout.score(&logits) - p.ln()).abs() < 1e-9);
        readout.invert = true;
        prop_assert!((readout.score(&logits) - (1.0 - p).ln()).abs() < 1e-3);
        readout.scale(Scale::Probability).unwrap();
        prop_assert!((readout.score(&logits) + p - 1.0).abs() < 1e-12);
    }
}

#[test]
fn extreme_logits_stay_exact_and_nan_stays_nan() {
    let labels = |problem| Labels { names: vec!["a".into(), "b".into()], problem };
    for problem in [Problem::SingleLabel, Problem::MultiLabel] {
        let mut readout = Readout::of(&labels(problem), &[Pick::Index(0)], "label").unwrap();
        assert!(readout.score(&[f64::NAN, 0.0]).is_nan(), "{problem:?}");
        readout.scale(Scale::LogProbability).unwrap();
        assert!((readout.score(&[-2000.0, 0.0]) + 2000.0).abs() < 1e-9, "{problem:?}");
        assert!(readout.score(&[2000.0, 0.0]).abs() < 1e-12, "{problem:?}");
    }
}
