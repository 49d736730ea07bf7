//! No key of a run of task heads is read in vain: each, changed alone, changes what is read; and each,
//! misspelt, is refused with its right name.
//!
//! The keys are those of `docs/heads.md`, which a test of its own holds equal to the code; those of
//! `[optim]` are the language model's, and are flipped there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hybrid_testing::flips::{Flip, alone, flip};
use serde_json::{Value, json};

use crate::config::{AnyConfig, HeadsConfig, parse_any};

fn head_flips() -> Vec<Flip> {
    let of = |kind: &str| json!({ "head.kind": kind });
    let feedback = || json!({ "head.feedback": {} });
    vec![
        alone("head.task", json!("u")),
        alone("head.kind", json!("regression")),
        alone("head.labels", json!(["a", "b"])),
        alone("head.pooling", json!("mean")),
        alone("head.layer", json!(2)),
        alone("head.weight", json!(2.0)),
        alone("head.class_weights", json!("balanced")),
        alone("head.label_smoothing", json!(0.1)),
        flip("head.loss", of("regression"), json!({ "huber": { "delta": 1.0 } })),
        flip("head.center_coef", of("pairwise"), json!(0.1)),
        flip("head.sub_words", of("tagging"), json!("all")),
        flip("head.overlap", of("span"), json!(16)),
        flip("head.max_answer", of("span"), json!(5)),
        flip("head.feedback.coef", feedback(), json!(0.5)),
        flip("head.feedback.supervised_coef", feedback(), json!(0.5)),
        flip("head.feedback.pick", feedback(), json!("greedy")),
        flip("head.feedback.reward", feedback(), json!({ "type": "exact_match" })),
        flip("head.feedback.options.baseline", feedback(), json!({ "ema": { "decay": 0.9 } })),
        flip("head.feedback.options.entropy_coef", feedback(), json!(0.1)),
    ]
}

fn data_flips() -> Vec<Flip> {
    let pairwise = || json!({ "head.kind": "pairwise" });
    let pairs = || json!({ "head.kind": "pairwise", "head.data.pairs": { "chosen": "1", "rejected": "0" } });
    let neutral = || {
        let neutral = json!({ "train": "n.jsonl", "select": 3 });
        json!({ "head.kind": "multi_label", "head.labels": ["a"], "head.data.neutral": neutral })
    };
    vec![
        alone("head.data.train", json!(["rows.jsonl", "more.jsonl"])),
        alone("head.data.validation", json!(5)),
        alone("head.data.rows", json!({ "source": "s" })),
        alone("head.data.shuffle", json!(false)),
        alone("head.data.select", json!(7)),
        alone("head.data.clean_html", json!(true)),
        alone("head.data.text", json!("words")),
        alone("head.data.label", json!("class")),
        alone("head.data.words", json!("pieces")),
        alone("head.data.tags", json!("names")),
        alone("head.data.question", json!("asked")),
        alone("head.data.context", json!("passage")),
        alone("head.data.answers", json!("spans")),
        alone("head.data.answer_start", json!("start")),
        flip("head.data.prompt", pairwise(), json!("question")),
        flip("head.data.chosen", pairwise(), json!("good")),
        flip("head.data.rejected", pairwise(), json!("bad")),
        flip("head.data.margin", pairwise(), json!("lead")),
        flip("head.data.neutral.train", neutral(), json!("other.jsonl")),
        flip("head.data.neutral.rows", neutral(), json!({ "source": "s" })),
        flip("head.data.neutral.select", neutral(), json!(4)),
        flip("head.data.neutral.text", neutral(), json!("review")),
        flip("head.data.pairs.chosen", pairs(), json!("2")),
        flip("head.data.pairs.rejected", pairs(), json!("2")),
    ]
}

fn run_flips() -> Vec<Flip> {
    let adapters = || json!({ "model.lora": {} });
    vec![
        alone("seed", json!(4)),
        alone("model.base", json!("n")),
        alone("model.freeze", json!({ "below": 1 })),
        flip("model.lora.rank", adapters(), json!(4)),
        flip("model.lora.alpha", adapters(), json!(4.0)),
        flip("model.lora.targets", adapters(), json!(["query"])),
        flip("model.lora.rslora", adapters(), json!(true)),
        alone("heads.mixing", json!("proportional")),
        alone("heads.weighting", json!("mgda")),
        alone("heads.order", json!({ "join": { "steps": 10 } })),
        alone("train.batch_size", json!(3)),
        alone("train.micro_tokens", json!(99)),
        alone("train.max_length", json!(16)),
        alone("train.truncation_side", json!("middle")),
        alone("train.on_non_finite", json!("skip")),
        alone("optim", json!({ "lr": 0.1 })),
        flip("phase.kind", json!({ "head.kind": "pairwise" }), json!("reward-model")),
        alone("phase.steps", json!(4)),
        alone("eval.before", json!(false)),
        alone("eval.every", json!(2)),
        alone("eval.rows", json!(3)),
        flip("eval.patience", json!({ "eval.every": 2 }), json!(1)),
        alone("eval.min_delta", json!(0.1)),
        alone("output.dir", json!("elsewhere")),
        alone("output.save_every", json!(1)),
        alone("output.keep_last", json!(2)),
        alone("output.log_every", json!(2)),
        alone("output.tensorboard", json!(false)),
    ]
}

fn base() -> Value {
    json!({
        "model": { "base": "m" },
        "head": [{ "task": "t", "kind": "classification", "data": { "train": "rows.jsonl" } }],
        "phase": [{ "kind": "heads", "steps": 3 }],
    })
}

/// The keys of a path; a table that may be there several times is there once.
fn steps_of(path: &str) -> Vec<&str> {
    path.split('.').flat_map(|key| [key].into_iter().chain(is_list(key).then_some("0"))).collect()
}

fn is_list(key: &str) -> bool {
    key == "head" || key == "phase"
}

/// The place of a path, where tables are made.
fn slot<'a>(config: &'a mut Value, path: &str) -> &'a mut Value {
    steps_of(path).into_iter().fold(config, |value, key| match key.parse::<usize>() {
        Ok(index) => &mut value[index],
        Err(_) => &mut value[key],
    })
}

fn before(flip: &Flip) -> Value {
    flip.before(base(), |config, path, value| slot(config, path).clone_from(value))
}

fn after(flip: &Flip) -> Value {
    let mut config = before(flip);
    slot(&mut config, flip.key).clone_from(&flip.to);
    config
}

/// What is said where the last part of the key has a letter too many.
fn misspelt(flip: &Flip) -> String {
    let (table, name) = flip.key.rsplit_once('.').unwrap_or(("", flip.key));
    let mut config = before(flip);
    let inner = if table.is_empty() { &mut config } else { slot(&mut config, table) };
    if inner.is_null() {
        *inner = json!({});
    }
    inner[format!("{name}x")] = flip.to.clone();
    read(&config).expect_err("a misspelt key")
}

fn read(config: &Value) -> Result<HeadsConfig, String> {
    match parse_any(&config.to_string(), Path::new("heads.json"), &[]) {
        Ok(AnyConfig::Heads(config)) => Ok(config),
        Ok(AnyConfig::Language(_)) => Err("no run of heads".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The path as messages write it.
fn written(path: &str) -> String {
    path.split('.')
        .map(|key| if is_list(key) { format!("{key}[0]") } else { key.to_owned() })
        .collect::<Vec<_>>()
        .join(".")
}

/// The keys of the page, by the table they stand in.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/heads.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (mut table, mut keys) = (String::new(), BTreeMap::<String, BTreeSet<String>>::new());
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## `") {
            heading.trim_matches(['[', ']', '`']).clone_into(&mut table);
        } else if let Some((key, _)) = line.strip_prefix("| `").and_then(|row| row.split_once('`'))
        {
            keys.entry(table.clone()).or_default().insert(key.to_owned());
        }
    }
    keys
}

#[test]
fn every_key_changes_what_is_read_and_is_suggested_where_it_is_misspelt() {
    let tables = documented();
    let keys: BTreeSet<String> = tables
        .iter()
        .flat_map(|(table, keys)| keys.iter().map(move |key| format!("{table}.{key}")))
        .map(|key| key.trim_start_matches('.').to_owned())
        .filter(|key| !tables.contains_key(key))
        .collect();
    let flips: Vec<Flip> =
        [head_flips(), data_flips(), run_flips()].into_iter().flatten().collect();
    let flipped: BTreeSet<String> = flips.iter().map(|flip| flip.key.to_owned()).collect();
    assert_eq!(flipped, keys, "left: the table of this test, right: docs/heads.md");
    for flip in &flips {
        let key = flip.key;
        let was = read(&before(flip)).unwrap_or_else(|error| panic!("beside {key}: {error}"));
        let is = read(&after(flip)).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_ne!(was, is, "{key} changes nothing");
        let again = is.effective().unwrap_or_else(|error| panic!("{key}: {error}"));
        let again = parse_any(&again, Path::new("config.toml"), &[]);
        assert_eq!(again.unwrap(), AnyConfig::Heads(is), "{key} is lost when written");
        let said = misspelt(flip);
        let suggestion = format!("did you mean `{}`?", written(key));
        assert!(said.contains(&suggestion), "{key}: {said}");
    }
}

#[test]
fn every_table_is_suggested_where_it_is_misspelt() {
    for table in documented().keys().filter(|table| !table.is_empty()) {
        let flip = Flip {
            key: Box::leak(table.clone().into_boxed_str()),
            beside: json!({}),
            to: json!({}),
        };
        let said = misspelt(&flip);
        let (outer, name) = table.rsplit_once('.').unwrap_or(("", table));
        let expected = format!("{}.{name}", written(outer));
        let suggestion = format!("did you mean `{}`?", expected.trim_start_matches('.'));
        assert!(said.contains(&suggestion), "{table}: {said}");
    }
}
