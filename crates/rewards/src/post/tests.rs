use serde_json::{Value, json};

use crate::fixtures::{assert_close, build, score, try_score, try_score_in};
use crate::sample::Context;

const TIGHT: f64 = 1e-12;

fn spec(steps: Value) -> Value {
    json!({ "type": "field", "field": "x", "postprocess": steps })
}

fn rows(values: &[Option<f64>]) -> Vec<Value> {
    values.iter().map(|x| json!({ "response": "", "x": x })).collect()
}

fn check(step: Value, pairs: &[(f64, Option<f64>)]) {
    let values: Vec<Option<f64>> = pairs.iter().map(|(x, _)| Some(*x)).collect();
    let got = score(&spec(json!([step])), &rows(&values));
    for (got, (x, want)) in got.iter().zip(pairs) {
        assert_close(*got, *want, TIGHT, &format!("{step} of {x}"));
    }
    assert_eq!(score(&spec(json!([step])), &rows(&[None])), [None]);
}

#[test]
fn steps_that_look_at_one_number() {
    let clip = [(-3.0, Some(0.0)), (0.5, Some(0.5)), (7.0, Some(1.0))];
    check(json!({ "type": "clip", "min": 0, "max": 1 }), &clip);
    check(json!({ "type": "clip", "min": 0 }), &[(-3.0, Some(0.0)), (7.0, Some(7.0))]);
    check(json!({ "type": "scale", "mul": 2, "add": 1 }), &[(3.0, Some(7.0))]);
    check(json!({ "type": "scale" }), &[(3.0, Some(3.0))]);
    let affine = json!({ "type": "affine", "from": [0, 10], "to": [1, -1] });
    check(affine, &[(0.0, Some(1.0)), (5.0, Some(0.0)), (20.0, Some(-3.0))]);
    let clamped = json!({ "type": "affine", "from": [0, 10], "to": [1, -1], "clamp": true });
    check(clamped, &[(20.0, Some(-1.0)), (-20.0, Some(1.0))]);
    let e = std::f64::consts::E;
    let sigmoid = [(1.0, Some(0.5)), (1.5, Some(1.0 / (1.0 + 1.0 / e))), (-1e9, Some(0.0))];
    check(json!({ "type": "sigmoid", "k": 2, "x0": 1 }), &sigmoid);
    let tanh = [(0.5, Some((e * e - 1.0) / (e * e + 1.0))), (1e9, Some(1.0)), (0.0, Some(0.0))];
    check(json!({ "type": "tanh", "k": 2 }), &tanh);
    check(json!({ "type": "log" }), &[(e, Some(1.0)), (0.0, None), (-1.0, None)]);
    check(json!({ "type": "log", "add": 1 }), &[(0.0, Some(0.0)), (-1.0, None)]);
    check(json!({ "type": "invert" }), &[(0.25, Some(0.75))]);
    let threshold = json!({ "type": "threshold", "at": 2, "above": 5, "below": -5 });
    check(threshold, &[(2.0, Some(5.0)), (1.999, Some(-5.0))]);
}

#[test]
fn steps_run_in_the_order_they_are_written() {
    let scale = json!({ "type": "scale", "mul": 10 });
    let clip = json!({ "type": "clip", "max": 2 });
    assert_eq!(score(&spec(json!([scale, clip])), &rows(&[Some(1.0)])), [Some(2.0)]);
    assert_eq!(score(&spec(json!([clip, scale])), &rows(&[Some(1.0)])), [Some(10.0)]);
}

#[test]
fn zscore_over_the_batch_or_the_group() {
    let values = [Some(1.0), None, Some(3.0)];
    let batch = score(&spec(json!([{ "type": "zscore", "eps": 0.5 }])), &rows(&values));
    let unit = 1.0 / (2.0_f64.sqrt() + 0.5);
    for (got, want) in batch.iter().zip([Some(-unit), None, Some(unit)]) {
        assert_close(*got, want, TIGHT, "batch");
    }
    let by_group = spec(json!([{ "type": "zscore", "scope": "group" }]));
    assert_eq!(score(&by_group, &rows(&values)), [Some(0.0), None, Some(0.0)]);
}

/// By the definition: weights (1 − d)·d^(t−k) over batches k, divided by their sum.
fn moments_by_definition(batches: &[Vec<f64>], decay: f64) -> (f64, f64) {
    let last = batches.len() as i32 - 1;
    let weight = |k: usize| (1.0 - decay) * decay.powi(last - k as i32);
    let total: f64 = (0..batches.len()).map(weight).sum();
    let average = |of: fn(f64) -> f64| -> f64 {
        let mean =
            |batch: &Vec<f64>| batch.iter().map(|x| of(*x)).sum::<f64>() / batch.len() as f64;
        batches.iter().enumerate().map(|(k, batch)| weight(k) * mean(batch)).sum::<f64>() / total
    };
    let mean = average(|x| x);
    (mean, (average(|x| x * x) - mean * mean).sqrt())
}

#[test]
fn ema_normalize_follows_its_definition_batch_by_batch() {
    let steps = json!([{ "type": "ema_normalize", "decay": 0.8, "eps": 0.25 }]);
    let tree = build(&spec(steps));
    let batches = [vec![1.0, 2.0, 6.0], vec![-4.0, 0.5], vec![7.0], vec![3.0, 3.0, 3.0]];
    for seen in 1..=batches.len() {
        let (mean, std) = moments_by_definition(&batches[..seen], 0.8);
        let batch = &batches[seen - 1];
        let mut values: Vec<Option<f64>> = batch.iter().copied().map(Some).collect();
        values.push(None);
        let got = try_score(&tree, &rows(&values)).unwrap().value;
        for (got, x) in got.iter().zip(batch) {
            assert_close(*got, Some((x - mean) / (std + 0.25)), TIGHT, &format!("{x} of {seen}"));
        }
        assert_eq!(got[batch.len()], None);
    }
    let before = tree.state();
    let look = try_score_in(&tree, &rows(&[Some(1.0)]), &Context::evaluation()).unwrap();
    let (mean, std) = moments_by_definition(&batches, 0.8);
    assert_close(look.value[0], Some((1.0 - mean) / (std + 0.25)), TIGHT, "a look");
    try_score(&tree, &rows(&[None, None])).unwrap();
    assert_eq!(tree.state(), before, "neither a look nor an empty batch moves the average");
}

#[test]
fn ema_normalize_before_training_uses_the_batch_itself() {
    let tree = build(&spec(json!([{ "type": "ema_normalize", "clip": 1.5 }])));
    let mut values = vec![Some(0.0); 15];
    values.push(Some(16.0));
    let got = try_score_in(&tree, &rows(&values), &Context::evaluation()).unwrap().value;
    // Mean 1, mean square 16, std √15; the last would be √15 and is limited.
    assert_close(got[0], Some(-1.0 / 15.0_f64.sqrt()), 1e-6, "first");
    assert_close(got[15], Some(1.5), TIGHT, "last");
    let equal = try_score(&tree, &rows(&[Some(0.1); 9])).unwrap().value;
    assert_close(equal[0], Some(0.0), 1e-6, "equal scores");
}
