//! `hybrid inspect`: which tokens are shown as trained.

use serde_json::{Value, json};

use crate::support::{Outcome, command, copy_of_model, file, finish, hybrid, model_name};

fn inspect(content: &str, args: &[&str]) -> Outcome {
    let (_folder, path) = file("rows.jsonl", content);
    hybrid(&[&["inspect", &path, "--model", model_name()], args].concat())
}

fn conversation() -> String {
    let turn = |role: &str, content: &str| json!({ "role": role, "content": content });
    let turns =
        [turn("user", "hi"), turn("assistant", "yo"), turn("user", "so"), turn("assistant", "")];
    json!({ "messages": turns }).to_string()
}

/// All text of one example, and what of it is trained, stretch by stretch.
fn texts(example: &Value) -> (String, Vec<String>) {
    let (mut all, mut trained) = (String::new(), Vec::new());
    let mut before = false;
    for token in example.as_array().unwrap() {
        let (text, counts) = (token["text"].as_str().unwrap(), token["trained"].as_bool().unwrap());
        all.push_str(text);
        if counts && !before {
            trained.push(String::new());
        }
        if counts {
            trained.last_mut().unwrap().push_str(text);
        }
        before = counts;
    }
    (all, trained)
}

fn named(printed: &str) -> String {
    let start = printed.find('`').unwrap();
    let end = printed.find("rows.jsonl`").unwrap();
    format!("{}{}", &printed[..=start], &printed[end..])
}

#[test]
fn of_a_conversation_the_answers_are_trained_with_their_end() {
    let example = inspect(&conversation(), &["--json"]).json();
    let whole = "<user>hi<assistant>yo</s><user>so<assistant></s>";
    assert_eq!(texts(&example), (whole.to_owned(), vec!["yo</s>".to_owned(), "</s>".to_owned()]));
    assert_eq!(example[0], json!({ "id": 60, "text": "<", "trained": false }));

    insta::assert_snapshot!(named(&inspect(&conversation(), &[]).data()), @"
    line 1 of `rows.jsonl`: 42 tokens, 4 trained
    <user>hi<assistant>⟦yo</s>⟧<user>so<assistant>⟦</s>⟧

    ⟦trained⟧ tokens count in the loss, the others do not
    ");
}

#[test]
fn of_a_prompt_and_its_completion_the_completion_is_trained() {
    let row = "{\"prompt\": \"2+2=\", \"completion\": \"4\"}";
    let example = inspect(row, &["--json"]).json();
    assert_eq!(texts(&example), ("2+2=4</s>".to_owned(), vec!["4</s>".to_owned()]));
    let example = inspect(row, &["--json", "--train-on", "all"]).json();
    assert_eq!(texts(&example).1, ["+2=4</s>"]);
}

#[test]
fn of_a_text_everything_is_trained_but_its_first_token() {
    let example = inspect("{\"text\": \"abc\"}", &["--json"]).json();
    assert_eq!(texts(&example), ("abc</s>".to_owned(), vec!["bc</s>".to_owned()]));
}

#[test]
fn columns_and_templates_make_the_example() {
    let row = "{\"question\": \"q\", \"answer\": \"a\"}";
    let example = inspect(row, &["--columns", "prompt=question,completion=answer", "--json"]);
    assert_eq!(texts(&example.json()), ("qa</s>".to_owned(), vec!["a</s>".to_owned()]));
    let example = inspect(row, &["--template", "Q: {question} A: {answer}", "--json"]);
    assert_eq!(texts(&example.json()).0, "Q: q A: a</s>");
}

#[test]
fn a_limit_and_a_length_cut() {
    let rows = "{\"text\": \"abcdef\"}\n".repeat(5);
    assert_eq!(inspect(&rows, &["--json"]).json_lines().len(), 3);
    let cut = inspect(&rows, &["--json", "--limit", "4", "--max-length", "3"]).json_lines();
    assert_eq!(cut.len(), 4);
    assert_eq!(texts(&cut[0]).0, "abc");
}

#[test]
fn what_a_long_example_loses_can_be_chosen() {
    let row = "{\"prompt\": \"abcdef\", \"completion\": \"xy\"}";
    let cut = |side| {
        let more = ["--json", "--max-length", "5", "--truncation-side", side];
        texts(&inspect(row, &more).json())
    };
    assert_eq!(cut("left"), ("efxy</s>".to_owned(), vec!["xy</s>".to_owned()]));
    assert_eq!(cut("prompt"), cut("left"));
    let alone = inspect(row, &["--truncation-side", "left"]);
    assert_eq!(alone.code, 2);
    assert!(alone.stderr.contains("--max-length"), "{alone:?}");
}

#[test]
fn colour_comes_on_request_only() {
    let (_folder, path) = file("rows.jsonl", "{\"text\": \"abc\"}");
    let args = ["inspect", &path, "--model", model_name()];
    assert!(!hybrid(&args).data().contains('\u{1b}'));
    let forced = finish(command(&args).env("CLICOLOR_FORCE", "1").spawn().unwrap()).data();
    assert!(forced.contains("⟦\u{1b}[1m\u{1b}[32mbc</s>\u{1b}[0m⟧"), "{forced:?}");
}

#[test]
fn an_example_whose_trained_tokens_are_cut_off_is_an_error() {
    let message = inspect(&conversation(), &["--max-length", "8"]).bad_input();
    insta::assert_snapshot!(named(&message), @r#"error: line 1 of `rows.jsonl` cannot be used for training: all of its trained tokens were cut off when 42 tokens were cut to 8 with `truncation_side = "right"`; raise `max_length`, set `truncation_side = "prompt"`, or filter long examples out"#);
}

#[test]
fn an_example_without_trained_tokens_is_an_error() {
    let message = inspect("{\"prompt\": \"abc\"}", &[]).bad_input();
    insta::assert_snapshot!(named(&message), @r#"error: line 1 of `rows.jsonl` cannot be used for training: none of its 3 tokens is trained on: there must be a completion, an assistant's message or a text of at least two tokens; filter such examples out, or set `train_on = "all"`"#);
}

#[test]
fn messages_without_a_template_name_the_key_to_set() {
    let folder = copy_of_model();
    let mut config = hybrid_testing::tokenizer::tokenizer_config();
    config.as_object_mut().unwrap().remove("chat_template");
    std::fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
    let (_rows, path) = file("rows.jsonl", &conversation());
    let model = folder.path().to_str().unwrap();
    let message = hybrid(&["inspect", &path, "--model", model]).bad_input();
    insta::assert_snapshot!(named(&message), @"error: line 1 of `rows.jsonl` cannot be used for training: the tokenizer cannot encode it: this tokenizer has no chat template, which `messages` need; set `chat_template` to a Jinja template, or take a model trained for chat");
}
