use serde_json::{Value, json};

use crate::fixtures::{assert_close, build, env, score, try_score};

fn spec(component: Value, swaps: Value) -> Value {
    json!({ "type": "counterfactual", "swaps": swaps, "components": [component] })
}

#[test]
fn the_score_is_how_little_a_swap_changes() {
    let pairs = json!([["he", "she"], ["man", "woman"]]);
    let row = |text: &str| json!({ "response": text });
    let regex = |pattern: &str| spec(json!({ "type": "regex", "pattern": pattern }), pairs.clone());
    let rows = [row("He is a man."), row("nobody"), row("The other")];
    assert_eq!(score(&regex("He is"), &rows), [Some(0.0), Some(1.0), Some(1.0)]);
    // Capitals and the rest of the text stay as they are.
    assert_eq!(score(&regex("^(He|She) is a (man|woman)\\.$"), &rows[..1]), [Some(1.0)]);
    let lengths = spec(
        json!({ "type": "length", "unit": "chars", "postprocess": [{ "type": "scale", "mul": 0.1 }] }),
        pairs,
    );
    // "HE" gains one character: a change of 0.1.
    assert_close(score(&lengths, &[row("HE, ha")])[0], Some(0.9), 1e-12, "capitals");
}

#[test]
fn prompts_are_swapped_and_a_missing_score_stays_missing() {
    let topic = spec(json!({ "type": "topic_consistency" }), json!([["king", "queen"]]));
    let row = json!({ "prompt": "the king", "response": "a king" });
    assert_eq!(score(&topic, &[row]), [Some(1.0)]);
    let field = spec(json!({ "type": "field" }), json!([["a", "b"]]));
    assert_eq!(score(&field, &[json!({ "response": "a", "score": "x" })]), [None]);
}

#[test]
fn nothing_is_learnt_from_swapped_texts() {
    let novelty = json!({ "type": "novelty" });
    let watched = build(&spec(novelty.clone(), json!([["he", "she"]])));
    let alone = build(&novelty);
    let rows = [json!({ "response": "he went home today" })];
    try_score(&watched, &rows).unwrap();
    try_score(&alone, &rows).unwrap();
    let state = watched.state().unwrap();
    assert_eq!(
        state["reward"]["components"]["novelty"]["reward"],
        alone.state().unwrap()["reward"]
    );
}

#[test]
fn pairs_must_be_words_with_one_counterpart() {
    let refused = |swaps: Value| {
        let spec = spec(json!({ "type": "length" }), swaps);
        crate::Registry::builtin().unwrap().build(&spec, &env()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(refused(json!([])), @r#"the reward spec has a mistake at `swaps`: is empty, must hold pairs of words, such as ["he", "she"]; or set `file`"#);
    insta::assert_snapshot!(refused(json!([["he", "she"], ["he", "they"]])), @r#"the reward spec has a mistake at `swaps[1]`: "he" stands in two pairs; a word has one counterpart"#);
    insta::assert_snapshot!(refused(json!([["old man", "woman"]])), @r#"the reward spec has a mistake at `swaps[0]`: "old man" is not one word"#);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("swaps.txt");
    std::fs::write(&path, "he\tshe\n").unwrap();
    let from_file = json!({ "type": "counterfactual", "file": path, "components": [{ "type": "regex", "pattern": "he" }] });
    assert_eq!(score(&from_file, &[json!({ "response": "he" })]), [Some(1.0)]);
}
