use std::path::Path;

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;
use crate::error::RowLocation;

fn record(kind: RecordKind) -> Record {
    let source = RowLocation::line(Path::new("x.csv"), 2);
    let fields = Map::from_iter([("source".to_owned(), json!("imdb")), ("n".to_owned(), json!(1))]);
    Record { source, kind, fields }
}

fn text(text: &str) -> Record {
    record(RecordKind::Text(text.to_owned()))
}

fn cut(source: &str, words: usize) -> Option<(String, String)> {
    let view = View { prompt_words: Some(words), ..View::default() };
    match view.apply(text(source))?.kind {
        RecordKind::PromptCompletion { prompt, completion } => Some((prompt, completion)),
        other => panic!("{other:?}"),
    }
}

fn clean(source: &str) -> String {
    let view = View { clean_html: true, ..View::default() };
    view.apply(text(source)).unwrap().texts().concat()
}

#[test]
fn a_text_is_cut_behind_its_first_words() {
    let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
    assert_eq!(cut("This movie is great fun.", 3), pair("This movie is", " great fun."));
    assert_eq!(cut(" \n This  movie\n\nis great", 3), pair("This  movie\n\nis", " great"));
    assert_eq!(cut("é\u{3000}ß x", 2), pair("é\u{3000}ß", " x"));
    assert_eq!(cut("This movie is", 3), None, "nothing follows");
    assert_eq!(cut("This movie is \n", 3), None);
    assert_eq!(cut("", 1), None);
}

proptest! {
    #[test]
    fn a_cut_loses_nothing_but_the_space_before(source in "[ab \n\u{3000}]{0,30}", words in 1_usize..6) {
        let all: Vec<&str> = source.split_whitespace().collect();
        match split_words(&source, words) {
            None => prop_assert!(all.len() <= words),
            Some((prompt, completion)) => {
                prop_assert_eq!(format!("{prompt}{completion}"), source.trim_start());
                prop_assert_eq!(prompt.split_whitespace().collect::<Vec<_>>(), &all[..words]);
                prop_assert_eq!(completion.split_whitespace().collect::<Vec<_>>(), &all[words..]);
                prop_assert!(completion.starts_with(char::is_whitespace));
            }
        }
    }

    #[test]
    fn cleaning_twice_is_cleaning_once(source in "(<|br|BR|/| |>|é|a|\t){0,20}") {
        let once = clean(&source);
        prop_assert!(!once.contains("<br>") || source.contains("<<br>"));
        let letters = |text: &str| text.matches(['a', 'é']).count();
        prop_assert_eq!(letters(&once), letters(&source));
    }
}

#[test]
fn html_breaks_become_line_ends_and_nothing_else_changes() {
    assert_eq!(clean("Bad. <br /><br /> Very bad.<BR>End<br/>"), "Bad.\n\nVery bad.\nEnd\n");
    for kept in ["a < b", "<bread>", "<b r>", "<br", "<brü>", "<i>x</i>", "</br x>", "<br //>"] {
        assert_eq!(clean(kept), kept);
    }
    let pair = RecordKind::PromptCompletion { prompt: "a<br>b".into(), completion: "<br>".into() };
    let view = View { clean_html: true, prompt_words: Some(1), ..View::default() };
    assert_eq!(view.apply(record(pair)).unwrap().texts(), ["a\nb", "\n"], "only texts are cut");
    assert_eq!(view.apply(text("a<br />b c")).unwrap().texts(), ["a", "\nb c"]);
}

#[test]
fn rows_are_chosen_by_their_other_columns() {
    let with = |column: &str, value: &str| View {
        rows: BTreeMap::from([(column.to_owned(), value.to_owned())]),
        ..View::default()
    };
    assert_eq!(with("source", "imdb").apply(text("x")), Some(text("x")));
    for (column, value) in [("source", "other"), ("missing", "imdb"), ("n", "1")] {
        assert_eq!(with(column, value).apply(text("x")), None);
    }
    assert_eq!(View::default().apply(text("a<br>b")), Some(text("a<br>b")));
}
