//! Rollouts and losses against `reference/ppo.py`.

use hybrid_testing::assert_close;
use hybrid_testing::fixtures::golden_json;
use serde_json::{Value, json};

use super::{assert_metrics, assert_near, config, constant, end, floats, indices, read, scalar};
use crate::{
    Episode, LossInputs, LossSums, Normaliser, PpoConfig, Prepared, Score, ScoreMoments, Update,
    UpdateStats, ValueInputs, loss, prepare,
};

/// f32 inputs, f64 arithmetic.
const TOLERANCE: f64 = 1e-5;

fn score(value: &Value) -> Score {
    let number = |value: &Value| match value.as_str() {
        Some("inf") => f64::INFINITY,
        Some(_) => f64::NAN,
        None => value.as_f64().unwrap(),
    };
    match value {
        Value::Null => Score::Terminal(None),
        Value::Array(scores) => Score::PerToken(scores.iter().map(number).collect()),
        one => Score::Terminal(Some(number(one))),
    }
}

fn episodes(golden: &Value) -> Vec<Episode> {
    let episode = |row: &Value| {
        let logprobs = floats(&row["logprobs"]);
        Episode {
            prompt_ids: vec![7],
            completion_ids: vec![3; logprobs.len()],
            logprobs,
            ref_logprobs: floats(&row["ref_logprobs"]),
            values: floats(&row["values"]),
            score: score(&row["score"]),
            end: end(&row["end"]),
        }
    };
    golden["episodes"].as_array().unwrap().iter().map(episode).collect()
}

#[test]
fn rollouts_become_the_advantages_returns_and_statistics_of_the_reference() {
    let golden = golden_json("ppo.json");
    let episodes = episodes(&golden);
    let kl_coef = golden["kl_coef"].as_f64().unwrap();
    for case in golden["rollouts"].as_array().unwrap() {
        let config = config(&case["config"]);
        let mut moments = ScoreMoments::default();
        let prepared = prepare(&episodes, kl_coef, &mut moments, &config).unwrap();
        println!("{}", case["name"]);
        check_rollout(&prepared, &golden["minibatches"], &case["expected"], &config);
    }
}

fn check_rollout(prepared: &Prepared, minibatches: &Value, expected: &Value, config: &PpoConfig) {
    for (row, expected) in prepared.rows.iter().zip(expected["rows"].as_array().unwrap()) {
        assert_eq!(row.counted, !expected.is_null());
        let none = json!([]);
        let part = |name: &str| floats(expected.get(name).unwrap_or(&none));
        assert_close(&row.advantages, &part("advantages"), TOLERANCE);
        assert_close(&row.returns, &part("returns"), TOLERANCE);
        assert_close(&row.old_values, &part("old_values"), TOLERANCE);
        assert_close(&row.rewards, &part("rewards"), TOLERANCE);
    }
    let expected_parts = expected["minibatch_advantages"].as_array().unwrap();
    for (rows, expected) in minibatches.as_array().unwrap().iter().zip(expected_parts) {
        let found = prepared.advantages(&indices(rows), config);
        for (found, expected) in found.iter().zip(expected.as_array().unwrap()) {
            assert_close(found, &floats(expected), TOLERANCE);
        }
    }
    assert_metrics(&prepared.stats.metrics(), &expected["metrics"], TOLERANCE);
}

#[test]
fn losses_gradients_and_statistics_are_those_of_the_reference() {
    for case in golden_json("ppo.json")["losses"].as_array().unwrap() {
        println!("{}", case["name"]);
        check_loss(case);
    }
}

fn check_loss(case: &Value) {
    let config = config(&case["config"]);
    let given = &case["inputs"];
    let leaf = |name: &str| constant(&floats(&given[name])).require_grad();
    let (logprobs, entropy) = (leaf("logprobs"), leaf("entropy"));
    let values = given.get("values").map(|_| leaf("values"));
    let inputs = LossInputs {
        logprobs: logprobs.clone(),
        old_logprobs: constant(&floats(&given["old_logprobs"])),
        ref_logprobs: constant(&floats(&given["ref_logprobs"])),
        advantages: constant(&floats(&given["advantages"])),
        weights: given.get("weights").map(|weights| constant(&floats(weights))),
        entropy: Some(entropy.clone()),
        values: values.clone().map(|values| ValueInputs {
            values,
            old_values: constant(&floats(&given["old_values"])),
            returns: constant(&floats(&given["returns"])),
        }),
        padded_slots: None,
    };
    let update = Update {
        kl_coef: case["update"]["kl_coef"].as_f64().unwrap(),
        normaliser: Normaliser::tokens(case["update"]["tokens"].as_u64().unwrap() as usize),
        trains_policy: case["update"]["trains_policy"].as_bool().unwrap(),
    };
    let found = loss(inputs, &update, &config).unwrap();
    let expected = &case["expected"];
    let mut stats = UpdateStats::default();
    stats.add(LossSums::read(found.sums.clone()).unwrap());
    assert_metrics(&stats.metrics(&config), &expected["metrics"], 5e-5);
    let total = scalar(found.total.clone());
    assert_near("total", total, expected["total"].as_f64().unwrap(), TOLERANCE);
    let gradients = found.total.backward();
    let leaves = [("logprobs", Some(logprobs)), ("entropy", Some(entropy)), ("values", values)];
    for (name, leaf) in leaves {
        let found = leaf.and_then(|leaf| leaf.grad(&gradients)).map(read);
        match expected["gradients"].get(name).filter(|expected| !expected.is_null()) {
            Some(expected) => assert_close(&found.unwrap(), &floats(expected), TOLERANCE),
            None => assert!(found.is_none_or(|g| g.iter().all(|g| *g == 0.0)), "{name}"),
        }
    }
}
