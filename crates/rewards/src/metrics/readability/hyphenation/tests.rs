use super::*;

/// Liang's own example: all the patterns that are in the word; they leave `hy-phen-ation`.
#[test]
fn the_thesis_example_is_cut_as_in_the_thesis() {
    let patterns: Patterns =
        ["hy3ph", "he2n", "hena4", "hen5at", "1na", "n2at", "1tio", "2io", "o2n"]
            .into_iter()
            .collect();
    assert_eq!(patterns.positions("hyphenation"), 2);
}

#[test]
fn a_later_number_bids_and_the_highest_wins() {
    let patterns: Patterns = ["b1c", ".ab2c"].into_iter().collect();
    assert_eq!(patterns.positions("abcd"), 0, "2 outbids 1 after a word's start");
    assert_eq!(patterns.positions("xabcd"), 1);
}

#[test]
fn cuts_keep_two_characters_on_both_sides() {
    let patterns: Patterns = ["1a"].into_iter().collect();
    for (word, cuts) in [("", 0), ("a", 0), ("aa", 0), ("aaaa", 1), ("aaaaa", 2), ("ééaéé", 1)]
    {
        assert_eq!(patterns.positions(word), cuts, "{word}");
    }
}
