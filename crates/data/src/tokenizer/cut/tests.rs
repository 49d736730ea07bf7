use serde_json::json;

use super::{TextLimit, TruncationSide};
use crate::tokenizer::Tokenizer;
use crate::tokenizer::segments::tests::tokenizer;

#[test]
fn a_side_is_cut_whatever_the_tokenizer_says() {
    // Its own settings would cut the beginning.
    let tokenizer = tokenizer(json!({ "truncation_side": "left" }));
    let cut = |text: &str, max_length, side| {
        tokenizer.encode_cut(&[text], TextLimit { max_length, side }).unwrap().remove(0)
    };
    let long = "10 11 12 13 14 15";
    assert_eq!(cut(long, 6, TruncationSide::Right), [1, 10, 11, 12, 13, 2]);
    assert_eq!(cut(long, 6, TruncationSide::Left), [1, 12, 13, 14, 15, 2]);
    assert_eq!(cut(long, 6, TruncationSide::Middle), [1, 10, 13, 14, 15, 2]);
    for side in [TruncationSide::Right, TruncationSide::Left, TruncationSide::Middle] {
        assert_eq!(cut(long, 8, side), [1, 10, 11, 12, 13, 14, 15, 2], "{side:?}");
        assert_eq!(cut(long, 1, side), [1, 2], "{side:?}: special tokens stay");
        assert_eq!(cut("", 6, side), [1, 2], "{side:?}");
    }
}

#[test]
fn a_text_without_a_token_is_one_token() {
    let bytes = Tokenizer::bytes().unwrap();
    assert_eq!(bytes.affixes().unwrap(), (vec![], vec![]), "it adds none");
    let stand_in = bytes.eos().unwrap();
    let rows = bytes.encode_cut(&["", "a"], TextLimit::new(4)).unwrap();
    assert_eq!(rows, [vec![stand_in], bytes.encode("a", false).unwrap()]);
    assert_eq!(bytes.encode_segments("", None, 4).unwrap().ids, [stand_in]);
    assert_eq!(bytes.encode_segments("", Some(""), 4).unwrap().ids, [stand_in]);
    assert_eq!(bytes.encode_segments("a", None, 4).unwrap().ids, rows[1]);
}
