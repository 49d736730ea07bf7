use serde_json::{Value, json};

use super::rules::{Rule, mistakes};
use crate::fixtures::{assert_close, score};

fn found(text: &str) -> Vec<(Rule, &str)> {
    let (_, found) = mistakes(text);
    let word =
        |at: usize| text[at..].split(|c: char| !c.is_alphabetic() && c != '\'').next().unwrap();
    found.into_iter().map(|(rule, at)| (rule, word(at))).collect()
}

#[test]
fn each_rule_finds_its_mistakes() {
    let one = |text, rule, word| assert_eq!(found(text), [(rule, word)], "{text}");
    one("She ate a apple.", Rule::Article, "apple");
    one("He is an teacher.", Rule::Article, "teacher");
    one("It took a hour.", Rule::Article, "hour");
    one("I read the the book.", Rule::Repetition, "the");
    one("He are late.", Rule::Agreement, "are");
    one("They was late.", Rule::Agreement, "was");
    one("You could of won.", Rule::VerbForm, "of");
    one("She didn't went home.", Rule::VerbForm, "went");
    one("He goed home.", Rule::Plural, "goed");
    one("Thanks for the informations.", Rule::Plural, "informations");
    one("Oh, your welcome!", Rule::Confusion, "welcome");
    one("Its been years.", Rule::Confusion, "been");
    one("This is more better.", Rule::Comparison, "better");
    one("Yesterday i slept.", Rule::Pronoun, "i");
}

#[test]
fn right_sentences_are_left_alone() {
    for text in [
        "An hour ago a European met a user of a one-way union, an MP and an X-ray.",
        "I know that that had had no effect, and it was very, very good.",
        "Does he have time? Let it have its way; one of them is here, if it were so.",
        "What he did was right. She would, of course, come. He said that they don't.",
        "The dog wagged its tail while your friend sat there. You're welcome.",
        "More of the best is most welcome; it is more easy than that.",
        "Part i) and i.e. and the i-th root. Él no va a México.",
        "No, no. Bye bye! This uninteresting, unimportant unit is an unidentified one.",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn the_score_is_one_less_the_share_of_mistakes() {
    let of = |keys: Value, text: &str| {
        let mut spec = keys;
        spec["type"] = json!("grammar");
        score(&spec, &[json!({ "response": text })])[0]
    };
    let text = "He are here and i saw a apple.";
    assert_close(of(json!({}), text), Some(1.0 - 3.0 / 8.0), 1e-12, "three of eight");
    assert_close(of(json!({ "scale": 2 }), text), Some(0.25), 1e-12, "twice as strict");
    let two = json!({ "skip": ["pronoun", "article"] });
    assert_close(of(two, text), Some(1.0 - 1.0 / 8.0), 1e-12, "two rules off");
    assert_eq!(of(json!({}), " ... "), None);
    assert_eq!(of(json!({ "scale": 100 }), text), Some(0.0));
}

#[test]
fn spelling_and_grammar_add_up() {
    let text = "He are heer and i saw a apple.";
    let spec =
        json!({ "type": "spelling", "allow": ["he", "are", "and", "i", "saw", "a", "apple"] });
    let spelled = score(&spec, &[json!({ "response": text })])[0].unwrap();
    let both = json!({ "type": "spelling_grammar", "allow": ["he", "are", "and", "i", "saw", "a", "apple"] });
    let got = score(&both, &[json!({ "response": text })])[0];
    // Spelling counts the same eight words.
    assert_close(got, Some(spelled - 3.0 / 8.0), 1e-9, "spelling less grammar");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_a_panic_or_leaves_the_range(text in "\\PC{0,80}") {
        let got = score(&json!({ "type": "grammar" }), &[json!({ "response": text })])[0];
        proptest::prop_assert!(got.is_none_or(|score| (0.0..=1.0).contains(&score)));
    }
}
