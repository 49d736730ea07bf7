use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use super::super::tests::{byte_level, roles};
use super::*;

/// A directory with `tokenizer.json` of bytes, `<s>` = 256, `</s>` = 257, `<x>` = 258.
fn dir(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    byte_level(&[], &["<s>", "</s>", "<x>"]).save(dir.path().join(TOKENIZER), false).unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn loaded(files: &[(&str, &str)]) -> Tokenizer {
    load(dir(files).path()).unwrap()
}

/// The message, without the directory's name.
fn message(files: &[(&str, &str)]) -> String {
    let dir = dir(files);
    let error = load(dir.path()).unwrap_err().to_string();
    error.replace(&format!("{}/", dir.path().display()), "")
}

#[test]
fn tokens_are_strings_or_objects() {
    let tokenizer = loaded(&[(
        CONFIG,
        r#"{"bos_token": {"content": "<s>", "lstrip": false}, "eos_token": "</s>", "pad_token": null}"#,
    )]);
    assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.pad()), (Some(256), Some(257), None));
}

#[test]
fn the_token_map_fills_in_what_the_configuration_leaves_open() {
    let tokenizer = loaded(&[
        (CONFIG, r#"{"eos_token": "</s>"}"#),
        (SPECIAL_TOKENS, r#"{"eos_token": "<x>", "pad_token": {"content": "<x>"}}"#),
    ]);
    assert_eq!((tokenizer.eos(), tokenizer.pad()), (Some(257), Some(258)));
}

#[test]
fn generation_ends_at_every_id_the_generation_configuration_lists() {
    let tokenizer = loaded(&[
        (CONFIG, r#"{"eos_token": "<x>"}"#),
        (GENERATION_CONFIG, r#"{"eos_token_id": [257, 258], "pad_token_id": 257}"#),
        (MODEL_CONFIG, r#"{"eos_token_id": 256, "bos_token_id": 256}"#),
    ]);
    assert_eq!(tokenizer.eos_ids(), [258, 257]);
    assert_eq!((tokenizer.bos(), tokenizer.pad()), (Some(256), Some(257)));
}

#[test]
fn the_model_configuration_is_the_last_resort() {
    let tokenizer =
        loaded(&[(MODEL_CONFIG, r#"{"eos_token_id": [257, 256], "pad_token_id": -1}"#)]);
    assert_eq!(tokenizer.eos_ids(), [257, 256]);
    assert_eq!(tokenizer.special_tokens()["eos_token"], "</s>");
    assert_eq!((tokenizer.bos(), tokenizer.pad()), (None, None));
}

#[test]
fn the_flags_decide_what_is_added() {
    let tokens = r#""bos_token": "<s>", "eos_token": "</s>""#;
    let ids = |flags: &str| {
        let config = format!("{{{tokens}{flags}}}");
        loaded(&[(CONFIG, &config)]).encode("a", true).unwrap()
    };
    let a = ids("")[0];
    assert_eq!(ids(""), [a]);
    assert_eq!(ids(r#", "add_bos_token": true"#), [256, a]);
    assert_eq!(ids(r#", "add_bos_token": true, "add_eos_token": true"#), [256, a, 257]);
    assert_eq!(ids(r#", "add_bos_token": null"#), [a]);
}

#[test]
fn the_template_file_wins_over_the_configuration() {
    let string = (CONFIG, r#"{"chat_template": "one"}"#);
    let list = r#"{"chat_template": [{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}]}"#;
    assert_eq!(loaded(&[string]).chat_template(), Some("one"));
    assert_eq!(loaded(&[string, (CHAT_TEMPLATE, "two\n")]).chat_template(), Some("two\n"));
    assert_eq!(loaded(&[(CONFIG, list)]).chat_template(), Some("d"));
    assert_eq!(loaded(&[(CONFIG, r#"{"chat_template": []}"#)]).chat_template(), None);
    assert_eq!(loaded(&[]).chat_template(), None);
}

#[test]
fn every_bad_file_is_named_with_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    let error = load(empty.path()).unwrap_err().to_string();
    assert!(error.contains("there is no `tokenizer.json` in") && error.contains("save_pretrained"));
    insta::assert_snapshot!(message(&[(TOKENIZER, "{\"version\": ")]), @"`tokenizer.json` is not a tokenizer the `tokenizers` library can read; it may be cut short, or a git-lfs pointer: get the file again from where the model came from");
    insta::assert_snapshot!(message(&[(TOKENIZER, "\u{0}\u{1}")]), @"`tokenizer.json` is not a tokenizer the `tokenizers` library can read; it may be cut short, or a git-lfs pointer: get the file again from where the model came from");
    insta::assert_snapshot!(message(&[(CONFIG, "[]")]), @"`tokenizer_config.json` is not a JSON object; get the file again from where the model came from");
    insta::assert_snapshot!(message(&[(CONFIG, r#"{"eos_token": 2}"#)]), @"`eos_token` in `tokenizer_config.json` is 2, must be a token: a string, or an object with its `content`");
    insta::assert_snapshot!(message(&[(CONFIG, r#"{"add_bos_token": "yes"}"#)]), @r#"`add_bos_token` in `tokenizer_config.json` is "yes", must be true or false"#);
    insta::assert_snapshot!(message(&[(CONFIG, r#"{"chat_template": [3]}"#)]), @"`chat_template` in `tokenizer_config.json` is 3, must be a string, or a list of objects with `name` and `template`");
    insta::assert_snapshot!(message(&[(GENERATION_CONFIG, r#"{"eos_token_id": ["a"]}"#)]), @r#"`eos_token_id` in `generation_config.json` is ["a"], must be a token id or a list of them"#);
}

/// The library indexes past its buffer on this one.
#[test]
fn a_merge_longer_than_every_token_is_an_error() {
    let text = r#"{"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"]}}"#;
    assert!(message(&[(TOKENIZER, text)]).contains("not a tokenizer"));
}

#[test]
fn what_is_saved_loads_as_the_same_tokenizer() {
    let mut inner = byte_level(&[("a", "b")], &["<s>", "</s>"]);
    inner.with_post_processor(Some(ByteLevel::default().trim_offsets(true)));
    let mut parts = roles(&[("bos_token", "<s>"), ("eos_token", "</s>"), ("pad_token", "</s>")]);
    parts.chat_template = Some("{{ messages }}\n".to_owned());
    parts.config.insert("chat_template".to_owned(), json!("old"));
    parts.config.insert("model_max_length".to_owned(), json!(77));
    parts.config.insert("eos_token".to_owned(), json!({"content": "</s>", "lstrip": true}));
    let tokenizer = Tokenizer::new(inner, parts).unwrap();

    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("a/b"), dir.path().join("c"));
    tokenizer.save(&first).unwrap();
    let loaded = load(&first).unwrap();
    loaded.save(&second).unwrap();
    for name in [TOKENIZER, CONFIG, CHAT_TEMPLATE] {
        assert_eq!(fs::read(first.join(name)).unwrap(), fs::read(second.join(name)).unwrap());
    }
    for text in ["abc ab", "<s>x</s>", "ä😀\n", ""] {
        assert_eq!(loaded.encode(text, true).unwrap(), tokenizer.encode(text, true).unwrap());
    }
    assert_eq!((loaded.bos(), loaded.eos(), loaded.pad()), (Some(257), Some(258), Some(258)));
    assert_eq!(loaded.chat_template(), tokenizer.chat_template());
    let config: Value = serde_json::from_slice(&fs::read(first.join(CONFIG)).unwrap()).unwrap();
    assert_eq!(config["model_max_length"], 77);
    assert_eq!(config["eos_token"]["lstrip"], true);
    assert_eq!(config.get("chat_template"), None);
    // Offsets are untrimmed in use only; the file keeps what it said.
    let whole: Value = serde_json::from_slice(&fs::read(first.join(TOKENIZER)).unwrap()).unwrap();
    assert_eq!(whole["post_processor"]["trim_offsets"], true);
}
