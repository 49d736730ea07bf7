use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::value_schema;
use crate::RewardTree;
use crate::fixtures::{build, env, try_score};
use crate::spec::info::EntryKind;
use crate::spec::registry::Registry;

fn registry() -> Registry {
    Registry::builtin().unwrap()
}

/// What checks documents against `schema`: the reward made for that.
fn checker(schema: &Value) -> RewardTree {
    build(&json!({ "type": "format", "kind": "json_schema", "schema": schema }))
}

fn allows(checker: &RewardTree, document: &Value) -> bool {
    let row = json!({ "response": document.to_string() });
    try_score(checker, &[row]).unwrap().value == [Some(1.0)]
}

/// The JSON files of a folder with specs, by name.
fn specs(folder: &str) -> Vec<(String, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("specs").join(folder);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |file: &PathBuf| {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap())
    };
    files.iter().map(read).collect()
}

#[test]
fn every_kind_of_value_is_understood() {
    for entry in registry().list() {
        for param in &entry.parameters {
            let what = format!("`{}` of `{}`, {}", param.name, entry.name, param.kind);
            let schema = value_schema(param.kind).unwrap_or_else(|| panic!("{what}"));
            let fits = allows(&checker(&Value::Object(schema)), &param.default);
            let absent = param.default.is_null() || param.about.ends_with("; required");
            assert!(fits || absent, "the default of {what}");
        }
    }
}

#[test]
fn ranges_are_as_their_words_say() {
    let inside = |kind: &str, numbers: &[f64]| {
        let checker = checker(&Value::Object(value_schema(kind).unwrap()));
        numbers.iter().map(|number| allows(&checker, &json!(number))).collect::<Vec<_>>()
    };
    assert_eq!(inside("a number in [0, 1)", &[-0.1, 0.0, 0.5, 1.0]), [false, true, true, false]);
    assert_eq!(inside("a number in (0, 1]", &[0.0, 0.5, 1.0, 1.1]), [false, true, true, false]);
    assert_eq!(inside("a number more than 0 or null", &[0.0, 0.1]), [false, true]);
    assert_eq!(inside("a whole number ≥ 2", &[1.0, 2.0, 2.5]), [false, true, false]);
    assert_eq!(
        inside("a whole number from 1 to 4", &[0.0, 1.0, 4.0, 5.0]),
        [false, true, true, false]
    );
    for unknown in ["a number of things", "one of them", "a number in 0, 1", "words"] {
        assert_eq!(value_schema(unknown), None, "{unknown}");
    }
}

#[test]
fn specs_that_build_are_allowed() {
    let checker = checker(&registry().json_schema());
    let specs = specs("valid");
    assert!(specs.len() >= 6);
    for (name, spec) in specs {
        registry().build(&spec, &env()).unwrap_or_else(|errors| panic!("{name}: {errors}"));
        assert!(allows(&checker, &spec), "{name}");
    }
}

#[cfg(feature = "neural")]
#[test]
fn both_forms_of_a_reward_are_allowed() {
    let checker = checker(&registry().json_schema());
    for spec in [
        json!({ "type": "sentiment", "target": "negative", "output": "compound" }),
        json!({ "type": "sentiment", "target": "negative", "model": "mood", "score": "logit" }),
        json!({ "type": "emotion", "target": ["neutral"], "model": "mood", "problem": null }),
        json!({ "type": "toxicity", "model": "detox", "label": ["insult", 2], "cache": 0 }),
        json!({ "type": "classifier", "model": "nli", "labels": { "neutral": 0.5 } }),
        json!({ "type": "safety", "toxicity": { "model": "detox", "weight": 2 }, "veto": null }),
    ] {
        registry().build(&spec, &env()).unwrap_or_else(|errors| panic!("{spec}: {errors}"));
        assert!(allows(&checker, &spec), "{spec}");
    }
    for spec in [
        json!({ "type": "toxicity", "model": "detox", "label": true }),
        json!({ "type": "classifier", "model": "nli", "labels": { "neutral": "high" } }),
        json!({ "type": "safety", "toxicity": 3 }),
    ] {
        assert!(!allows(&checker, &spec), "{spec}");
    }
}

#[test]
fn every_entry_is_allowed_under_every_name() {
    let checker = checker(&registry().json_schema());
    for entry in registry().list() {
        for name in std::iter::once(&entry.name).chain(entry.aliases) {
            let mut spec = json!({ "type": name });
            for param in entry.parameters.iter().filter(|p| p.about.ends_with("; required")) {
                spec[param.name] = match param.kind {
                    "a list of strings" => json!(["x"]),
                    _ => json!("x"),
                };
            }
            match entry.kind {
                EntryKind::Reward => {}
                EntryKind::Combinator => spec["components"] = json!([{ "type": "length" }]),
                EntryKind::Postprocessor => {
                    spec = json!({ "type": "length", "postprocess": [spec] });
                }
            }
            assert!(allows(&checker, &spec), "{spec}");
            spec["tpye"] = json!("x");
            assert!(!allows(&checker, &spec), "{spec}");
        }
    }
}

/// Those that are left are mistakes which no schema can tell.
#[test]
fn specs_that_do_not_build_are_refused() {
    let checker = checker(&registry().json_schema());
    let specs = specs("invalid");
    let missed: Vec<String> = specs
        .into_iter()
        .filter(|(_, spec)| allows(&checker, spec))
        .map(|(name, _)| name)
        .collect();
    insta::assert_snapshot!(missed.join("\n"), @r"
        affine-from-a-point
        clip-reversed
        clip-without-bounds
        corpus-not-there
        counterfactual-of-two
        coverage-of-two-sources
        entity-kinds-empty
        format-key-without-effect
        format-schema-missing
        format-tag-with-brackets
        format-template-open
        gate-of-one
        gate-of-three
        lagrangian-start-above-max
        lexicon-missing
        min-above-max
        names-equal
        nested-too-deep
        novelty-of-nothing
        overlong-without-max
        regex-invalid
        regex-list-item-invalid
        regex-look-ahead
        sentiment-neutral-compound
        sigmoid-flat
        soft-without-range
        target-and-range
        weight-negative-in-geometric-mean
        weights-all-zero
        ");
}

/// The specs in `docs/rewards.md`: its TOML under `[reward]`.
#[test]
fn specs_of_the_docs_are_allowed() {
    let checker = checker(&registry().json_schema());
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rewards.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let blocks: Vec<&str> = docs
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter(|block| block.contains("[reward]"))
        .collect();
    assert!(blocks.len() >= 2, "{blocks:?}");
    for block in blocks {
        let spec: Value = toml::from_str(block).unwrap();
        registry().build(&spec, &env()).unwrap_or_else(|errors| panic!("{block}: {errors}"));
        assert!(allows(&checker, &spec), "{block}");
    }
}

proptest! {
    #[test]
    fn whatever_builds_is_allowed(spec in crate::spec::tests::any_json(4)) {
        thread_local! {
            static CHECKER: RewardTree = checker(&registry().json_schema());
        }
        if registry().build(&spec, &env()).is_ok() {
            CHECKER.with(|checker| assert!(allows(checker, &spec), "{spec}"));
        }
    }
}
