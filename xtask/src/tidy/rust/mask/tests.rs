use super::*;

/// Holds the code that is left, with runs of blanks as one, against `expected`.
#[track_caller]
fn check(text: &str, expected: &str) {
    let code = code_only(text);
    assert_eq!(code.chars().count(), text.chars().count(), "positions must not move");
    assert_eq!(code.matches('\n').count(), text.matches('\n').count());
    let words: Vec<&str> = code.split_whitespace().collect();
    assert_eq!(words.join(" "), expected);
}

#[test]
fn comments_are_blanked_and_lines_kept() {
    check("a // b\nc", "a c");
    check("a /* b\n c */ d", "a d");
    check("a /* b /* c */ d */ e", "a e");
    check("/// doc\nfn f() {}", "fn f() {}");
}

#[test]
fn strings_are_blanked_with_their_escapes() {
    check(r#"f("a // b", c)"#, "f( , c)");
    check(r#"f("a \" b", c)"#, "f( , c)");
    check(r#"f("a \\", c)"#, "f( , c)");
    check(r##"f(r#"a " b"#, c)"##, "f( , c)");
    check(r#"f(b"a", br"\", c)"#, "f(b , , c)");
}

#[test]
fn characters_are_told_from_lifetimes() {
    check("m('\"', x)", "m( , x)");
    check(r"m('\'', x)", "m( , x)");
    check(r"m('\u{1F600}', x)", "m( , x)");
    check("fn f<'a>(x: &'a str) -> &'a str", "fn f<'a>(x: &'a str) -> &'a str");
    check("m('ä', x)", "m( , x)");
}

#[test]
fn names_that_begin_like_a_raw_string_are_code() {
    check("r#type + for_r\"x\"", "r#type + for_r");
    check("bar(r)", "bar(r)");
}

#[test]
fn an_open_literal_runs_to_the_end() {
    check("a \"b\nc", "a");
    check("a /* b", "a");
    check("a r#\"b\"", "a");
    check("a '\\", "a");
}
