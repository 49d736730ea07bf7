use std::collections::BTreeMap;
use std::fs;

use tempfile::TempDir;

use super::*;
use crate::config::Sources;

/// Thirty reviews of their own words, two that begin alike, and a short one.
fn reviews(dir: &TempDir) -> PathBuf {
    let mut text = String::from("text,label,source\n");
    for i in 0..30 {
        text += &format!("w{i} x{i} y{i} and the<br />rest of {i},{},imdb\n", i % 2);
    }
    text += "same old story told again,0,imdb\nsame  old story with another end,1,imdb\n";
    text += "too short,1,imdb\nnot a review but a sentence,1,other\n";
    let path = dir.path().join("reviews.csv");
    fs::write(&path, text).unwrap();
    path
}

fn openings(path: &Path) -> Source {
    let rows = BTreeMap::from([("source".to_owned(), "imdb".to_owned())]);
    let view = View { rows, clean_html: true, prompt_words: Some(3) };
    Source { paths: vec![path.to_owned()], view }
}

fn config(validation: Option<Validation>) -> DataConfig {
    DataConfig { validation, shuffle: true, ..DataConfig::default() }
}

fn prompt(record: &Record) -> &str {
    match &record.kind {
        RecordKind::PromptCompletion { prompt, .. } | RecordKind::Prompt(prompt) => prompt,
        other => panic!("{other:?} is no prompt"),
    }
}

fn lines(records: &[Record]) -> HashSet<u64> {
    records.iter().map(|record| record.source.line).collect()
}

#[track_caller]
fn assert_held_out(loaded: &Loaded) {
    let openings = |records: &[Record]| -> HashSet<String> {
        records.iter().map(|record| opening(record, Some(3))).collect()
    };
    let held_out = openings(&loaded.prompt_validation);
    assert!(held_out.is_disjoint(&openings(&loaded.train)));
    assert!(held_out.is_disjoint(&openings(&loaded.prompts)));
    assert_eq!(held_out.len(), loaded.prompt_validation.len(), "each once");
    assert!(lines(&loaded.train).is_disjoint(&lines(&loaded.validation)));
}

#[test]
fn reviews_serve_as_demonstrations_and_their_openings_as_prompts() {
    let dir = tempfile::tempdir().unwrap();
    let path = reviews(&dir);
    let train = vec![Source::local(&path)];
    let files = Located { train, prompts: vec![openings(&path)], ..Located::default() };
    for seed in 0..20 {
        let loaded = load(&config(Some(Validation::Count(10))), &files, seed).unwrap();
        assert_eq!((loaded.train.len(), loaded.validation.len()), (24, 10));
        assert_held_out(&loaded);
        // The short text and the sentence have no opening; of the two alike one may be held out.
        assert_eq!(lines(&loaded.prompts).intersection(&lines(&loaded.validation)).count(), 0);
        assert!((7..=10).contains(&loaded.prompt_validation.len()));
        assert!(lines(&loaded.prompt_validation).is_subset(&lines(&loaded.validation)));
        assert!(loaded.train.iter().all(|r| matches!(r.kind, RecordKind::Text(_))));
        assert_eq!(load(&config(Some(Validation::Count(10))), &files, seed).unwrap(), loaded);
        for held_out in &loaded.prompt_validation {
            assert_eq!(prompt(held_out).split_whitespace().count(), 3);
            assert_eq!(held_out.fields["source"], "imdb");
        }
    }
}

#[test]
fn prompts_that_nothing_names_are_those_of_the_training_records() {
    let dir = tempfile::tempdir().unwrap();
    let files = Located { train: vec![openings(&reviews(&dir))], ..Located::default() };
    let loaded = load(&config(Some(Validation::Count(6))), &files, 1).unwrap();
    assert_eq!((loaded.train.len(), loaded.validation.len()), (26, 6));
    assert_eq!(loaded.prompts, loaded.train);
    assert_held_out(&loaded);
    let cut = DataConfig { prompt_words: Some(2), clean_html: true, ..config(None) };
    let loaded = load(&cut, &Located { train: vec![Source::local(reviews(&dir))], ..files }, 1);
    let loaded = loaded.unwrap();
    assert_eq!(loaded.train.len(), 33, "the text of two words has no completion");
    assert!(loaded.prompts.iter().all(|r| prompt(r).split_whitespace().count() == 2));
    assert!(loaded.train.iter().all(|r| !r.texts().concat().contains("<br")));
    assert!(loaded.prompt_validation.is_empty() && loaded.validation.is_empty());
}

#[test]
fn a_selection_is_of_the_demonstrations_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = reviews(&dir);
    let files = Located {
        train: vec![Source::local(&path)],
        prompts: vec![openings(&path)],
        ..Located::default()
    };
    let config = DataConfig { select: Some(12), ..config(Some(Validation::Count(4))) };
    let loaded = load(&config, &files, 3).unwrap();
    assert_eq!((loaded.train.len(), loaded.validation.len()), (8, 4));
    assert!(loaded.prompts.len() >= 28, "all openings but the held-out ones");
    assert_held_out(&loaded);
}

#[test]
fn prompts_of_other_files_are_held_out_by_the_same_count() {
    let dir = tempfile::tempdir().unwrap();
    let questions = dir.path().join("questions.jsonl");
    let line = |i: usize| format!("{{\"prompt\": \"question {}\"}}\n", i % 18);
    fs::write(&questions, (0..20).map(line).collect::<String>()).unwrap();
    let files = Located {
        train: vec![Source::local(reviews(&dir))],
        prompts: vec![Source::local(&questions)],
        ..Located::default()
    };
    // Settings for the demonstrations do not stand in the prompts' way.
    let config = DataConfig {
        template: Some("Review: {text}".to_owned()),
        ..config(Some(Validation::Share(0.25)))
    };
    for seed in 0..10 {
        let loaded = load(&config, &files, seed).unwrap();
        assert_eq!(loaded.prompts.len(), 15);
        assert!((3..=5).contains(&loaded.prompt_validation.len()), "repetitions are left out");
        assert_held_out(&loaded);
    }
}

#[test]
fn a_validation_file_gives_the_held_out_prompts() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, prompts: &[&str]| {
        let row = |p: &&str| format!("{{\"prompt\": {p:?}, \"completion\": \"c\"}}\n");
        let path = dir.path().join(name);
        fs::write(&path, prompts.iter().map(row).collect::<String>()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let config = DataConfig {
        train: Sources(vec![write("a.jsonl", &["one", "two"])]),
        validation: Some(Validation::Source(write("b.jsonl", &["two ", "three", "three"]))),
        ..DataConfig::default()
    };
    let loaded = load(&config, &Located::local(&config), 0).unwrap();
    assert_eq!((loaded.train.len(), loaded.validation.len()), (2, 3));
    let held_out: Vec<&str> = loaded.prompt_validation.iter().map(prompt).collect();
    assert_eq!(held_out, ["three"], "`two` is trained on");
    let config = DataConfig { prompts: Sources(vec![write("c.jsonl", &["four"])]), ..config };
    let loaded = load(&config, &Located::local(&config), 0).unwrap();
    assert_eq!(loaded.prompts.iter().map(prompt).collect::<Vec<_>>(), ["four"]);
    assert_eq!(loaded.prompt_validation.iter().map(prompt).collect::<Vec<_>>(), ["three"]);
}

#[test]
fn names_are_asked_for_by_their_part() {
    let config = DataConfig {
        train: Sources(vec!["a".into(), "b".into()]),
        validation: Some(Validation::Source("v".into())),
        prompts: Sources(vec!["p".into()]),
        ..DataConfig::default()
    };
    let mut asked = Vec::new();
    let found = Located::find(&config, |name, part| {
        asked.push((name.to_owned(), part));
        if name == "p" { Err("no such name") } else { Ok(Source::local(name)) }
    });
    assert_eq!(found, Err("no such name"));
    let expected =
        [("a", Part::Train), ("b", Part::Train), ("v", Part::Validation), ("p", Part::Prompts)];
    assert_eq!(asked, expected.map(|(name, part)| (name.to_owned(), part)));
}

#[test]
fn what_cannot_be_cut_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let message = |name: &str, row: &str| {
        let path = dir.path().join(name);
        fs::write(&path, row).unwrap();
        let config = DataConfig { prompt_words: Some(3), ..config(None) };
        let files = Located { train: vec![Source::local(&path)], ..Located::default() };
        let error = load(&config, &files, 0).unwrap_err();
        assert!(error.is_bad_input());
        error.to_string().replace(dir.path().to_str().unwrap(), "DIR")
    };
    insta::assert_snapshot!(
        message("a.jsonl", "{\"prompt\": \"q\", \"completion\": \"a\"}"),
        @"line 1 of `DIR/a.jsonl` is no plain text, so `prompt_words` cannot cut it into prompt and completion; leave `prompt_words` out, or name the text with `columns.text`"
    );
    insta::assert_snapshot!(
        message("b.jsonl", "{\"text\": \"two words\"}"),
        @"no record of `DIR/b.jsonl` is left: each is in a row of another kind or has no more than the 3 words of a prompt; lower `prompt_words`, or use other data"
    );
}
