use burn::tensor::{Device, Tensor};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{LossInputs, Normaliser, PpoConfig, Update, ValueInputs, loss};

const OLD: [&[f32]; 2] = [&[-1.0, -2.0, -0.5], &[-3.0, -0.25]];
const SAMPLER: [&[f32]; 2] = [&[-1.5, -2.0, -0.25], &[-5.0, -0.75]];

fn rows() -> impl Iterator<Item = (&'static [f32], &'static [f32])> {
    OLD.into_iter().zip(SAMPLER)
}

#[test]
fn weights_are_ratios_up_to_the_cap() {
    let found = Importance::new(rows(), 2.0);
    // e^0.5, 1, e^−0.25; e^2 and again e^0.5.
    let expected = [vec![1.648_721_3_f32, 1.0, 0.778_800_8], vec![2.0, 1.648_721_3]];
    for (found, expected) in found.weights.concat().iter().zip(expected.concat()) {
        assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
    }
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found}");
    // The mean of r − 1 − log r over r = e^0.5, 1, e^−0.25, e^2, e^0.5.
    near(
        found.mismatch_kl,
        (0.148_721_271 + 0.0 + 0.028_800_783 + 4.389_056_099 + 0.148_721_271) / 5.0,
    );
    near(found.mismatch_max, 2.0);
    near(found.mean, (1.648_721_271 + 1.0 + 0.778_800_783 + 2.0 + 1.648_721_271) / 5.0);
    near(found.capped_fraction, 0.2);
    assert_eq!(found.metrics().len(), 4);
}

#[test]
fn equal_policies_weigh_every_token_alike() {
    let found = Importance::new(OLD.into_iter().zip(OLD), 1.0);
    assert_eq!(found.weights, [vec![1.0; 3], vec![1.0; 2]]);
    let numbers = (found.mismatch_kl, found.mismatch_max, found.mean, found.capped_fraction);
    assert_eq!(numbers, (0.0, 0.0, 1.0, 0.0));
}

#[test]
fn what_is_no_number_is_not_hidden_by_the_cap() {
    let row: (&[f32], &[f32]) = (&[f32::NAN, 80.0], &[-1.0, -80.0]);
    let found = Importance::new([row].into_iter(), 2.0);
    assert!(found.weights[0][0].is_nan() && found.mean.is_nan());
    assert_eq!(found.weights[0][1].to_bits(), 2.0_f32.to_bits());
    assert!(Importance::new(std::iter::empty(), 2.0).mean.is_nan());
}

/// The loss of tokens `(logprob, old, advantage, weight)` with one unit as their number, and its
/// gradients by log-probability and by weight.
fn run(tokens: &[[f32; 4]], config: &PpoConfig) -> (f32, Vec<f32>, Option<Vec<f32>>) {
    let column = |which: usize| {
        let values: Vec<f32> = tokens.iter().map(|token| token[which]).collect();
        Tensor::<1>::from_floats(values.as_slice(), &Device::flex().autodiff())
    };
    let logprobs = column(0).require_grad();
    let weights = column(3).require_grad();
    let nought = || Tensor::zeros([tokens.len()], &logprobs.device());
    let inputs = LossInputs {
        logprobs: logprobs.clone(),
        old_logprobs: column(1),
        ref_logprobs: column(1),
        advantages: column(2),
        weights: Some(weights.clone()),
        entropy: None,
        values: Some(ValueInputs { values: nought(), old_values: nought(), returns: nought() }),
        padded_slots: None,
    };
    let update = Update { kl_coef: 0.0, normaliser: Normaliser::tokens(1), trains_policy: true };
    let total = loss(inputs, &update, config).unwrap().total;
    let value = total.clone().into_data().try_into_vec_as::<f32>().unwrap()[0];
    let gradients = total.backward();
    let read = |tensor: Tensor<1>| tensor.into_data().try_into_vec_as::<f32>().unwrap();
    let gradient = logprobs.grad(&gradients).map(read).unwrap();
    (value, gradient, weights.grad(&gradients).map(read))
}

/// The policy loss of one token, by the cases of its definition, and its derivative.
fn by_definition([logprob, old, advantage, weight]: [f32; 4], clip: Option<f64>) -> (f64, f64) {
    let [logprob, old, advantage, weight] = [logprob, old, advantage, weight].map(f64::from);
    let ratio = (logprob - old).exp();
    let bounded = clip.filter(|clip| match advantage > 0.0 {
        true => ratio > 1.0 + clip,
        false => ratio < 1.0 - clip,
    });
    match bounded {
        Some(clip) => (-weight * advantage * (1.0 + clip * advantage.signum()), 0.0),
        None => (-weight * advantage * ratio, -weight * advantage * ratio),
    }
}

proptest! {
    #[test]
    fn a_weight_multiplies_the_policy_loss_of_its_token_and_takes_no_gradient(
        tokens in prop::collection::vec([-20..20_i8, -20..20, -20..20, 0..20], 1..9),
    ) {
        // No ratio lies on the border of the clip, where the gradient jumps.
        let tokens: Vec<[f32; 4]> = tokens
            .iter()
            .map(|token| token.map(|value| f32::from(value) / 10.0 + 0.03))
            .collect();
        for (estimator, clip) in [("gae", Some(0.2)), ("reinforce", None)] {
            let mut table = json!({"estimator": estimator, "value_coef": 0.0});
            if clip.is_none() {
                table["baseline"] = "none".into();
            }
            let config: PpoConfig = serde_json::from_value(table).unwrap();
            let (total, gradient, of_weights) = run(&tokens, &config);
            let expected: Vec<(f64, f64)> =
                tokens.iter().map(|token| by_definition(*token, clip)).collect();
            let sum: f64 = expected.iter().map(|(loss, _)| loss).sum();
            let size: f64 = 1.0 + expected.iter().map(|(loss, _)| loss.abs()).sum::<f64>();
            prop_assert!((f64::from(total) - sum).abs() < 1e-5 * size, "{}, {}", total, sum);
            for (found, (_, expected)) in gradient.iter().zip(&expected) {
                let near = (f64::from(*found) - expected).abs() < 1e-5 * size;
                prop_assert!(near, "{}, {}", found, expected);
            }
            prop_assert!(of_weights.is_none());
        }
    }
}
