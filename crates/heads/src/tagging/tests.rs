use std::ops::Range;

use hybrid_testing::fixtures::golden_json;

use super::*;
use crate::tests::fixtures::{list, names};

fn set(names: &[&str]) -> TagSet {
    TagSet::new(LabelSet::new(names.iter().copied()).unwrap()).unwrap()
}

fn people() -> TagSet {
    set(&["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-DATE"])
}

#[test]
fn entities_are_those_of_seqeval() {
    let golden = golden_json("heads.json");
    let cases = list(&golden["entities"]["texts"]);
    assert!(cases.len() >= 40);
    let tags = set(&["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]);
    for case in cases {
        let ids: Vec<usize> =
            names(&case["tags"]).iter().map(|tag| tags.labels().id(tag).unwrap()).collect();
        for (scheme, key) in [(Scheme::Lenient, "lenient"), (Scheme::Strict, "strict")] {
            let found = tags.entities(&ids, scheme).unwrap();
            let expected: Vec<Entity> = serde_json::from_value(case[key].clone()).unwrap();
            assert_eq!(found, expected, "{key} {}", case["tags"]);
        }
    }
}

#[test]
fn what_is_no_tag_set_is_refused() {
    let text = |names: &[&str]| {
        TagSet::new(LabelSet::new(names.iter().copied()).unwrap()).unwrap_err().to_string()
    };
    assert!(text(&["O", "PER"]).contains("`PER` is no BIO tag"));
    assert!(text(&["O", "S-PER"]).contains("`S-PER` is no BIO tag"));
    assert!(text(&["O", "B-"]).contains("`B-` is no BIO tag"));
    assert!(text(&["B-PER"]).contains("`O` is missing"));
    assert!(text(&["O", "I-PER"]).contains("`I-PER` but no `B-PER`"));
    assert!(people().entities(&[0, 6], Scheme::Lenient).is_err());
}

/// "Ada Lovelace, London": tokens of a byte-level tokenizer hold the space before them.
fn ada() -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let tokens = vec![0..0, 0..3, 3..8, 8..12, 12..13, 13..14, 14..20, 0..0];
    let words = vec![0..3, 4..12, 12..13, 14..20];
    (tokens, words)
}

#[test]
fn a_token_belongs_to_the_first_word_it_shares_a_byte_with() {
    let (tokens, words) = ada();
    let expected = [None, Some(0), Some(1), Some(1), Some(2), None, Some(3), None];
    assert_eq!(word_ids(&tokens, &words), expected);
    assert_eq!(word_ids(&[0..5, 5..9], &[1..2, 3..4]), [Some(0), None]);
    assert_eq!(word_ids(&tokens[1..2], &[]), [None]);
}

#[test]
fn the_first_piece_of_a_word_counts_or_all_do() {
    let (tokens, words) = ada();
    let tags = people();
    let ids = word_ids(&tokens, &words);
    let word_tags = [Some(1), Some(2), None, Some(3)];
    let first = tags.token_targets(&word_tags, &ids, SubWords::First).unwrap();
    assert_eq!(first, [None, Some(1), Some(2), None, None, None, Some(3), None]);
    let begun = [Some(1), Some(3), Some(0), Some(5)];
    let all = tags.token_targets(&begun, &ids, SubWords::All).unwrap();
    assert_eq!(all, [None, Some(1), Some(3), Some(4), Some(0), None, Some(5), None]);
    assert_eq!(tags.continued(5), 5, "there is no I-DATE");
    assert!(tags.token_targets(&[Some(1)], &ids, SubWords::First).is_err());
    assert!(tags.token_targets(&[Some(9); 4], &ids, SubWords::First).is_err());
}

#[test]
fn predictions_of_tokens_become_tags_of_all_words() {
    let (tokens, words) = ada();
    let ids = word_ids(&tokens, &words);
    // The last word was cut off; the second piece of the second word is not asked.
    let found = people().word_tags(&[0, 1, 2, 4, 0, 0], &ids[..6], 4).unwrap();
    assert_eq!(found, [1, 2, 0, 0]);
    assert!(people().word_tags(&[0], &ids, 4).is_err());
    assert!(people().word_tags(&[0; 8], &ids, 3).is_err());
}
