use hybrid_heads::span::TokenSpan;
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
fn the_first_row_in_order_is_the_one_that_is_named() {
    let row = |tag: &str| json!({ "tokens": ["a"], "tags": [tag] });
    let mut rows = vec![row("O"); 2_100];
    // Their words are read on all cores, the later ones as soon as these.
    rows[1_900] = row("later");
    rows[1_300] = row("first");
    let more = "labels = [\"O\"]\ndata.shuffle = false";
    let refused = refused("tagging", more, &rows);
    assert!(refused.starts_with("line 1301 of "), "{refused}");
    assert!(refused.contains("the label `first` is unknown"), "{refused}");
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

/// The windows and answers that a run reads of rows.
fn read_spans(kind: &str, max_length: usize, more: &str, rows: &[Value]) -> Vec<Example> {
    let bench = Bench::new();
    let file = bench.rows("rows.jsonl", rows);
    let text = format!(
        "train.max_length = {max_length}\n[[head]]\ntask = \"t\"\nkind = \"{kind}\"\n{more}\n\
         data.train = {file:?}\ndata.shuffle = false\n[[phase]]\nkind = \"heads\"\nsteps = 1\n"
    );
    bench.parts(&bench.config(&text)).unwrap().rows.remove(0).train
}

fn windows_of(example: &Example) -> &[Option<TokenSpan>] {
    let Target::Answers { windows, .. } = &example.target else { panic!("{example:?}") };
    windows
}

#[test]
fn answers_are_found_in_their_windows() {
    let ways = [
        json!({ "text": ["bé", "é c"], "answer_start": [2, 3] }),
        json!([{ "text": "bé", "answer_start": 2 }, { "text": "é c", "answer_start": 3 }]),
    ];
    for answers in ways {
        let row = json!({ "question": "q", "context": "a bé cde", "answers": answers });
        let examples = read_spans("span", 40, "", &[row]);
        let (row, windows) = (&examples[0].rows[0], windows_of(&examples[0]));
        let span = windows[0].unwrap();
        assert_eq!(span.text(&row.offsets, "a bé cde"), Some("bé"));
        let Target::Answers { texts, .. } = &examples[0].target else { panic!() };
        assert_eq!(texts, &["bé", "é c"]);
        assert_eq!(examples[0].text, "a bé cde");
    }
    let row = json!({ "question": "q", "context": "a bé", "answers": "bé", "answer_start": 2 });
    assert!(windows_of(&read_spans("span", 40, "", &[row])[0])[0].is_some());

    // Every window counts where there may be no answer, those that hold it where there is one.
    let row =
        |answers: Value| json!({ "question": "q", "context": "0123456789", "answers": answers });
    let end = json!({ "text": ["89"], "answer_start": [8] });
    let examples = read_spans("span", 7, "overlap = 2", &[row(end.clone())]);
    let windows = windows_of(&examples[0]);
    assert!(windows.len() > 1 && windows[0].is_none(), "{windows:?}");
    let (last, rows) = (windows.last().unwrap().unwrap(), &examples[0].rows);
    assert_eq!(last.text(&rows.last().unwrap().offsets, "0123456789"), Some("89"));
    assert!(rows.iter().all(|row| row.ids.len() <= 7));
    let none = [row(end), row(Value::Null), row(json!({ "text": [], "answer_start": [] }))];
    let examples = read_spans("span_or_none", 7, "overlap = 2", &none);
    assert_eq!(windows_of(&examples[0])[0], Some(TokenSpan::NONE));
    for example in &examples[1..] {
        assert!(windows_of(example).iter().all(|window| *window == Some(TokenSpan::NONE)));
    }
    // An answer that every window cuts is none to learn from.
    let long = json!({ "text": ["123456789"], "answer_start": [1] });
    let short = json!({ "text": ["1"], "answer_start": [1] });
    assert_eq!(read_spans("span", 7, "overlap = 2", &[row(long.clone()), row(short)]).len(), 1);
    assert!(
        refused("span", "[train]\nmax_length = 7", &[row(long)]).contains("no row of the head")
    );
}

#[test]
fn articles_of_squad_are_read_question_by_question() {
    let bench = Bench::new();
    let article = |start: usize| {
        let asked = json!([
            { "id": "1", "question": "q", "answers": [{ "text": "bé", "answer_start": start }] },
            { "id": "2", "question": "r", "answers": [], "is_impossible": true },
        ]);
        let other =
            json!({ "id": "3", "question": "q", "answers": [{ "text": "y", "answer_start": 2 }] });
        let first = json!({ "context": "a bé cde", "qas": asked });
        json!({ "title": "One", "paragraphs": [first, { "context": "x y", "qas": [other] }] })
    };
    let read = |file: &str, more: &str| {
        let text = format!(
            "train.max_length = 40\n[[head]]\ntask = \"t\"\nkind = \"span_or_none\"\n\
             data = {{ train = {file:?}, shuffle = false{more} }}\n[[phase]]\nkind = \"heads\"\nsteps = 1\n"
        );
        bench.parts(&bench.config(&text)).map(|mut parts| parts.rows.remove(0).train)
    };
    let nested = |article: Value, more: &str| {
        let file = bench.path().join("squad.json");
        let all =
            json!({ "version": "v2.0", "data": [{ "title": "Two", "paragraphs": [] }, article] });
        std::fs::write(&file, all.to_string()).unwrap();
        read(file.to_str().unwrap(), more)
    };
    let row = |question: &str, context: &str, text: &[&str]| {
        let starts = vec![2; text.len()];
        json!({ "question": question, "context": context,
                "answers": { "text": text, "answer_start": starts } })
    };
    let rows = [row("q", "a bé cde", &["bé"]), row("r", "a bé cde", &[]), row("q", "x y", &["y"])];
    let flat = read(&bench.rows("flat.jsonl", &rows), "").unwrap();
    let found = nested(article(2), "").unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(found, flat);
    // By what else a question or its article has.
    let third = nested(article(2), ", rows = { title = \"One\", id = \"3\" }").unwrap();
    assert_eq!(third, flat[2..]);

    let moved = nested(article(3), "").unwrap_err().to_string();
    assert!(moved.starts_with("`paragraphs[0].qas[0]` in "), "{moved}");
    assert!(moved.contains("the answer `bé` begins at character 3 of `context`"), "{moved}");
    let mut bare = article(2);
    bare["paragraphs"][1].as_object_mut().unwrap().remove("qas");
    let bare = nested(bare, "").unwrap_err().to_string();
    assert!(bare.contains("in `paragraphs[1]` than an object with a text `context`"), "{bare}");
    let renamed = ", question = \"asked\", context = \"passage\", answers = \"spans\"";
    assert_eq!(nested(article(2), renamed).unwrap(), flat);
}

#[test]
fn answers_that_are_not_there_are_named() {
    let said = |kind: &str, answers: Value| {
        let row = json!({ "question": "q", "context": "é abc", "answers": answers });
        refused(kind, "", &[row])
    };
    let moved = said("span", json!({ "text": ["abc"], "answer_start": [3] }));
    assert!(moved.starts_with("line 1 of "), "{moved}");
    assert!(moved.contains("the answer `abc` begins at character 3 of `context`"), "{moved}");
    assert!(moved.contains("`bc` stands"), "{moved}");
    let past = said("span", json!({ "text": ["abc"], "answer_start": [99] }));
    assert!(past.contains("nothing stands"), "{past}");
    let none = said("span", json!({ "text": [], "answer_start": [] }));
    assert!(none.contains("use `span_or_none`"), "{none}");
    let uneven = said("span_or_none", json!({ "text": ["abc"], "answer_start": [] }));
    assert!(uneven.contains("something else in `answers` than an object"), "{uneven}");
    let bare = said("span", json!("abc"));
    assert!(bare.contains("has no column `answer_start`"), "{bare}");
    let room = [json!({ "question": "q", "context": "a", "answers": null })];
    let other = refused("span", "data.context = \"passage\"", &room);
    assert!(other.contains("has no column `passage`"), "{other}");
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
