use super::*;

#[test]
fn case_punctuation_articles_and_spaces_do_not_count() {
    assert_eq!(normalize("  The U.S.  Navy, an ally\u{1c}of a\tstate"), "us navy ally of state");
    assert_eq!(normalize("a an the ..."), "");
    assert_eq!(normalize("Theory and another"), "theory and another");
}

#[test]
fn words_count_as_often_as_both_have_them() {
    // "b b c" and "b d": one common word, precision 1/3, recall 1/2.
    assert!((token_f1("b b c", "b d") - 0.4).abs() < 1e-12);
    assert!((token_f1("The cat", "a CAT!") - 1.0).abs() < 1e-12);
    for (one, other, expected) in [("the", "", 1.0), ("x", "", 0.0), ("x", "y", 0.0)] {
        assert!((token_f1(one, other) - expected).abs() < 1e-12, "{one:?} {other:?}");
    }
}
