//! Rollouts that rounded weights draw.

use burn::module::Module;

use super::*;
use crate::reference::decoder_logprobs;

const INT8: &str = "rollout.weights = \"int8\"";

/// Log-probabilities of the responses under the policy as it is.
fn exact_logprobs(
    trainer: &HybridTrainer,
    rows: &[&Prompt],
    responses: &[Response],
) -> Vec<Vec<f32>> {
    let policy = trainer.policy().decoder.valid();
    let mut scored = decoder_logprobs(&policy, &trainer.sequences(rows, responses), 1.0, 4);
    scored.sort_by_key(|(row, _)| *row);
    scored.into_iter().map(|(_, logprobs)| logprobs).collect()
}

#[test]
fn a_rollout_of_rounded_weights_is_read_once_more_and_measured() {
    for weights in ["bf16", "int8"] {
        let mut trainer = with_reference(trainer(&format!("rollout.weights = \"{weights}\"")));
        let prompts = prompts();
        let rows: Vec<&Prompt> = prompts.iter().collect();
        // The first update of a phase reports what is off, and nothing is noted for the second.
        for _ in 0..2 {
            let responses = trainer.respond(&prompts).unwrap();
            assert!(trainer.as_drawn(&trainer.sequences(&rows, &responses), &responses).is_none());
            let exact = exact_logprobs(&trainer, &rows, &responses);
            let pairs = responses.iter().zip(&exact);
            let differences: Vec<f64> = pairs
                .flat_map(|(response, exact)| response.logprobs.iter().zip(exact))
                .map(|(sampler, exact)| f64::from(*exact) - f64::from(*sampler))
                .collect();
            let count = differences.len() as f64;
            let weights = differences.iter().map(|log_ratio| log_ratio.exp().min(2.0));
            let kl = differences.iter().map(|log_ratio| log_ratio.exp() - 1.0 - log_ratio);
            let largest = differences.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
            assert!(largest > 1e-5, "nothing is rounded: {largest}");
            let expected = [
                ("rollout/importance_mean", weights.sum::<f64>() / count, 1e-5),
                ("rollout/mismatch_kl", kl.sum::<f64>() / count, 0.1),
                ("rollout/mismatch_max", largest, 0.1),
                ("rollout/importance_capped_fraction", 0.0, 0.0),
            ];
            let stats = trainer.ppo_step(&rows, &responses, &SCORES).unwrap();
            for (name, expected, share) in expected {
                let found = stats.metrics.get(name).unwrap();
                assert!(
                    (found - expected).abs() <= share * expected,
                    "{name}: {found}, {expected}"
                );
            }
        }
    }
}

#[test]
fn exact_weights_have_nothing_to_make_good() {
    let mut trainer = with_reference(trainer("rollout.importance_cap = 1.0"));
    let prompts = prompts();
    let rows: Vec<&Prompt> = prompts.iter().collect();
    let responses = trainer.respond(&prompts).unwrap();
    let stats = trainer.ppo_step(&rows, &responses, &SCORES).unwrap();
    let is_of_rounding = |name: &str| name.contains("mismatch") || name.contains("importance");
    assert!(!stats.metrics.iter().any(|(name, _)| is_of_rounding(name)));
}

/// How the weights move in one step of plain descent on the policy loss alone, where the sampler is
/// said to have given every token `e^shift` times the policy's probability.
fn moved(shift: f32) -> Vec<f32> {
    let policy_loss = "ppo.estimator = \"reinforce\"\nppo.baseline = \"none\"\nppo.kl.coef = 0.0\n\
                       ppo.whiten_advantages = false";
    let mut trainer = with_reference(trainer(&format!("{SGD}\n{INT8}\n{policy_loss}")));
    let start = weights(&trainer);
    let prompts = prompts();
    let rows: Vec<&Prompt> = prompts.iter().collect();
    let mut responses = trainer.respond(&prompts).unwrap();
    let exact = exact_logprobs(&trainer, &rows, &responses);
    for (response, exact) in responses.iter_mut().zip(exact) {
        response.logprobs = exact.iter().map(|nats| nats + shift).collect();
    }
    trainer.ppo_step(&rows, &responses, &SCORES).unwrap();
    weights(&trainer).iter().zip(start).map(|(after, before)| after - before).collect()
}

#[test]
fn a_token_counts_by_its_importance_weight_up_to_the_cap() {
    let plain = moved(0.0);
    assert!(plain.iter().any(|delta| delta.abs() > 1e-3), "nothing was learnt");
    for (shift, weight) in [(2.0_f32.ln(), 0.5), ((2.0_f32 / 3.0).ln(), 1.5), (0.125_f32.ln(), 2.0)]
    {
        let expected: Vec<f32> = plain.iter().map(|delta| delta * weight).collect();
        assert_close(&moved(shift), &expected, 1e-5);
    }
}
