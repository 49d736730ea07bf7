use std::net::TcpListener;
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::fixtures::server::{Say, Seen, serve};
use crate::fixtures::{build, env, try_score};
use crate::{Registry, RewardTree};

/// How many rows each request held.
fn sizes(seen: &Seen) -> Vec<usize> {
    let seen = seen.0.lock().unwrap();
    seen.iter().map(|(_, body, _)| body["rows"].as_array().unwrap().len()).collect()
}

/// Each row's score is the length of its response.
fn lengths(body: &Value) -> Say {
    let rows = body["rows"].as_array().unwrap();
    let scores: Vec<usize> =
        rows.iter().map(|row| row["response"].as_str().unwrap().len()).collect();
    Say::Status(200, json!(scores).to_string())
}

fn tree(url: &str, keys: Value) -> RewardTree {
    let mut spec = json!({ "type": "http", "url": url, "backoff_ms": 1, "concurrency": 1 });
    spec.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    build(&spec)
}

fn rows(count: usize) -> Vec<Value> {
    (1..=count).map(|n| json!({ "response": "x".repeat(n), "extra": n })).collect()
}

fn error(tree: &RewardTree, url: &str) -> String {
    try_score(tree, &rows(2)).unwrap_err().to_string().replace(url, "URL")
}

#[test]
fn rows_go_out_in_batches_and_scores_come_back_in_order() {
    let (url, seen) = serve(|_, body| lengths(body));
    let tree = tree(&url, json!({ "batch_size": 7, "concurrency": 5, "params": { "k": [1] } }));
    let want: Vec<_> = (1..=40).map(|n| Some(f64::from(n))).collect();
    assert_eq!(try_score(&tree, &rows(40)).unwrap().value, want);
    let mut sizes = sizes(&seen);
    sizes.sort_unstable();
    assert_eq!(sizes, [5, 7, 7, 7, 7, 7]);
    let (_, body, _) = &seen.0.lock().unwrap()[0];
    assert_eq!(body["params"], json!({ "k": [1] }));
    let keys: Vec<&String> = body["rows"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["extra", "prompt", "response", "target"]);
}

#[test]
fn equal_rows_are_asked_for_once_and_remembered() {
    let (url, seen) = serve(|_, body| lengths(body));
    let tree = tree(&url, json!({ "cache": 3 }));
    let twice: Vec<Value> = rows(2).into_iter().chain(rows(2)).collect();
    for _ in 0..3 {
        let want = [Some(1.0), Some(2.0), Some(1.0), Some(2.0)];
        assert_eq!(try_score(&tree, &twice).unwrap().value, want);
    }
    assert_eq!(sizes(&seen), [2], "the cache answers the rest");
    try_score(&tree, &rows(5)).unwrap();
    try_score(&tree, &rows(5)).unwrap();
    assert_eq!(sizes(&seen), [2, 3, 2], "the three newest of five are kept");
}

#[test]
fn a_busy_service_is_asked_again_after_the_time_it_names() {
    let (url, seen) = serve(|number, body| match number {
        0 => Say::RetryAfter(429, 1),
        1 => Say::Status(500, "oops".into()),
        2 => Say::Status(503, String::new()),
        _ => lengths(body),
    });
    let scores = try_score(&tree(&url, json!({})), &rows(2)).unwrap();
    assert_eq!(scores.value, [Some(1.0), Some(2.0)]);
    assert!(scores.notes.is_empty());
    let seen = seen.0.lock().unwrap();
    assert_eq!(seen.len(), 4);
    assert!(seen[1].0 - seen[0].0 >= Duration::from_millis(990));
}

#[test]
fn a_service_that_stays_busy_hangs_or_is_gone_fails_the_batch() {
    let (url, seen) = serve(|_, _| Say::Status(500, String::new()));
    insta::assert_snapshot!(error(&tree(&url, json!({ "retries": 2 })), &url), @"the reward `http` failed: `URL` answered with status 500 (3 tries); give it more time");
    assert_eq!(sizes(&seen).len(), 3);
    let (url, _) = serve(|_, _| Say::Hang);
    let started = Instant::now();
    let slow = tree(&url, json!({ "retries": 1, "request_timeout_ms": 150 }));
    insta::assert_snapshot!(error(&slow, &url), @"the reward `http` failed: `URL` could not be asked (2 tries): timeout: global; is the service running?");
    let slow = tree(&url, json!({ "retries": 0, "timeout_ms": 150 }));
    error(&slow, &url);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{gone}/");
    let message = error(&tree(&url, json!({ "retries": 1 })), &url);
    assert!(message.contains("could not be asked (2 tries)"), "{message}");
}

#[test]
fn a_refusal_is_not_sent_again() {
    let (url, seen) = serve(|_, _| Say::Status(401, "who are you".into()));
    insta::assert_snapshot!(error(&tree(&url, json!({})), &url), @r#"the reward `http` failed: `URL` refused the request with status 401: "who are you"; check `url`, `params` and `headers`"#);
    assert_eq!(sizes(&seen), [2]);
}

#[test]
fn rows_of_a_bad_answer_have_no_score_and_are_counted() {
    let (url, _) = serve(|number, body| match number {
        0 => Say::Status(200, "[1]".into()),
        _ => lengths(body),
    });
    let column = try_score(&tree(&url, json!({ "batch_size": 2 })), &rows(4)).unwrap();
    assert_eq!(column.value, [None, None, Some(3.0), Some(4.0)]);
    let notes: Vec<String> = column.notes.iter().map(|note| note.replace(&url, "URL")).collect();
    assert_eq!(notes, ["2 of 4 rows have no score: `URL` answered 1 scores for 2 rows"]);
    let (url, _) = serve(|number, body| match number {
        0 => Say::Status(200, "[1]".into()),
        _ => lengths(body),
    });
    let strict = tree(&url, json!({ "batch_size": 1, "on_error": "fail" }));
    assert_eq!(try_score(&strict, &rows(1)).unwrap().value, [Some(1.0)]);
    let (url, _) = serve(|_, _| Say::Status(200, "[NaN, 1]".into()));
    insta::assert_snapshot!(error(&tree(&url, json!({})), &url), @r#"the reward `http` failed: `URL` answered "[NaN, 1]", which is not JSON (JSON has no NaN)"#);
}

#[test]
fn requests_keep_their_distance() {
    let (url, seen) = serve(|_, body| lengths(body));
    let slow =
        tree(&url, json!({ "batch_size": 1, "concurrency": 4, "requests_per_second": 20.0 }));
    try_score(&slow, &rows(4)).unwrap();
    let seen = seen.0.lock().unwrap();
    let took = seen.iter().map(|s| s.0).max().unwrap() - seen.iter().map(|s| s.0).min().unwrap();
    assert!(took >= Duration::from_millis(120), "{took:?} for three distances of 50 ms");
}

#[test]
fn a_bearer_token_comes_from_the_environment_and_headers_from_the_spec() {
    let (url, seen) = serve(|_, body| lengths(body));
    // A variable that every run of the tests has.
    let with_token = tree(&url, json!({ "token_env": "CARGO_MANIFEST_DIR" }));
    try_score(&with_token, &rows(1)).unwrap();
    let sent = seen.0.lock().unwrap()[0].2.clone();
    assert_eq!(sent, Some(format!("Bearer {}", env!("CARGO_MANIFEST_DIR"))));
    let with_header = tree(&url, json!({ "headers": { "Authorization": "Basic x" } }));
    try_score(&with_header, &rows(1)).unwrap();
    assert_eq!(seen.0.lock().unwrap()[1].2.as_deref(), Some("Basic x"));
}

#[test]
fn a_spec_that_cannot_work_is_refused_before_anything_is_sent() {
    let refused =
        |spec: Value| Registry::builtin().unwrap().build(&spec, &env()).unwrap_err().to_string();
    insta::assert_snapshot!(refused(json!({ "type": "http" })), @r#"the reward spec has a mistake at `url`: is "", must be a whole address such as "http://localhost:8000/score""#);
    insta::assert_snapshot!(refused(json!({ "type": "http", "url": "localhost:80" })), @r#"the reward spec has a mistake at `url`: is "localhost:80", must be a whole address such as "http://localhost:8000/score""#);
    insta::assert_snapshot!(refused(json!({ "type": "http", "url": "http://x", "token_env": "NO_SUCH_VARIABLE_HERE" })), @"the reward spec has a mistake at `token_env`: names `NO_SUCH_VARIABLE_HERE`, which is not set; export it");
    insta::assert_snapshot!(refused(json!({ "type": "http", "url": "http://x", "batch_size": 0 })), @"the reward spec has a mistake at `batch_size`: is 0, must be between 1 and 4096");
}

#[test]
fn answers_have_the_documented_forms_and_no_other() {
    assert_eq!(read("[1, null, {\"score\": 0.5}]", 3), Ok(vec![Some(1.0), None, Some(0.5)]));
    assert_eq!(read("{\"scores\": [2e0], \"model\": \"m\"}", 1), Ok(vec![Some(2.0)]));
    assert_eq!(read("[]", 0), Ok(vec![]));
    for bad in ["", "1", "{}", "[true]", "[\"1\"]", "[1,]", "[[1]]", "[1e999]", "{\"scores\": 1}"] {
        assert!(read(bad, 1).is_err(), "{bad}");
    }
    assert!(read("[1, 2]", 1).is_err());
}

proptest! {
    #[test]
    fn no_answer_makes_a_panic_or_a_wrong_number_of_scores(text in "\\PC{0,40}", want in 0_usize..4) {
        if let Ok(scores) = read(&text, want) {
            prop_assert_eq!(scores.len(), want);
        }
    }
}
