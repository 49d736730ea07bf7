//! Specs, rows and options that are wrong: exit code 2, and what to do.

use serde_json::json;

use super::{lines, score};
use crate::support::{file, hybrid, hybrid_fed};

/// The message about `--spec`.
#[track_caller]
fn spec(spec: &str) -> String {
    hybrid_fed(&["reward", "--spec", spec], "{\"response\": \"a\"}\n").bad_input()
}

/// The message about a spec file.
#[track_caller]
fn spec_file(name: &str, content: &str) -> String {
    let (folder, path) = file(name, content);
    spec(&path).replace(&format!("{}/", folder.path().display()), "")
}

/// The rows before, and the message about the one that is wrong.
#[track_caller]
fn rows(spec: &str, content: &str) -> String {
    let outcome = hybrid_fed(&["reward", "--spec", spec, "--quiet"], content);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    format!("{}{}", outcome.stdout, outcome.stderr)
}

/// The last of a long list goes: a new reward changes no snapshot.
fn without_list(message: String) -> String {
    message.split(" the known rewards are").next().unwrap_or_default().to_owned()
}

#[test]
fn specs_with_a_mistake() {
    insta::assert_snapshot!(without_list(spec(r#"{"type": "blue"}"#)), @"");
    insta::assert_snapshot!(spec(r#"{"type": "bleu", "max_oder": 3}"#), @"");
    insta::assert_snapshot!(spec(r#"{"REWARD": {"type": "min", "components": [{"type": "length", "unit": "word"}]}}"#), @"");
    insta::assert_snapshot!(spec(r#"{"type": "length", "postprocess": [{"type": "clip", "min": 2, "max": 1}]}"#), @"");
    insta::assert_snapshot!(spec(r#"{"type": "bleu""#), @"");
    insta::assert_snapshot!(spec(r#"{"REWARD": {"type": "length"}, "reward": {"type": "length"}}"#), @"");
    insta::assert_snapshot!(spec("bleu"), @"");
    insta::assert_snapshot!(spec("no-such-file.toml"), @"");
    insta::assert_snapshot!(spec_file("r.toml", "type = 'length'\nunit = 'word'\n"), @"");
    insta::assert_snapshot!(spec_file("r.toml", "type = 'length'\nunit = \n"), @"");
    insta::assert_snapshot!(spec_file("r.json", "{'type': 1}"), @"");
    insta::assert_snapshot!(spec_file("r.json", "[]"), @"");
}

#[test]
fn assets_that_are_not_there() {
    let message = spec(r#"{"type": "sentiment"}"#);
    assert!(message.contains("pip"), "{message}");
    // WordNet comes with the system, so this one has no reason to look for pip.
    if !std::path::Path::new("/usr/share/wordnet").exists() {
        insta::assert_snapshot!(spec(r#"{"type": "meteor"}"#), @"");
    }
}

#[test]
fn rows_with_a_mistake_end_the_run_after_those_before() {
    let bleu = r#"{"type": "bleu"}"#;
    insta::assert_snapshot!(rows(bleu, "{\"response\": \"a\", \"target\": \"b\"}\n{\"response\": \"a\"}\n{\"response\": \"a\", \"target\": \"b\"}\n"), @"");
    let nested = r#"{"type": "min", "components": [{"type": "length"}, {"type": "max", "name": "near", "components": [{"type": "qa_relevance"}]}]}"#;
    insta::assert_snapshot!(rows(nested, "{\"response\": \"a\", \"prompt\": null}"), @"");
    insta::assert_snapshot!(rows(r#"{"type": "field", "field": "stars"}"#, "{\"response\": \"a\", \"Stars\": 1}"), @"");
    insta::assert_snapshot!(rows(r#"{"type": "length", "unit": "tokens"}"#, "{\"response\": \"a\"}"), @"");
    let length = r#"{"type": "length"}"#;
    insta::assert_snapshot!(rows(length, "{\"response\": \"a\"}\n\n{\"target\": \"a\"}"), @"");
    insta::assert_snapshot!(rows(length, "{\"response\": 5}"), @"");
    insta::assert_snapshot!(rows(length, "{\"response\": \"a\", \"target\": [\"b\", 1]}"), @"");
    insta::assert_snapshot!(rows(length, "{\"response\": \"a\", \"completion\": \"a\"}"), @"");
    insta::assert_snapshot!(rows(length, "{\"response\": \"a\"}\n{\"response\": \"a\""), @"");
    insta::assert_snapshot!(rows(length, "[\"a\"]"), @"");
    insta::assert_snapshot!(rows(length, ""), @"");
}

#[test]
fn files_that_do_not_fit() {
    let length = json!({ "type": "length" });
    let one = [json!({ "response": "a" })];
    let (folder, path) = file("rows.jsonl", &lines(&one));
    let on_files = |args: &[&str]| {
        let message = hybrid(&[&["reward", "--spec", r#"{"type": "length"}"#], args].concat());
        message.bad_input().replace(&folder.path().display().to_string(), "DIR")
    };
    insta::assert_snapshot!(on_files(&["--input", &path, "--output", &path]), @"");
    let other_name = folder.path().join("../").join(folder.path().file_name().unwrap());
    let other_name = other_name.join("rows.jsonl");
    on_files(&["--input", &path, "--output", other_name.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), lines(&one));
    insta::assert_snapshot!(on_files(&["--input", "gone.jsonl"]), @"");
    let inside = folder.path().join("no/scores.jsonl");
    insta::assert_snapshot!(on_files(&["--input", &path, "--output", inside.to_str().unwrap()]), @"");
    insta::assert_snapshot!(on_files(&["--input", &path, "--output", folder.path().to_str().unwrap()]), @"");
    insta::assert_snapshot!(score(&length, &one, &["--batch", "0"]).bad_input(), @"");
    let empty = file("empty.jsonl", "");
    let message = hybrid(&["reward", "--spec", r#"{"type": "length"}"#, "--input", &empty.1]);
    insta::assert_snapshot!(message.bad_input().replace(&empty.0.path().display().to_string(), "DIR"), @"");
}

#[test]
fn options_that_exclude_each_other_or_are_missing() {
    for args in [
        &["reward"][..],
        &["reward", "--spec", "{}", "--list"],
        &["reward", "--list", "--schema"],
        &["reward", "--spec", "{}", "train", "--data", "x", "--output", "y"],
        &["reward", "train", "--data", "x"],
    ] {
        let outcome = hybrid(args);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{args:?}");
        assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
    }
}
