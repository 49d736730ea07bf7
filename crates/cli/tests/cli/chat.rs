//! `hybrid chat` with its lines from a pipe.

use serde_json::{Value, json};

use crate::support::{Outcome, copy_of_model, hybrid_fed, model_name};

/// Options under which every answer is "hh".
const ANSWER: [&str; 5] = ["--logit-bias", "104=100", "--greedy", "--max-new-tokens", "2"];

fn chat(lines: &str) -> Outcome {
    hybrid_fed(&[&["chat", model_name()], &ANSWER[..]].concat(), lines)
}

fn saved(path: &std::path::Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn answers_go_to_stdout_and_everything_else_to_stderr() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first.jsonl"), folder.path().join("second.jsonl"));
    let lines = format!(
        "hello\n\n/system Be brief.\nagain\nand again\n/save {}\n/reset\n/save {}\nanew\n/save {}\n\
         /quit\nnot read\n",
        first.display(),
        second.display(),
        second.display()
    );
    let Outcome { code, stdout, stderr } = chat(&lines);
    assert_eq!((code, stdout.as_str()), (0, "hh\nhh\nhh\nhh\n"), "{stderr}");
    let stderr = stderr.replace(folder.path().to_str().unwrap(), "[DIR]");
    insta::assert_snapshot!(stderr, @"
    the conversation starts anew
    saved as [DIR]/first.jsonl
    forgotten
    there is nothing to save yet
    saved as [DIR]/second.jsonl
    ");

    let turn = |role: &str, content: &str| json!({ "role": role, "content": content });
    let system = turn("system", "Be brief.");
    let (again, and_again) = (turn("user", "again"), turn("user", "and again"));
    let answer = turn("assistant", "hh");
    let expected = json!([system, again, answer, and_again, answer]);
    assert_eq!(saved(&first), json!({ "messages": expected }));
    assert_eq!(saved(&second), json!({ "messages": [system, turn("user", "anew"), answer] }));
}

#[test]
fn a_file_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept");
    std::fs::write(&path, "kept").unwrap();
    let Outcome { code, stderr, .. } = chat(&format!("hello\n/save {}\n", path.display()));
    assert_eq!(code, 0);
    assert!(stderr.starts_with("not saved: cannot create `"), "{stderr}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept");
}

#[test]
fn a_saved_conversation_is_data_for_the_other_commands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.jsonl");
    assert_eq!(chat(&format!("hello\n/save {}\n", path.display())).code, 0);
    let args = ["inspect", path.to_str().unwrap(), "--model", model_name(), "--json"];
    crate::support::hybrid(&args).json();
}

#[test]
fn mistakes_are_told_and_the_conversation_goes_on() {
    let long = "x".repeat(200);
    let Outcome { code, stdout, stderr } = chat(&format!("/sav\n/save\n{long}\nhello\n"));
    assert_eq!((code, stdout.as_str()), (0, "hh\n"), "{stderr}");
    insta::assert_snapshot!(stderr, @"
    there is no /sav; /help lists the commands
    /save needs a file name
    the conversation has 217 tokens, the model's context is 128: /reset, or ask something shorter
    ");
}

#[test]
fn a_conversation_that_the_template_refuses_is_not_the_end() {
    let folder = copy_of_model();
    let mut config = hybrid_testing::tokenizer::tokenizer_config();
    config["chat_template"] = json!(
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}ok"
    );
    std::fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
    let args = [&["chat", folder.path().to_str().unwrap()], &ANSWER[..]].concat();
    let Outcome { code, stdout, stderr } = hybrid_fed(&args, "/system x\nhello\n/system\nhello\n");
    assert_eq!((code, stdout.as_str()), (0, "hh\n"), "{stderr}");
    assert!(stderr.contains("not asked: ") && stderr.contains("no system"), "{stderr}");
}

#[test]
fn a_model_without_a_template_cannot_chat() {
    let folder = copy_of_model();
    std::fs::remove_file(folder.path().join("tokenizer_config.json")).unwrap();
    let message = hybrid_fed(&["chat", folder.path().to_str().unwrap()], "hello\n").bad_input();
    insta::assert_snapshot!(message, @"error: this tokenizer has no chat template, which `messages` need; set `chat_template` to a Jinja template, or take a model trained for chat");
}
