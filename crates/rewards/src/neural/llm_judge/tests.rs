use serde_json::{Value, json};

use crate::Registry;
use crate::fixtures::{assert_close, build, env, score, try_score};
use crate::neural::tests::{NAMES, TOLERANCE, expected, list, pairs};

#[test]
fn the_score_is_the_mean_grade_by_the_labels_probabilities() {
    let expected = expected();
    let rows = pairs(&expected);
    for name in NAMES {
        for (set, labels) in list(&expected["labels"]).iter().enumerate() {
            let spec = json!({ "type": "llm_judge", "model": name, "labels": labels,
                               "template": expected["question"], "rubric": expected["rubric"] });
            let column = try_score(&build(&spec), &rows).unwrap();
            let mut unread = 0;
            for (row, want) in list(&expected[name]["judge"]).iter().enumerate() {
                let want = &want[set];
                unread += usize::from(!want.is_null() && want["score"].is_null());
                let what = format!("{name}, {labels}, row {row}");
                assert_close(column.value[row], want["score"].as_f64(), TOLERANCE, &what);
            }
            // A judge that has not read the end of a question is none.
            assert!(unread >= 2);
            let note = format!("{unread} rows have no score: the judge reads ");
            assert!(column.notes[0].starts_with(&note), "{:?}", column.notes);
        }
    }
}

#[test]
fn the_labels_stand_in_the_question_in_their_order() {
    let graded = |labels: Value| {
        let spec = json!({ "type": "llm_judge", "model": "llama", "labels": labels,
                           "template": "{response}" });
        score(&spec, &[json!({ "response": "The old mill." })])[0].unwrap()
    };
    let (up, down) = (graded(json!(["1", "2", "3"])), graded(json!(["3", "2", "1"])));
    assert!((up + down - 1.0).abs() < 1e-6, "{up} turned round is {down}");
    let tree = build(&json!({ "type": "llm_judge", "model": "llama" }));
    assert_eq!(tree.needs().names(), ["prompt"]);
    let with_target = json!({ "type": "llm_judge", "model": "llama",
                              "template": "{response} for {target}?" });
    assert_eq!(build(&with_target).needs().names(), ["target"]);
}

#[test]
fn a_judge_that_cannot_work_is_refused() {
    let registry = Registry::builtin().unwrap();
    let refused = |keys: Value| {
        let mut spec = json!({ "type": "llm_judge", "model": "llama" });
        spec.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        registry.build(&spec, &env()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(refused(json!({ "model": null })), @"the reward spec has a mistake at `model`: is absent, must name the judge: a causal language model, or one of a service at `url`");
    insta::assert_snapshot!(refused(json!({ "labels": ["1"] })), @"the reward spec has a mistake at `labels`: is 1, must be 2 to 64 labels");
    insta::assert_snapshot!(refused(json!({ "labels": ["1", "2", "1"] })), @r#"the reward spec has a mistake at `labels[2]`: is "1", must be a label of its own"#);
    insta::assert_snapshot!(refused(json!({ "labels": ["1", " 2"] })), @r#"the reward spec has a mistake at `labels[1]`: is " 2", must be text without space around it"#);
    insta::assert_snapshot!(refused(json!({ "labels": ["1", "1x"] })), @r#"the reward spec has a mistake at `labels`: another label begins with the tokens of "1"; choose others"#);
    insta::assert_snapshot!(refused(json!({ "template": "{prompt}" })), @"the reward spec has a mistake at `template`: has no `{response}`, so all rows would score alike");
    insta::assert_snapshot!(refused(json!({ "token_env": "TOKEN" })), @"the reward spec has a mistake at `token_env`: has no effect without `url`; remove it");
}
