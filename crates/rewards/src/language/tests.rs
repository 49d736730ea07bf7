use proptest::prelude::*;

use super::{content_stems, sentences, tokens};

#[test]
fn words_keep_their_marks_and_inner_apostrophes() {
    assert_eq!(tokens("Don’t say 'NE\u{301}E', 3.5!"), ["don't", "say", "ne\u{301}e", "3", "5"]);
    assert_eq!(tokens("日本語 and العربية"), ["日", "本", "語", "and", "العربية"]);
    assert_eq!(tokens(" \u{1f600}—…"), Vec::<String>::new());
}

#[test]
fn content_is_stemmed_and_without_function_words() {
    assert_eq!(content_stems("The cats were running"), ["cat", "run"]);
}

#[test]
fn sentences_end_where_a_reader_ends_them() {
    let cut = |text| sentences(text).join("|");
    assert_eq!(cut("One. Two! “Three?” Four"), "One.|Two!|“Three?”|Four");
    assert_eq!(
        cut("Dr. J. Smith paid 3.5 e.g. here. And so do I. Yes."),
        "Dr. J. Smith paid 3.5 e.g. here.|And so do I.|Yes."
    );
    assert_eq!(cut("a list\n- of two\r\n\n... !"), "a list|- of two");
    assert_eq!(cut("一つ。二つ。"), "一つ。|二つ。");
    assert_eq!(cut("Wait ... what?"), "Wait ... what?");
    assert_eq!(cut(""), "");
}

proptest! {
    #[test]
    fn sentences_lose_no_word(text in "[a-zA-Z0-9 .!?\"'\n。é]{0,80}") {
        let of_sentences: Vec<String> = sentences(&text).iter().flat_map(|s| tokens(s)).collect();
        prop_assert_eq!(of_sentences.concat(), tokens(&text).concat());
    }

    #[test]
    fn any_text_is_cut_without_a_panic(text in any::<String>()) {
        sentences(&text);
        content_stems(&text);
    }
}
