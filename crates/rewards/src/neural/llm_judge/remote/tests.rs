use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::Registry;
use crate::RewardTree;
use crate::fixtures::server::{Say, serve};
use crate::fixtures::{build, env, try_score};

fn tree(url: &str, keys: Value) -> RewardTree {
    let mut spec = json!({ "type": "llm_judge", "model": "judge-1", "backoff_ms": 1, "retries": 1,
                           "url": url.replace("/score", "/v1") });
    spec.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    build(&spec)
}

fn rows(responses: &[&str]) -> Vec<Value> {
    responses.iter().map(|text| json!({ "prompt": "Why?", "response": text })).collect()
}

/// An answer with this content.
fn says(content: &str) -> Say {
    let choice = json!({ "index": 0, "message": { "role": "assistant", "content": content } });
    Say::Status(200, json!({ "choices": [choice] }).to_string())
}

/// What the judge is asked.
fn asked(body: &Value) -> &str {
    body["messages"][0]["content"].as_str().unwrap()
}

#[test]
fn a_label_is_a_grade_and_the_request_is_as_documented() {
    let (url, seen) =
        serve(|_, body| says(if asked(body).contains("good") { " 5\n" } else { "2" }));
    let tree = tree(&url, json!({ "token_env": "CARGO_MANIFEST_DIR", "concurrency": 3 }));
    let rows = rows(&["good", "bad", "", "good"]);
    for _ in 0..2 {
        let column = try_score(&tree, &rows).unwrap();
        assert_eq!(column.value, [Some(1.0), Some(0.25), None, Some(1.0)]);
        assert!(column.notes.is_empty());
    }
    let seen = seen.0.lock().unwrap();
    assert_eq!(seen.len(), 2, "equal rows are asked for once and remembered");
    let (_, body, token) = &seen[0];
    assert_eq!(token.as_deref(), Some(concat!("Bearer ", env!("CARGO_MANIFEST_DIR"))));
    assert_eq!((&body["model"], &body["temperature"]), (&json!("judge-1"), &json!(0)));
    assert_eq!(body["max_tokens"], json!(8));
    assert_eq!(body["messages"].as_array().unwrap().len(), 1);
    assert!(
        asked(body).contains("Why?") && asked(body).ends_with("1, 2, 3, 4 and 5 and nothing else.")
    );
}

#[test]
fn whatever_the_service_does_training_goes_on_and_lost_rows_are_counted() {
    type Answer = (&'static str, fn() -> Say);
    let answers: [Answer; 9] = [
        ("malformed", || Say::Status(200, "I would say 4".into())),
        ("no label", || says("I would say 4")),
        ("two labels", || says("4 5")),
        ("another number", || says("6")),
        ("empty", || says("")),
        ("wrong count", || Say::Status(200, r#"{"choices": []}"#.into())),
        ("no text", || Say::Status(200, r#"{"choices": [{"message": {"content": null}}]}"#.into())),
        ("broken", || Say::Status(500, "oops".into())),
        ("hang", || Say::Hang),
    ];
    for (what, answer) in answers {
        let (url, _) = serve(move |_, body| match asked(body).contains("fine") {
            true => says("3"),
            false => answer(),
        });
        let started = Instant::now();
        let judge = tree(&url, json!({ "request_timeout_ms": 300 }));
        let column = try_score(&judge, &rows(&["fine", "lost", "lost"])).unwrap();
        assert_eq!(column.value, [Some(0.5), None, None], "{what}");
        assert!(
            column.notes[0].starts_with("2 of 3 rows have no score: `http"),
            "{what}: {:?}",
            column.notes
        );
        let all = try_score(&judge, &rows(&["lost", "lost too"])).unwrap();
        assert_eq!(all.value, [None, None], "{what}");
        assert!(all.notes[0].starts_with("2 of 2 rows"), "{what}: {:?}", all.notes);
        assert!(started.elapsed() < Duration::from_secs(20), "{what}: {:?}", started.elapsed());
        let strict = tree(&url, json!({ "request_timeout_ms": 300, "on_error": "fail" }));
        assert!(try_score(&strict, &rows(&["fine", "lost"])).is_err(), "{what}");
    }
}

#[test]
fn a_busy_or_slow_service_is_waited_for() {
    let (url, seen) = serve(|number, _| match number {
        0 => Say::RetryAfter(429, 1),
        1 => Say::Status(503, String::new()),
        2 => {
            std::thread::sleep(Duration::from_millis(200));
            says("4")
        }
        _ => says("1"),
    });
    let judge = tree(&url, json!({ "retries": 2, "request_timeout_ms": 5000 }));
    assert_eq!(try_score(&judge, &rows(&["x"])).unwrap().value, [Some(0.75)]);
    let seen = seen.0.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert!(seen[1].0 - seen[0].0 >= Duration::from_millis(990));
}

#[test]
fn requests_keep_their_distance() {
    let (url, seen) = serve(|_, _| says("3"));
    let slow = tree(&url, json!({ "concurrency": 4, "requests_per_second": 20.0 }));
    try_score(&slow, &rows(&["a", "b", "c", "d"])).unwrap();
    let seen = seen.0.lock().unwrap();
    let took = seen.iter().map(|s| s.0).max().unwrap() - seen.iter().map(|s| s.0).min().unwrap();
    assert!(took >= Duration::from_millis(120), "{took:?} for three distances of 50 ms");
}

#[test]
fn a_refusal_fails_the_batch_and_is_not_sent_again() {
    let (url, seen) = serve(|_, _| Say::Status(401, "who are you".into()));
    let error = try_score(&tree(&url, json!({})), &rows(&["x"])).unwrap_err().to_string();
    let error = error.replace(&url.replace("/score", ""), "URL");
    insta::assert_snapshot!(error, @r#"the reward `llm_judge` failed: `URL/v1/chat/completions` refused the request with status 401: "who are you"; check `url`, `params` and `headers`"#);
    assert_eq!(seen.0.lock().unwrap().len(), 1);
}

#[test]
fn a_spec_that_cannot_work_is_refused_before_anything_is_sent() {
    let refused = |keys: Value| {
        let mut spec = json!({ "type": "llm_judge", "model": "m", "url": "http://x/v1" });
        spec.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        Registry::builtin().unwrap().build(&spec, &env()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(refused(json!({ "url": "localhost:80" })), @r#"the reward spec has a mistake at `url`: is "localhost:80", must be a whole address such as "http://localhost:8000/v1""#);
    insta::assert_snapshot!(refused(json!({ "token_env": "NO_SUCH_VARIABLE_HERE" })), @"the reward spec has a mistake at `token_env`: names `NO_SUCH_VARIABLE_HERE`, which is not set; export it");
    insta::assert_snapshot!(refused(json!({ "device": "cpu" })), @"the reward spec has a mistake at `device`: has no effect with `url`; remove it");
    insta::assert_snapshot!(refused(json!({ "requests_per_second": 0 })), @"the reward spec has a mistake at `requests_per_second`: is 0, must be finite and at least 0.001");
}

proptest! {
    #[test]
    fn no_answer_makes_a_panic_or_a_grade_out_of_nothing(text in "\\PC{0,40}") {
        let labels = ["1".to_owned(), "2".to_owned()];
        prop_assert!(verdict(&text, &labels).is_err());
        let choice = json!({ "choices": [{ "message": { "content": text } }] }).to_string();
        let found = verdict(&choice, &labels).ok();
        prop_assert_eq!(found, labels.iter().position(|label| label == text.trim()));
    }
}
