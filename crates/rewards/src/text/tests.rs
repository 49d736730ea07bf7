use super::*;

/* Reference (any Python 3):
print("a\x1cb\x85c\u00a0d\u200be\u3000f".split())
for t in ("", "A", "a", "A1", "1", "Ǆ", "ǅ", "Éa", "ſ", "Ⅷ", "A\u0301", "ªA", "你A"): print(t, t.isupper())
*/

#[test]
fn words_are_cut_as_python_cuts_them() {
    let cut: Vec<&str> = words("a\u{1c}b\u{85}c\u{a0}d\u{200b}e\u{3000}f").collect();
    assert_eq!(cut, ["a", "b", "c", "d\u{200b}e", "f"]);
    assert_eq!(words(" \t\n").count(), 0);
    assert_eq!(strip("\u{1f} a b \n"), "a b");
}

#[test]
fn upper_case_is_what_python_takes_for_it() {
    for text in ["A", "A1", "Ǆ", "Ⅷ", "A\u{301}", "你A"] {
        assert!(is_upper(text), "{text:?}");
    }
    for text in ["", "a", "1", "ǅ", "Éa", "ſ", "ªA", "Aǅ"] {
        assert!(!is_upper(text), "{text:?}");
    }
}
