use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, PaddingParams, PaddingStrategy, TruncationParams};

use super::*;

/// A tokenizer whose tokens are bytes, the given merges of them, and the given special tokens, in
/// this order of ids. Bytes are written as GPT-2 writes them: a space is `Ġ`, a line feed `Ċ`.
pub(crate) fn byte_level(merges: &[(&str, &str)], special: &[&str]) -> tokenizers::Tokenizer {
    let mut tokens: Vec<String> = ByteLevel::alphabet().iter().map(char::to_string).collect();
    tokens.sort();
    tokens.extend(merges.iter().map(|(left, right)| format!("{left}{right}")));
    let vocab: Vocab = tokens.into_iter().zip(0..).collect();
    let merges = merges.iter().map(|(left, right)| ((*left).to_owned(), (*right).to_owned()));
    let model = BPE::builder().vocab_and_merges(vocab, merges.collect::<Vec<_>>()).build().unwrap();
    let mut inner = tokenizers::Tokenizer::new(model);
    inner.with_pre_tokenizer(Some(ByteLevel::new(false, false, false)));
    inner.with_decoder(Some(ByteLevel::default()));
    let special = special.iter().map(|token| AddedToken::from(*token, true).normalized(false));
    inner.add_special_tokens(special).unwrap();
    inner
}

/// Roles and tokens, as [`TokenizerParts`] holds them.
pub(crate) fn roles(roles: &[(&str, &str)]) -> TokenizerParts {
    let special = roles.iter().map(|(role, token)| ((*role).to_owned(), (*token).to_owned()));
    TokenizerParts { special_tokens: special.collect(), ..TokenizerParts::default() }
}

#[test]
fn padding_and_truncation_of_the_file_are_off() {
    let mut inner = byte_level(&[], &["<pad>"]);
    inner.with_padding(Some(PaddingParams {
        strategy: PaddingStrategy::Fixed(128),
        ..PaddingParams::default()
    }));
    inner.with_truncation(Some(TruncationParams { max_length: 2, ..Default::default() })).unwrap();
    let tokenizer = Tokenizer::new(inner, TokenizerParts::default()).unwrap();
    assert_eq!(tokenizer.encode("abc", true).unwrap().len(), 3);
    let batch = tokenizer.encode_batch(&["abc", "", "a"], true).unwrap();
    assert_eq!(batch.iter().map(Vec::len).collect::<Vec<_>>(), [3, 0, 1]);
}

#[test]
fn the_vocabulary_ends_after_the_highest_id() {
    let inner = byte_level(&[("a", "b")], &["<s>", "</s>"]);
    let parts = roles(&[("bos_token", "<s>"), ("eos_token", "</s>"), ("pad_token", "</s>")]);
    let tokenizer = Tokenizer::new(inner, parts).unwrap();
    assert_eq!(tokenizer.vocab_size(), 259);
    assert_eq!(
        (tokenizer.bos(), tokenizer.eos(), tokenizer.pad()),
        (Some(257), Some(258), Some(258))
    );
    assert_eq!(tokenizer.token(256).as_deref(), Some("ab"));
    assert_eq!(tokenizer.token(259), None);
    assert_eq!(tokenizer.token_id("</s>"), Some(258));
    assert!(tokenizer.is_special(258) && !tokenizer.is_special(256) && !tokenizer.is_special(999));
}

#[test]
fn special_tokens_are_left_out_of_text_on_request() {
    let tokenizer = Tokenizer::new(byte_level(&[], &["<s>"]), TokenizerParts::default()).unwrap();
    let ids = tokenizer.encode("<s>é<s>", false).unwrap();
    assert_eq!(ids.len(), 4);
    assert_eq!(tokenizer.decode(&ids, true).unwrap(), "é");
    assert_eq!(tokenizer.decode(&ids, false).unwrap(), "<s>é<s>");
    // Ids nobody knows are no text.
    assert_eq!(tokenizer.decode(&[9999], false).unwrap(), "");
}

#[test]
fn an_eos_the_vocabulary_lacks_is_an_error_and_a_pad_is_none() {
    let error = Tokenizer::new(byte_level(&[], &[]), roles(&[("eos_token", "</s>")])).unwrap_err();
    insta::assert_snapshot!(error, @r#"the `eos_token` "</s>" is not in the tokenizer's vocabulary; correct `eos_token` in `tokenizer_config.json`, or add the token to `tokenizer.json`"#);
    let tokenizer = Tokenizer::new(byte_level(&[], &[]), roles(&[("pad_token", "<pad>")])).unwrap();
    assert_eq!(tokenizer.pad(), None);
}

#[test]
fn more_ends_of_a_generation_come_after_the_eos_once() {
    let inner = byte_level(&[], &["<a>", "<b>"]);
    let parts =
        TokenizerParts { more_eos_ids: vec![256, 257, 256], ..roles(&[("eos_token", "<b>")]) };
    let tokenizer = Tokenizer::new(inner, parts).unwrap();
    assert_eq!(tokenizer.eos_ids(), [257, 256]);
}

#[test]
fn what_surrounds_a_text_is_known() {
    let mut parts = roles(&[("bos_token", "<s>"), ("eos_token", "</s>")]);
    let affixes = |parts: &TokenizerParts| {
        let inner = byte_level(&[], &["<s>", "</s>"]);
        Tokenizer::new(inner, parts.clone()).unwrap().affixes().unwrap()
    };
    assert_eq!(affixes(&parts), (vec![], vec![]));
    parts.config.insert("add_bos_token".to_owned(), true.into());
    assert_eq!(affixes(&parts), (vec![256], vec![]));
    parts.config.insert("add_eos_token".to_owned(), true.into());
    assert_eq!(affixes(&parts), (vec![256], vec![257]));
    parts.config.insert("add_bos_token".to_owned(), false.into());
    assert_eq!(affixes(&parts), (vec![], vec![257]));
}

#[test]
fn offsets_are_bytes_and_include_the_leading_space() {
    let merges = [("Ġ", "b"), ("Ã", "¤")];
    let expected = [0..1, 1..3, 3..5, 5..9, 5..9, 5..9, 5..9];
    for trim_offsets in [false, true] {
        let mut inner = byte_level(&merges, &[]);
        inner.with_post_processor(Some(ByteLevel::default().trim_offsets(trim_offsets)));
        let tokenizer = Tokenizer::new(inner, TokenizerParts::default()).unwrap();
        let encoding = tokenizer.encode_with_offsets("a bä😀", true).unwrap();
        assert_eq!(encoding.offsets, expected, "trim_offsets {trim_offsets}");
        assert_eq!(encoding.ids, tokenizer.encode("a bä😀", true).unwrap());
    }
}

#[test]
fn a_tokenizer_without_template_says_which_key_to_set() {
    let tokenizer = Tokenizer::new(byte_level(&[], &[]), TokenizerParts::default()).unwrap();
    let error = tokenizer.template(None).unwrap_err();
    insta::assert_snapshot!(error, @"this tokenizer has no chat template, which `messages` need; set `chat_template` to a Jinja template, or take a model trained for chat");
    assert_eq!(tokenizer.template(Some("x")).unwrap().source(), "x");
    assert!(tokenizer.template(Some("{% if")).is_err());
}

#[test]
fn a_path_that_is_no_tokenizer_says_what_is_expected() {
    let error = |path: &Path| Tokenizer::from_path(path).unwrap_err().to_string();
    insta::assert_snapshot!(error(Path::new("nowhere")), @"cannot read `nowhere`");
    let dir = tempfile::tempdir().unwrap();
    let message = |name: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, "no tokenizer").unwrap();
        error(&path).replace(&format!("{}/", dir.path().display()), "")
    };
    insta::assert_snapshot!(message("m.bin"), @"`m.bin` is no tokenizer: expected a directory that holds `tokenizer.json`, or a `.gguf` file");
    insta::assert_snapshot!(message("m.gguf"), @"cannot open the GGUF file `m.gguf`");
    assert!(message("tokenizer.json").starts_with("`tokenizer.json` is not a tokenizer"));
}
