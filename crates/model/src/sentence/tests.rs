use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::golden::{
    self, Expected, TOLERANCE, assert_close, copy_of, edit_tensors, floats, read_json, set_key,
};

fn load(folder: &Path) -> SentenceEncoder {
    SentenceEncoder::load(folder, &Device::flex()).unwrap()
}

/// The error about a copy that `edit` changed, with its source.
fn message(edit: impl FnOnce(&Path)) -> String {
    let copy = copy_of("sentence");
    edit(copy.path());
    let error = SentenceEncoder::load(copy.path(), &Device::flex()).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string);
    format!("{error}; {}", source.unwrap_or_default())
}

fn edit_modules(folder: &Path, edit: impl FnOnce(&mut Vec<Value>)) {
    let file = folder.join("modules.json");
    let mut json = read_json(&file);
    edit(json.as_array_mut().unwrap());
    std::fs::write(file, json.to_string()).unwrap();
}

#[test]
fn vectors_equal_those_of_sentence_transformers() {
    let (encoder, expected) = (load(&golden::folder("sentence")), Expected::of("sentence"));
    let theirs = expected.get("vectors").unwrap();
    assert_eq!((encoder.width(), encoder.max_tokens()), (7, 22));
    let vectors = encoder.encode(&expected.rows()).unwrap();
    assert_close("vectors", &floats(vectors), theirs, TOLERANCE);
    for batch_tokens in [1, 24, 1000] {
        let vectors = encoder.encode_all(&expected.rows(), batch_tokens).unwrap();
        assert_close("in batches", &floats(vectors), theirs, TOLERANCE);
    }
    assert_eq!(encoder.encode(&[]).unwrap().dims(), [0, 7]);
    assert_eq!(encoder.encode_all(&[], 10).unwrap().dims(), [0, 7]);
}

#[test]
fn a_bad_row_is_named_by_its_place_among_all() {
    let encoder = load(&golden::folder("sentence"));
    let rows = [TokenRow::new(&[3]), TokenRow::new(&[3, 4]), TokenRow::new(&[41])];
    let error = encoder.encode_all(&rows, 2).unwrap_err();
    assert_eq!(error, RowError::UnknownToken { row: 2, id: 41, size: 41 });
}

#[test]
fn older_keys_say_the_same() {
    let copy = copy_of("sentence");
    let older = json!({
        "word_embedding_dimension": 18, "pooling_mode_cls_token": true,
        "pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": false,
    });
    std::fs::write(copy.path().join("1_Pooling/config.json"), older.to_string()).unwrap();
    let expected = Expected::of("sentence");
    let vectors = load(copy.path()).encode(&expected.rows()).unwrap();
    assert_close("older keys", &floats(vectors), expected.get("vectors").unwrap(), TOLERANCE);
}

#[test]
fn an_encoder_alone_is_averaged() {
    let (folder, expected) = (golden::folder("sentence/0_Transformer"), Expected::of("sentence"));
    let encoder = load(&folder);
    let vectors = encoder.encode(&expected.rows()).unwrap();
    assert_close("mean", &floats(vectors), expected.get("pooled.mean").unwrap(), TOLERANCE);
    assert_eq!(encoder.max_tokens(), 24);
}

#[test]
fn one_pooling_without_more_is_itself() {
    let copy = copy_of("sentence");
    edit_modules(copy.path(), |modules| modules.truncate(2));
    let expected = Expected::of("sentence");
    for pooling in Pooling::ALL {
        set_key(&copy.path().join("1_Pooling/config.json"), "pooling_mode", pooling.name().into());
        let encoder = load(copy.path());
        assert_eq!(encoder.width(), 18);
        let vectors = encoder.encode(&expected.rows()).unwrap();
        let theirs = expected.get(&format!("pooled.{}", pooling.name())).unwrap();
        assert_close(pooling.name(), &floats(vectors), theirs, TOLERANCE);
    }
}

#[test]
fn unknown_modules_and_settings_are_refused_by_name() {
    let kind = |kind: &'static str| {
        move |modules: &mut Vec<Value>| modules[2]["type"] = format!("a.b.{kind}").into()
    };
    let error = message(|folder| edit_modules(folder, kind("CNN")));
    assert!(error.contains("the module `CNN` is not known"), "{error}");
    let error = message(|folder| edit_modules(folder, |modules| modules.truncate(1)));
    assert!(error.contains("needs a Transformer and a Pooling"), "{error}");
    let error = message(|folder| edit_modules(folder, |modules| modules.swap(1, 2)));
    assert!(error.contains("begins with Transformer and Dense"), "{error}");
    let error =
        message(|folder| edit_modules(folder, |modules| modules[0]["path"] = "../x".into()));
    assert!(error.contains("entry 0 is no module"), "{error}");

    let pooling = |key: &'static str, value: Value| {
        message(move |folder| set_key(&folder.join("1_Pooling/config.json"), key, value))
    };
    assert!(pooling("pooling_mode", json!("median")).contains("`pooling_mode` is `median`"));
    assert!(pooling("pooling_mode", json!([])).contains("names no pooling"));
    assert!(pooling("embedding_dimension", json!(17)).contains("states 17 wide"));

    let dense = |key: &'static str, value: Value| {
        message(move |folder| set_key(&folder.join("2_Dense/config.json"), key, value))
    };
    assert!(dense("activation_function", json!("torch.nn.Mish")).contains("torch.nn.Mish"));
    assert!(dense("in_features", json!(18)).contains("vectors before it are 36 wide"));
    assert!(dense("out_features", json!(8)).contains("expected [8, 36]"));
    assert!(dense("use_residual", json!(true)).contains("`use_residual` is `true`"));
    let error = message(|folder| {
        edit_tensors(&folder.join("2_Dense"), |tensors| drop(tensors.remove("linear.bias")));
    });
    assert!(error.contains("missing: linear.bias [7]"), "{error}");
    let length = |folder: &Path| folder.join("0_Transformer/sentence_bert_config.json");
    let error = message(|folder| set_key(&length(folder), "max_seq_length", json!(0)));
    assert!(error.contains("`max_seq_length` is 0"), "{error}");
}
