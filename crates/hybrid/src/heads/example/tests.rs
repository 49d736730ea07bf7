use serde_json::{Value, json};

use super::*;
use crate::heads::tests::Bench;

/// What is said of rows that a head cannot be made of.
fn refused(kind: &str, more: &str, rows: &[Value]) -> String {
    let bench = Bench::new();
    let file = bench.rows("rows.jsonl", rows);
    let text = format!(
        "[[head]]\ntask = \"t\"\nkind = \"{kind}\"\ndata.train = {file:?}\n{more}\n\
         [[phase]]\nkind = \"heads\"\nsteps = 1\n"
    );
    let error = bench.parts(&bench.config(&text)).unwrap_err();
    assert!(error.is_bad_input(), "{error}");
    whole(&error)
}

/// An error with its causes.
fn whole(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", whole(cause)));
    format!("{error}{}", cause.unwrap_or_default())
}

#[test]
fn rows_without_what_the_task_needs_are_named() {
    let good = json!({ "text": "a", "label": "x" });
    let missing = refused("classification", "", &[good.clone(), json!({ "text": "b" })]);
    assert!(missing.starts_with("line 2 of "), "{missing}");
    assert!(missing.contains("has no column `label`, which the head `t` needs"), "{missing}");
    assert!(missing.contains("there are `text`"), "{missing}");
    let wrong = refused("classification", "", &[json!({ "text": 3, "label": "x" })]);
    assert!(wrong.contains("something else in `text` than a text"), "{wrong}");
    let one = refused("classification", "", &[good]);
    assert!(one.contains("the same label"), "{one}");
}

#[test]
fn unknown_labels_are_named_with_the_known() {
    let rows = [json!({ "text": "a", "label": "z" })];
    let unknown = refused("classification", "labels = [\"x\", \"y\"]", &rows);
    assert!(unknown.contains("the label `z` is unknown; known are `x`, `y`"), "{unknown}");
    let shares = [json!({ "text": "a", "x": 1.5, "y": 0 })];
    let wrong = refused("multi_label", "labels = [\"x\", \"y\"]", &shares);
    assert!(wrong.contains("in `x` than a share from 0 to 1"), "{wrong}");
}

#[test]
fn numbers_and_tags_must_be_as_many() {
    let rows = [json!({ "text": "a", "label": [1, 2] }), json!({ "text": "b", "label": 3 })];
    let numbers = refused("regression", "", &rows);
    assert!(numbers.contains("has 1 numbers, others have 2"), "{numbers}");
    let tags = [json!({ "tokens": ["a", "b"], "tags": ["O"] })];
    let tags = refused("tagging", "", &tags);
    assert!(tags.contains("has 2 words in `tokens` and 1 tags in `tags`"), "{tags}");
    let rows = [json!({ "text": "a", "label": 1 })];
    let asked = refused("regression", "data.select = 9", &rows);
    assert!(asked.contains("asks for 9 rows by `data.select`, but its data has 1"), "{asked}");
}

#[test]
fn long_texts_lose_their_end_and_keep_their_special_tokens() {
    let bench = Bench::new();
    let row = |text: &str, label: u8| json!({ "text": text, "label": label });
    let file = bench.rows("rows.jsonl", &[row("abcdefghij", 0), row("", 1), row("é", 0)]);
    let text = format!(
        "train.max_length = 5\n[[head]]\ntask = \"t\"\nkind = \"classification\"\n\
         data = {{ train = {file:?}, shuffle = false }}\n[[phase]]\nkind = \"heads\"\nsteps = 1\n"
    );
    let parts = bench.parts(&bench.config(&text)).unwrap();
    let (prefix, suffix) = bench.tokenizer().affixes().unwrap();
    let ids = |place: usize| &parts.rows[0].train[place].rows[0].ids;
    assert_eq!(ids(0).len(), 5);
    assert!(ids(0).starts_with(&prefix) && ids(0).ends_with(&suffix));
    assert!(!ids(1).is_empty());
    assert_eq!(parts.rows[0].train[2].target, Target::Class(0));
}

#[test]
fn a_text_is_cut_where_asked() {
    let bench = Bench::new();
    let row = |text: &str, label: u8| json!({ "text": text, "label": label });
    let file = bench.rows("rows.jsonl", &[row("abcdefghijkl", 0), row("ab", 1)]);
    let (prefix, suffix) = bench.tokenizer().affixes().unwrap();
    let room = 8 + prefix.len() + suffix.len();
    for (side, kept) in [("right", "abcdefgh"), ("left", "efghijkl"), ("middle", "abghijkl")] {
        let text = format!(
            "train = {{ max_length = {room}, truncation_side = \"{side}\" }}\n[[head]]\n\
             task = \"t\"\nkind = \"classification\"\n\
             data = {{ train = {file:?}, shuffle = false }}\n[[phase]]\nkind = \"heads\"\n\
             steps = 1\n"
        );
        let parts = bench.parts(&bench.config(&text)).unwrap();
        let expected = |text: &str| {
            let body = bench.tokenizer().encode(text, false).unwrap();
            [&prefix[..], &body, &suffix].concat()
        };
        assert_eq!(parts.rows[0].train[0].rows[0].ids, expected(kept), "{side}");
        assert_eq!(parts.rows[0].train[1].rows[0].ids, expected("ab"), "{side}");
    }
}

#[test]
fn labelled_texts_become_pairs_of_a_better_and_a_worse_one() {
    let bench = Bench::new();
    let labels = ["bad", "good", "so so", "bad", "good", "good"];
    let rows: Vec<Value> = (0..)
        .zip(labels)
        .map(|(at, label)| json!({ "text": format!("{label} {at}"), "label": label }))
        .collect();
    let file = bench.rows("rows.jsonl", &rows);
    let read = |shuffle: bool, more: &str| {
        let text = format!(
            "[[head]]\ntask = \"t\"\nkind = \"pairwise\"\ndata.train = {file:?}\n\
             data.shuffle = {shuffle}\n\
             data.pairs = {{ chosen = \"good\", rejected = \"bad\" }}\n{more}\n[[phase]]\n\
             kind = \"reward-model\"\nsteps = 1\n"
        );
        bench.parts(&bench.config(&text)).unwrap().rows.remove(0)
    };
    let tokenizer = bench.tokenizer();
    let texts = |example: &Example| -> Vec<String> {
        example.rows.iter().map(|row| tokenizer.decode(&row.ids, true).unwrap()).collect()
    };
    // In the file's order; the third good text has no bad one left.
    let in_order: Vec<_> = read(false, "").train.iter().map(texts).collect();
    assert_eq!(in_order, [["good 1", "bad 0"], ["good 4", "bad 3"]]);
    // Pairs are held out, not texts, and no text is in two.
    let TaskRows { train, held_out, .. } = read(true, "data.validation = 1");
    assert_eq!((train.len(), held_out.len()), (1, 1));
    assert!(train.iter().chain(&held_out).all(|pair| pair.target == Target::Preferred(0.0)));
    let all: std::collections::BTreeSet<String> =
        train.iter().chain(&held_out).flat_map(texts).collect();
    assert_eq!(all.len(), 4, "{all:?}");
}

#[test]
fn pairs_need_texts_of_both_labels() {
    let rows = [json!({ "text": "a", "label": "good" }), json!({ "text": "b", "label": "fine" })];
    let said = refused("pairwise", "data.pairs = { chosen = \"good\", rejected = \"bad\" }", &rows);
    assert!(said.contains("no row has the label `bad` in `label`"), "{said}");
}
