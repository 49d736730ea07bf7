use serde_json::json;

use super::*;
use crate::config::ColumnMap;

fn row(line: u64, columns: Value) -> Row {
    let Value::Object(columns) = columns else { panic!("rows are objects") };
    Row { at: RowLocation::line(std::path::Path::new("data.jsonl"), line), columns }
}

fn all(config: &DataConfig, rows: &[Value]) -> Result<Vec<Record>, DataError> {
    let rows = (1..).zip(rows).map(|(line, columns)| Ok(row(line, columns.clone())));
    let rows: Vec<_> = rows.collect();
    records(Box::new(rows.into_iter()), config)?.collect()
}

fn one(config: &DataConfig, columns: Value) -> Record {
    let mut found = all(config, &[columns]).expect("a good row");
    found.pop().expect("one record")
}

fn error(config: &DataConfig, rows: &[Value]) -> String {
    let error = all(config, rows).expect_err("the rows or the settings are bad");
    assert!(error.is_bad_input());
    error.to_string()
}

fn detect(columns: Value) -> RecordKind {
    one(&DataConfig::default(), columns).kind
}

fn columns(pairs: &[(&str, &str)]) -> DataConfig {
    let mut columns = ColumnMap::default();
    for (part, name) in pairs {
        let slot = match *part {
            "text" => &mut columns.text,
            "prompt" => &mut columns.prompt,
            "completion" => &mut columns.completion,
            "messages" => &mut columns.messages,
            other => panic!("no part {other}"),
        };
        *slot = Some((*name).to_owned());
    }
    DataConfig { columns, ..DataConfig::default() }
}

fn pair(prompt: &str, completion: &str) -> RecordKind {
    RecordKind::PromptCompletion { prompt: prompt.into(), completion: completion.into() }
}

#[test]
fn the_columns_tell_the_shape() {
    assert_eq!(detect(json!({"text": "a"})), RecordKind::Text("a".into()));
    assert_eq!(detect(json!({"prompt": "a", "completion": "b"})), pair("a", "b"));
    assert_eq!(detect(json!({"prompt": "a"})), RecordKind::Prompt("a".into()));
    assert_eq!(detect(json!({"prompt": "a", "completion": null})), RecordKind::Prompt("a".into()));
    let messages = vec![Message::new("user", "a"), Message::new("assistant", "b")];
    let standard = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]);
    let share_gpt = json!([{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]);
    for (name, list) in [("messages", standard), ("conversations", share_gpt)] {
        assert_eq!(detect(json!({ name: list })), RecordKind::Messages(messages.clone()));
    }
}

#[test]
fn all_other_columns_travel_along_in_their_order() {
    let record =
        one(&DataConfig::default(), json!({"id": 7, "text": "a", "label": null, "tags": ["x"]}));
    assert_eq!(
        Value::Object(record.fields.clone()),
        json!({"id": 7, "label": null, "tags": ["x"]})
    );
    assert_eq!(record.fields.keys().collect::<Vec<_>>(), ["id", "label", "tags"]);
    assert_eq!(record.source.to_string(), "line 1 of `data.jsonl`");
}

#[test]
fn columns_are_mapped() {
    let row = json!({"question": "a", "answer": "b", "text": "c"});
    let record = one(&columns(&[("prompt", "question"), ("completion", "answer")]), row.clone());
    assert_eq!(record.kind, pair("a", "b"));
    assert_eq!(Value::Object(record.fields), json!({"text": "c"}));
    assert_eq!(
        one(&columns(&[("text", "answer")]), row.clone()).kind,
        RecordKind::Text("b".into())
    );
    // A prompt alone is completed by the standard column, where there is one.
    assert_eq!(one(&columns(&[("prompt", "question")]), row).kind, RecordKind::Prompt("a".into()));
    let row = json!({"question": "a", "completion": "b"});
    assert_eq!(one(&columns(&[("prompt", "question")]), row).kind, pair("a", "b"));
    let row = json!({"chat": [{"role": "user", "content": "a"}], "text": "b"});
    let record = one(&columns(&[("messages", "chat")]), row);
    assert_eq!(record.kind, RecordKind::Messages(vec![Message::new("user", "a")]));
}

#[test]
fn templates_make_text_and_consume_no_column() {
    let config = DataConfig {
        template: Some("{{{text}}} is { label }, {score}{flag}".into()),
        ..DataConfig::default()
    };
    let row = json!({"text": "x {y}", "label": "good", "score": 1.50, "flag": true});
    let record = one(&config, row.clone());
    assert_eq!(record.kind, RecordKind::Text("{x {y}} is good, 1.5true".into()));
    assert_eq!(Value::Object(record.fields), row);

    let config = DataConfig {
        prompt_template: Some("Q: {q}\nA:".into()),
        completion_template: Some(" {a}".into()),
        ..DataConfig::default()
    };
    assert_eq!(one(&config, json!({"q": "é?", "a": 4})).kind, pair("Q: é?\nA:", " 4"));
    // One part from a template and the other from a column.
    let config = DataConfig { completion_template: None, ..config };
    let record = one(&config, json!({"q": "1", "completion": "2"}));
    assert_eq!(record.kind, pair("Q: 1\nA:", "2"));
    assert_eq!(Value::Object(record.fields), json!({"q": "1"}));
}

#[test]
fn messages_keep_their_other_fields_but_not_the_nulls_of_columnar_files() {
    let row = json!({"messages": [
        {"role": "tool", "content": "4", "name": "add", "tool_calls": null},
    ]});
    let RecordKind::Messages(messages) = detect(row) else { panic!("messages") };
    let expected = json!({"role": "tool", "content": "4", "name": "add"});
    assert_eq!(Value::Object(messages[0].fields().clone()), expected);
}

#[test]
fn rows_without_a_shape_say_what_is_there_and_what_is_needed() {
    let standard = DataConfig::default();
    insta::assert_snapshot!(error(&standard, &[json!({"question": "a", "answer": "b"})]), @"line 1 of `data.jsonl` has the columns `question` and `answer`, from which no example can be made; expected `text`, or `prompt` and `completion`, or `prompt` alone, or `messages`; name them with `columns` or write a `template`");
    insta::assert_snapshot!(error(&standard, &[json!({"completion": "b"})]), @"line 1 of `data.jsonl` has the columns `completion`, from which no example can be made; expected `text`, or `prompt` and `completion`, or `prompt` alone, or `messages`; name them with `columns` or write a `template`");
    insta::assert_snapshot!(error(&standard, &[json!({})]), @"line 1 of `data.jsonl` has the columns (none), from which no example can be made; expected `text`, or `prompt` and `completion`, or `prompt` alone, or `messages`; name them with `columns` or write a `template`");
    insta::assert_snapshot!(
        error(&standard, &[json!({"prompt": "a", "conversations": [], "text": "b"})]), @r#"line 1 of `data.jsonl` has the columns `prompt`, `conversations` and `text`, of which `text`, `prompt` and `conversations` each make an example; choose one with `columns`, for example `columns = { text = "text" }`"#);
    insta::assert_snapshot!(error(&columns(&[("completion", "answer")]), &[json!({"answer": "a"})]), @"line 1 of `data.jsonl` has the columns `answer`, from which no example can be made; expected `text`, or `prompt` and `completion`, or `prompt` alone, or `messages`; name them with `columns` or write a `template`");
}

#[test]
fn a_later_row_cannot_change_the_shape() {
    let rows = [json!({"prompt": "a", "completion": "b"}), json!({"prompt": "c"})];
    insta::assert_snapshot!(error(&DataConfig::default(), &rows), @"line 2 of `data.jsonl`, field `completion`: expected a string, got nothing");
    let rows = [json!({"text": "a"}), json!({"text": 5}), json!({"text": "never read"})];
    insta::assert_snapshot!(error(&DataConfig::default(), &rows), @"line 2 of `data.jsonl`, field `text`: expected a string, got the number 5");
    let config = DataConfig { template: Some("{a}".into()), ..DataConfig::default() };
    insta::assert_snapshot!(error(&config, &[json!({"a": 1}), json!({"a": [1]})]), @"line 2 of `data.jsonl`, field `a`: expected text or a number for `template`, got an array of 1");
    insta::assert_snapshot!(error(&config, &[json!({"a": 1}), json!({"b": 1})]), @"line 2 of `data.jsonl`, field `a`: expected text or a number for `template`, got nothing");
}

#[test]
fn nothing_follows_the_first_bad_record() {
    let rows = [json!({"text": "a"}), json!({"text": 5}), json!({"text": "c"})];
    let rows: Vec<_> = (1..).zip(rows).map(|(line, columns)| Ok(row(line, columns))).collect();
    let records = records(Box::new(rows.into_iter()), &DataConfig::default()).expect("settings");
    assert_eq!(records.map(|record| record.is_ok()).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_column_that_is_named_and_missing_suggests_the_nearest() {
    let row = json!({"review": "a", "label": 1});
    insta::assert_snapshot!(error(&columns(&[("text", "reviews")]), std::slice::from_ref(&row)), @"line 1 of `data.jsonl` has no column `reviews`, which `columns.text` names; did you mean `review`? its columns are `review` and `label`");
    let config =
        DataConfig { template: Some("{review} {sentiment}".into()), ..DataConfig::default() };
    insta::assert_snapshot!(error(&config, &[row]), @"line 1 of `data.jsonl` has no column `sentiment`, which `template` names; its columns are `review` and `label`");
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    insta::assert_snapshot!(error(&columns(&[("text", "a"), ("completion", "b")]), &[]), @"`columns.text` and `columns.completion` cannot be used together; an example is a text, a prompt with or without its completion, or a list of messages; keep the settings of one");
    let config = DataConfig { template: Some("{a}".into()), ..columns(&[("text", "a")]) };
    insta::assert_snapshot!(error(&config, &[]), @"`columns.text` and `template` cannot be used together; both make the same text; keep one");
}

#[test]
fn bad_templates_say_where() {
    let check = |source: &str| {
        TextTemplate::parse("template", source).expect_err("a bad template").to_string()
    };
    insta::assert_snapshot!(check("é{a} }"), @"`template` is not a template: at character 6, `}` closes nothing; write `{{` and `}}` for braces");
    insta::assert_snapshot!(check("{a} {b"), @"`template` is not a template: at character 5, `{` is not closed; write `{{` and `}}` for braces");
    insta::assert_snapshot!(check("{a{b}}"), @"`template` is not a template: at character 1, `{` is not closed; write `{{` and `}}` for braces");
    insta::assert_snapshot!(check("a { }"), @"`template` is not a template: at character 3, `{}` names no column; write `{{` and `}}` for braces");
    insta::assert_snapshot!(check("{{a}}"), @"`template` is not a template: at character 1, it names no column, as `{text}` would; write `{{` and `}}` for braces");
}

#[test]
fn bad_messages_name_the_place() {
    let check = |list: Value| error(&DataConfig::default(), &[json!({ "messages": list })]);
    insta::assert_snapshot!(check(json!("hello")), @r#"line 1 of `data.jsonl`, field `messages`: expected an array of at least one message, got the string "hello""#);
    insta::assert_snapshot!(check(json!([])), @"line 1 of `data.jsonl`, field `messages`: expected an array of at least one message, got an empty array");
    insta::assert_snapshot!(check(json!([{"role": "user", "content": "a"}, "b"])), @r#"line 1 of `data.jsonl`, field `messages[1]`: expected an object with `role` and `content`, got the string "b""#);
    insta::assert_snapshot!(check(json!([{"content": "a"}])), @r#"line 1 of `data.jsonl`, field `messages[0].role`: expected a role such as "user", got nothing"#);
    insta::assert_snapshot!(check(json!([{"role": 1, "content": "a"}])), @r#"line 1 of `data.jsonl`, field `messages[0].role`: expected a role such as "user", got the number 1"#);
    insta::assert_snapshot!(check(json!([{"from": "alien", "value": "a"}])), @r#"line 1 of `data.jsonl`, field `messages[0].from`: expected `human`, `gpt`, `system`, `tool` or a standard role, got the string "alien""#);
}

mod laws {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_template_parses_or_says_where(source in "[{}a é]{0,12}") {
            match TextTemplate::parse("template", &source) {
                Ok(template) => prop_assert!(template.columns().all(|name| !name.is_empty())),
                Err(DataError::BadTemplate { position, .. }) => {
                    prop_assert!((1..=source.chars().count().max(1)).contains(&position));
                }
                Err(other) => prop_assert!(false, "{other:?}"),
            }
        }

        #[test]
        fn doubled_braces_give_back_any_text(literal in "(?s).{0,12}", value in "(?s).{0,12}") {
            let escaped = literal.replace('{', "{{").replace('}', "}}");
            let template = TextTemplate::parse("template", &format!("{escaped}{{a}}{escaped}"));
            let template = template.expect("a good template");
            let row = row(1, json!({"a": value}));
            let text = template.render(&row.at, &row.columns);
            let whole = format!("{literal}{value}{literal}");
            let filled = template.fill(|name| (name == "a").then_some(value.as_str()));
            prop_assert_eq!(filled.as_ref(), Some(&whole));
            prop_assert_eq!(text.expect("a good row"), whole);
            prop_assert_eq!(template.fill(|_| None), None);
        }
    }
}
