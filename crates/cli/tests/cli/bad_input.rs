//! Bad arguments, prompts and data: exit code 2 and one paragraph that says what to do.

use serde_json::json;

use crate::support::{file, hybrid, hybrid_fed, model_name};

/// The message of `hybrid generate MODEL …`.
#[track_caller]
fn generate(args: &[&str]) -> String {
    hybrid(&[&["generate", model_name()], args].concat()).bad_input()
}

/// The message of `hybrid COMMAND … FILE`, without the folder of the file.
#[track_caller]
fn on_file(name: &str, content: &str, args: &[&str]) -> String {
    let (folder, path) = file(name, content);
    let args: Vec<&str> =
        args.iter().map(|arg| if *arg == "FILE" { &path } else { *arg }).collect();
    let folder = format!("{}/", folder.path().to_str().unwrap());
    hybrid(&args).bad_input().replace(&folder, "")
}

#[track_caller]
fn prompts(content: &str) -> String {
    on_file("p.jsonl", content, &["generate", model_name(), "--input", "FILE"])
}

#[test]
fn an_empty_prompt() {
    insta::assert_snapshot!(generate(&["--prompt", ""]), @"error: `--prompt`: the prompt is empty; a model needs at least one token to continue from");
    insta::assert_snapshot!(prompts("{\"prompt\": \"a\"}\n{\"prompt\": \"\"}"), @"error: line 2 of `p.jsonl`: the prompt is empty; a model needs at least one token to continue from");
    let args = ["generate", model_name(), "--input", "-"];
    insta::assert_snapshot!(hybrid_fed(&args, "").bad_input(), @r#"error: standard input is empty; expected a line of {"prompt": …} or {"messages": […]} for each prompt"#);
}

#[test]
fn a_prompt_longer_than_the_context() {
    let long = "x".repeat(128);
    insta::assert_snapshot!(generate(&["--prompt", &long]), @"error: `--prompt`: the prompt has 128 tokens, but the model's context is 128, and the answer needs room too: shorten it to at most 127 tokens");
    let lines = format!("{}\n\n{}", json!({ "prompt": "a" }), json!({ "prompt": long }));
    insta::assert_snapshot!(prompts(&lines), @"error: line 3 of `p.jsonl`: the prompt has 128 tokens, but the model's context is 128, and the answer needs room too: shorten it to at most 127 tokens");
    // One token fewer leaves room for one.
    let args = ["generate", model_name(), "--json", "--prompt", &long[1..]];
    assert_eq!(hybrid(&args).json()["token_ids"].as_array().unwrap().len(), 1);
}

#[test]
fn sampling_settings_out_of_range() {
    let set = |option: &str, value: &str| generate(&["--prompt", "a", option, value]);
    insta::assert_snapshot!(set("--temperature", "-1"), @"error: `--temperature` is -1, must be a finite number of at least 0");
    insta::assert_snapshot!(set("--temperature", "nan"), @"error: `--temperature` is NaN, must be a finite number of at least 0");
    insta::assert_snapshot!(set("--temperature", "warm"), @"error: invalid value 'warm' for '--temperature <T>': invalid float literal");
    insta::assert_snapshot!(set("--top-p", "0"), @"error: `--top-p` is 0, must be in (0, 1]");
    insta::assert_snapshot!(set("--top-p", "2"), @"error: `--top-p` is 2, must be in (0, 1]");
    insta::assert_snapshot!(set("--min-p", "-0.5"), @"error: `--min-p` is -0.5, must be in [0, 1]");
    insta::assert_snapshot!(set("--typical-p", "nan"), @"error: `--typical-p` is NaN, must be in (0, 1]");
    insta::assert_snapshot!(set("--repetition-penalty", "0"), @"error: `--repetition-penalty` is 0, must be above 0");
    insta::assert_snapshot!(set("--frequency-penalty", "inf"), @"error: `--frequency-penalty` is inf, must be a finite number");
    insta::assert_snapshot!(set("--logit-bias", "97"), @"error: invalid value '97' for '--logit-bias <ID=X>': `97` is not TOKEN_ID=BIAS, such as 504=-2.5");
    insta::assert_snapshot!(set("--logit-bias", "97=inf"), @"error: `--logit-bias` is inf, must be a number below infinity for each token");
    insta::assert_snapshot!(set("--logit-bias", "258=1"), @"error: `--logit-bias` names token 258, but the model has only 258, from 0 on");
    insta::assert_snapshot!(set("--stop", ""), @"error: `--stop` is empty; give the text to stop at");
    insta::assert_snapshot!(set("--bad-words", ""), @"error: `--bad-words` is empty; give a word that must not appear");
}

#[test]
fn counts_out_of_range() {
    for (option, value) in [
        ("--num-samples", "0"),
        ("--num-samples", "18446744073709551615"),
        ("--batch-size", "0"),
        ("--batch-size", "many"),
    ] {
        let message = generate(&["--prompt", "a", option, value]);
        assert_eq!(
            message,
            format!(
                "error: invalid value '{value}' for '{option} <N>': expected a whole number from \
                 1 to 65536"
            )
        );
    }
}

#[test]
fn huge_but_legal_settings_do_no_harm() {
    let most = "18446744073709551615";
    for option in ["--max-new-tokens", "--top-k", "--no-repeat-ngram-size", "--seed"] {
        let args = ["generate", model_name(), "--prompt", "a", option, most];
        assert_eq!(hybrid(&args).code, 0, "{option}");
    }
    let args = ["generate", model_name(), "--prompt", "a", "--max-new-tokens", "0", "--json"];
    let made = hybrid(&args).json();
    assert_eq!((&made["text"], &made["stop_reason"]), (&json!(""), &json!("length")));
}

#[test]
fn settings_are_checked_before_the_model_is_looked_for() {
    let args = ["generate", "no-such-model", "--prompt", "a", "--top-p", "7"];
    assert_eq!(hybrid(&args).bad_input(), "error: `--top-p` is 7, must be in (0, 1]");
}

#[test]
fn devices() {
    let on = |device: &str| generate(&["--prompt", "a", "--device", device]);
    insta::assert_snapshot!(on("tpu"), @"error: invalid value 'tpu' for '--device <DEVICE>': no device is called `tpu`; expected cpu, ndarray, wgpu[:i], vulkan[:i] or cuda[:i]");
    insta::assert_snapshot!(on("cpu:1"), @"error: invalid value 'cpu:1' for '--device <DEVICE>': `cpu` takes no index");
    insta::assert_snapshot!(on("cuda:x"), @"error: invalid value 'cuda:x' for '--device <DEVICE>': `x` is no device index");
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_device_that_is_not_compiled_in() {
    insta::assert_snapshot!(generate(&["--prompt", "a", "--device", "cuda:1"]), @"error: `cuda:1` is not compiled in; rebuild with `--features cuda`");
}

#[test]
fn names_of_nothing() {
    let generate = |model: &str| hybrid(&["generate", model, "--prompt", "a"]).bad_input();
    insta::assert_snapshot!(generate("smollm2-135m-instuct"), @"error: `smollm2-135m-instuct` is no file or directory here, and the catalogue has no such name (did you mean `smollm2-135m-instruct`?); `hybrid assets list` shows the names it has, and a hub repository is written `hf:owner/name[@revision]`");
    insta::assert_snapshot!(generate("./no/such/model"), @"error: there is no file or directory `./no/such/model`");
    insta::assert_snapshot!(generate("wikitext-2"), @"error: `wikitext-2` is a data set, but a model is needed here; `hybrid assets list` shows both");
    let eval = |data: &str| hybrid(&["eval", model_name(), "--data", data]).bad_input();
    insta::assert_snapshot!(eval("imdb-review"), @"error: `imdb-review` is no file or directory here, and the catalogue has no such name (did you mean `imdb-reviews`?); `hybrid assets list` shows the names it has, and a hub repository is written `hf:owner/name[@revision]`");
    insta::assert_snapshot!(eval("gone.jsonl"), @"error: there is no file or directory `gone.jsonl`");
    let input = ["generate", model_name(), "--input", "gone.jsonl"];
    insta::assert_snapshot!(hybrid(&input).bad_input(), @"error: `gone.jsonl` does not exist; check the spelling and the current folder");
}

#[test]
fn rows_name_file_line_and_field() {
    insta::assert_snapshot!(prompts("{\"prompt\": \"a\"}\n{\"prompt\": 5}"), @"error: line 2 of `p.jsonl`, field `prompt`: expected a string, got the number 5");
    insta::assert_snapshot!(prompts("{\"prompt\": \"a\"}\n{\"prompt\": \"b\""), @"error: line 2 of `p.jsonl` is not valid JSON: EOF while parsing an object at column 14; correct it or remove it");
    insta::assert_snapshot!(prompts("[1]"), @"error: line 1 of `p.jsonl`: expected a JSON object, got an array of 1");
    insta::assert_snapshot!(prompts("{\"query\": \"a\"}"), @"error: line 1 of `p.jsonl` has the columns `query`, from which no example can be made; expected `text`, or `prompt` and `completion`, or `prompt` alone, or `messages`; name them with `columns` or write a `template`");
    insta::assert_snapshot!(prompts("{\"messages\": [{\"content\": \"a\"}]}"), @r#"error: line 1 of `p.jsonl`, field `messages[0].role`: expected a role such as "user", got nothing"#);
    insta::assert_snapshot!(prompts(""), @"error: `p.jsonl` has no rows; expected at least one, so leave the file out or fill it");
    let eval = ["eval", model_name(), "--data", "FILE"];
    insta::assert_snapshot!(on_file("rows.csv", "text,n\n\"a", &eval), @"error: line 2 of `rows.csv`: expected 2 cells as in the header, got 1; put cells that hold the separator in quotes");
    insta::assert_snapshot!(on_file("rows.parquet", "PAR1", &eval), @"error: `rows.parquet` cannot be read as Parquet: EOF: Parquet file too small. Size is 4 but need 8; it is damaged, cut short, or uses a feature this reader lacks, so fetch or write it again");
    insta::assert_snapshot!(on_file("rows.xyz", "a", &eval), @"error: the name of `rows.xyz` does not tell its format; expected .jsonl, .ndjson, .json, .csv, .tsv or .txt (each also with .gz), or .parquet; rename it or set `format`");
    let args = ["generate", model_name(), "--input", "-"];
    let message = hybrid_fed(&args, "{\"prompt\": \"a\"}\n{\"prompt\": null}\n").bad_input();
    insta::assert_snapshot!(message, @"error: line 2 of `standard input`, field `prompt`: expected a string, got null");
}

#[test]
fn text_that_is_not_utf8() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    std::fs::write(&path, b"{\"text\": \"\xff\"}").unwrap();
    let message = hybrid(&["eval", model_name(), "--data", path.to_str().unwrap()]).bad_input();
    insta::assert_snapshot!(message.replace(folder.path().to_str().unwrap(), "[DIR]"), @"error: line 1 of `[DIR]/rows.jsonl` is not UTF-8 text: byte 11 of it is 0xFF; convert the file to UTF-8");
}

#[test]
fn messages_for_a_model_without_a_template() {
    let folder = crate::support::copy_of_model();
    std::fs::remove_file(folder.path().join("tokenizer_config.json")).unwrap();
    let model = folder.path().to_str().unwrap();
    let message = hybrid(&["generate", model, "--prompt", "a", "--chat"]).bad_input();
    insta::assert_snapshot!(message, @"error: `--prompt`: this tokenizer has no chat template, which `messages` need; set `chat_template` to a Jinja template, or take a model trained for chat");
    let rows = "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}";
    let message = on_file("rows.jsonl", rows, &["generate", model, "--input", "FILE"]);
    insta::assert_snapshot!(message, @"error: line 1 of `rows.jsonl`: this tokenizer has no chat template, which `messages` need; set `chat_template` to a Jinja template, or take a model trained for chat");
    let message = on_file("rows.jsonl", rows, &["eval", model, "--data", "FILE"]);
    insta::assert_snapshot!(message, @"error: line 1 of `rows.jsonl`: this tokenizer has no chat template, which `messages` need; set `chat_template` to a Jinja template, or take a model trained for chat");
}

#[test]
fn windows_of_no_use() {
    let text = "{\"text\": \"abc\"}";
    let eval = |option: &str, value: &str| {
        let args = ["eval", model_name(), "--data", "FILE", option, value];
        on_file("rows.jsonl", text, &args)
    };
    insta::assert_snapshot!(eval("--max-length", "1"), @"error: `--max-length` is 1, must be from 2 to the model's context of 128");
    insta::assert_snapshot!(eval("--max-length", "129"), @"error: `--max-length` is 129, must be from 2 to the model's context of 128");
    insta::assert_snapshot!(eval("--stride", "0"), @"error: `--stride` is 0, must be from 1 to the window's length of 128");
    insta::assert_snapshot!(eval("--stride", "129"), @"error: `--stride` is 129, must be from 1 to the window's length of 128");
    insta::assert_snapshot!(eval("--batch-tokens", "0"), @"error: invalid value '0' for '--batch-tokens <N>': expected a whole number from 1 to 65536");
}

#[test]
fn columns_of_no_use() {
    let inspect = |option: &str, value: &str| {
        let args = ["inspect", "FILE", "--model", model_name(), option, value];
        on_file("rows.jsonl", "{\"question\": \"a\"}", &args)
    };
    insta::assert_snapshot!(inspect("--columns", "question"), @"error: `--columns question` is not PART=NAME with text, prompt, completion or messages");
    insta::assert_snapshot!(inspect("--columns", "answer=question"), @"error: `--columns answer=question` is not PART=NAME with text, prompt, completion or messages");
    insta::assert_snapshot!(inspect("--columns", "text=questoin"), @"error: line 1 of `rows.jsonl` has no column `questoin`, which `columns.text` names; did you mean `question`? its columns are `question`");
    insta::assert_snapshot!(inspect("--columns", "text=question,prompt=question"), @"error: `columns.text` and `columns.prompt` cannot be used together; an example is a text, a prompt with or without its completion, or a list of messages; keep the settings of one");
    insta::assert_snapshot!(inspect("--template", "Q: {question"), @"error: `template` is not a template: at character 4, `{` is not closed; write `{{` and `}}` for braces");
}

#[test]
fn options_that_exclude_each_other_or_are_missing() {
    // clap adds its usage lines, so only code and streams are checked here.
    for args in [
        &["--prompt", "a", "--greedy", "--temperature", "1"][..],
        &["--prompt", "a", "--input", "b"],
        &["--prompt", "a", "--raw", "--chat"],
        &[],
        &["--prompt", "a", "--no-such-option"],
    ] {
        let outcome = hybrid(&[&["generate", model_name()], args].concat());
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{args:?}");
        assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
    }
}
