use std::fs;

use serde_json::{Value, json};

use crate::Registry;
use crate::fixtures::{assert_close, build, env, golden_folder, score, try_score};
use crate::neural::tests::{TOLERANCE, list};

/// What `reference/rewards_classifier.py` computed.
fn expected() -> Value {
    let file = golden_folder().join("classifier/expected.json");
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

fn refused(spec: &Value) -> String {
    Registry::builtin().unwrap().build(spec, &env()).unwrap_err().to_string()
}

#[test]
fn sentences_are_supported_by_the_best_source() {
    let expected = &expected()["supported"];
    let target =
        [json!({ "response": expected["response"], "target": expected["sources"], "prompt": "?" })];
    let spec = |pool: &str| json!({ "type": "factual_accuracy", "model": "nli", "pool": pool });
    for pool in ["mean", "min"] {
        let got = score(&spec(pool), &target);
        assert_close(got[0], expected[pool].as_f64(), TOLERANCE, pool);
    }
    assert_eq!(build(&spec("mean")).needs().names(), ["target"]);
    let field = json!({ "type": "factual_accuracy", "model": "nli", "premise": "source" });
    let tree = build(&field);
    assert_eq!(tree.needs().names(), ["source"]);
    let rows = [
        json!({ "response": expected["response"], "source": expected["sources"] }),
        json!({ "response": expected["response"], "source": expected["sources"][1] }),
        json!({ "response": "", "source": "a" }),
        json!({ "response": "a", "source": 3 }),
    ];
    let column = try_score(&tree, &rows).unwrap();
    assert_close(column.value[0], expected["mean"].as_f64(), TOLERANCE, "a field");
    assert!(column.value[1].unwrap() < column.value[0].unwrap(), "the first supports more");
    assert_eq!(column.value[2..], [None, None]);
    assert_eq!(
        column.notes,
        ["1 rows have no score: the field `source` is neither a text nor a list of them"]
    );
}

#[test]
fn the_premise_is_the_first_text() {
    let expected = expected();
    let rows: Vec<Value> = list(&expected["pairs"])
        .iter()
        .map(|pair| json!({ "prompt": pair[0], "response": pair[1] }))
        .collect();
    let relevance = json!({ "type": "qa_relevance", "model": "nli" });
    let margin = json!({ "type": "factual_accuracy", "model": "nli", "premise": "prompt",
                         "pool": "whole", "score": "margin" });
    let cross = json!({ "type": "qa_relevance", "model": "quality" });
    let got = [&relevance, &margin, &cross].map(|spec| score(spec, &rows));
    for (row, pair) in list(&expected["pairs"]).iter().enumerate() {
        let answer = |model: &str, key: &str, at: usize| {
            let text = pair[1].as_str().unwrap();
            (!text.is_empty()).then(|| expected[model]["pairs"][row][key][at].as_f64().unwrap())
        };
        let (yes, no) = (answer("nli", "softmax", 2), answer("nli", "softmax", 0));
        let what = format!("row {row}");
        assert_close(got[0][row], yes, TOLERANCE, &what);
        assert_close(got[1][row], yes.zip(no).map(|(yes, no)| yes - no), TOLERANCE, &what);
        assert_close(got[2][row], answer("quality", "sigmoid", 0), TOLERANCE, &what);
    }
}

#[test]
fn qa_relevance_without_a_model_looks_at_words() {
    let row = [json!({ "prompt": "When did it end?", "response": "It did end in 1945." })];
    assert_eq!(score(&json!({ "type": "qa_relevance" }), &row), [Some(1.0)]);
}

#[test]
fn a_model_without_entailment_is_refused_with_its_labels() {
    insta::assert_snapshot!(refused(&json!({ "type": "factual_accuracy" })), @"the reward spec has a mistake at `model`: is absent, must name a sequence classifier");
    insta::assert_snapshot!(refused(&json!({ "type": "factual_accuracy", "model": "mood" })), @"the reward spec has a mistake at `label`: is absent, and the model has no `entailment`; set it to one of `negative`, `neutral` and `positive`");
    insta::assert_snapshot!(refused(&json!({ "type": "factual_accuracy", "model": "mood", "label": 2, "score": "margin" })), @"the reward spec has a mistake at `score`: the model has no label `contradiction`; its labels are `negative`, `neutral` and `positive`");
    insta::assert_snapshot!(refused(&json!({ "type": "qa_relevance", "premise": "target" })), @"the reward spec has a mistake at `premise`: has no effect without a network as `model`; remove it");
    insta::assert_snapshot!(refused(&json!({ "type": "qa_relevance", "model": "nli", "type_weight": 1 })), @"the reward spec has a mistake at `type_weight`: has no effect where `model` is a network; remove it");
}
