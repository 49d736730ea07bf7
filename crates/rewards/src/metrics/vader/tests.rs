use serde::Deserialize;

use super::*;
use crate::fixtures::{golden, golden_folder};

#[derive(Deserialize)]
struct Case {
    text: String,
    neg: f64,
    neu: f64,
    pos: f64,
    compound: f64,
}

fn vader() -> Vader {
    let folder = golden_folder().join("vader");
    let emoji = folder.join("emoji_utf8_lexicon.txt");
    Vader::new(Lexicon::read(&folder.join("vader_lexicon.txt"), Some(&emoji)).unwrap())
}

#[test]
fn every_golden_row_is_scored_as_the_original_scores_it() {
    let vader = vader();
    for name in ["vader.jsonl", "vader_random.jsonl"] {
        for case in golden::<Case>(name) {
            let got = vader.polarity(&case.text);
            let got = [got.neg, got.neu, got.pos, got.compound];
            let want = [case.neg, case.neu, case.pos, case.compound];
            for (got, want) in got.iter().zip(want) {
                assert!((got - want).abs() <= 1e-9, "{:?}: got {got}, want {want}", case.text);
            }
        }
    }
}

#[test]
fn word_lists_are_sorted_and_have_no_twins() {
    for list in rules::LISTS {
        assert!(list.windows(2).all(|pair| pair[0] < pair[1]), "{list:?}");
    }
}

#[test]
fn every_phrase_of_degree_weakens() {
    let phrases = rules::LISTS.concat().into_iter().filter(|phrase| phrase.contains(' '));
    for phrase in phrases {
        assert!(rules::DEGREE_PHRASES.contains(&phrase), "{phrase}");
        assert!(rules::booster(phrase).is_some_and(|boost| boost < 0.0), "{phrase}");
    }
}

#[test]
fn text_without_words_scores_nothing_and_a_megabyte_does_not_stall() {
    let vader = vader();
    for text in ["", " \n\t\u{1c}", "\u{0}", "\u{301}", "\u{200f}\u{5d0}"] {
        assert!(vader.polarity(text).compound.abs() < 1e-12, "{text:?}");
    }
    let long = "good bad but ".repeat(80_000);
    assert!(vader.polarity(&long).compound.is_finite());
    assert!(vader.polarity(&"!".repeat(1_000_000)).compound.abs() < 1e-12);
}

/// The walk over the changing list as the original's description has it, searched from the front.
fn weigh_by_search(valences: &mut [f64], but: usize) {
    for step in 0..valences.len() {
        let value = valences[step];
        let first = valences.iter().position(|other| (other - value).abs() == 0.0).unwrap();
        if first < but {
            valences[first] = value * 0.5;
        } else if first > but {
            valences[first] = value * 1.5;
        }
    }
}

proptest::proptest! {
    #[test]
    fn the_shortcut_around_but_equals_the_search(
        picks in proptest::collection::vec(0..6usize, 1..40),
        but in 0..40usize,
    ) {
        let values = [0.0, 1.0, 2.0, 4.0, -1.5, 0.5];
        let mut fast: Vec<f64> = picks.iter().map(|pick| values[*pick]).collect();
        let mut slow = fast.clone();
        weigh_around_but(&mut fast, but);
        weigh_by_search(&mut slow, but);
        proptest::prop_assert_eq!(fast, slow);
    }

    #[test]
    fn any_text_gets_a_compound_between_minus_one_and_one(text in "\\PC*") {
        let polarity = vader().polarity(&text);
        proptest::prop_assert!((-1.0..=1.0).contains(&polarity.compound));
    }
}
