use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use super::info::Info;
use super::registry::{BuildEnv, Registry};
use crate::fixtures::{assert_close, build, env, score, try_score, try_score_in};
use crate::sample::{Context, Sample};

fn registry() -> Registry {
    Registry::builtin().unwrap()
}

/// One mistake a file; the snapshot holds every message a person can see.
#[test]
fn every_invalid_spec_is_refused_with_its_message() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/specs/invalid");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 40);
    let mut messages = String::new();
    for file in files {
        let spec: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let name = file.file_stem().unwrap().to_str().unwrap();
        let error = registry().build(&spec, &env()).expect_err(name);
        writeln!(messages, "[{name}]\n{}\n", without_list(&error.to_string())).unwrap();
    }
    insta::assert_snapshot!("invalid_specs", messages);
}

/// The message with the list of all rewards cut out, so that a new one changes no snapshot.
fn without_list(message: &str) -> String {
    let names = registry();
    let names: Vec<&str> = names.rewards.keys().copied().collect();
    message.replace(&super::params::quoted(&names), "(every reward)")
}

#[test]
fn a_spec_may_stand_under_reward() {
    let row = [json!({ "response": "a b" })];
    for key in ["REWARD", "reward"] {
        let spec = json!({ key: { "type": "length" }, "optim": { "lr": 1 } });
        assert_eq!(score(&spec, &row), [Some(2.0)]);
    }
}

#[test]
fn components_are_listed_by_their_path_below_the_root() {
    let spec = json!({ "type": "weighted_sum", "name": "total", "components": [
        { "type": "jaccard", "weight": 3 },
        { "type": "product", "name": "style", "weight": 1, "components": [
            { "type": "length", "postprocess": [{ "type": "scale", "mul": 0.5 }] },
            { "type": "regex", "name": "polite", "pattern": "please" },
        ] },
    ] });
    let tree = build(&spec);
    let row = json!({ "response": "please go", "target": "please stay" });
    let column = try_score(&tree, &[row]).unwrap();
    let parts: Vec<(&str, Option<f64>)> =
        column.parts.iter().map(|part| (part.path.as_str(), part.value[0])).collect();
    let third = Some(1.0 / 3.0);
    assert_eq!(
        parts,
        [("jaccard", third), ("style/length", Some(1.0)), ("style/polite", Some(1.0))]
    );
    // (3·⅓ + 1·(1·1)) / 4
    assert_close(column.value[0], Some(0.5), 1e-12, "the total");
    let leaves: Vec<&str> = tree.leaves().iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(leaves, ["jaccard", "style/length", "style/polite"]);
    assert_eq!(tree.needs().names(), ["target"]);
}

#[test]
fn a_bare_leaf_is_its_own_component() {
    let column = try_score(&build(&json!({ "type": "length" })), &[json!({ "response": "x" })]);
    let column = column.unwrap();
    assert_eq!(column.parts[0].path, "length");
    assert_eq!(column.parts[0].value, column.value);
}

#[test]
fn a_row_without_a_target_is_named() {
    let spec = json!({ "type": "min", "components": [
        { "type": "length" },
        { "type": "max", "name": "near", "components": [{ "type": "jaccard" }] },
    ] });
    let rows =
        [json!({ "response": "a", "target": "a" }), json!({ "response": "b", "target": [] })];
    let error = try_score(&build(&spec), &rows).unwrap_err();
    assert!(error.is_bad_input());
    insta::assert_snapshot!(error, @"row 1 has no `target`, which the reward `near/jaccard` reads; add `target` to every row or take `near/jaccard` out of the spec");
}

#[test]
fn closures_are_rewards_like_the_others() {
    let mut registry = registry();
    let shout = Info { name: "shout", about: "1 for an exclamation mark.", ..Info::UNIT };
    registry
        .closure(shout, |sample: &Sample<'_>| match sample.response {
            "" => None,
            "odd" => Some(f64::NAN),
            text => Some(f64::from(u8::from(text.contains('!')))),
        })
        .unwrap();
    let taken = registry.closure(shout, |_: &Sample<'_>| None).unwrap_err();
    insta::assert_snapshot!(taken, @"cannot register `shout`: the name is taken; choose another");
    let tree = registry.build(&json!({ "type": "shout" }), &BuildEnv::without_assets()).unwrap();
    let rows: Vec<Value> = ["go!", "go", "", "odd"].map(|text| json!({ "response": text })).into();
    let column = try_score(&tree, &rows).unwrap();
    assert_eq!(column.value, [Some(1.0), Some(0.0), None, None]);
    assert_eq!(column.parts[0].nonfinite, 1);
    let unknown = registry.build(&json!({ "type": "shuot" }), &env()).unwrap_err().to_string();
    assert!(unknown.contains("did you mean `shout`?"), "{unknown}");
}

#[test]
fn a_row_over_its_time_limit_has_no_score() {
    let mut registry = registry();
    let info = Info { name: "slow", about: "Takes as long as its text.", ..Info::UNIT };
    static NOW: Mutex<Duration> = Mutex::new(Duration::ZERO);
    registry
        .closure(info, |sample: &Sample<'_>| {
            *NOW.lock().unwrap() += Duration::from_millis(sample.response.len() as u64);
            Some(1.0)
        })
        .unwrap();
    let clock = || *NOW.lock().unwrap();
    let context = Context::evaluation().with_clock(&clock);
    let spec = json!({ "type": "min", "components": [{ "type": "slow", "timeout_ms": 3 }] });
    let tree = registry.build(&spec, &env()).unwrap();
    for (text, want) in [("abc", Some(1.0)), ("abcd", None)] {
        let column = try_score_in(&tree, &[json!({ "response": text })], &context).unwrap();
        assert_eq!(column.value, [want]);
        assert_eq!(column.parts[0].elapsed, Some(Duration::from_millis(text.len() as u64)));
    }
    let unmeasured = try_score(&tree, &[json!({ "response": "abcd" })]).unwrap();
    assert_eq!(unmeasured.value, [Some(1.0)]);
    assert_eq!(unmeasured.parts[0].elapsed, None);
}

#[test]
fn the_order_of_rows_is_kept_and_runs_are_equal() {
    let rows: Vec<Value> =
        (0..5_000).map(|row| json!({ "response": "w ".repeat(row % 97) })).collect();
    let spec = json!({ "type": "length" });
    let first = score(&spec, &rows);
    assert!(first.iter().enumerate().all(|(row, got)| *got == Some((row % 97) as f64)));
    assert_eq!(first, score(&spec, &rows));
}

#[test]
fn entries_list_their_parameters_and_needs_as_they_are() {
    let registry = registry();
    for entry in registry.list() {
        let name = entry.name;
        assert!(entry.about.ends_with('.'), "{name}: {}", entry.about);
        let of = |key: &str| format!("{name}: {key}");
        let (low, high) = entry.range;
        assert!(low.unwrap_or(f64::MIN) < high.unwrap_or(f64::MAX), "{}", of("range"));
        assert!(entry.parameters.iter().all(|param| !param.about.ends_with('.')), "{name}");
    }
    for (name, entry) in &registry.rewards {
        let defaults = entry.defaults.as_object().unwrap();
        let listed: Vec<&str> = entry.params.iter().map(|param| param.name).collect();
        assert_eq!(listed, defaults.keys().collect::<Vec<_>>(), "{name}");
        let mut spec = json!({ "type": name });
        match *name {
            "regex" => spec["pattern"] = json!("x"),
            "command" => spec["command"] = json!(["true"]),
            _ => {}
        }
        if let Ok(tree) = registry.build(&spec, &env()) {
            assert_eq!(tree.needs().names(), entry.info.needs, "{name}");
        } else {
            // What cannot be built from its name alone says which file it wants.
            let combinator = matches!(entry.make, super::registry::Maker::Combinator(..));
            let wants = entry.params.iter().any(|param| param.about.contains("; required"));
            assert!(combinator || wants, "{name}");
        }
    }
    for (name, entry) in &registry.posts {
        let defaults = entry.defaults.as_object().unwrap();
        let listed: Vec<&str> = entry.params.iter().map(|param| param.name).collect();
        assert_eq!(listed, defaults.keys().collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn state_comes_back_and_belongs_to_its_spec() {
    let spec = json!({ "type": "weighted_sum", "postprocess": [{ "type": "ema_normalize" }], "components": [
        { "type": "length", "postprocess": [{ "type": "clip", "max": 9 }, { "type": "ema_normalize", "decay": 0.5 }] },
        { "type": "lagrangian", "weight": 2, "components": [
            { "type": "jaccard" }, { "type": "regex", "pattern": "a" },
        ] },
    ] });
    let rows = |seed: usize| -> Vec<Value> {
        (0..7)
            .map(|row| json!({ "response": "a b c ".repeat(seed * row % 5), "target": "b c d" }))
            .collect()
    };
    let (whole, before) = (build(&spec), build(&spec));
    for seed in 1..4 {
        try_score(&whole, &rows(seed)).unwrap();
        try_score(&before, &rows(seed)).unwrap();
    }
    let saved = serde_json::to_string(&before.state().unwrap()).unwrap();
    let after = build(&spec);
    after.load_state(&serde_json::from_str(&saved).unwrap()).unwrap();
    assert_eq!(after.state(), whole.state());
    for seed in 4..6 {
        assert_eq!(
            try_score(&after, &rows(seed)).unwrap(),
            try_score(&whole, &rows(seed)).unwrap()
        );
    }
    assert_eq!(build(&json!({ "type": "length" })).state(), None);
    let other = build(&json!({ "type": "weighted_sum", "components": [{ "type": "length" }] }));
    let error = other.load_state(&after.state().unwrap()).unwrap_err();
    insta::assert_snapshot!(error, @"the saved reward state of `weighted_sum` is not that of something that remembers nothing; resume with the reward spec it was saved with");
    let error = after.load_state(&json!({ "reward": 3 })).unwrap_err();
    insta::assert_snapshot!(error, @"the saved reward state of `weighted_sum` is not one that holds the component `length`; resume with the reward spec it was saved with");
    let mut damaged = after.state().unwrap();
    damaged["reward"]["components"]["length"]["postprocess"][1]["mean"] = json!("x");
    let error = after.load_state(&damaged).unwrap_err();
    insta::assert_snapshot!(error, @"the saved reward state of `weighted_sum/length` is not that of `ema_normalize`: `steps`, `mean`, `square`, `decayed`; resume with the reward spec it was saved with");
}

proptest::proptest! {
    #[test]
    fn no_json_makes_the_builder_panic(spec in any_json(4)) {
        if let Ok(tree) = registry().build(&spec, &env()) {
            let row = json!({ "response": "a", "target": "b", "prompt": "c" });
            proptest::prop_assert!(try_score(&tree, &[row]).unwrap().value.len() == 1);
        }
    }
}

/// JSON built from the words of specs, so that some of it is nearly one.
pub(super) fn any_json(depth: u32) -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let word = prop::sample::select(vec![
        "type",
        "components",
        "weight",
        "name",
        "postprocess",
        "min",
        "max",
        "length",
        "jaccard",
        "weighted_sum",
        "clip",
        "gate",
        "regex",
        "pattern",
        "n",
        "ema_normalize",
        "zscore",
        "reward",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..3i64).prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(depth, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6).prop_map(|pairs| {
                Value::Object(
                    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
                )
            }),
        ]
    })
}

/// The tables of `docs/rewards.md` are written from the registry: `UPDATE_DOCS=1 cargo test` renews
/// them.
#[test]
fn the_docs_list_every_entry() {
    const BEGIN: &str = "<!-- generated from the registry: begin -->\n";
    const END: &str = "<!-- generated from the registry: end -->";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rewards.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (start, end) = (text.find(BEGIN).unwrap() + BEGIN.len(), text.find(END).unwrap());
    let tables = super::markdown::tables(&registry().list());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{}{tables}{}", &text[..start], &text[end..])).unwrap();
    } else {
        assert!(text[start..end] == tables, "run this test with UPDATE_DOCS=1 and read the change");
    }
}

#[test]
fn what_compares_a_group_says_so_from_any_depth() {
    let compares = |spec: Value| build(&spec).compares_group();
    let length = || json!({ "type": "length" });
    let other = || json!({ "type": "length", "name": "other" });
    let below = |inner: Value| json!({ "type": "max", "components": [other(), inner] });
    assert!(!compares(below(below(length()))));
    assert!(compares(below(below(json!({ "type": "self_bleu" })))));
    let normal = json!({ "type": "group_normalize", "components": [length()] });
    assert!(compares(below(below(normal))));
    let scored = |scope: &str| json!({ "type": "zscore", "scope": scope });
    let after = |scope: &str| json!({ "type": "length", "postprocess": [{ "type": "clip", "max": 1 }, scored(scope)] });
    assert!(compares(below(after("group"))));
    assert!(!compares(below(after("batch"))));
}

#[test]
fn a_row_of_a_file_may_also_lack_the_prompt() {
    let tree = build(&json!({ "type": "min", "components": [
        { "type": "jaccard" }, { "type": "qa_relevance", "name": "answer" },
    ] }));
    let lack = |row: Value| {
        let row = crate::rows::Row::from_json(row).unwrap();
        tree.missing_in(&row).map(|lack| (lack.what.to_owned(), lack.path.to_owned()))
    };
    let named = |what: &str, path: &str| Some((what.to_owned(), path.to_owned()));
    assert_eq!(lack(json!({ "response": "a", "prompt": "b" })), named("target", "jaccard"));
    assert_eq!(lack(json!({ "response": "a", "target": "b" })), named("prompt", "answer"));
    assert_eq!(lack(json!({ "response": "a", "target": "b", "prompt": "" })), None);
    let targets = ["b".to_owned()];
    let sample = Sample { targets: &targets, ..Sample::of_response(0, "a") };
    assert_eq!(tree.missing(&sample), None, "in training an empty prompt is one");
}
