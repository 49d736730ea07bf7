//! Gradients against those of the true objectives, every sequence enumerated.
//!
//! The policy is a table: one row of logits for each prefix of at most two tokens. Sequences are
//! three tokens long. True gradients are central differences of the objective in `f64`.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use hybrid_testing::assert_close;
use serde_json::{Value, json};

use super::{config, constant, episode, read};
use crate::config::{KlConfig, KlEstimator, KlPlacement};
use crate::{
    Episode, LossInputs, Normaliser, PpoConfig, Score, ScoreMoments, Update, ValueInputs, loss,
    prepare,
};

const LENGTH: usize = 3;
const TOLERANCE: f64 = 2e-5;

#[derive(Clone)]
struct Table {
    vocab: usize,
    /// The tokens that can be drawn after each prefix; the policy is renormalised on them.
    kept: Vec<Vec<usize>>,
    /// `[prefixes, vocab]`, row-major.
    logits: Vec<f64>,
}

impl Table {
    /// A policy that keeps the `top` most probable tokens.
    fn new(vocab: usize, top: usize, seed: f64) -> Self {
        let prefixes = 1 + vocab + vocab * vocab;
        let logit = |index: usize| ((index as f64 + seed) * 12.9898).sin() * 1.5;
        let logits: Vec<f64> = (0..prefixes * vocab).map(logit).collect();
        let keep = |row: &[f64]| {
            let mut order: Vec<usize> = (0..vocab).collect();
            order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
            order.truncate(top);
            order
        };
        Self { vocab, kept: logits.chunks(vocab).map(keep).collect(), logits }
    }

    /// Another policy on the same kept tokens.
    fn sibling(&self, seed: f64, distance: f64) -> Self {
        let shift = |(index, logit): (usize, &f64)| {
            logit + distance * ((index as f64 + seed) * 78.233).sin()
        };
        Self { logits: self.logits.iter().enumerate().map(shift).collect(), ..self.clone() }
    }

    fn prefix(&self, tokens: &[usize]) -> usize {
        match tokens {
            [] => 0,
            [a] => 1 + a,
            [a, b, ..] => 1 + self.vocab + a * self.vocab + b,
        }
    }

    fn logprob(&self, prefix: usize, token: usize) -> f64 {
        let logit = |token: usize| self.logits[prefix * self.vocab + token];
        let sum: f64 = self.kept[prefix].iter().map(|token| logit(*token).exp()).sum();
        logit(token) - sum.ln()
    }

    fn logprobs(&self, tokens: &[usize]) -> Vec<f64> {
        (0..LENGTH).map(|t| self.logprob(self.prefix(&tokens[..t]), tokens[t])).collect()
    }

    fn sequences(&self) -> Vec<Vec<usize>> {
        let mut sequences = vec![Vec::new()];
        for _ in 0..LENGTH {
            let longer = |tokens: &Vec<usize>| {
                let next = self.kept[self.prefix(tokens)].iter();
                next.map(|token| [tokens.as_slice(), &[*token]].concat()).collect::<Vec<_>>()
            };
            sequences = sequences.iter().flat_map(longer).collect();
        }
        sequences
    }

    fn probability(&self, tokens: &[usize]) -> f64 {
        self.logprobs(tokens).iter().sum::<f64>().exp()
    }

    /// Probability of passing each prefix.
    fn visits(&self) -> Vec<f64> {
        let mut visits = vec![0.0; self.kept.len()];
        for tokens in self.sequences() {
            for t in 0..LENGTH {
                visits[self.prefix(&tokens[..t])] += self.probability(&tokens);
            }
        }
        visits
    }

    /// `Σ_s visits(s) · KL(self ‖ other)` at `s`.
    fn kl(&self, other: &Self, visits: &[f64]) -> f64 {
        let at = |prefix: usize| -> f64 {
            let term = |token: &usize| {
                let (p, q) = (self.logprob(prefix, *token), other.logprob(prefix, *token));
                p.exp() * (p - q)
            };
            self.kept[prefix].iter().map(term).sum()
        };
        visits.iter().enumerate().map(|(prefix, visit)| visit * at(prefix)).sum()
    }

    fn gradient(&self, objective: impl Fn(&Self) -> f64) -> Vec<f32> {
        let moved = |index: usize, by: f64| {
            let mut table = self.clone();
            table.logits[index] += by;
            objective(&table)
        };
        let slope = |index| (moved(index, 1e-4) - moved(index, -1e-4)) / 2e-4;
        (0..self.logits.len()).map(|index| slope(index) as f32).collect()
    }
}

/// Not local: what counts is a relation of the first and the last token.
fn score(tokens: &[usize]) -> f64 {
    let relation = if tokens[0] == tokens[2] { 1.0 } else { -0.3 };
    relation + 0.2 * tokens[1] as f64
}

/// The policy being updated, the one that sampled, and the reference.
struct Policies<'a> {
    current: &'a Table,
    old: &'a Table,
    reference: &'a Table,
}

/// The expectation over all sequences of the gradient of our loss, in the logits.
fn gradient_of_loss(
    policies: &Policies<'_>,
    kl_coef: f64,
    score: impl Fn(&[usize]) -> f64,
    config: &PpoConfig,
) -> Vec<f32> {
    let Policies { current, old, reference } = policies;
    let narrow = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect::<Vec<f32>>();
    let sequences = old.sequences();
    let row = |tokens: &Vec<usize>| -> Episode {
        let value = |t| ((old.prefix(&tokens[..t]) as f64) * 3.7).cos();
        let values = if config.needs_values() { (0..LENGTH).map(value).collect() } else { vec![] };
        let (old, reference) = (old.logprobs(tokens), reference.logprobs(tokens));
        let score = Score::Terminal(Some(score(tokens)));
        episode(&narrow(old), &narrow(reference), &narrow(values), score)
    };
    let episodes: Vec<Episode> = sequences.iter().map(row).collect();
    let prepared = prepare(&episodes, kl_coef, &mut ScoreMoments::default(), config).unwrap();
    let all: Vec<usize> = (0..episodes.len()).collect();

    let logits = constant(&narrow(current.logits.clone())).require_grad();
    let weights = sequences.iter().flat_map(|tokens| [old.probability(tokens) as f32; LENGTH]);
    let flat = |part: fn(&Episode) -> &Vec<f32>| {
        constant(&episodes.iter().flat_map(part).copied().collect::<Vec<f32>>())
    };
    let values = config.needs_values().then(|| ValueInputs {
        values: flat(|row| &row.values),
        old_values: flat(|row| &row.values),
        returns: flat(|row| &row.values),
    });
    let inputs = LossInputs {
        logprobs: token_logprobs(current, logits.clone(), &sequences),
        old_logprobs: flat(|row| &row.logprobs),
        ref_logprobs: flat(|row| &row.ref_logprobs),
        advantages: constant(&prepared.advantages(&all, config).concat()),
        weights: Some(constant(&weights.collect::<Vec<f32>>())),
        entropy: None,
        values,
        padded_slots: None,
    };
    let update = Update { kl_coef, normaliser: Normaliser::tokens(1), trains_policy: true };
    let gradients = loss(inputs, &update, config).unwrap().total.backward();
    logits.grad(&gradients).map(read).unwrap()
}

/// Log-probabilities of every token of every sequence, renormalised on the kept tokens.
fn token_logprobs(table: &Table, logits: Tensor<1>, sequences: &[Vec<usize>]) -> Tensor<1> {
    let shape = [table.kept.len(), table.vocab];
    let mut outside = vec![-1e9_f32; shape[0] * shape[1]];
    for (prefix, kept) in table.kept.iter().enumerate() {
        kept.iter().for_each(|token| outside[prefix * table.vocab + token] = 0.0);
    }
    let index = |tokens: &Vec<usize>| {
        let at = |t: usize| table.prefix(&tokens[..t]) * table.vocab + tokens[t];
        (0..LENGTH).map(|t| at(t) as i32).collect::<Vec<i32>>()
    };
    let indices: Vec<i32> = sequences.iter().flat_map(index).collect();
    let count = indices.len();
    let device = Device::flex().autodiff();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [count]), &device);
    log_softmax((logits + constant(&outside)).reshape(shape), 1)
        .reshape([shape[0] * shape[1]])
        .select(0, indices)
}

/// Every token kept, and top-4 of 8.
fn tables() -> [Table; 2] {
    [Table::new(4, 4, 1.0), Table::new(8, 4, 2.0)]
}

#[test]
fn every_estimator_has_the_gradient_of_score_minus_kl() {
    let estimators: [Value; 4] = [
        json!({"estimator": "reinforce", "baseline": "none"}),
        json!({"estimator": "reinforce", "baseline": "value"}),
        json!({"estimator": "a2c"}),
        json!({"estimator": "gae", "gae_lambda": 1.0, "value_coef": 0.0}),
    ];
    for table in tables() {
        let reference = table.sibling(5.0, 0.7);
        let objective = |policy: &Table| -> f64 {
            let value = |tokens: &Vec<usize>| {
                let pairs = policy.logprobs(tokens).into_iter().zip(reference.logprobs(tokens));
                let kl: f64 = pairs.map(|(p, q)| p - q).sum();
                policy.probability(tokens) * (score(tokens) - 0.3 * kl)
            };
            policy.sequences().iter().map(value).sum()
        };
        let expected: Vec<f32> = table.gradient(objective).iter().map(|slope| -slope).collect();
        for estimator in &estimators {
            let mut config = config(estimator);
            config.whiten_advantages = false;
            let policies = Policies { current: &table, old: &table, reference: &reference };
            assert_close(&gradient_of_loss(&policies, 0.3, score, &config), &expected, TOLERANCE);
        }
    }
}

fn in_the_loss(estimator: KlEstimator) -> PpoConfig {
    let kl = KlConfig {
        placement: KlPlacement::Loss,
        estimator: Some(estimator),
        ..KlConfig::default()
    };
    PpoConfig {
        kl,
        whiten_advantages: false,
        ..config(&json!({"estimator": "reinforce", "baseline": "none"}))
    }
}

#[test]
fn k2_and_k3_plus_in_the_loss_have_the_gradient_of_the_kl_on_and_off_policy() {
    for table in tables() {
        let reference = table.sibling(5.0, 0.7);
        for old in [table.clone(), table.sibling(9.0, 0.3)] {
            let visits = old.visits();
            let expected = table.gradient(|policy| policy.kl(&reference, &visits));
            let policies = Policies { current: &table, old: &old, reference: &reference };
            for estimator in [KlEstimator::K2, KlEstimator::K3Plus] {
                let found = gradient_of_loss(&policies, 1.0, |_| 0.0, &in_the_loss(estimator));
                assert_close(&found, &expected, TOLERANCE);
            }
        }
    }
}

#[test]
fn k3_in_the_loss_has_the_gradient_of_the_reverse_divergence() {
    for table in tables() {
        let reference = table.sibling(5.0, 0.7);
        for old in [table.clone(), table.sibling(9.0, 0.3)] {
            let visits = old.visits();
            let expected = table.gradient(|policy| reference.kl(policy, &visits));
            let policies = Policies { current: &table, old: &old, reference: &reference };
            let found = gradient_of_loss(&policies, 1.0, |_| 0.0, &in_the_loss(KlEstimator::K3));
            assert_close(&found, &expected, TOLERANCE);
        }
    }
}

#[test]
fn k1_in_the_loss_has_no_gradient_in_expectation_and_is_refused() {
    let config = in_the_loss(KlEstimator::K1);
    assert!(config.validate().unwrap_err().to_string().contains("only add noise"));
    let table = Table::new(4, 4, 1.0);
    let reference = table.sibling(5.0, 0.7);
    let policies = Policies { current: &table, old: &table, reference: &reference };
    let found = gradient_of_loss(&policies, 1.0, |_| 0.0, &config);
    assert_close(&found, &vec![0.0; found.len()], TOLERANCE);
}
