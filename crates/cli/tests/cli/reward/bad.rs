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
    insta::assert_snapshot!(without_list(spec(r#"{"type": "blue"}"#)), @"error: the reward spec has a mistake at `type`: unknown reward `blue`; did you mean `bleu`?");
    insta::assert_snapshot!(spec(r#"{"type": "bleu", "max_oder": 3}"#), @"error: the reward spec has a mistake at `max_oder`: unknown key; the keys are `smooth_method`, `smooth_value`, `tokenize`, `lowercase`, `effective_order`, `max_ngram_order`, `type`, `name`, `weight`, `postprocess` and `timeout_ms`");
    insta::assert_snapshot!(spec(r#"{"REWARD": {"type": "min", "components": [{"type": "length", "unit": "word"}]}}"#), @r#"error: the reward spec has a mistake at `REWARD.components[0].unit`: expected one of `words`, `chars` or `tokens`, got the string "word""#);
    insta::assert_snapshot!(spec(r#"{"type": "length", "postprocess": [{"type": "clip", "min": 2, "max": 1}]}"#), @"error: the reward spec has a mistake at `postprocess[0].min`: is 2, must be at most `max`, which is 1");
    insta::assert_snapshot!(spec(r#"{"type": "bleu""#), @"error: `--spec` is not valid JSON: EOF while parsing an object at line 1 column 15");
    insta::assert_snapshot!(spec(r#"{"REWARD": {"type": "length"}, "reward": {"type": "length"}}"#), @"error: the reward spec has a mistake at its top level: holds both `REWARD` and `reward`; keep one of them");
    insta::assert_snapshot!(spec("bleu"), @r#"error: `--spec`: there is no file `bleu`; the reward of that name is written '{"type": "bleu"}'"#);
    insta::assert_snapshot!(spec("no-such-file.toml"), @r#"error: `--spec`: there is no file `no-such-file.toml`; expected a JSON or TOML file, or JSON such as '{"type": "bleu"}'"#);
    insta::assert_snapshot!(spec_file("r.toml", "type = 'length'\nunit = 'word'\n"), @r#"error: `r.toml`: the reward spec has a mistake at `unit`: expected one of `words`, `chars` or `tokens`, got the string "word""#);
    insta::assert_snapshot!(spec_file("r.toml", "type = 'length'\nunit = \n"), @"error: `r.toml` is not valid TOML: string values must be quoted, expected literal string at line 2");
    insta::assert_snapshot!(spec_file("r.json", "{'type': 1}"), @"error: `r.json` is not valid JSON: key must be a string at line 1 column 2");
    insta::assert_snapshot!(spec_file("r.json", "[]"), @"error: `r.json`: the reward spec has a mistake at its top level: expected an object with a `type`, got an empty array");
}

#[test]
fn assets_that_are_not_there() {
    // The spec is right: what is missing is pip, so this is a failure and not bad input.
    let outcome = hybrid(&["reward", "--spec", r#"{"type": "sentiment"}"#]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{outcome:?}");
    assert!(outcome.stderr.contains("`vader-lexicon`"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("pip"), "{}", outcome.stderr);
    // WordNet comes with the system, so this one has no reason to look for pip.
    if !std::path::Path::new("/usr/share/wordnet").exists() {
        insta::assert_snapshot!(spec(r#"{"type": "meteor"}"#), @"error: the reward spec has a mistake at `wordnet`: none of `/usr/share/wordnet`, `/usr/share/wordnet/dict`, `/usr/local/share/wordnet` is there; or set `wordnet` to a folder with WordNet 3.0's files (Debian's package `wordnet-base` puts them into /usr/share/wordnet), or take `meteor_stem`, which matches no synonyms");
    }
}

#[test]
fn rows_with_a_mistake_end_the_run_after_those_before() {
    let bleu = r#"{"type": "bleu"}"#;
    insta::assert_snapshot!(rows(bleu, "{\"response\": \"a\", \"target\": \"b\"}\n{\"response\": \"a\"}\n{\"response\": \"a\", \"target\": \"b\"}\n"), @r#"
    {"id":0,"score":0.0,"components":{"bleu":0.0}}
    error: line 2 of `standard input` has no `target`, which the reward `bleu` reads; add `target` to every row or take `bleu` out of the spec
    "#);
    let nested = r#"{"type": "min", "components": [{"type": "length"}, {"type": "max", "name": "near", "components": [{"type": "qa_relevance"}]}]}"#;
    insta::assert_snapshot!(rows(nested, "{\"response\": \"a\", \"prompt\": null}"), @"error: line 1 of `standard input` has no `prompt`, which the reward `near/qa_relevance` reads; add `prompt` to every row or take `near/qa_relevance` out of the spec");
    insta::assert_snapshot!(rows(r#"{"type": "field", "field": "stars"}"#, "{\"response\": \"a\", \"Stars\": 1}"), @"error: line 1 of `standard input` has no `stars`, which the reward `field` reads; add `stars` to every row or take `field` out of the spec");
    insta::assert_snapshot!(rows(r#"{"type": "length", "unit": "tokens"}"#, "{\"response\": \"a\"}"), @"error: line 1 of `standard input` has no `token_ids`, which the reward `length` reads; add `token_ids` to every row or take `length` out of the spec");
    let length = r#"{"type": "length"}"#;
    insta::assert_snapshot!(rows(length, "{\"response\": \"a\"}\n\n{\"target\": \"a\"}"), @r#"
    {"id":0,"score":1.0,"components":{"length":1.0}}
    error: line 3 of `standard input` has no `response`; add it (`completion` is accepted in its place)
    "#);
    insta::assert_snapshot!(rows(length, "{\"response\": 5}"), @"error: line 1 of `standard input`, field `response`: expected a string, got the number 5");
    insta::assert_snapshot!(rows(length, "{\"response\": \"a\", \"target\": [\"b\", 1]}"), @"error: line 1 of `standard input`, field `target[1]`: expected a string or a list of strings, got the number 1");
    insta::assert_snapshot!(rows(length, "{\"response\": \"a\", \"completion\": \"a\"}"), @"error: line 1 of `standard input` has both `response` and `completion`; keep one of them");
    insta::assert_snapshot!(rows(length, "{\"response\": \"a\"}\n{\"response\": \"a\""), @r#"
    {"id":0,"score":1.0,"components":{"length":1.0}}
    error: line 2 of `standard input` is not valid JSON: EOF while parsing an object at column 16; correct it or remove it
    "#);
    insta::assert_snapshot!(rows(length, "[\"a\"]"), @"error: line 1 of `standard input`: expected a JSON object, got an array of 1");
    insta::assert_snapshot!(rows(length, ""), @r#"error: standard input is empty; expected a line of {"response": …} for each row to score"#);
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
    insta::assert_snapshot!(on_files(&["--input", &path, "--output", &path]), @"error: `--output` and `--input` are the same file `DIR/rows.jsonl`; write to another one");
    let other_name = folder.path().join("../").join(folder.path().file_name().unwrap());
    let other_name = other_name.join("rows.jsonl");
    on_files(&["--input", &path, "--output", other_name.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), lines(&one));
    insta::assert_snapshot!(on_files(&["--input", "gone.jsonl"]), @"error: `gone.jsonl` does not exist; check the spelling and the current folder");
    let inside = folder.path().join("no/scores.jsonl");
    insta::assert_snapshot!(on_files(&["--input", &path, "--output", inside.to_str().unwrap()]), @"error: `--output`: there is no folder `DIR/no`; make it first");
    insta::assert_snapshot!(on_files(&["--input", &path, "--output", folder.path().to_str().unwrap()]), @"error: `--output` is the folder `DIR`; expected a file");
    insta::assert_snapshot!(score(&length, &one, &["--batch", "0"]).bad_input(), @"error: invalid value '0' for '--batch <N>': expected a whole number from 1 to 65536");
    let empty = file("empty.jsonl", "");
    let message = hybrid(&["reward", "--spec", r#"{"type": "length"}"#, "--input", &empty.1]);
    insta::assert_snapshot!(message.bad_input().replace(&empty.0.path().display().to_string(), "DIR"), @"error: `DIR/empty.jsonl` has no rows; expected at least one, so leave the file out or fill it");
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
