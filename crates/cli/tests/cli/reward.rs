//! `hybrid reward`: rows in, scores out, and what it shows.

mod bad;
mod classifier;
mod golden;
mod hard;
mod train;

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Outcome, command, file, finish, hybrid, hybrid_fed, interrupt};

/// The example of the documentation.
const EXAMPLE: &str = r#"{"REWARD":{"type":"weighted_sum","components":[
    {"type":"bleu","weight":0.3},{"type":"rouge_l","weight":0.3},{"type":"levenshtein","weight":0.4}
    ],"postprocess":[{"type":"clip","min":0,"max":1}]}}"#;

/// Scores `rows` by `spec`.
fn score(spec: &Value, rows: &[Value], options: &[&str]) -> Outcome {
    let (_folder, path) = file("rows.jsonl", &lines(rows));
    let spec = spec.to_string();
    let args = ["reward", "--spec", spec.as_str(), "--input", path.as_str()];
    hybrid(&[&args, options].concat())
}

/// The lines that [`score`] prints.
#[track_caller]
fn scores(spec: &Value, rows: &[Value]) -> Vec<Value> {
    score(spec, rows, &["--quiet"]).json_lines()
}

fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

#[track_caller]
fn assert_near(got: &Value, want: f64) {
    let near = got.as_f64().is_some_and(|got| (got - want).abs() <= 1e-9);
    assert!(near, "{got}, expected {want}");
}

#[test]
fn the_example_scores_a_pair_by_its_definition() {
    let rows = [
        json!({ "response": "the cat sat", "target": "the cat sat" }),
        json!({ "id": "b", "completion": "ab", "target": ["xy", "ay"] }),
        json!({ "id": {"k": [1]}, "response": "", "target": "a", "prompt": "p", "more": 3 }),
    ];
    let (_folder, path) = file("pairs.jsonl", &lines(&rows));
    let (_folder, toml) = file(
        "reward.toml",
        "[REWARD]\ntype = 'weighted_sum'\npostprocess = [{ type = 'clip', min = 0, max = 1 }]\n\
         [[REWARD.components]]\ntype = 'bleu'\nweight = 0.3\n\
         [[REWARD.components]]\ntype = 'rouge_l'\nweight = 0.3\n\
         [[REWARD.components]]\ntype = 'levenshtein'\nweight = 0.4\n",
    );
    let (_folder, json_file) = file("spec.json", EXAMPLE);
    let (_folder, bare) = file("spec", EXAMPLE);
    let outputs = [EXAMPLE, &toml, &json_file, &bare]
        .map(|spec| hybrid(&["reward", "--spec", spec, "--input", &path, "--quiet"]).data());
    assert!(outputs.iter().all(|output| *output == outputs[0]), "{outputs:?}");
    let got: Vec<Value> =
        outputs[0].lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        [&got[0]["id"], &got[1]["id"], &got[2]["id"]],
        [&json!(0), &json!("b"), &json!({"k": [1]})]
    );
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&got[0]), ["id", "score", "components"]);
    assert_eq!(keys(&got[0]["components"]), ["bleu", "rouge_l", "levenshtein"]);
    assert_near(&got[0]["score"], 1.0);
    // No common word; the best target shares one of two characters.
    assert_near(&got[1]["components"]["levenshtein"], 0.5);
    assert_near(&got[1]["components"]["rouge_l"], 0.0);
    let bleu = got[1]["components"]["bleu"].as_f64().unwrap();
    assert_near(&got[1]["score"], 0.3 * bleu + 0.4 * 0.5);
    assert_near(&got[2]["score"], 0.0);
}

#[test]
fn rows_come_from_stdin_and_other_formats() {
    let rows =
        "{\"response\": \"a b\", \"target\": \"a\"}\n\n{\"response\": \"c\", \"target\": \"c\"}";
    let spec = "{\"type\": \"jaccard\"}";
    let want = [json!(0.5), json!(1.0)];
    let scores = |outcome: Outcome| {
        outcome.json_lines().iter().map(|l| l["score"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(scores(hybrid_fed(&["reward", "--spec", spec, "--quiet"], rows)), want);
    let dash = ["reward", "--spec", spec, "--quiet", "--input", "-"];
    assert_eq!(scores(hybrid_fed(&dash, rows)), want);
    let csv = "response,target\na b,a\nc,c\n";
    for (name, content) in [("p.jsonl", rows), ("p.txt", rows), ("p", rows), ("p.csv", csv)] {
        let (_folder, path) = file(name, content);
        let args = ["reward", "--spec", spec, "--quiet", "--input", &path];
        assert_eq!(scores(hybrid(&args)), want, "{name}");
    }
}

#[test]
fn the_table_has_a_line_a_component() {
    let spec = json!({ "type": "min", "components": [
        { "type": "length", "name": "words", "postprocess": [{ "type": "log", "add": 0 }] },
        { "type": "max", "name": "both", "components": [{ "type": "field", "field": "x" }] },
    ] });
    let rows = [
        json!({ "response": "a", "x": 4 }),
        json!({ "response": "", "x": 2 }),
        json!({ "response": "a", "x": null }),
        json!({ "response": "a", "x": 0 }),
    ];
    let outcome = score(&spec, &rows, &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let table: Vec<Vec<&str>> =
        outcome.stderr.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(table[0], ["component", "mean", "std", "null", "ms"]);
    // ln 1 = 0 thrice, ln 0 = −∞ is no score; 4, 2 and 0 have mean 2 and variance 8/3.
    assert_eq!(table[1][..4], ["words", "0.0000", "0.0000", "1"]);
    assert_eq!(table[2][..4], ["both/field", "2.0000", "1.6330", "1"]);
    assert_eq!(table[3][..4], ["score", "0.0000", "0.0000", "2"]);
    assert!(table[1..4].iter().all(|line| line[4].parse::<f64>().unwrap() >= 0.0));
    assert_eq!(table[4].join(" "), "1 scores of `words` were infinite or undefined: null");
    let lines: Vec<Value> =
        outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines[1],
        json!({ "id": 1, "score": null, "components": {
        "words": null, "both/field": 2.0,
    } })
    );
}

#[test]
fn an_output_is_written_as_a_whole_and_leaves_stdout_to_the_summary() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scores.jsonl");
    let output = path.to_str().unwrap();
    let spec = json!({ "type": "length" });
    let rows = [json!({ "response": "a b" }), json!({ "response": "a b c d" })];
    assert_eq!(score(&spec, &rows, &["--output", output, "--quiet"]).data(), "");
    let want = "{\"id\":0,\"score\":2.0,\"components\":{\"length\":2.0}}\n\
                {\"id\":1,\"score\":4.0,\"components\":{\"length\":4.0}}\n";
    assert_eq!(std::fs::read_to_string(&path).unwrap(), want);
    let summary = score(&spec, &rows, &["--output", output, "--json"]).json();
    assert_eq!(summary["rows"], 2);
    for line in [&summary["score"], &summary["components"]["length"]] {
        assert_eq!(
            (&line["mean"], &line["std"], &line["null"]),
            (&json!(3.0), &json!(1.0), &json!(0))
        );
        assert!(line["ms"].as_f64().unwrap() >= 0.0);
    }
    // A row that is wrong leaves the file as it was, and nothing beside it.
    let bad = [rows[0].clone(), json!({ "response": 3 })];
    score(&spec, &bad, &["--output", output, "--quiet"]).bad_input();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), want);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    #[cfg(unix)]
    assert_eq!(score(&spec, &rows, &["--output", "/dev/null", "--quiet"]).data(), "");
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_the_folder_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("scores");
    std::fs::write(&output, "mine").unwrap();
    let spec = r#"{"type": "length"}"#;
    let args = ["reward", "--spec", spec, "--quiet", "--output", output.to_str().unwrap()];
    // It waits for rows that do not come.
    let mut child = command(&args).stdin(Stdio::piped()).spawn().unwrap();
    let entries = || std::fs::read_dir(folder.path()).unwrap().count();
    while entries() < 2 {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    // The file is there a moment before the signal is listened to.
    std::thread::sleep(Duration::from_millis(200));
    interrupt(&child);
    let _stdin = child.stdin.take();
    assert_eq!(finish(child).code, 130);
    assert_eq!(entries(), 1);
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "mine");
}

#[cfg(unix)]
#[test]
fn an_output_has_the_rights_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mode = |name: &str| {
        let there = std::fs::metadata(folder.path().join(name)).unwrap();
        there.permissions().mode() & 0o777
    };
    std::fs::write(folder.path().join("plain"), "").unwrap();
    let output = folder.path().join("scores");
    let args = ["--quiet", "--output", output.to_str().unwrap()];
    score(&json!({ "type": "length" }), &[json!({ "response": "" })], &args).data();
    assert_eq!(mode("scores"), mode("plain"));
}

#[test]
fn scores_do_not_depend_on_the_batch_unless_something_remembers() {
    let rows: Vec<Value> = (0..50)
        .map(|row| json!({ "response": "w ".repeat(row % 7), "target": "w w w", "prompt": row / 5 % 2 }))
        .map(|mut row| {
            row["prompt"] = json!(row["prompt"].to_string());
            row
        })
        .collect();
    let run = |spec: &Value, batch: &str| score(spec, &rows, &["--quiet", "--batch", batch]).data();
    let plain =
        json!({ "type": "product", "components": [{ "type": "jaccard" }, { "type": "chrf" }] });
    // Responses to one prompt stay together, five at a time.
    let grouped =
        json!({ "type": "length", "postprocess": [{ "type": "zscore", "scope": "group" }] });
    for spec in [&plain, &grouped] {
        for batch in ["1", "7", "50"] {
            assert_eq!(run(spec, batch), run(spec, "1024"), "{spec}");
        }
    }
    // What was said in an earlier batch is no news in a later one.
    let novelty = json!({ "type": "novelty" });
    let row = json!({ "response": "one two three four five six" });
    let say_twice = |batch: &str| {
        let outcome = score(&novelty, &[row.clone(), row.clone()], &["--quiet", "--batch", batch]);
        outcome.json_lines().iter().map(|line| line["score"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(say_twice("2"), [json!(1.0), json!(1.0)]);
    assert_eq!(say_twice("1"), [json!(1.0), json!(0.0)]);
}

#[test]
fn token_ids_of_a_row_are_its_tokens() {
    let spec = json!({ "type": "length", "unit": "tokens" });
    let got = scores(&spec, &[json!({ "response": "x", "token_ids": [5, 6, 7] })]);
    assert_eq!(got[0]["score"], 3.0);
}

#[test]
fn a_component_that_drives_the_sum_is_named_once() {
    let spec = json!({ "type": "weighted_sum", "components": [
        { "type": "length" }, { "type": "jaccard" },
    ] });
    let rows: Vec<Value> =
        (0..64).map(|n| json!({ "response": "w ".repeat(n), "target": "w" })).collect();
    let outcome = score(&spec, &rows, &["--batch", "32"]);
    let warnings: Vec<&str> =
        outcome.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warnings.len(), 1, "{}", outcome.stderr);
    assert!(warnings[0].contains("`length` makes up"), "{warnings:?}");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let rows: Vec<Value> = (0..20_000).map(|_| json!({ "response": "a b c" })).collect();
    let (_folder, path) = file("rows.jsonl", &lines(&rows));
    let spec = "{\"type\": \"length\"}";
    let mut child = command(&["reward", "--spec", spec, "--input", &path]).spawn().unwrap();
    drop(child.stdout.take());
    let outcome = finish(child);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
}

#[test]
fn the_list_has_every_entry_and_one_on_demand() {
    let all = hybrid(&["reward", "--list"]).data();
    for part in
        ["REWARDS\n", "\nCOMBINATORS\n", "\nPOST-PROCESSORS\n", "\nweighted_sum", "\nclip\n"]
    {
        assert!(all.contains(part), "{part}");
    }
    insta::assert_snapshot!(hybrid(&["reward", "--list", "xyzzy"]).bad_input(), @"error: `--list`: nothing is called `xyzzy`; `hybrid reward --list` shows every name");
    insta::assert_snapshot!(hybrid(&["reward", "--list", "blue"]).bad_input(), @"error: `--list`: nothing is called `blue` (did you mean `bleu`?); `hybrid reward --list` shows every name");
    insta::assert_snapshot!(hybrid(&["reward", "--list", "lcs"]).data(), @r#"
    REWARDS

    lcs
      The longest common subsequence / the longer text, as rapidfuzz 3.14's `LCSseq.normalized_similarity`; 1 where both texts are empty. Texts are cut after 65,536 characters or words.
      range 0 … 1; better: higher; needs: target
      evidence: by definition
        unit       "chars"  one of `chars` or `words`: what a sequence is made of
        lowercase  false    true or false: compare in lower case
    "#);
    insta::assert_snapshot!(hybrid(&["reward", "--list", "clip"]).data(), @r"
    POST-PROCESSORS

    clip
      Scores outside [min, max] become the nearer end.
      range −∞ … ∞; better: depends; needs: a score
        min  null  a number: the smallest score; absent means none
        max  null  a number: the largest score; absent means none
    ");
    let listed = hybrid(&["reward", "--list", "--json"]).data();
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    let bleu = listed.iter().find(|entry| entry["name"] == "bleu").unwrap();
    assert_eq!(bleu["kind"], "reward");
    assert_eq!(bleu["needs"], json!(["target"]));
    assert_eq!(bleu["range"], json!([0.0, 1.0]));
    let smooth = bleu["parameters"].as_array().unwrap();
    let smooth = smooth.iter().find(|param| param["name"] == "smooth_method").unwrap();
    assert_eq!(smooth["default"], "exp");
    let kinds: std::collections::BTreeSet<&str> =
        listed.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["combinator", "postprocessor", "reward"]);
}

#[test]
fn the_schema_judges_specs_by_the_reward_made_for_that() {
    // In a file, for it is longer than an argument may be.
    let (_folder, schema) = file("schema.json", &hybrid(&["reward", "--schema"]).data());
    let spec = json!({ "type": "format", "kind": "json_schema", "schema": schema });
    let rows = [EXAMPLE, "{\"type\": \"blue\"}", "{\"type\": \"bleu\", \"weight\": \"1\"}"]
        .map(|text| json!({ "response": text }));
    let got: Vec<Value> = scores(&spec, &rows).iter().map(|line| line["score"].clone()).collect();
    assert_eq!(got, [json!(1.0), json!(0.0), json!(0.0)]);
}
