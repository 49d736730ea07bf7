use super::*;

fn sample(step: u64, split: Split, prompt: &str, response: &str) -> Sample {
    Sample {
        step,
        split,
        prompt: prompt.to_owned(),
        response: response.to_owned(),
        target: None,
        score: Some(0.5),
        components: BTreeMap::new(),
        judges: BTreeMap::new(),
    }
}

fn told<'a>(pairs: &[Pair<'a>]) -> Vec<(Option<&'a str>, Option<&'a str>)> {
    let response = |sample: Option<&'a Sample>| sample.map(|sample| sample.response.as_str());
    pairs.iter().map(|pair| (response(pair.before), response(pair.after))).collect()
}

#[test]
fn answers_meet_by_prompt_and_by_turn() {
    let samples = [
        sample(0, Split::Before, "a", "a1"),
        sample(0, Split::Before, "a", "a2"),
        sample(0, Split::Before, "b", "b1"),
        sample(0, Split::Before, "gone", "g1"),
        sample(9, Split::After, "b", "B1"),
        sample(9, Split::After, "a", "A1"),
        sample(9, Split::After, "new", "N1"),
        sample(9, Split::After, "a", "A2"),
    ];
    assert_eq!(
        told(&pairs(&samples)),
        [
            (Some("a1"), Some("A1")),
            (Some("a2"), Some("A2")),
            (Some("b1"), Some("B1")),
            (Some("g1"), None),
            (None, Some("N1")),
        ]
    );
}

#[test]
fn the_first_before_and_the_last_after_count() {
    let samples = [
        sample(0, Split::Before, "a", "first"),
        sample(5, Split::Before, "a", "second"),
        sample(6, Split::After, "a", "early"),
        sample(9, Split::After, "a", "late"),
    ];
    assert_eq!(told(&pairs(&samples)), [(Some("first"), Some("late"))]);
}

#[test]
fn long_text_is_cut_between_characters() {
    let long = "é🎬".repeat(MOST_CHARACTERS);
    let cut = text(&long);
    assert!(cut.ends_with("… 3000 more characters</span>"), "{}", &cut[cut.len() - 60..]);
    assert_eq!(text("<&>"), "&lt;&amp;&gt;");
}

#[test]
fn nothing_recorded_is_said() {
    assert!(section(&[]).contains("recorded no samples"));
    let only_training = section(&[sample(3, Split::Train, "p", "")]);
    assert!(only_training.contains("Step 3") && only_training.contains("(empty)"));
}
