use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// A network whose score is the length of the text, and which counts what it runs.
#[derive(Default)]
struct Lengths {
    runs: Mutex<Vec<usize>>,
    /// How many milliseconds a run takes on the clock of a test.
    slow: AtomicU64,
}

impl Network for Lengths {
    type Input = String;

    fn inputs(&self, sample: &Sample<'_>) -> Result<Vec<String>, String> {
        match sample.response {
            "" => Ok(Vec::new()),
            "bad" => Err("it is bad".to_owned()),
            "two" => Ok(vec!["1".into(), "12345".into(), "123".into()]),
            text => Ok(vec![text.to_owned()]),
        }
    }

    fn length(&self, input: &String) -> usize {
        input.len()
    }

    fn run(&self, inputs: &[&String]) -> Vec<f64> {
        self.runs.lock().unwrap().push(inputs.len());
        self.slow.fetch_add(3, Ordering::Relaxed);
        let score = |input: &&String| match input.as_str() {
            "odd" => f64::NAN,
            text => text.len() as f64,
        };
        inputs.iter().map(score).collect()
    }
}

fn score(reward: &Batched<Lengths>, texts: &[&str]) -> Column {
    let samples: Vec<_> =
        (0..).zip(texts).map(|(id, text)| Sample::of_response(id, text)).collect();
    reward.score(&samples, &Context::evaluation()).unwrap()
}

#[test]
fn rows_are_sorted_cut_and_put_back() {
    let reward = Batched::new(Lengths::default(), 12, 0);
    let column = score(&reward, &["aa", "", "aaaaaa", "a", "two", "aaaaaaaaaaaaaaaa", "aa"]);
    let want = [Some(2.0), None, Some(6.0), Some(1.0), Some(5.0), Some(16.0), Some(2.0)];
    assert_eq!(column.value, want);
    // 16 alone, 6 and 5, then 3, 2, 1 and 1: equal rows once.
    assert_eq!(*reward.network.runs.lock().unwrap(), [1, 2, 4]);
}

#[test]
fn known_rows_are_not_run_again_and_are_counted() {
    let reward = Batched::new(Lengths::default(), 100, 2);
    let first = score(&reward, &["aa", "aaa", "odd", "bad"]);
    assert_eq!(reward.hits(), 0);
    let again = score(&reward, &["aa", "aaa"]);
    assert_eq!((again.value, reward.hits()), (vec![Some(2.0), Some(3.0)], 2));
    assert_eq!(*reward.network.runs.lock().unwrap(), [3]);
    assert!(first.value[2].is_some_and(f64::is_nan), "the tree drops and counts it");
    assert_eq!(first.value[3], None);
    assert_eq!(first.notes, ["1 rows have no score: it is bad"]);
    score(&reward, &["odd"]);
    assert_eq!(reward.hits(), 2, "what is not finite is not remembered");
}

#[test]
fn rows_of_a_batch_that_took_too_long_have_no_score() {
    let reward = Batched::new(Lengths::default(), 1, 10);
    let clock = || Duration::from_millis(reward.network.slow.load(Ordering::Relaxed));
    let mut context = Context::evaluation().with_clock(&clock);
    let sample = [Sample::of_response(0, "aa")];
    context.row_limit = Some(Duration::from_millis(2));
    assert_eq!(reward.score(&sample, &context).unwrap().value, [None]);
    context.row_limit = Some(Duration::from_millis(3));
    assert_eq!(reward.score(&sample, &context).unwrap().value, [Some(2.0)]);
}

#[test]
fn what_a_row_is_known_by_is_all_that_its_score_depends_on() {
    let targets = ["t".to_owned()];
    let sample = |prompt: &'static str| Sample { prompt, ..Sample::of_response(0, "r") };
    let with_target = Sample { targets: &targets, ..sample("p") };
    let (all, none) = (Needs { target: true, ..Needs::prompt() }, Needs::default());
    assert_eq!(content(&sample("p"), &none), content(&with_target, &none));
    assert_eq!(content(&sample("p"), &none), content(&sample("q"), &none));
    assert_ne!(content(&sample("p"), &all), content(&sample("q"), &all));
    assert_ne!(content(&sample("p"), &all), content(&with_target, &all));
}
