use hybrid_testing::fixtures::golden_json;
use serde_json::Value;

use super::*;
use crate::span::TokenSpan;
use crate::tests::fixtures::{
    assert_near, gradient, host, list, numbers, targets, tracked, tracked_row,
};

/// Largest difference of f32 losses and gradients from PyTorch's in f64.
const LOSS: f64 = 1e-5;

fn cases(of: &str) -> Vec<Value> {
    list(&golden_json("heads.json")["losses"][of])
}

/// Logits of a case: what does not count holds NaN, as padding may.
fn poisoned(values: &[f64], counts: &[bool]) -> Vec<f64> {
    let width = values.len() / counts.len().max(1);
    let cell = |(place, value): (usize, &f64)| {
        if counts[place / width] { *value } else { f64::NAN }
    };
    values.iter().enumerate().map(cell).collect()
}

fn shares(value: &Value) -> Vec<Option<f32>> {
    list(value).iter().map(|x| x.as_f64().map(|x| x as f32)).collect()
}

fn optional(value: &Value) -> Option<Vec<f64>> {
    value.as_array().map(|_| numbers(value))
}

/// Value and gradient of the mean; the gradient is 0 where nothing counts.
#[track_caller]
fn check<const D: usize>(loss: &HeadLoss, inputs: &[(&Tensor<D>, &str)], case: &Value) {
    let mean = loss.mean().unwrap();
    assert_near(&host(mean.clone()), &[case["loss"].as_f64().unwrap()], LOSS, "loss");
    let stats = LossStats::read(std::slice::from_ref(loss)).unwrap();
    assert_near(&[stats.mean()], &[case["loss"].as_f64().unwrap()], LOSS, "mean of the sums");
    let gradients = mean.backward();
    for (input, key) in inputs {
        let found = input.grad(&gradients).map(host).unwrap();
        assert_near(&found, &numbers(&case[*key]), LOSS, key);
    }
}

#[test]
fn cross_entropy_is_pytorchs() {
    let mut ignored = 0;
    for case in cases("cross_entropy") {
        let targets = targets(&case["targets"]);
        let counts: Vec<bool> = targets.iter().map(Option::is_some).collect();
        ignored += counts.iter().filter(|counts| !**counts).count();
        let logits = tracked(&poisoned(&numbers(&case["logits"]), &counts), targets.len());
        let options = ClassOptions {
            class_weights: optional(&case["weights"]),
            label_smoothing: case["smoothing"].as_f64().unwrap(),
        };
        let loss = cross_entropy(logits.clone(), &targets, &options).unwrap();
        assert!((loss.weight - cross_entropy_weight(&targets, &options)).abs() < 1e-12);
        check(&loss, &[(&logits, "grad")], &case);
    }
    assert!(ignored > 5);
}

#[test]
fn binary_cross_entropy_is_pytorchs_over_the_known_labels() {
    for case in cases("binary") {
        let targets = shares(&case["targets"]);
        let counts: Vec<bool> = targets.iter().map(Option::is_some).collect();
        let values = poisoned(&numbers(&case["logits"]), &counts);
        let logits = tracked(&values, list(&case["logits"]).len());
        let options = BinaryOptions { pos_weight: optional(&case["pos_weight"]) };
        let loss = binary_cross_entropy(logits.clone(), &targets, &options).unwrap();
        check(&loss, &[(&logits, "grad")], &case);
    }
}

#[test]
fn regression_is_pytorchs() {
    for case in cases("regression") {
        let targets = shares(&case["targets"]);
        let counts: Vec<bool> = targets.iter().map(Option::is_some).collect();
        let values = poisoned(&numbers(&case["predicted"]), &counts);
        let predicted = tracked(&values, list(&case["predicted"]).len());
        let kind = case["delta"]
            .as_f64()
            .map_or(RegressionLoss::Squared, |delta| RegressionLoss::Huber { delta });
        let loss = regression(predicted.clone(), &targets, kind).unwrap();
        check(&loss, &[(&predicted, "grad")], &case);
    }
}

#[test]
fn span_loss_is_pytorchs_without_padding() {
    for case in cases("span") {
        let lengths = crate::tests::fixtures::ids(&case["lengths"]);
        let spans: Vec<Option<TokenSpan>> = list(&case["targets"])
            .iter()
            .map(|span| serde_json::from_value(span.clone()).unwrap())
            .collect();
        let width = list(&case["start"][0]).len();
        let counts: Vec<bool> = lengths
            .iter()
            .zip(&spans)
            .flat_map(|(length, span)| (0..width).map(move |t| t < *length && span.is_some()))
            .collect();
        let start = tracked(&poisoned(&numbers(&case["start"]), &counts), lengths.len());
        let end = tracked(&poisoned(&numbers(&case["end"]), &counts), lengths.len());
        let loss = span_cross_entropy(start.clone(), end.clone(), &lengths, &spans).unwrap();
        check(&loss, &[(&start, "grad_start"), (&end, "grad_end")], &case);
    }
}

#[test]
fn pairwise_loss_is_the_formula_of_trl() {
    for case in cases("pairwise") {
        let chosen = tracked_row(&numbers(&case["chosen"]));
        let rejected = tracked_row(&numbers(&case["rejected"]));
        let margins: Option<Vec<f32>> =
            optional(&case["margins"]).map(|all| all.iter().map(|x| *x as f32).collect());
        let options = PairwiseOptions { center_coef: case["center"].as_f64().unwrap() };
        let loss = pairwise(chosen.clone(), rejected.clone(), margins.as_deref(), &options);
        let inputs = [(&chosen, "grad_chosen"), (&rejected, "grad_rejected")];
        check(&loss.unwrap(), &inputs, &case);
    }
}

#[test]
fn micro_batches_add_up_to_the_whole() {
    let case = cases("cross_entropy").into_iter().find(|case| case["weights"].is_array()).unwrap();
    let (all, values) = (targets(&case["targets"]), numbers(&case["logits"]));
    let options = ClassOptions {
        class_weights: optional(&case["weights"]),
        label_smoothing: case["smoothing"].as_f64().unwrap(),
    };
    let rows = all.len();
    let logits = tracked(&values, rows);
    let weight = cross_entropy_weight(&all, &options);
    let whole = cross_entropy(logits.clone(), &all, &options).unwrap().mean().unwrap();
    let parts: Vec<Tensor<1>> = [0..3, 3..rows]
        .into_iter()
        .map(|range| {
            let part = logits.clone().slice([range.clone()]);
            cross_entropy(part, &all[range], &options).unwrap().over(weight).unwrap()
        })
        .collect();
    let parts = parts.into_iter().reduce(|a, b| a + b).unwrap();
    assert_near(&host(parts.clone()), &host(whole.clone()), 1e-6, "value");
    assert_near(&gradient(&parts, &logits), &gradient(&whole, &logits), 1e-6, "gradient");
}

#[test]
fn where_nothing_counts_there_is_no_loss() {
    let logits = || tracked(&[0.0; 6], 2);
    let nothing = HeadsError::NothingCounts;
    let classes = ClassOptions::default();
    assert_eq!(cross_entropy(logits(), &[None, None], &classes).unwrap_err(), nothing);
    let binary = binary_cross_entropy(logits(), &[None; 6], &BinaryOptions::default());
    assert_eq!(binary.unwrap_err(), nothing);
    let squared = regression(logits(), &[None; 6], RegressionLoss::Squared);
    assert_eq!(squared.unwrap_err(), nothing);
    let span = span_cross_entropy(logits(), logits(), &[3, 3], &[None, None]);
    assert_eq!(span.unwrap_err(), nothing);
    let zero = ClassOptions { class_weights: Some(vec![0.0, 1.0, 1.0]), ..classes };
    let loss = cross_entropy(logits(), &[Some(0), None], &zero).unwrap();
    assert!(loss.mean().is_err(), "the only class that occurs weighs 0");
}

#[test]
fn targets_and_options_out_of_range_are_refused() {
    let logits = || tracked(&[0.0; 6], 2);
    let classes = |weights: Option<Vec<f64>>, label_smoothing: f64, target: usize| {
        let options = ClassOptions { class_weights: weights, label_smoothing };
        cross_entropy(logits(), &[Some(target), None], &options).is_err()
    };
    assert!(classes(None, 0.0, 3));
    assert!(classes(None, 1.0, 0) && classes(None, f64::NAN, 0));
    assert!(classes(Some(vec![1.0; 2]), 0.0, 0));
    assert!(classes(Some(vec![1.0, -1.0, 1.0]), 0.0, 0));
    assert!(!classes(Some(vec![1.0, 0.0, 1.0]), 0.0, 0));
    let shares = |target| {
        let options = BinaryOptions::default();
        binary_cross_entropy(logits(), &[Some(target); 6], &options).is_err()
    };
    assert!(shares(1.5) && shares(f32::NAN) && !shares(0.5));
    assert!(regression(logits(), &[Some(f32::NAN); 6], RegressionLoss::Squared).is_err());
    let huber = RegressionLoss::Huber { delta: 0.0 };
    assert!(regression(logits(), &[Some(0.0); 6], huber).is_err());
    let span = |start, end, length| {
        let target = Some(TokenSpan { start, end });
        span_cross_entropy(logits(), logits(), &[length, 3], &[target, None]).is_err()
    };
    assert!(span(0, 2, 2) && span(2, 1, 3) && span(0, 1, 4) && !span(0, 1, 2));
}

#[test]
fn balanced_weights_make_classes_count_alike() {
    let targets = [Some(0), Some(0), Some(0), Some(2), None];
    let weights = balanced_weights(&targets, 3).unwrap();
    // scikit-learn's "balanced": 4 / (2 · 3) and 4 / (2 · 1).
    assert_near(&weights, &[2.0 / 3.0, 1.0, 2.0], 1e-12, "weights");
    assert!(balanced_weights(&targets, 2).is_err());
}
