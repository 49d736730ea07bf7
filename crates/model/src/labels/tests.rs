use burn::tensor::Device;
use serde_json::json;

use super::*;
use crate::golden::{assert_close, floats};

fn names(config: &Value) -> (Vec<String>, Problem) {
    let labels = Labels::parse(config).unwrap();
    (labels.names, labels.problem)
}

#[test]
fn names_stand_in_the_order_of_their_numbers() {
    let (found, problem) = names(&json!({ "id2label": { "10": "k", "1": "b", "0": "a", "2": "c",
        "3": "d", "4": "e", "5": "f", "6": "g", "7": "h", "8": "i", "9": "j" } }));
    assert_eq!((found.concat().as_str(), problem), ("abcdefghijk", Problem::SingleLabel));
    assert_eq!(names(&json!({})).0, ["LABEL_0", "LABEL_1"]);
    assert_eq!(names(&json!({ "num_labels": 3 })).0.len(), 3);
    assert_eq!(names(&json!({ "num_labels": 1 })).1, Problem::Regression);
    let many = json!({ "problem_type": "multi_label_classification", "num_labels": 1 });
    assert_eq!(names(&many).1, Problem::MultiLabel);
}

#[test]
fn a_label_is_found_whatever_its_case() {
    let labels = Labels::parse(&json!({ "id2label": { "0": "neg", "1": "POS", "2": "pos" } }));
    let labels = labels.unwrap();
    assert_eq!(labels.index("pos"), Some(2));
    assert_eq!(labels.index("Pos"), Some(1));
    assert_eq!((labels.index("NEG"), labels.index("neutral")), (Some(0), None));
}

#[test]
fn what_names_no_labels_is_refused() {
    let message = |config: &Value| Labels::parse(config).unwrap_err().to_string();
    assert!(message(&json!({ "id2label": {} })).contains("at least one label"));
    assert!(message(&json!({ "id2label": { "1": "a" } })).contains("none for 0"));
    assert!(message(&json!({ "id2label": { "0": 7 } })).contains("`id2label.0` is 7"));
    assert!(message(&json!({ "num_labels": 1 << 30 })).contains("more than"));
    assert!(message(&json!({ "problem_type": "ranking" })).contains("`ranking`"));
}

#[test]
fn outputs_are_those_of_the_problem() {
    let logits = || Tensor::<2>::from_data([[0.0, 3.0_f32.ln()]], &Device::flex());
    assert_close("softmax", &floats(Problem::SingleLabel.outputs(logits())), &[0.25, 0.75], 1e-6);
    assert_close("sigmoid", &floats(Problem::MultiLabel.outputs(logits())), &[0.5, 0.75], 1e-6);
    let plain = floats(Problem::Regression.outputs(logits()));
    assert_eq!(plain, floats(logits()));
}
