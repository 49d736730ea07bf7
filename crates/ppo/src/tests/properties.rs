//! What must hold for any rollout.

use burn::tensor::Tensor;
use hybrid_testing::assert_close;
use proptest::prelude::*;
use serde_json::json;

use super::{config, constant, episode, read, scalar};
use crate::{
    End, Episode, LossInputs, LossSums, Normaliser, PpoConfig, Score, ScoreMoments, Update,
    UpdateStats, ValueInputs, loss, prepare,
};

fn any_episode() -> impl Strategy<Value = Episode> {
    let token = (-5.0_f32..0.0, -0.5_f32..0.5, -2.0_f32..2.0);
    let score = prop_oneof![
        4 => (-3.0..3.0).prop_map(Some),
        1 => Just(None),
        1 => Just(Some(f64::NAN)),
        1 => Just(Some(f64::INFINITY)),
    ];
    (prop::collection::vec(token, 1..6), score, any::<bool>()).prop_map(|(tokens, score, ends)| {
        let part = |of: fn(&(f32, f32, f32)) -> f32| tokens.iter().map(of).collect::<Vec<f32>>();
        let mut row = episode(
            &part(|t| t.0),
            &part(|t| (t.0 + t.1).min(0.0)),
            &part(|t| t.2),
            Score::Terminal(score),
        );
        row.values.push(0.5);
        row.end = if ends { End::Terminated } else { End::Truncated };
        if !row.counts() {
            // Whatever a null row holds must not matter.
            row.logprobs.fill(f32::NAN);
            row.values.fill(f32::INFINITY);
        }
        row
    })
}

fn rollout() -> impl Strategy<Value = Vec<Episode>> {
    prop::collection::vec(any_episode(), 1..9)
}

fn configs() -> Vec<PpoConfig> {
    [
        json!({"whiten_rewards": true, "missing_eos_penalty": 1.0}),
        json!({"truncated": "bootstrap", "scores": {"normalize": "standardize"}}),
        json!({"estimator": "a2c"}),
        json!({"estimator": "reinforce"}),
    ]
    .iter()
    .map(config)
    .collect()
}

fn prepared(episodes: &[Episode], config: &PpoConfig) -> crate::Prepared {
    prepare(episodes, 0.1, &mut ScoreMoments::default(), config).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_rows_does_not_matter(
        (episodes, order) in rollout().prop_flat_map(|rows| {
            let order: Vec<usize> = (0..rows.len()).collect();
            (Just(rows), Just(order).prop_shuffle())
        })
    ) {
        let shuffled: Vec<Episode> = order.iter().map(|row| episodes[*row].clone()).collect();
        for config in configs() {
            let (one, other) = (prepared(&episodes, &config), prepared(&shuffled, &config));
            for (place, row) in order.iter().enumerate() {
                let (one, other) = (&one.rows[*row], &other.rows[place]);
                assert_close(&one.advantages, &other.advantages, 1e-4);
                assert_close(&one.returns, &other.returns, 1e-4);
            }
        }
    }

    #[test]
    fn null_rows_are_as_if_they_were_not_there(episodes in rollout()) {
        let counted: Vec<Episode> = episodes.iter().filter(|row| row.counts()).cloned().collect();
        for config in configs() {
            let (all, fewer) = (prepared(&episodes, &config), prepared(&counted, &config));
            let kept: Vec<_> = all.counted().iter().map(|row| all.rows[*row].clone()).collect();
            prop_assert_eq!(&kept, &fewer.rows);
            prop_assert_eq!(all.stats.null_rows, episodes.len() - counted.len());
            for row in &kept {
                prop_assert!(row.advantages.iter().chain(&row.returns).all(|x| x.is_finite()));
            }
            if !counted.is_empty() {
                prop_assert!((all.stats.score_mean - fewer.stats.score_mean).abs() < 1e-12);
                prop_assert!(all.stats.ref_kl.is_finite());
            }
        }
    }

    #[test]
    fn parts_of_a_minibatch_add_up_to_the_whole(
        tokens in prop::collection::vec(any::<[i8; 5]>(), 2..12),
        cut in 1_usize..11,
    ) {
        let config = config(&json!({"kl": {"placement": "loss"}, "entropy_coef": 0.1}));
        let cut = cut.min(tokens.len() - 1);
        let (whole, gradient, sums) = run(&tokens, tokens.len(), &config);
        let (first, mut gradients, left) = run(&tokens[..cut], tokens.len(), &config);
        let (second, rest, right) = run(&tokens[cut..], tokens.len(), &config);
        gradients.extend(rest);
        assert_close(&gradients, &gradient, 1e-5);
        prop_assert!((first + second - whole).abs() < 1e-5);
        let mut parts = UpdateStats::default();
        parts.add(left);
        parts.add(right);
        let mut one = UpdateStats::default();
        one.add(sums);
        for ((name, a), (_, b)) in parts.metrics(&config).iter().zip(&one.metrics(&config)) {
            prop_assert!((a - b).abs() < 1e-4, "{}: {} {}", name, a, b);
        }
    }
}

fn inputs(tokens: &[[i8; 5]], logprobs: Tensor<1>) -> LossInputs {
    let part = |which: usize| {
        constant(&tokens.iter().map(|token| f32::from(token[which]) / 100.0).collect::<Vec<f32>>())
    };
    LossInputs {
        logprobs,
        old_logprobs: part(1),
        ref_logprobs: part(2),
        advantages: part(3),
        weights: None,
        entropy: Some(part(4)),
        values: Some(ValueInputs { values: part(4), old_values: part(2), returns: part(0) }),
        padded_slots: None,
    }
}

fn leaf(tokens: &[[i8; 5]]) -> Tensor<1> {
    let values: Vec<f32> = tokens.iter().map(|token| f32::from(token[0]) / 100.0).collect();
    constant(&values).require_grad()
}

fn update(tokens: usize) -> Update {
    Update { kl_coef: 0.2, normaliser: Normaliser::tokens(tokens), trains_policy: true }
}

fn run(tokens: &[[i8; 5]], of: usize, config: &PpoConfig) -> (f64, Vec<f32>, LossSums) {
    let leaf = leaf(tokens);
    let found = loss(inputs(tokens, leaf.clone()), &update(of), config).unwrap();
    let total = scalar(found.total.clone());
    let gradient = leaf.grad(&found.total.backward()).unwrap();
    (total, read(gradient), LossSums::read(found.sums).unwrap())
}

const TOKENS: [[i8; 5]; 3] = [[1, -20, 30, -40, 5], [-6, 70, -8, 90, 10], [11, 12, 13, 14, 15]];

#[test]
fn equal_policies_have_no_divergence_and_clip_nothing() {
    let config = PpoConfig::default();
    let leaf = leaf(&TOKENS);
    let inputs = LossInputs { old_logprobs: leaf.clone(), ..inputs(&TOKENS, leaf) };
    let found = loss(inputs, &update(3), &config).unwrap();
    let mut stats = UpdateStats::default();
    stats.add(LossSums::read(found.sums).unwrap());
    let metrics = stats.metrics(&config);
    let expected = [
        ("ppo/approx_kl", 0.0),
        ("ppo/clip_fraction", 0.0),
        ("ppo/ratio_mean", 1.0),
        ("ppo/ratio_max", 1.0),
        ("ppo/ratio_min", 1.0),
        ("ppo/ratio_variance", 0.0),
    ];
    for (name, value) in expected {
        assert!((metrics[name] - value).abs() < 1e-12, "{name}");
    }
}

#[test]
fn constants_take_no_gradient() {
    let config = config(&json!({"kl": {"placement": "both", "estimator": "k3_plus"}}));
    let tracked = |tensor: Tensor<1>| tensor.detach().require_grad();
    let mut inputs = inputs(&TOKENS, leaf(&TOKENS));
    inputs.old_logprobs = tracked(inputs.old_logprobs);
    inputs.ref_logprobs = tracked(inputs.ref_logprobs);
    inputs.advantages = tracked(inputs.advantages);
    inputs.weights = Some(tracked(constant(&[0.5, 1.0, 2.0])));
    let values = inputs.values.as_mut().unwrap();
    values.old_values = tracked(values.old_values.clone());
    values.returns = tracked(values.returns.clone());
    let constants = [
        inputs.old_logprobs.clone(),
        inputs.ref_logprobs.clone(),
        inputs.advantages.clone(),
        inputs.weights.clone().unwrap(),
        values.old_values.clone(),
        values.returns.clone(),
    ];
    let gradients = loss(inputs, &update(3), &config).unwrap().total.backward();
    for (index, constant) in constants.iter().enumerate() {
        assert!(constant.grad(&gradients).is_none(), "constant {index}");
    }
}
