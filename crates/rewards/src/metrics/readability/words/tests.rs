use super::*;

/* Reference: textstat 0.7.13,
from textstat.backend.selections import list_words
from textstat.backend.counts import count_sentences
for t in (...): print(list_words(t), count_sentences(t))
*/

#[test]
fn words_keep_the_apostrophes_of_contractions() {
    let cut = |text| {
        let mut words = Vec::new();
        count(text, |word| words.push(word.to_owned()));
        words
    };
    assert_eq!(
        cut("don't they'd've 'quoted' 'tis DON'T"),
        ["don't", "they'd've", "quoted", "'tis", "dont"]
    );
    assert_eq!(cut("e-mail, (v2.0) — a_b"), ["email", "v20", "a_b"]);
    assert_eq!(cut("cafe\u{301} ½ Ⓐ 你好"), ["cafe", "½", "你好"]);
    assert_eq!(cut(" ... \u{1c}"), Vec::<String>::new());
}

#[test]
fn short_sentences_do_not_count() {
    let wants = [
        ("", 0),
        ("   ", 1),
        ("Hi. Yes. No.", 1),
        ("One two three. Four five six! Seven eight nine", 3),
        ("It costs 3.14 dollars today.", 2),
        ("Well... that is it?! Yes, that is it.", 2),
        ("... ' — one two three", 1),
    ];
    for (text, want) in wants {
        assert_eq!(count(text, |_| {}).sentences, want, "{text:?}");
    }
}

#[test]
fn word_characters_are_letters_numbers_and_the_underscore() {
    let letter = Regex::new(r"^[\p{L}\p{N}_]$").unwrap();
    for c in '\0'..=char::MAX {
        assert_eq!(is_word_char(c), letter.is_match(c.encode_utf8(&mut [0; 4])), "{c:?}");
    }
}
