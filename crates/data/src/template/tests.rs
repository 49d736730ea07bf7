use std::path::Path;

use super::*;

fn golden(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden").join(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn messages(value: &Value) -> Vec<Message> {
    serde_json::from_value(value.clone()).unwrap()
}

fn template(source: &str) -> ChatTemplate {
    ChatTemplate::new(source, &BTreeMap::new()).unwrap()
}

/// Python counts characters, Rust bytes.
fn byte_spans(text: &str, spans: &Value) -> Vec<Range<usize>> {
    let byte = |at: &Value| {
        let at = at.as_u64().unwrap() as usize;
        text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte)
    };
    spans.as_array().unwrap().iter().map(|span| byte(&span[0])..byte(&span[1])).collect()
}

#[test]
fn conversations_render_as_transformers_renders_them() {
    let golden = golden("chat.json");
    let find = |list: &str, name: &Value| {
        golden[list].as_array().unwrap().iter().find(|item| item["name"] == *name).unwrap()
    };
    for case in golden["cases"].as_array().unwrap() {
        let label = format!("{}, {}", case["template"], case["conversation"]);
        let chosen = find("templates", &case["template"]);
        let conversation = find("conversations", &case["conversation"]);
        let special: BTreeMap<String, String> = ["bos_token", "eos_token"]
            .into_iter()
            .filter_map(|role| Some((role.to_owned(), chosen[role].as_str()?.to_owned())))
            .collect();
        let options = RenderOptions {
            add_generation_prompt: case["add_generation_prompt"].as_bool().unwrap(),
            tools: Some(conversation["tools"].clone()).filter(|tools| !tools.is_null()),
            ..RenderOptions::default()
        };
        let rendered = ChatTemplate::new(chosen["template"].as_str().unwrap(), &special)
            .unwrap()
            .render(&messages(&conversation["messages"]), &options);
        match (rendered, case["text"].as_str()) {
            (Ok(rendered), Some(text)) => {
                assert_eq!(rendered.text, text, "{label}");
                // Adjacent tokens of one span are one run there, so empty spans are not listed.
                let spans = rendered.generation_spans.unwrap_or_default();
                let spans: Vec<_> = spans.into_iter().filter(|span| !span.is_empty()).collect();
                if !case["spans"].is_null() {
                    assert_eq!(spans, byte_spans(text, &case["spans"]), "{label}");
                }
            }
            (Err(error), None) => match error {
                TemplateError::Raised { message } => {
                    assert_eq!(case["raised"], true, "{label}");
                    assert_eq!(case["error"], message, "{label}");
                }
                _ => assert_eq!(case["raised"], false, "{label}"),
            },
            (rendered, expected) => panic!("{label}: {rendered:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn each_construct_renders_as_transformers_renders_it() {
    let golden = golden("chat_jinja.json");
    let messages = messages(&golden["messages"]);
    let mut wrong = Vec::new();
    for case in golden["cases"].as_array().unwrap() {
        let source = case["template"].as_str().unwrap();
        let mut extra = golden["variables"].as_object().unwrap().clone();
        extra.extend(case["more"].as_object().unwrap().clone());
        let options = RenderOptions { extra, ..RenderOptions::default() };
        let rendered = ChatTemplate::new(source, &BTreeMap::new())
            .and_then(|template| template.render(&messages, &options));
        match (&rendered, case["text"].as_str()) {
            (Ok(rendered), Some(text)) => {
                let same_spans = case["spans"].is_null()
                    || rendered.generation_spans == Some(byte_spans(text, &case["spans"]));
                if rendered.text != text || !same_spans {
                    wrong.push(format!("{source}\n  is {rendered:?}\n  not {case}"));
                }
            }
            (Err(_), None) => {}
            (rendered, text) => wrong.push(format!("{source}\n  is {rendered:?}\n  not {text:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_date_is_an_argument() {
    let source = "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y, %-H:%M %%') }}\
                  {% else %}26 Jul 2024{% endif %}";
    let at = |now| RenderOptions { now, ..RenderOptions::default() };
    let now = chrono::NaiveDate::from_ymd_opt(2026, 2, 3).unwrap().and_hms_opt(4, 5, 6);
    let render = |options| template(source).render(&[], &options).unwrap().text;
    assert_eq!(render(at(now)), "03 Feb 2026, 4:05 %");
    assert_eq!(render(at(None)), "26 Jul 2024");
    let unknown = template("{{ strftime_now('%Q') }}").render(&[], &at(now)).unwrap_err();
    assert!(matches!(unknown, TemplateError::Render { .. }), "{unknown:?}");
}

#[test]
fn what_the_template_raises_is_the_message() {
    let error = template("{{ raise_exception('Roles must alternate!') }}")
        .render(&[Message::new("user", "hi")], &RenderOptions::default())
        .unwrap_err();
    insta::assert_snapshot!(error, @"the chat template does not accept this conversation: Roles must alternate!");
}

#[test]
fn a_template_that_does_not_parse_says_where() {
    let error = ChatTemplate::new("fine\n{% for m in %}", &BTreeMap::new()).unwrap_err();
    insta::assert_snapshot!(error, @"the chat template is not valid Jinja; correct it, or give another one as `chat_template`");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("chat_template:2"), "{source}");
}

#[test]
fn a_message_keeps_every_field_in_order() {
    let text = r#"{"tool_call_id":"7","content":"é","role":"tool","name":"clock","x":[1,null]}"#;
    let message: Message = serde_json::from_str(text).unwrap();
    assert_eq!((message.role(), message.content()), ("tool", Some("é")));
    assert_eq!(serde_json::to_string(&message).unwrap(), text);
    let rendered = template("{{ messages[0]|tojson(separators=(',', ':')) }}");
    assert_eq!(rendered.render(&[message], &RenderOptions::default()).unwrap().text, text);
}

#[test]
fn a_message_without_a_role_is_no_message() {
    let error = |text| serde_json::from_str::<Message>(text).unwrap_err().to_string();
    assert!(error(r#"{"content":"x"}"#).starts_with("a message needs a `role`"));
    assert!(error(r#"{"role":3}"#).starts_with("a message's `role` must be a string, not 3"));
    assert!(error("[1]").contains("expected a map"));
}

#[test]
fn reasoning_is_found_under_its_usual_names() {
    let message: Message =
        serde_json::from_str(r#"{"role":"assistant","reasoning":"hm","content":"x"}"#).unwrap();
    let rendered = template("{{ messages[0].keys()|list }}{{ messages[0].thinking }}");
    let text = rendered.render(&[message], &RenderOptions::default()).unwrap().text;
    assert_eq!(text, "['thinking', 'role', 'reasoning', 'content', 'reasoning_content']hm");
}

proptest::proptest! {
    /// Scraps of Jinja in any order: most do not parse, the rest render or fail, none panics.
    #[test]
    fn any_template_renders_or_fails(
        scraps in proptest::collection::vec(
            proptest::sample::select(vec![
                "{%", "%}", "{{", "}}", "{#", "#}", "-", "{% generation %}", "{% endgeneration %}",
                "{% raw %}", "{% endraw %}", "{% for m in messages %}", "{% endfor %}", "m.content",
                "messages", "[1:]", "[-1]", "|tojson", "|trim", "'", "\"", "\\", "ü", "\r\n", " ", "x",
                "{% set x %}", "{% endset %}", "{{ x[1:] }}", "{% if m %}", "{% endif %}",
            ]),
            0..12,
        ),
        content in ".*",
    ) {
        let source = scraps.concat();
        if let Ok(template) = ChatTemplate::new(&source, &BTreeMap::new()) {
            let messages = [Message::new("user", &content), Message::new("assistant", "é")];
            if let Ok(rendered) = template.render(&messages, &RenderOptions::default()) {
                for span in rendered.generation_spans.unwrap_or_default() {
                    proptest::prop_assert!(rendered.text.get(span).is_some());
                }
            }
        }
    }
}
