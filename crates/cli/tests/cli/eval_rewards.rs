//! `hybrid eval --reward`: what a model writes, and what it scores.

use serde_json::{Value, json};

use crate::support::{Outcome, assert_near, file, hybrid, model_name};

fn eval(rows: &[Value], spec: &str, options: &[&str]) -> Outcome {
    let content: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let (folder, path) = file("rows.jsonl", &content);
    let args = ["eval", model_name(), "--data", &path, "--reward", spec];
    let mut outcome = hybrid(&[&args, options].concat());
    outcome.stderr = outcome.stderr.replace(&format!("{}/", folder.path().display()), "");
    outcome
}

/// What `generate` writes after `prompt` with the same options.
fn written(prompt: &str, options: &[&str]) -> Vec<String> {
    let args = ["generate", model_name(), "--json", "--prompt", prompt];
    let lines = hybrid(&[&args, options].concat()).json_lines();
    lines.iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect()
}

fn mean_std(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, (variance / values.len() as f64).sqrt())
}

const CHARS: &str = r#"{"type": "weighted_sum", "normalize": false, "components": [
    {"type": "length", "unit": "chars"},
    {"type": "length", "name": "tokens", "unit": "tokens", "weight": 2}]}"#;

#[test]
fn answers_are_those_of_generate() {
    let greedy = ["--greedy", "--max-new-tokens", "12", "--ignore-eos"];
    let rows = [json!({ "prompt": "Once" }), json!({ "prompt": "2+2=", "completion": "4" })];
    let report = eval(&rows, CHARS, &[&greedy[..], &["--json"]].concat());
    let rewards = report.json()["rewards"].clone();
    let keys: Vec<&String> = rewards.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["score", "length", "tokens"]);
    let texts = [written("Once", &greedy), written("2+2=", &greedy)].concat();
    let chars: Vec<f64> = texts.iter().map(|text| text.chars().count() as f64).collect();
    let (mean, std) = mean_std(&chars);
    assert_near(&rewards["length"]["mean"], mean);
    assert_near(&rewards["length"]["std"], std);
    assert_near(&rewards["tokens"]["mean"], 12.0);
    assert_near(&rewards["score"]["mean"], mean + 24.0);
    assert_eq!(rewards["score"]["null"], 0);
}

#[test]
fn answers_are_drawn_by_seed_whatever_the_batch() {
    let rows = [json!({ "prompt": "ab" }), json!({ "prompt": "c" }), json!({ "prompt": "def" })];
    let run = |options: &[&str]| {
        let all = [&["--max-new-tokens", "8", "--num-samples", "2", "--json"], options].concat();
        eval(&rows, CHARS, &all).json()["rewards"].clone()
    };
    let first = run(&["--seed", "1"]);
    assert_eq!(run(&["--seed", "1", "--batch-size", "1"]), first);
    let other = |seed: u64| run(&["--seed", &seed.to_string()]) != first;
    assert!((2..6).any(other), "every seed scores {first}");
}

#[test]
fn texts_are_continued_and_compared_with_their_rest() {
    let spec = r#"{"type": "exact_match", "name": "score"}"#;
    let greedy = ["--greedy", "--max-new-tokens", "6", "--ignore-eos"];
    let made = written("one two", &greedy).concat();
    // The rest is what the model writes, so it matches; the second text is too short to be cut.
    let rows = [json!({ "text": format!("one two{made}") }), json!({ "text": "one" })];
    let words = made.trim().is_empty() || made.chars().next().is_some_and(char::is_whitespace);
    let options = [&greedy[..], &["--prompt-words", "2", "--json"]].concat();
    let outcome = eval(&rows, spec, &options);
    if words {
        assert_eq!(outcome.json()["rewards"]["score"]["mean"], 1.0);
    } else {
        // What it writes joins the last word, so the cut is elsewhere.
        assert!(outcome.code == 0 || outcome.code == 2, "{outcome:?}");
    }
    let rows = [json!({ "prompt": "x", "target": ["no", "never"] })];
    let report = eval(&rows, spec, &[&greedy[..], &["--json"]].concat()).json();
    assert_eq!(report["rewards"], json!({ "score": { "mean": 0.0, "std": 0.0, "null": 0 } }));
}

#[test]
fn people_get_a_line_a_reward() {
    let rows = [json!({ "prompt": "Once" })];
    let spec = r#"{"type": "length", "unit": "tokens"}"#;
    let options = ["--greedy", "--max-new-tokens", "3", "--ignore-eos"];
    let printed = eval(&rows, spec, &options).data();
    let lines: Vec<&str> = printed.lines().skip(4).collect();
    assert_eq!(
        lines,
        [
            "reward      score: mean 3.0000, std 0.0000, null 0",
            "reward      length: mean 3.0000, std 0.0000, null 0",
        ]
    );
}

#[test]
fn rewards_that_cannot_be() {
    let row = [json!({ "prompt": "a" })];
    let message = |rows: &[Value], spec: &str| eval(rows, spec, &[]).bad_input();
    insta::assert_snapshot!(message(&row, r#"{"type": "bleu"}"#), @"error: line 1 of `rows.jsonl` has no `target`, which the reward `bleu` reads; add `target` to every row or take `bleu` out of the spec");
    insta::assert_snapshot!(message(&[json!({ "text": "a b" })], r#"{"type": "length"}"#), @"error: `--reward`: `rows.jsonl` has nothing to continue; expected a prompt, a conversation, or a text of more than 8 words (`--prompt-words`)");
    insta::assert_snapshot!(message(&row, r#"{"type": "min", "components": [{"type": "length", "name": "score"}]}"#), @"error: `--reward`: a component is called `score`, as the whole is in the report; give it another `name`");
    insta::assert_snapshot!(message(&row, "gone.toml"), @r#"error: `--reward`: there is no file `gone.toml`; expected a JSON or TOML file, or JSON such as '{"type": "bleu"}'"#);
    let (_folder, path) = file("rows.jsonl", "{\"prompt\": \"a\"}\n");
    let outcome = hybrid(&["eval", model_name(), "--data", &path, "--greedy"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{outcome:?}");
    assert!(outcome.stderr.contains("--reward"), "{}", outcome.stderr);
}
