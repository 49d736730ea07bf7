use burn::tensor::TensorData;
use tempfile::TempDir;

use super::*;
use crate::golden::{
    self, Expected, SEQUENCES, TOLERANCE, assert_close, copy_of, edit_tensors, floats, read_json,
    read_tensors,
};
use crate::labels::Problem;

fn load_case(case: &str, device: &Device) -> SequenceClassifier {
    SequenceClassifier::load(&golden::folder(case), device).unwrap()
}

fn load_tokens(device: &Device) -> TokenClassifier {
    TokenClassifier::load(&golden::folder("bert_tokens"), device).unwrap()
}

#[test]
fn logits_of_rows_equal_those_of_transformers() {
    for case in SEQUENCES {
        let (classifier, expected) = (load_case(case, &Device::flex()), Expected::of(case));
        let logits = classifier.logits(&expected.rows()).unwrap();
        assert_eq!(logits.dims(), [4, classifier.labels().count()], "{case}");
        assert_close(case, &floats(logits), expected.get("logits").unwrap(), TOLERANCE);
        let none = classifier.logits(&[]).unwrap();
        assert_eq!(none.dims(), [0, classifier.labels().count()], "{case}");
    }
}

#[test]
fn logits_of_tokens_equal_those_of_transformers() {
    let (classifier, expected) = (load_tokens(&Device::flex()), Expected::of("bert_tokens"));
    let logits = classifier.logits(&expected.rows()).unwrap();
    assert_eq!((logits.rows(), logits.width()), (4, 3));
    assert_close("tokens", &floats(logits.states()), expected.get("logits").unwrap(), TOLERANCE);
    assert_eq!(classifier.logits(&[]).unwrap().rows(), 0);
}

/// The gradient of every tensor of the checkpoint.
fn check_gradients(
    case: &str,
    logits: Tensor<2>,
    stored: impl Fn(&Gradients) -> Vec<save::Stored>,
) {
    let expected = Expected::of(case);
    let weights = expected.get("weights").unwrap().to_vec();
    let weights = Tensor::from_data(TensorData::new(weights, logits.dims()), &logits.device());
    let ours = stored(&(logits * weights).sum().backward());
    let names: Vec<&str> = expected.below("grad.").collect();
    assert_eq!(ours.len(), names.len(), "{case}");
    for name in names {
        let own = ours.iter().find(|(own, _, _)| own == name);
        let (_, _, own) = own.unwrap_or_else(|| panic!("{case}: no gradient of {name}"));
        let theirs = expected.get(&format!("grad.{name}")).unwrap();
        assert_close(&format!("{case}, gradient of {name}"), own, theirs, TOLERANCE);
    }
}

#[test]
fn gradients_equal_those_of_pytorch() {
    let device = Device::flex().autodiff();
    for case in SEQUENCES {
        let (classifier, expected) = (load_case(case, &device), Expected::of(case));
        let logits = classifier.logits(&expected.rows()).unwrap();
        check_gradients(case, logits, |gradients| classifier.stored_gradients(gradients));
    }
    let (classifier, expected) = (load_tokens(&device), Expected::of("bert_tokens"));
    let logits = classifier.logits(&expected.rows()).unwrap().states();
    check_gradients("bert_tokens", logits, |gradients| classifier.stored_gradients(gradients));
}

#[test]
fn labels_are_those_of_the_checkpoint() {
    let labels = |case| load_case(case, &Device::flex()).labels().clone();
    assert_eq!(labels("bert").names, ["bad", "so-so", "good"]);
    assert_eq!(labels("bert").problem, Problem::SingleLabel);
    assert_eq!(labels("roberta").problem, Problem::MultiLabel);
    assert_eq!(labels("roberta").index("threat"), Some(2));
    assert_eq!(labels("llama").problem, Problem::Regression);
    assert_eq!(load_tokens(&Device::flex()).labels().names, ["O", "B-PER", "I-PER"]);
}

#[test]
fn what_is_saved_is_the_file_of_transformers() {
    let check = |case: &str, saved: &TempDir| {
        let [ours, theirs] = [saved.path().to_owned(), golden::folder(case)];
        let tensors = |folder: &Path| read_tensors(&folder.join("model.safetensors"));
        assert!(tensors(&ours) == tensors(&theirs), "{case}");
        let config = |folder: &Path| read_json(&folder.join("config.json"));
        assert_eq!(config(&ours), config(&theirs), "{case}");
    };
    for case in SEQUENCES {
        let saved = TempDir::new().unwrap();
        load_case(case, &Device::flex()).save(saved.path()).unwrap();
        check(case, &saved);
    }
    let saved = TempDir::new().unwrap();
    load_tokens(&Device::flex()).save(saved.path()).unwrap();
    check("bert_tokens", &saved);
}

#[test]
fn a_head_that_is_not_there_is_missed() {
    let message = |case: &str, drop: &str| {
        let copy = copy_of(case);
        edit_tensors(copy.path(), |tensors| tensors.retain(|name, _| !name.starts_with(drop)));
        SequenceClassifier::load(copy.path(), &Device::flex()).unwrap_err().to_string()
    };
    assert!(message("bert", "bert.pooler").contains("missing: bert.pooler.dense.weight [18, 18]"));
    assert!(message("bert", "classifier").contains("missing: classifier.bias [3]"));
    assert!(
        message("roberta", "classifier").contains("missing: classifier.out_proj.weight [4, 18]")
    );
    assert!(message("distilbert", "pre_").contains("missing: pre_classifier.weight [18, 18]"));
    assert!(message("llama", "score").contains("missing: score.weight [1, 16]"));
    // The head of another family is one too many.
    let copy = copy_of("bert");
    edit_tensors(copy.path(), |tensors| {
        tensors.insert("classifier.out_proj.bias".to_owned(), (vec![3], vec![0.0; 3]));
    });
    let error = SequenceClassifier::load(copy.path(), &Device::flex()).unwrap_err().to_string();
    assert!(error.contains("extra: classifier.out_proj.bias"), "{error}");
    let error = TokenClassifier::load(&golden::folder("gpt2"), &Device::flex()).unwrap_err();
    assert!(error.to_string().contains("on encoders only"), "{error}");
}

#[test]
fn a_label_too_many_is_a_misshapen_head() {
    let copy = copy_of("bert");
    let names = serde_json::json!({ "0": "a", "1": "b", "2": "c", "3": "d" });
    golden::set_key(&copy.path().join("config.json"), "id2label", names);
    let error = SequenceClassifier::load(copy.path(), &Device::flex()).unwrap_err().to_string();
    assert!(error.contains("classifier.weight is [3, 18], expected [4, 18]"), "{error}");
}
