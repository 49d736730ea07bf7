use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;
use serde_json::Map;

use super::*;
use crate::error::RowLocation;
use crate::record::RecordKind;
use crate::template::Message;

fn record(line: u64, kind: RecordKind) -> Record {
    let source = RowLocation::line(Path::new("data"), line);
    Record { source, kind, fields: Map::new() }
}

fn text(text: &str) -> RecordKind {
    RecordKind::Text(text.into())
}

fn pair(prompt: &str, completion: &str) -> RecordKind {
    RecordKind::PromptCompletion { prompt: prompt.into(), completion: completion.into() }
}

fn numbered(count: u64) -> Vec<Record> {
    (1..=count).map(|line| record(line, text(&"x".repeat(line as usize)))).collect()
}

fn lines(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.source.line).collect()
}

fn keeps(config: &FilterConfig, kind: RecordKind) -> bool {
    Filter::new(config).expect("a good filter").keeps(&record(1, kind))
}

fn with(validation: Validation) -> DataConfig {
    DataConfig { validation: Some(validation), ..DataConfig::default() }
}

fn error(count: u64, config: &DataConfig) -> String {
    select(numbered(count), config, 0).expect_err("bad settings").to_string()
}

#[test]
fn lengths_are_in_characters_over_all_texts() {
    let config = FilterConfig { min_chars: Some(3), max_chars: Some(5), ..Default::default() };
    assert!(!keeps(&config, text("éé")));
    assert!(keeps(&config, text("ééé")));
    assert!(keeps(&config, pair("ab", "cde")));
    assert!(!keeps(&config, pair("abc", "def")));
    let messages = vec![Message::new("user", "ab"), Message::new("assistant", "c")];
    assert!(keeps(&config, RecordKind::Messages(messages)));
}

#[test]
fn blank_parts_are_empty() {
    let config = FilterConfig { non_empty: true, ..Default::default() };
    assert!(!keeps(&config, text(" \n\u{3000}")));
    assert!(!keeps(&config, pair("a", " ")));
    assert!(!keeps(&config, pair("", "b")));
    assert!(keeps(&config, pair("a", "b")));
    // An assistant may answer with a tool call and no text.
    let messages = vec![Message::new("user", "a"), Message::new("assistant", "")];
    assert!(keeps(&config, RecordKind::Messages(messages)));
    assert!(!keeps(&config, RecordKind::Messages(vec![Message::new("user", " ")])));
    assert!(keeps(&FilterConfig::default(), text("")), "nothing is dropped unasked");
}

#[test]
fn expressions_are_searched_in_every_text() {
    let config = FilterConfig {
        matching: Some("(?i)^yes".into()),
        excluding: Some(r"https?://".into()),
        ..Default::default()
    };
    assert!(keeps(&config, pair("well?", "YES")));
    assert!(!keeps(&config, pair("well?", "oh yes")));
    assert!(!keeps(&config, pair("see http://x", "yes")));
}

#[test]
fn bad_filters_say_what_is_wrong() {
    let check = |config: &FilterConfig| Filter::new(config).expect_err("bad").to_string();
    let config = FilterConfig { matching: Some("a(b".into()), ..Default::default() };
    insta::assert_snapshot!(check(&config), @r#"`filter.matching` is "a(b", must be a regular expression (unclosed group)"#);
    let config = FilterConfig { min_chars: Some(5), max_chars: Some(4), ..Default::default() };
    insta::assert_snapshot!(check(&config), @"`filter.min_chars` is 5, must be at most filter.max_chars, which is 4");
}

#[test]
fn filtering_comes_before_counting() {
    let config = DataConfig {
        filter: FilterConfig { min_chars: Some(4), ..Default::default() },
        select: Some(5),
        ..with(Validation::Count(2))
    };
    let splits = select(numbered(10), &config, 3).expect("enough records");
    assert_eq!(splits.dropped, 3);
    let mut all = lines(&splits.train);
    assert_eq!((all.len(), splits.validation.len()), (3, 2));
    all.extend(lines(&splits.validation));
    all.sort_unstable();
    assert_eq!(all, [4, 5, 6, 7, 8], "the first five of those that are long enough");
}

#[test]
fn a_share_is_rounded_but_leaves_one_on_either_side() {
    let held_out = |count, share| {
        select(numbered(count), &with(Validation::Share(share)), 0).expect("two").validation.len()
    };
    assert_eq!(held_out(10, 0.25), 3);
    assert_eq!(held_out(10, 0.24), 2);
    assert_eq!(held_out(100, 0.001), 1);
    assert_eq!(held_out(3, 0.99), 2);
    let none = select(numbered(3), &with(Validation::Source("test.jsonl".into())), 0);
    assert_eq!(none.expect("good").validation, []);
}

#[test]
fn asking_for_too_much_says_how_much_there_is() {
    let config = DataConfig { select: Some(4), ..DataConfig::default() };
    insta::assert_snapshot!(error(3, &config), @"`select` asks for 4 of 3 records; lower it, or leave it out to take all");
    insta::assert_snapshot!(error(3, &with(Validation::Count(3))), @"`validation` asks for 3 of 3 records; at least one must be left to train on; lower it, or give a file instead");
    insta::assert_snapshot!(error(1, &with(Validation::Share(0.5))), @"`validation` asks for 1 of 1 records; at least one must be left to train on; lower it, or give a file instead");
    let filter = FilterConfig { min_chars: Some(9), ..Default::default() };
    insta::assert_snapshot!(error(3, &DataConfig { filter, ..DataConfig::default() }), @"`filter` drops all 3 records; loosen it");
}

#[test]
fn shuffling_changes_the_order_and_what_is_selected() {
    let config = DataConfig { shuffle: true, select: Some(5), ..DataConfig::default() };
    let chosen = |seed| lines(&select(numbered(100), &config, seed).expect("enough").train);
    assert_eq!(chosen(1), chosen(1));
    assert_ne!(chosen(1), chosen(2));
    assert_ne!(chosen(1), [1, 2, 3, 4, 5]);
}

proptest! {
    #[test]
    fn a_split_has_every_item_once_in_order(
        count in 0_usize..60, held_out in 0_usize..70, seed in any::<u64>(),
    ) {
        let items: Vec<usize> = (0..count).collect();
        let (stays, leaves) = split(items.clone(), held_out, seed);
        prop_assert_eq!(leaves.len(), held_out.min(count));
        prop_assert!(stays.is_sorted() && leaves.is_sorted());
        let union: BTreeSet<usize> = stays.iter().chain(&leaves).copied().collect();
        prop_assert_eq!(stays.len() + leaves.len(), count);
        prop_assert_eq!(&union.into_iter().collect::<Vec<_>>(), &items);
        prop_assert_eq!(split(items, held_out, seed), (stays, leaves));
    }

    #[test]
    fn a_shuffle_loses_nothing(count in 0_usize..60, seed in any::<u64>()) {
        let items: Vec<usize> = (0..count).collect();
        let mut shuffled = shuffle(items.clone(), seed);
        prop_assert_eq!(&shuffled, &shuffle(items.clone(), seed));
        shuffled.sort_unstable();
        prop_assert_eq!(shuffled, items);
    }
}
