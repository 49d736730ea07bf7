//! A run that was interrupted ends as one that was not.

use hybrid_model::heads::Freeze;
use hybrid_model::lora::{LoraConfig, LoraTarget};

use super::*;
use crate::config::ClassWeights;
use crate::run::{Observer, StepReport};

/// Asks for an end after so many steps.
pub(super) struct After(pub(super) u64, pub(super) u64);

impl Observer for After {
    fn step(&mut self, report: &StepReport<'_>) {
        self.1 = report.step;
    }

    fn is_interrupted(&self) -> bool {
        self.1 >= self.0
    }
}

const RUN: &str = "optim = { lr = 1e-3, warmup_steps = 2 }\ntrain.batch_size = 8\n\
                   eval.every = 2\nheads = { weighting = \"uncertainty\", mixing = \"proportional\" }\n\
                   phase = [{ kind = \"heads\", steps = 7 }]\n";

fn config(bench: &Bench, run: &str) -> HeadsConfig {
    let file = bench.rows("moods.jsonl", &moods(40));
    let head = |name: &str, more: &str| {
        format!(
            "[[head]]\ntask = \"{name}\"\nkind = \"classification\"\ndata.train = {file:?}\n\
             data.validation = 8\n{more}\n"
        )
    };
    let ema = "feedback.options.baseline = { ema = { decay = 0.9 } }";
    let text = format!("{RUN}{}{}", head("one", ""), head("two", ema));
    let mut config = bench.config(&text);
    config.output.dir = bench.path().join(run);
    config
}

/// Metrics without times, and the weights of the last checkpoint.
pub(super) fn left(run: &Path) -> (Vec<Value>, Vec<u8>) {
    let lines = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let line = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line["time_s"] = Value::Null;
        let metrics = line["metrics"].as_object_mut().unwrap();
        metrics.retain(|name, _| !name.starts_with("time/"));
        line
    };
    let checkpoint = crate::checkpoint::newest_complete(run).unwrap().path;
    let state = std::fs::read(checkpoint.join("state.safetensors")).unwrap();
    let weights = std::fs::read(checkpoint.join("model.safetensors")).unwrap();
    (lines.lines().map(line).collect(), [weights, state].concat())
}

#[test]
fn an_interrupted_run_goes_on_bit_for_bit() {
    goes_on(Freeze::Nothing, 7);
}

/// Its features are computed again after each interruption, by then beside other texts.
#[test]
fn an_interrupted_run_on_a_frozen_trunk_goes_on_bit_for_bit() {
    goes_on(Freeze::Trunk, 23);
}

#[test]
fn an_interrupted_run_of_adapters_goes_on_bit_for_bit() {
    goes_on_with(Freeze::Below(1), Some(LoraConfig { rank: 2, ..LoraConfig::default() }), 7);
}

fn goes_on(freeze: Freeze, steps: usize) {
    goes_on_with(freeze, None, steps);
}

fn goes_on_with(freeze: Freeze, lora: Option<LoraConfig>, steps: usize) {
    let bench = Bench::new();
    let config = |run: &str| {
        let mut config = config(&bench, run);
        config.model.freeze = freeze;
        config.model.lora.clone_from(&lora);
        config.train.batch_size = 3;
        for phase in &mut config.phase {
            phase.steps = steps;
        }
        config
    };
    let whole = config("whole");
    let run = HeadsRun::open(bench.parts(&whole).unwrap(), false).unwrap();
    let outcome = run.finish(&mut After(u64::MAX, 0)).unwrap();
    let steps = steps as u64;
    assert_eq!((outcome.steps, outcome.interrupted), (steps, false));

    let parts = config("parts");
    for (end, expected) in [(3, 3), (4, 4), (u64::MAX, steps)] {
        let resume = end != 3;
        let run = HeadsRun::open(bench.parts(&parts).unwrap(), resume).unwrap();
        let outcome = run.finish(&mut After(end, 0)).unwrap();
        assert_eq!(outcome.steps, expected);
    }
    let ((metrics, weights), (expected, bytes)) =
        (left(&parts.output.dir), left(&whole.output.dir));
    assert_eq!(metrics, expected);
    assert!(weights == bytes, "the weights or the optimizer's state differ");
    // What is over does nothing more.
    let run = HeadsRun::open(bench.parts(&parts).unwrap(), true).unwrap();
    assert_eq!(run.finish(&mut After(0, 0)).unwrap().steps, steps);
}

#[test]
fn another_configuration_is_not_resumed() {
    let bench = Bench::new();
    let mut config = config(&bench, "run");
    let run = HeadsRun::open(bench.parts(&config).unwrap(), false).unwrap();
    run.finish(&mut After(1, 0)).unwrap();
    config.train.batch_size = 4;
    let error = HeadsRun::open(bench.parts(&config).unwrap(), true).unwrap_err().to_string();
    assert!(error.contains("`train.batch_size` is `4` now, and was `8`"), "{error}");
}

#[test]
fn a_run_of_other_adapters_is_not_resumed() {
    let bench = Bench::new();
    let mut config = config(&bench, "run");
    config.model.lora = Some(LoraConfig { rank: 2, ..LoraConfig::default() });
    let run = HeadsRun::open(bench.parts(&config).unwrap(), false).unwrap();
    run.finish(&mut After(1, 0)).unwrap();
    config.model.lora = Some(LoraConfig { rank: 3, ..LoraConfig::default() });
    let error = HeadsRun::open(bench.parts(&config).unwrap(), true).unwrap_err().to_string();
    assert!(error.contains("`model.lora.rank` is `3` now, and was `2`"), "{error}");
}

#[test]
fn a_run_ends_early_without_progress() {
    let bench = Bench::new();
    let mut config = config(&bench, "run");
    config.optim.lr = 1e-9;
    config.eval.patience = Some(1);
    let run = HeadsRun::open(bench.parts(&config).unwrap(), false).unwrap();
    // The first measurement of the run is the best, the second no better.
    assert_eq!(run.finish(&mut After(u64::MAX, 0)).unwrap().steps, 4);
}

#[test]
fn what_cannot_be_trained_leaves_no_directory() {
    let bench = Bench::new();
    let refused = |change: &dyn Fn(&mut HeadsConfig)| {
        let mut config = config(&bench, "run");
        change(&mut config);
        let error = HeadsRun::open(bench.parts(&config).unwrap(), false).unwrap_err();
        assert!(error.is_bad_input(), "{error}");
        assert!(!config.output.dir.exists(), "{error}");
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    };
    let weights = ClassWeights::Given(vec![1.0, 2.0, 3.0]);
    let weights = refused(&|config| config.head[0].class_weights = Some(weights.clone()));
    assert!(weights.contains("`class_weights` has 3 entries, must have 2"), "{weights}");
    let gate = LoraConfig { targets: vec![LoraTarget::Gate], ..LoraConfig::default() };
    let gate = refused(&|config| config.model.lora = Some(gate.clone()));
    assert!(gate.contains("`gate`, which the layers of a `gpt2` do not have"), "{gate}");
    let row = serde_json::json!({ "text": "long ".repeat(60), "label": "good" });
    let long = bench.rows("long.jsonl", &[row, moods(2).remove(1)]);
    let long = refused(&|config| {
        config.train.max_length = 200;
        config.head[0].data.train = hybrid_data::config::Sources(vec![long.clone()]);
        config.head[0].data.validation = None;
    });
    assert!(long.contains("`train.max_length`") && long.contains("128"), "{long}");
}
