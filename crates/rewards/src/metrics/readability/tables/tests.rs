use super::*;

#[test]
fn the_tables_are_all_there() {
    let tables = Tables::get();
    // `zcat syllables.txt.gz | wc -w`, less the eleven counts that start its lines, and the same of the other.
    let pronounced = tables.words.values().filter(|word| word.syllables.is_some()).count();
    let easy = tables.words.values().filter(|word| word.easy).count();
    assert_eq!((pronounced, easy), (123_933, 2_941));
}

#[test]
fn a_word_has_the_syllables_of_its_first_pronunciation_or_of_its_hyphens() {
    let tables = Tables::get();
    let known = [("the", 1), ("fire", 2), ("organization", 5), ("don't", 1), ("hmm", 0)];
    for (word, count) in known {
        assert_eq!(tables.syllables(word), count, "{word}");
    }
    // Not in the dictionary; Pyphen cuts it as `blorgi-fi-ca-tion`.
    assert_eq!(tables.syllables("blorgification"), 4);
    assert_eq!(tables.syllables("x"), 1);
    assert!(tables.is_easy("apple") && !tables.is_easy("organization"));
}
