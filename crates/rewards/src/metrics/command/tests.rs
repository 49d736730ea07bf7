use serde_json::{Value, json};

use crate::fixtures::{build, score, try_score};

/// A shell program that reads lines into `$row` and does `body` for each.
fn shell(body: &str) -> Value {
    let script = format!("while IFS= read -r row; do {body}; done");
    json!({ "type": "command", "command": ["sh", "-c", script] })
}

fn rows(count: usize) -> Vec<Value> {
    (0..count).map(|row| json!({ "response": format!("r{row}"), "extra": row })).collect()
}

#[test]
fn a_program_is_asked_once_a_row_and_kept() {
    // Counts its rows over its life, so that a second start would show.
    let tree = build(&shell("n=$((n+1)); echo $n"));
    let first = try_score(&tree, &rows(200)).unwrap().value;
    assert_eq!(first, (1..=200).map(|n| Some(f64::from(n))).collect::<Vec<_>>());
    assert_eq!(try_score(&tree, &rows(1)).unwrap().value, [Some(201.0)]);
}

#[test]
fn rows_come_with_their_fields_and_answers_have_three_forms() {
    let body = r#"case "$row" in *r0*'"extra":0'*|*'"extra":0'*r0*) echo '{"score": 0.5, "why": "x"}';; *r1*) echo null;; *) echo 2e0;; esac"#;
    assert_eq!(score(&shell(body), &rows(3)), [Some(0.5), None, Some(2.0)]);
}

#[test]
fn a_late_row_has_no_score_and_the_program_is_started_anew() {
    let mut spec = shell(r#"case "$row" in *r1*) sleep 60;; *) echo 1;; esac"#);
    spec["row_timeout_ms"] = json!(500);
    let column = try_score(&build(&spec), &rows(3)).unwrap();
    assert_eq!(column.value, [Some(1.0), None, Some(1.0)]);
    assert_eq!(column.notes, ["row 1 has no score: the program did not answer in time"]);
}

#[test]
fn a_row_that_ends_the_program_is_tried_twice() {
    let spec = shell(r#"case "$row" in *r1*) exit 3;; *) echo 1;; esac"#);
    let column = try_score(&build(&spec), &rows(3)).unwrap();
    assert_eq!(column.value, [Some(1.0), None, Some(1.0)]);
    assert_eq!(column.notes, ["row 1 has no score: the program ended without an answer"]);
}

#[test]
fn a_program_that_never_answers_fails_the_batch() {
    let error = |spec: Value| try_score(&build(&spec), &rows(5)).unwrap_err().to_string();
    insta::assert_snapshot!(error(json!({ "type": "command", "command": ["true"] })), @"the reward `command` failed: the program ended without an answer at row 1, after 3 restarts; run the program by hand on that row");
    insta::assert_snapshot!(error(shell("echo maybe")), @r#"the reward `command` failed: the program answered "maybe", must answer a number, null, or an object with a `score` for row 0"#);
    let missing = json!({ "type": "command", "command": ["/no/such/program"] });
    insta::assert_snapshot!(error(missing), @"the reward `command` failed: cannot start `/no/such/program`: No such file or directory (os error 2); check `command`");
}
