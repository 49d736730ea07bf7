use super::*;

fn evaluate(expression: &str) -> Result<String, Error> {
    let mut environment = Environment::new();
    install(&mut environment);
    environment.render_str(&format!("{{{{ {expression} }}}}"), ())
}

#[test]
fn a_needle_that_is_empty_or_missing_does_not_hang_or_panic() {
    assert_eq!(evaluate("'äö'.count('')").unwrap(), "3");
    assert_eq!(evaluate("'äö'.find('')").unwrap(), "0");
    assert_eq!(evaluate("'äö'.rfind('')").unwrap(), "2");
    for expression in ["'a'.partition('')", "'a'.rsplit('')", "'a'.rindex('b')", "'a'.find()"] {
        assert!(evaluate(expression).is_err(), "{expression}");
    }
}

#[test]
fn wrong_arguments_are_errors() {
    for expression in [
        "1|tojson(indent='x')",
        "1|tojson(indent=-1)",
        "1|tojson(separators=(1,))",
        "1|tojson(unknown=1)",
        "nothing|tojson",
        "'a'.strip(1)",
    ] {
        assert!(evaluate(expression).is_err(), "{expression}");
    }
}
