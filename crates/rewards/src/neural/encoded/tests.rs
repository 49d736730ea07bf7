use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;

/// An encoder whose value is the length of the text, and which keeps what it ran.
#[derive(Default)]
struct Lengths {
    runs: Mutex<Vec<Vec<usize>>>,
    /// How many milliseconds have passed on the clock of a test.
    passed: AtomicU64,
}

impl TextEncoder for Lengths {
    type Value = usize;

    fn read(&self, text: &str) -> Result<Vec<u32>, String> {
        if text == "bad" { Err("it is bad".to_owned()) } else { Ok(vec![7; text.len()]) }
    }

    fn encode(&self, rows: &[&[u32]]) -> Result<Vec<usize>, String> {
        let lengths: Vec<usize> = rows.iter().map(|row| row.len()).collect();
        if lengths.contains(&13) {
            return Err("thirteen".to_owned());
        }
        self.runs.lock().unwrap().push(lengths.clone());
        self.passed.fetch_add(3, Ordering::Relaxed);
        Ok(lengths)
    }
}

/// Compares a response with every target; an empty response with none.
struct Sum;

impl Compare<usize> for Sum {
    fn needs(&self) -> Needs {
        Needs::target()
    }

    fn texts<'s>(&self, sample: &Sample<'s>) -> Vec<&'s str> {
        if sample.response.is_empty() {
            return Vec::new();
        }
        let targets = sample.targets.iter().map(String::as_str);
        std::iter::once(sample.response).chain(targets).collect()
    }

    fn score(&self, values: &[usize]) -> Option<f64> {
        // The place of a value counts.
        Some(values.iter().fold(0.0, |sum, value| 100.0 * sum + *value as f64))
    }
}

fn reward(batch_tokens: usize, cache: usize) -> Encoded<Lengths, Sum> {
    Encoded::new(Lengths::default(), Sum, batch_tokens, cache)
}

fn score_in(
    reward: &Encoded<Lengths, Sum>,
    rows: &[(&str, &[&str])],
    context: &Context<'_>,
) -> Column {
    let targets: Vec<Vec<String>> =
        rows.iter().map(|(_, targets)| targets.iter().map(ToString::to_string).collect()).collect();
    let samples: Vec<Sample<'_>> = (0..)
        .zip(rows)
        .zip(&targets)
        .map(|((id, (response, _)), targets)| Sample {
            targets,
            ..Sample::of_response(id, response)
        })
        .collect();
    reward.score(&samples, context).unwrap()
}

fn score(reward: &Encoded<Lengths, Sum>, rows: &[(&str, &[&str])]) -> Column {
    score_in(reward, rows, &Context::evaluation())
}

#[test]
fn equal_texts_are_encoded_once_by_length_and_values_find_their_rows() {
    let reward = reward(8, 100);
    let rows: [(&str, &[&str]); 4] =
        [("aa", &["aaaa", "a"]), ("", &["aaa"]), ("aaaa", &["aaaa"]), ("aaaaaaaaa", &["aa"])];
    let value = score(&reward, &rows).value;
    assert_eq!(value, [Some(20_401.0), None, Some(404.0), Some(902.0)]);
    // Of seven texts four differ; the one for a row without a score is not among them.
    assert_eq!(*reward.encoder.runs.lock().unwrap(), [vec![9], vec![4, 2], vec![1]]);
    assert_eq!(score(&reward, &rows).value, value);
    assert_eq!(reward.encoder.runs.lock().unwrap().len(), 3, "all is remembered");
}

#[test]
fn without_memory_a_text_is_still_encoded_once_a_batch() {
    let reward = reward(100, 0);
    let rows: [(&str, &[&str]); 2] = [("aa", &["aa"]), ("a", &["aa"])];
    for run in 1..=2 {
        assert_eq!(score(&reward, &rows).value, [Some(202.0), Some(102.0)]);
        assert_eq!(*reward.encoder.runs.lock().unwrap(), vec![vec![2, 1]; run]);
    }
}

#[test]
fn what_cannot_be_read_costs_its_rows_and_no_other() {
    let reward = reward(100, 100);
    let rows: [(&str, &[&str]); 3] = [("bad", &["a"]), ("a", &["a"]), ("aa", &["a", "bad"])];
    let column = score(&reward, &rows);
    assert_eq!(column.value, [None, Some(101.0), None]);
    assert_eq!(column.notes, ["2 rows have no score: it is bad"]);
    let column = score(&reward, &[("aaaaaaaaaaaaa", &[])]);
    assert_eq!(
        (column.value, column.notes),
        (vec![None], vec!["1 rows have no score: thirteen".into()])
    );
}

#[test]
fn a_batch_that_takes_too_long_gives_nothing_and_is_not_remembered() {
    let reward = reward(2, 100);
    let clock = || Duration::from_millis(reward.encoder.passed.load(Ordering::Relaxed));
    let context = |limit| Context {
        row_limit: Some(Duration::from_millis(limit)),
        ..Context::evaluation().with_clock(&clock)
    };
    // Two texts of one token are a batch of 3 ms; a text of two tokens is one by itself.
    let rows: [(&str, &[&str]); 2] = [("a", &[]), ("aa", &[])];
    assert_eq!(score_in(&reward, &rows, &context(2)).value, [None, None]);
    assert_eq!(score_in(&reward, &rows, &context(3)).value, [Some(1.0), Some(2.0)]);
}

#[test]
fn more_rows_than_are_held_at_once_keep_their_order() {
    let reward = reward(64, 1000);
    let texts: Vec<String> = (0..2 * ROWS + 3).map(|row| "a".repeat(1 + row % 12)).collect();
    let rows: Vec<(&str, &[&str])> =
        texts.iter().map(|text| (text.as_str(), [].as_slice())).collect();
    let want: Vec<Option<f64>> = texts.iter().map(|text| Some(text.len() as f64)).collect();
    assert_eq!(score(&reward, &rows).value, want);
}
