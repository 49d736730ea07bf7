use std::path::Path;

use serde_json::{Map, json};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use super::*;
use crate::error::RowLocation;
use crate::tokenizer::TokenizerParts;
use crate::tokenizer::tests::{byte_level, roles};

const BOS: u32 = 256;
const EOS: u32 = 257;

/// One token a byte; `<s>` = 256 is put before a text, `</s>` = 257 is EOS and padding at once.
fn tokenizer() -> Tokenizer {
    let mut parts = roles(&[("bos_token", "<s>"), ("eos_token", "</s>"), ("pad_token", "</s>")]);
    parts.config.insert("add_bos_token".to_owned(), true.into());
    Tokenizer::new(byte_level(&[], &["<s>", "</s>"]), parts).unwrap()
}

fn options() -> EncodeOptions {
    EncodeOptions::default()
}

/// The text of the trained tokens, and of the others.
fn by_mask(tokenizer: &Tokenizer, encoded: &Encoded) -> (String, String) {
    assert_eq!(encoded.ids.len(), encoded.loss_mask.len());
    let part = |wanted: bool| {
        let chosen = encoded.ids.iter().zip(&encoded.loss_mask).filter(|(_, m)| **m == wanted);
        let ids: Vec<u32> = chosen.map(|(id, _)| *id).collect();
        tokenizer.decode(&ids, false).unwrap()
    };
    (part(true), part(false))
}

fn strings(trained: &str, rest: &str) -> (String, String) {
    (trained.to_owned(), rest.to_owned())
}

fn chat(source: &str) -> EncodeOptions {
    EncodeOptions { chat_template: Some(source.to_owned()), ..options() }
}

fn record(kind: RecordKind) -> Record {
    Record { source: RowLocation::line(Path::new("x.jsonl"), 3), kind, fields: Map::new() }
}

const TALK: [(&str, &str); 4] =
    [("user", "häh?"), ("assistant", "já."), ("user", ""), ("assistant", "nö")];

fn talk() -> Vec<Message> {
    TALK.iter().map(|(role, content)| Message::new(role, content)).collect()
}

const MARKED: &str = "{% for m in messages %}[{{ m.role }}]{% if m.role == 'assistant' %}\
    {% generation %}{{ m.content }}</s>{% endgeneration %}{% else %}{{ m.content }}</s>{% endif %}\
    {% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";
const UNMARKED: &str = "{% for m in messages %}[{{ m.role }}]{{ m.content }}</s>{% endfor %}\
    {% if add_generation_prompt %}[assistant]{% endif %}";

#[test]
fn a_text_is_trained_whole_and_gets_one_eos() {
    let tokenizer = tokenizer();
    let encoder = Encoder::new(&tokenizer, options()).unwrap();
    for text in ["ab", "ab</s>"] {
        let encoded = encoder.text(text).unwrap();
        assert_eq!((encoded.ids[0], encoded.ids[3], encoded.ids.len()), (BOS, EOS, 4));
        assert_eq!(encoded.loss_mask, [true; 4]);
    }
    let without = EncodeOptions { append_eos: false, ..options() };
    let encoded = Encoder::new(&tokenizer, without).unwrap().text("ab").unwrap();
    assert_eq!(encoded.ids.len(), 3);
}

#[test]
fn the_eos_of_a_completion_is_trained_even_where_it_is_the_padding_token() {
    let tokenizer = tokenizer();
    assert_eq!(tokenizer.pad(), tokenizer.eos());
    let encoder = Encoder::new(&tokenizer, options()).unwrap();
    let encoded = encoder.prompt_completion("q </s>", " a").unwrap();
    assert_eq!(by_mask(&tokenizer, &encoded), strings(" a</s>", "<s>q </s>"));
    assert_eq!(encoded.loss_mask, [false, false, false, false, true, true, true]);
}

#[test]
fn what_a_tokenizer_adds_after_a_text_does_not_end_the_prompt() {
    let mut parts = roles(&[("bos_token", "<s>"), ("eos_token", "</s>")]);
    for key in ["add_bos_token", "add_eos_token"] {
        parts.config.insert(key.to_owned(), true.into());
    }
    let tokenizer = Tokenizer::new(byte_level(&[], &["<s>", "</s>"]), parts).unwrap();
    let encoder = Encoder::new(&tokenizer, options()).unwrap();
    let encoded = encoder.prompt_completion("q", "a").unwrap();
    assert_eq!(by_mask(&tokenizer, &encoded), strings("a</s>", "<s>q"));
    assert_eq!(encoder.text("a").unwrap().ids.len(), 3);
    assert_eq!(encoder.prompt(&record(RecordKind::Prompt("q".to_owned()))).unwrap().len(), 2);
}

#[test]
fn known_ids_are_taken_as_they_are() {
    let tokenizer =
        Tokenizer::new(byte_level(&[("a", "b")], &["</s>"]), roles(&[("eos_token", "</s>")]))
            .unwrap();
    let encoder = Encoder::new(&tokenizer, options()).unwrap();
    // "ab" would be one token if it were encoded again.
    let [a, b] = ["a", "b"].map(|text| tokenizer.token_id(text).unwrap());
    let encoded = encoder.with_completion_ids(vec![a], vec![a, b]).unwrap();
    assert_eq!((encoded.ids, encoded.loss_mask), (vec![a, a, b], vec![false, true, true]));
    let error = encoder.with_completion_ids(vec![a], vec![258]).unwrap_err();
    insta::assert_snapshot!(error, @"token id 258 is not in the vocabulary of 258 tokens");
}

#[test]
fn an_assistant_is_trained_on_what_it_wrote() {
    let tokenizer = tokenizer();
    for template in [MARKED, UNMARKED] {
        let encoder = Encoder::new(&tokenizer, chat(template)).unwrap();
        let encoded = encoder.messages(&talk(), None).unwrap();
        assert_eq!(
            by_mask(&tokenizer, &encoded),
            strings("já.</s>nö</s>", "[user]häh?</s>[assistant][user]</s>[assistant]")
        );
        let text = tokenizer.decode(&encoded.ids, false).unwrap();
        assert_eq!(text, "[user]häh?</s>[assistant]já.</s>[user]</s>[assistant]nö</s>");
    }
}

#[test]
fn the_mask_is_what_transformers_marks() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/chat.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let find = |list: &str, name: &Value| {
        golden[list].as_array().unwrap().iter().find(|item| item["name"] == *name).unwrap()
    };
    let mut checked = 0;
    for case in golden["cases"].as_array().unwrap() {
        let Some(trained) = case["trained"].as_array().filter(|trained| !trained.is_empty()) else {
            continue;
        };
        if case["add_generation_prompt"] == true {
            continue;
        }
        let chosen = find("templates", &case["template"]);
        let mut parts = TokenizerParts {
            chat_template: Some(chosen["template"].as_str().unwrap().to_owned()),
            ..TokenizerParts::default()
        };
        for role in ["bos_token", "eos_token"] {
            if let Some(token) = chosen[role].as_str() {
                parts.special_tokens.insert(role.to_owned(), token.to_owned());
            }
        }
        let special: Vec<&str> = parts.special_tokens.values().map(String::as_str).collect();
        let tokenizer = Tokenizer::new(byte_level(&[], &special), parts.clone()).unwrap();
        let conversation = find("conversations", &case["conversation"]);
        let messages: Vec<Message> =
            serde_json::from_value(conversation["messages"].clone()).unwrap();
        let tools = &conversation["tools"];
        let encoder = Encoder::new(&tokenizer, options()).unwrap();
        let encoded = encoder.messages(&messages, Some(tools)).unwrap();
        let expected: String = trained.iter().map(|text| text.as_str().unwrap()).collect();
        assert_eq!(by_mask(&tokenizer, &encoded).0, expected, "{case}");
        checked += 1;
    }
    assert!(checked > 5, "{checked}");
}

#[test]
fn a_token_counts_if_it_starts_in_what_the_assistant_wrote() {
    let source = "{% for m in messages %}{{ m.role }}: {% generation %}{{ m.content }}{% endgeneration %}{% endfor %}";
    let message = [Message::new("a", "xyz")];
    // The space belongs to the template; in "Ġx" it takes the assistant's first letter with it.
    for (merges, trained) in
        [(&[("y", "z")][..], "xyz"), (&[("Ġ", "x")], "yz"), (&[("z", "!")], "xyz")]
    {
        for trim_offsets in [false, true] {
            let mut inner = byte_level(merges, &[]);
            inner.with_post_processor(Some(ByteLevel::default().trim_offsets(trim_offsets)));
            let tokenizer = Tokenizer::new(inner, TokenizerParts::default()).unwrap();
            let encoder = Encoder::new(&tokenizer, chat(&format!("{source}!"))).unwrap();
            let encoded = encoder.messages(&message, None).unwrap();
            let expected = if merges == [("z", "!")] { "xyz!" } else { trained };
            assert_eq!(by_mask(&tokenizer, &encoded).0, expected, "{merges:?}");
        }
    }
}

#[test]
fn training_on_all_counts_everything() {
    let tokenizer = tokenizer();
    let all = EncodeOptions { train_on: TrainOn::All, ..chat(UNMARKED) };
    let encoder = Encoder::new(&tokenizer, all).unwrap();
    assert_eq!(encoder.prompt_completion("q", "a").unwrap().loss_mask, [true; 4]);
    assert!(encoder.messages(&talk(), None).unwrap().loss_mask.iter().all(|counts| *counts));
    let prompt = record(RecordKind::Prompt("q".to_owned()));
    assert_eq!(encoder.record(&prompt).unwrap().loss_mask, [true; 2]);
}

#[test]
fn a_long_example_is_cut_on_the_side_that_is_asked_for() {
    let tokenizer = tokenizer();
    let cut = |max_length, truncation_side| {
        let options = EncodeOptions { max_length: Some(max_length), truncation_side, ..options() };
        let encoder = Encoder::new(&tokenizer, options).unwrap();
        encoder.prompt_completion("abc", "de").map(|encoded| by_mask(&tokenizer, &encoded))
    };
    assert_eq!(cut(7, Side::Right).unwrap(), strings("de</s>", "<s>abc"));
    assert_eq!(cut(5, Side::Right).unwrap(), strings("d", "<s>abc"));
    assert_eq!(cut(5, Side::Left).unwrap(), strings("de</s>", "bc"));
    assert_eq!(cut(2, Side::Left).unwrap(), strings("e</s>", ""));
    assert_eq!(cut(7, Side::Prompt).unwrap(), strings("de</s>", "<s>abc"));
    assert_eq!(cut(5, Side::Prompt).unwrap(), strings("de</s>", "bc"));
    assert_eq!(cut(4, Side::Prompt).unwrap(), strings("de</s>", "c"));
    // A completion that is itself too long loses its end; one token is left to predict its first from.
    assert_eq!(cut(3, Side::Prompt).unwrap(), strings("de", "c"));
    insta::assert_snapshot!(cut(4, Side::Right).unwrap_err(), @r#"all of its trained tokens were cut off when 7 tokens were cut to 4 with `truncation_side = "right"`; raise `max_length`, set `truncation_side = "prompt"`, or filter long examples out"#);
    // One token is left, but nothing to predict it from.
    assert!(matches!(cut(1, Side::Left), Err(EncodeError::TruncatedAway { tokens: 7, .. })));
    assert!(matches!(cut(0, Side::Left), Err(EncodeError::TruncatedAway { .. })));
    let message = cut(1, Side::Prompt).unwrap_err().to_string();
    assert!(message.contains(r#"set `truncation_side = "left"`"#), "{message}");
}

#[test]
fn a_text_has_no_prompt_to_cut() {
    let tokenizer = tokenizer();
    let cut = |truncation_side| {
        let options = EncodeOptions { max_length: Some(4), truncation_side, ..options() };
        Encoder::new(&tokenizer, options).unwrap().text("abcde").unwrap()
    };
    assert_eq!(cut(Side::Prompt), cut(Side::Right));
}

#[test]
fn an_example_that_trains_nothing_is_an_error_at_its_line() {
    let tokenizer = tokenizer();
    let encoder = Encoder::new(&tokenizer, chat(MARKED)).unwrap();
    let user = RecordKind::Messages(vec![Message::new("user", "hi")]);
    for kind in [user, RecordKind::Prompt("q".to_owned())] {
        let error = encoder.record(&record(kind)).unwrap_err();
        assert_eq!(error.to_string(), "line 3 of `x.jsonl` cannot be used for training");
        let EncodeError::Record { source, .. } = error else { panic!("{error}") };
        assert!(matches!(*source, EncodeError::NothingTrained { .. }), "{source}");
    }
    insta::assert_snapshot!(EncodeError::NothingTrained { tokens: 9 }, @r#"none of its 9 tokens is trained on: there must be a completion, an assistant's message or a text of at least two tokens; filter such examples out, or set `train_on = "all"`"#);
    // A single token has nothing before it.
    let plain =
        Tokenizer::new(byte_level(&[], &["</s>"]), roles(&[("eos_token", "</s>")])).unwrap();
    let encoder = Encoder::new(&plain, options()).unwrap();
    assert!(encoder.text("").is_err());
    assert!(encoder.prompt_completion("", "").is_err());
    assert!(encoder.text("a").is_ok());
}

#[test]
fn messages_need_a_template() {
    let tokenizer = tokenizer();
    let encoder = Encoder::new(&tokenizer, options()).unwrap();
    let error = encoder.messages(&talk(), None).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("set `chat_template`"), "{source}");
}

#[test]
fn a_template_that_does_not_parse_stops_conversations_only() {
    let tokenizer = tokenizer();
    let encoder = Encoder::new(&tokenizer, chat("{% if")).unwrap();
    assert_eq!(encoder.text("ab").unwrap().ids.len(), 4);
    for _ in 0..2 {
        let error = encoder.messages(&talk(), None).unwrap_err();
        assert!(matches!(error, EncodeError::Tokenizer { .. }), "{error}");
    }
}

#[test]
fn a_template_that_rewrites_what_came_before_needs_marks() {
    let tokenizer = tokenizer();
    let rewriting =
        "{% for m in messages %}{{ m.role }}{{ m.content if loop.last else '…' }}{% endfor %}";
    let encoder = Encoder::new(&tokenizer, chat(rewriting)).unwrap();
    // The words that open an answer are others than those a finished answer has.
    let opening = UNMARKED.replace("%}[assistant]{% endif", "%}[bot]{% endif");
    let other = Encoder::new(&tokenizer, chat(&opening)).unwrap();
    let error = other.messages(&talk(), None).unwrap_err();
    assert!(matches!(error, EncodeError::NotAPrefix { message: 1 }), "{error}");
    let error = encoder.messages(&talk(), None).unwrap_err();
    insta::assert_snapshot!(error, @r#"the assistant's tokens cannot be told apart: the chat template writes the conversation up to message 1 differently when more follows; mark what the assistant writes with `{% generation %}` blocks in `chat_template`, or set `train_on = "all"`"#);
}

#[test]
fn a_prompt_ends_where_an_answer_begins() {
    let tokenizer = tokenizer();
    let encoder = Encoder::new(&tokenizer, chat(UNMARKED)).unwrap();
    let text = |kind| tokenizer.decode(&encoder.prompt(&record(kind)).unwrap(), false).unwrap();
    let both = RecordKind::PromptCompletion { prompt: "q".to_owned(), completion: "a".to_owned() };
    assert_eq!(text(both), "<s>q");
    assert_eq!(text(RecordKind::Text("t".to_owned())), "<s>t");
    let before = "[user]häh?</s>[assistant]já.</s>[user]</s>[assistant]";
    assert_eq!(text(RecordKind::Messages(talk())), before);
    assert_eq!(text(RecordKind::Messages(talk()[..3].to_vec())), before);
    let short = EncodeOptions { max_length: Some(3), ..chat(UNMARKED) };
    let encoder = Encoder::new(&tokenizer, short).unwrap();
    let ids = encoder.prompt(&record(RecordKind::Prompt("abcd".to_owned()))).unwrap();
    assert_eq!(tokenizer.decode(&ids, false).unwrap(), "bcd");
}

#[test]
fn the_tools_of_a_record_reach_its_template() {
    let tokenizer = tokenizer();
    let source = "{{ tools|tojson }}{% generation %}x{% endgeneration %}";
    let encoder = Encoder::new(&tokenizer, chat(source)).unwrap();
    let mut record = record(RecordKind::Messages(talk()));
    for (tools, text) in [(json!([{"a": 1}]), r#"[{"a": 1}]"#), (Value::Null, "null")] {
        record.fields.insert("tools".to_owned(), tools);
        assert_eq!(by_mask(&tokenizer, &encoder.record(&record).unwrap()), strings("x", text));
    }
}

#[test]
fn options_are_closed() {
    let options: EncodeOptions =
        serde_json::from_str(r#"{"max_length": 8, "truncation_side": "left", "train_on": "all"}"#)
            .unwrap();
    assert_eq!((options.max_length, options.truncation_side), (Some(8), Side::Left));
    assert!(serde_json::from_str::<EncodeOptions>(r#"{"max_lenght": 8}"#).is_err());
}
