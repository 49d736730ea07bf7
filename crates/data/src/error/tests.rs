use std::io;
use std::path::Path;

use serde_json::json;

use super::*;

#[test]
fn only_the_machine_is_never_the_inputs_fault() {
    let sort = |kind| DataError::from_io(Path::new("a"), io::Error::from(kind)).is_bad_input();
    assert!(!sort(io::ErrorKind::PermissionDenied));
    assert!(!sort(io::ErrorKind::Other));
    assert!(sort(io::ErrorKind::NotFound));
    assert!(sort(io::ErrorKind::UnexpectedEof), "a gzip file that is cut short");
}

#[test]
fn a_message_never_repeats_its_source() {
    let error = DataError::from_io(Path::new("a.csv"), io::Error::other("the disk is on fire"));
    assert_eq!(error.to_string(), "cannot read `a.csv`");
    let source = std::error::Error::source(&error).expect("the operating system's words");
    assert_eq!(source.to_string(), "the disk is on fire");
}

#[test]
fn values_are_described_in_a_few_words() {
    let long = "é".repeat(100);
    let cases = [
        (json!(null), "null".to_owned()),
        (json!(true), "the boolean true".to_owned()),
        (json!(1.5), "the number 1.5".to_owned()),
        (json!("a\"b"), r#"the string "a\"b""#.to_owned()),
        (json!(long), format!("the string \"{}…\"", "é".repeat(40))),
        (json!([]), "an empty array".to_owned()),
        (json!([1, 2]), "an array of 2".to_owned()),
        (json!({}), "an empty object".to_owned()),
        (json!({"a": 1, "b": 2, "c": 3}), "an object with `a`, `b` and `c`".to_owned()),
    ];
    for (value, expected) in cases {
        assert_eq!(describe(&value), expected);
    }
}

#[test]
fn long_lists_are_cut() {
    let names: Vec<String> = (0..14).map(|index| index.to_string()).collect();
    assert_eq!(
        quoted_list(&names),
        "`0`, `1`, `2`, `3`, `4`, `5`, `6`, `7`, `8`, `9`, `10`, `11` and 2 more"
    );
    assert_eq!(quoted_list(&names[..1]), "`0`");
    assert_eq!(quoted_list(&names[..0]), "(none)");
}

#[test]
fn a_name_is_near_only_where_it_is_a_slip_of_the_finger() {
    let known = ["question", "answer", "id"].map(str::to_owned);
    assert_eq!(nearest("qustion", &known).map(String::as_str), Some("question"));
    assert_eq!(nearest("Answer", &known).map(String::as_str), Some("answer"));
    assert_eq!(nearest("label", &known), None);
}

#[test]
fn a_template_error_shows_single_braces() {
    let message = "`}` closes nothing".to_owned();
    let error = DataError::BadTemplate { setting: "template", message, position: 3 };
    insta::assert_snapshot!(error, @"`template` is not a template: at character 3, `}` closes nothing; write `{{` and `}}` for braces");
}
