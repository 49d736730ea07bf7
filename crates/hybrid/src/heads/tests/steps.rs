//! One step: what it adds up to, whatever it is cut into, and what each weighting makes of it.

use hybrid_testing::assert_close;
use serde_json::json;

use super::*;
use crate::heads::example::Example;

/// Plain gradient descent without clipping shows the gradient itself.
const SGD: &str = "optim = { optimizer = \"sgd\", lr = 1.0, scheduler = \"constant\", \
                   max_grad_norm = 0.0, weight_decay = 0.0 }\n\
                   phase = [{ kind = \"heads\", steps = 4 }]\n";

fn mood(file: &str, name: &str, more: &str) -> String {
    format!(
        "[[head]]\ntask = \"{name}\"\nkind = \"classification\"\nlabels = [\"bad\", \"good\"]\n\
         data.train = {file:?}\n{more}\n"
    )
}

/// The change of all weights by one step on the first rows of each of `tasks`.
fn change(bench: &Bench, text: &str, tasks: &[usize]) -> Vec<f32> {
    let (mut trainer, rows) = bench.trainer(&bench.config(text));
    let before = weights(&trainer);
    let batches: Vec<(usize, Vec<&Example>)> =
        tasks.iter().map(|task| (*task, rows[*task].train.iter().take(6).collect())).collect();
    trainer.step(&batches).unwrap();
    weights(&trainer).iter().zip(before).map(|(after, before)| after - before).collect()
}

#[test]
fn a_step_is_the_same_however_it_is_cut() {
    let bench = Bench::new();
    let file = bench.rows("moods.jsonl", &moods(12));
    let step = |size: usize| {
        let more = "class_weights = [1.0, 3.0]\nlabel_smoothing = 0.1";
        let text = format!("{SGD}train.micro_tokens = {size}\n{}", mood(&file, "mood", more));
        change(&bench, &text, &[0])
    };
    let whole = step(4096);
    assert!(whole.iter().any(|change| change.abs() > 1e-4));
    assert_close(&step(1), &whole, 1e-5);
    assert_close(&step(20), &whole, 1e-5);
}

#[test]
fn feedback_is_the_same_however_a_step_is_cut() {
    let bench = Bench::new();
    let file = bench.rows("moods.jsonl", &moods(12));
    for baseline in ["\"leave_one_out\"", "{ ema = { decay = 0.5 } }"] {
        let step = |size: usize| {
            let feedback =
                format!("feedback = {{ supervised_coef = 0.5, options.baseline = {baseline} }}");
            let text = mood(&file, "mood", &feedback);
            change(&bench, &format!("{SGD}train.micro_tokens = {size}\n{text}"), &[0])
        };
        let whole = step(4096);
        assert!(whole.iter().any(|change| change.abs() > 1e-4));
        assert_close(&step(1), &whole, 1e-5);
        assert_close(&step(20), &whole, 1e-5);
    }
}

#[test]
fn cached_features_of_a_frozen_trunk_change_nothing() {
    let bench = Bench::new();
    let file = bench.rows("moods.jsonl", &moods(12));
    let text = |freeze: &str| format!("{SGD}model.freeze = \"{freeze}\"\n{}", mood(&file, "m", ""));
    let (all, head) =
        (change(&bench, &text("nothing"), &[0]), change(&bench, &text("trunk"), &[0]));
    let moved = |change: &[f32]| change.iter().filter(|change| **change != 0.0).count();
    // Two labels of 16 numbers, without a bias on causal models.
    assert_eq!(moved(&head), 32);
    assert!(moved(&all) > 1000);
    let both = all.iter().zip(&head).filter(|(_, head)| **head != 0.0);
    let (all, head): (Vec<f32>, Vec<f32>) = both.map(|(all, head)| (*all, *head)).unzip();
    assert_close(&head, &all, 1e-5);
}

#[test]
fn adapters_step_like_the_whole_model_beside_them() {
    let bench = Bench::new();
    let file = bench.rows("moods.jsonl", &moods(12));
    for weighting in ["fixed", "mgda", "pcgrad"] {
        let text = |lora: &str| {
            let heads = format!("{}{}", mood(&file, "m", ""), mood(&file, "n", ""));
            format!("{SGD}heads.weighting = \"{weighting}\"\n{lora}{heads}")
        };
        let tasks: &[usize] = if weighting == "fixed" { &[0] } else { &[0, 1] };
        let change = change(&bench, &text("model.lora = { rank = 2 }\n"), tasks);
        let moved = change.iter().filter(|change| **change != 0.0).count();
        // Of each head two labels of 16 numbers. `b` moves, of query and value of each layer, and
        // not yet `a`, whose gradient is 0 while `b` is.
        let layers = bench.trainer(&bench.config(&text(""))).0.model().trunk().layers();
        assert_eq!(moved, 32 * tasks.len() + layers * 2 * 2 * 16, "{weighting}");
    }
}

/// Two tasks whose fresh heads, at the seed of these tests, pull the trunk in opposite directions.
fn rivals(bench: &Bench) -> String {
    let file = bench.rows("moods.jsonl", &moods(12));
    format!("{}{}", mood(&file, "one", ""), mood(&file, "two", "weight = 0.5"))
}

/// The part of a change that is the trunk's: a checkpoint's tensors come by name, and heads before
/// the trunk's.
fn trunk(change: &[f32]) -> &[f32] {
    &change[2 * 32..]
}

/// The inner products of two tasks' steps of the trunk: each with itself, and with the other.
fn dots(a: &[f32], b: &[f32]) -> [f64; 3] {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    [dot(a, a), dot(b, b), dot(a, b)]
}

/// The steps of two rivals, each alone, and together by `weighting`. Alone, each is minus its
/// weighted gradient.
fn rivalry(weighting: &str) -> [Vec<f32>; 3] {
    let bench = Bench::new();
    let rivals = rivals(&bench);
    let step = |weighting: &str, tasks: &[usize]| {
        change(&bench, &format!("{SGD}heads.weighting = \"{weighting}\"\n{rivals}"), tasks)
    };
    [step("fixed", &[0]), step("fixed", &[1]), step(weighting, &[0, 1])]
}

/// `ca · a + cb · b`.
fn combined(ca: f64, a: &[f32], cb: f64, b: &[f32]) -> Vec<f32> {
    let sum = |(a, b): (&f32, &f32)| (ca * f64::from(*a) + cb * f64::from(*b)) as f32;
    a.iter().zip(b).map(sum).collect()
}

#[test]
fn mgda_moves_the_trunk_by_the_shortest_combination() {
    let [one, two, both] = rivalry("mgda");
    let (a, b) = (trunk(&one), trunk(&two));
    let [aa, bb, ab] = dots(a, b);
    let share = ((bb - ab) / (aa + bb - 2.0 * ab)).clamp(0.0, 1.0);
    assert!(share > 0.01 && share < 0.99, "the tasks do not conflict: {share}");
    assert_close(trunk(&both), &combined(share, a, 1.0 - share, b), 1e-5);
    // Heads keep their own gradients.
    assert_close(&both[..32], &one[..32], 1e-5);
    assert_close(&both[32..64], &two[32..64], 1e-5);
}

#[test]
fn pcgrad_moves_the_trunk_by_projected_gradients() {
    let [one, two, both] = rivalry("pcgrad");
    let (a, b) = (trunk(&one), trunk(&two));
    let [aa, bb, ab] = dots(a, b);
    assert!(ab < 0.0, "the tasks do not conflict");
    assert_close(trunk(&both), &combined(1.0 - ab / aa, a, 1.0 - ab / bb, b), 1e-5);
}

#[test]
fn learnt_noise_starts_as_no_noise_and_moves() {
    let bench = Bench::new();
    let file = bench.rows("moods.jsonl", &moods(12));
    let text = |weighting: &str| {
        format!("{SGD}heads.weighting = \"{weighting}\"\n{}", mood(&file, "m", ""))
    };
    let (fixed, noisy) =
        (change(&bench, &text("fixed"), &[0]), change(&bench, &text("uncertainty"), &[0]));
    assert_close(&noisy, &fixed, 1e-5);
    let config = bench.config(&text("uncertainty"));
    let (mut trainer, rows) = bench.trainer(&config);
    let batch: Vec<&Example> = rows[0].train.iter().collect();
    let folder = tempfile::tempdir().unwrap();
    trainer.step(&[(0, batch)]).unwrap();
    trainer.save(folder.path()).unwrap();
    let state = std::fs::read_to_string(folder.path().join("trainer.json")).unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    // The gradient of `s` at 0 is ½ − loss.
    let noise = state["log_variances"][0].as_f64().unwrap();
    assert!(noise > 0.0, "a loss above ½ makes noise larger: {noise}");
}

#[test]
fn a_loss_that_is_no_number_ends_the_run_or_is_counted() {
    let bench = Bench::new();
    let file = bench.rows("numbers.jsonl", &[json!({"text": "a", "label": 3e38})]);
    let text = |policy: &str| {
        format!(
            "{SGD}train.on_non_finite = \"{policy}\"\n[[head]]\ntask = \"n\"\n\
             kind = \"regression\"\ndata.train = {file:?}\n"
        )
    };
    let (mut trainer, rows) = bench.trainer(&bench.config(&text("abort")));
    let batch: Vec<&Example> = rows[0].train.iter().collect();
    let error = trainer.step(&[(0, batch.clone())]).unwrap_err();
    assert!(matches!(error, crate::HybridError::NonFinite { step: 1, .. }), "{error}");
    let (mut trainer, _) = bench.trainer(&bench.config(&text("skip")));
    let before = weights(&trainer);
    trainer.step(&[(0, batch)]).unwrap();
    assert_eq!(trainer.counters().skipped_updates, 1);
    assert_eq!(weights(&trainer), before);
}
