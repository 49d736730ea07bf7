use serde::Deserialize;

use super::*;
use crate::fixtures::golden;

#[derive(Deserialize)]
struct Case {
    w: String,
    nltk: String,
}

#[test]
fn every_golden_word_has_the_stem_that_nltk_gives_it() {
    for case in golden::<Case>("porter.jsonl") {
        assert_eq!(stem(&case.w), case.nltk, "{}", case.w);
    }
}

proptest::proptest! {
    #[test]
    fn any_word_has_a_stem(word in "\\PC{0,12}", ending in "(ed|ing|ies|eed|y|ll|logi|alli)?") {
        stem(&format!("{word}{ending}"));
    }
}
