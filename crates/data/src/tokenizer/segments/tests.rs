use serde_json::{Value, json};
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;
use tokenizers::processors::template::TemplateProcessing;

use crate::tokenizer::{Tokenizer, TokenizerParts};

/// Words are numbers from 10 to 19; 1 begins a row and 2 ends each text.
pub(in crate::tokenizer) fn tokenizer(config: Value) -> Tokenizer {
    let words = (10..20).map(|id| (id.to_string(), id));
    let special = [("?", 0), ("[CLS]", 1), ("[SEP]", 2)].map(|(word, id)| (word.to_owned(), id));
    let model = WordLevel::builder()
        .vocab(words.chain(special).collect())
        .unk_token("?".into())
        .build()
        .unwrap();
    let mut inner = tokenizers::Tokenizer::new(model);
    inner.with_pre_tokenizer(Some(WhitespaceSplit));
    let template = TemplateProcessing::builder()
        .try_single("[CLS] $A [SEP]")
        .unwrap()
        .try_pair("[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1")
        .unwrap()
        .special_tokens(vec![("[CLS]", 1), ("[SEP]", 2)])
        .build()
        .unwrap();
    inner.with_post_processor(Some(template));
    let config = config.as_object().unwrap().clone();
    Tokenizer::new(inner, TokenizerParts { config, ..TokenizerParts::default() }).unwrap()
}

fn ids(config: Value, first: &str, second: Option<&str>, limit: usize) -> Vec<u32> {
    tokenizer(config).encode_segments(first, second, limit).unwrap().ids
}

#[test]
fn a_pair_has_its_template_and_its_types() {
    let pair = tokenizer(json!({})).encode_segments("10 11", Some("12"), 99).unwrap();
    assert_eq!(pair.ids, [1, 10, 11, 2, 12, 2]);
    assert_eq!(pair.types, [0, 0, 0, 0, 1, 1]);
    let names = json!({ "model_input_names": ["input_ids", "attention_mask"] });
    let untyped = tokenizer(names).encode_segments("10 11", Some("12"), 99).unwrap();
    assert_eq!((untyped.ids, untyped.types), (pair.ids, vec![]));
}

#[test]
fn the_longer_text_gives_way_first() {
    let cut = |first, second, limit| ids(json!({}), first, Some(second), limit);
    assert_eq!(cut("10 11 12 13", "14 15", 7), [1, 10, 11, 2, 14, 15, 2]);
    assert_eq!(cut("10", "11 12 13 14", 7), [1, 10, 2, 11, 12, 13, 2]);
    // An odd token is the second text's where both are cut.
    assert_eq!(cut("10 11 12", "13 14 15", 8), [1, 10, 11, 2, 13, 14, 15, 2]);
    assert_eq!(ids(json!({}), "10 11 12", None, 4), [1, 10, 11, 2]);
    assert_eq!(ids(json!({}), "10 11 12", None, 1), [1, 2], "special tokens stay");
    assert_eq!(ids(json!({}), "", None, 9), [1, 2]);
}

#[test]
fn the_configuration_says_which_end_is_cut_and_how_much_is_read() {
    let left = json!({ "truncation_side": "left" });
    assert_eq!(ids(left, "10 11 12", None, 4), [1, 11, 12, 2]);
    let limit = |stated: Value| tokenizer(json!({ "model_max_length": stated })).max_length();
    assert_eq!(limit(json!(512)), Some(512));
    assert_eq!(limit(json!(1e30)), None);
    assert_eq!(limit(Value::Null), None);
}
