use serde_json::json;

use super::*;

#[test]
fn a_row_keeps_what_it_has() {
    let row = json!({
        "id": "a7", "prompt": "p", "response": "r", "target": ["t", "u"], "group": 3, "extra": null,
    });
    let row = Row::from_json(row).unwrap();
    assert_eq!(row.id, Some(json!("a7")));
    assert_eq!(row.prompt.as_deref(), Some("p"));
    assert_eq!(row.response, "r");
    assert_eq!(row.targets, ["t", "u"]);
    assert_eq!(row.group, Some(json!(3)));
    assert_eq!(row.fields.keys().collect::<Vec<_>>(), ["extra"]);
    let row = Row::from_json(json!({ "completion": "c", "target": "t", "id": null })).unwrap();
    assert_eq!((row.response.as_str(), row.targets.as_slice()), ("c", &["t".to_owned()][..]));
    assert_eq!(row.id, None);
}

#[test]
fn a_row_that_is_none_says_why() {
    let refused = |value| Row::from_json(value).unwrap_err().to_string();
    insta::assert_snapshot!(refused(json!([1])), @"expected an object with a `response`, got an array of 1");
    insta::assert_snapshot!(refused(json!({ "target": "t" })), @"has no `response`; add it (`completion` is accepted in its place)");
    insta::assert_snapshot!(refused(json!({ "response": null })), @"has no `response`; add it (`completion` is accepted in its place)");
    insta::assert_snapshot!(refused(json!({ "response": "a", "completion": "b" })), @"has both `response` and `completion`; keep one of them");
    insta::assert_snapshot!(refused(json!({ "response": 7 })), @"field `response`: expected a string, got the number 7");
    insta::assert_snapshot!(refused(json!({ "response": "a", "target": ["t", 2] })), @"field `target[1]`: expected a string or a list of strings, got the number 2");
    insta::assert_snapshot!(refused(json!({ "response": "a", "target": {} })), @"field `target`: expected a string or a list of strings, got an object");
}

#[test]
fn what_a_row_lacks_is_named() {
    let row = Row::from_json(json!({ "response": "a", "target": [], "extra": 1 })).unwrap();
    assert_eq!(row.missing(&Needs::target()), Some("target"));
    assert_eq!(row.missing(&Needs::prompt()), Some("prompt"));
    assert_eq!(row.missing(&Needs::default()), None);
    let fields = |name: &str| Needs { fields: [name.to_owned()].into(), ..Needs::default() };
    assert_eq!(row.missing(&fields("extra")), None);
    assert_eq!(row.missing(&fields("label")), Some("label"));
}

#[test]
fn rows_are_grouped_by_name_or_by_equal_prompts_in_a_row() {
    let mut grouper = Grouper::default();
    let mut group = |value| grouper.group(&Row::from_json(value).unwrap());
    let named = |name| json!({ "response": "", "group": name });
    let asked = |prompt| json!({ "response": "", "prompt": prompt });
    let got = [
        group(named(json!("a"))),
        group(named(json!(1))),
        group(named(json!("a"))),
        group(named(json!("1"))),
        group(asked("p")),
        group(asked("p")),
        group(asked("q")),
        group(asked("p")),
        group(json!({ "response": "" })),
        group(json!({ "response": "" })),
        group(named(json!(1))),
        group(asked("p")),
    ];
    assert_eq!(got, [0, 1, 0, 2, 3, 3, 4, 5, 6, 7, 1, 8]);
}

#[test]
fn token_ids_are_a_list_of_token_numbers() {
    let ids = |value| Row::from_json(json!({ "response": "", "token_ids": value })).unwrap();
    assert_eq!(ids(json!([3, 0])).token_ids.as_deref(), Some(&[3, 0][..]));
    assert_eq!(ids(json!([])).token_ids.as_deref(), Some(&[][..]));
    for other in [json!([1.5]), json!([-1]), json!(["a"]), json!(7), json!(null)] {
        let row = ids(other.clone());
        assert_eq!(row.token_ids, None, "{other}");
        let needs = Needs { token_ids: true, ..Needs::default() };
        assert_eq!(row.missing(&needs), Some("token_ids"));
    }
}
