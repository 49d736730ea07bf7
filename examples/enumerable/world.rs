//! A world small enough to know everything about: 8 tokens, answers of 4, so 4,096 of them.

use burn::tensor::Device;
use hybrid::passes::{PassOptions, Sequence, forward_decoder};
use hybrid_model::Decoder;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Tokens.
pub(crate) const VOCAB: usize = 8;
/// Tokens of an answer.
pub(crate) const LENGTH: usize = 4;
/// Answers there are.
pub(crate) const ANSWERS: usize = VOCAB.pow(LENGTH as u32);
/// What every answer follows.
pub(crate) const PROMPT: [u32; 1] = [0];

/// The tokens of answer `index`, the first one the most significant.
pub(crate) fn answer(index: usize) -> [u32; LENGTH] {
    std::array::from_fn(|place| {
        let power = VOCAB.pow((LENGTH - 1 - place) as u32);
        (index / power % VOCAB) as u32
    })
}

/// The number of an answer.
pub(crate) fn index(tokens: &[u32]) -> usize {
    tokens.iter().fold(0, |index, token| index * VOCAB + *token as usize)
}

/// A world to be good in, and the steps it takes to get there.
pub(crate) struct Task {
    pub(crate) name: String,
    /// The reward of every answer.
    pub(crate) rewards: Vec<f64>,
    /// What a nat of KL costs.
    pub(crate) beta: f64,
    /// How often a step of the walks that the reference learns goes anywhere, not on to the next token.
    pub(crate) wander: f64,
    /// Learning rate of the first update; it falls to 0.
    pub(crate) lr: f64,
    /// Updates of 128 answers each.
    pub(crate) updates: usize,
}

impl Task {
    /// What the example makes its claims about, by name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            // Non-local: the last token must agree with the first, the middle ones must complete 7.
            "echo" => Self {
                name: name.to_owned(),
                rewards: table(|[a, b, c, d]| one_if(a == d) + 0.5 * one_if(b + c == 7)),
                beta: 0.2,
                wander: 0.8,
                lr: 2e-3,
                updates: 1500,
            },
            // Sparse: one of 64 answers is worth anything.
            "sparse" => Self {
                name: name.to_owned(),
                rewards: table(|[a, b, c, d]| one_if(a == d && b == c)),
                beta: 0.2,
                wander: 0.8,
                lr: 1e-3,
                updates: 2500,
            },
            // No structure at all: a random number for every answer, most of them tiny.
            "random" => {
                let mut rng = ChaCha8Rng::seed_from_u64(2026);
                let rewards = (0..ANSWERS).map(|_| rng.random::<f64>().powi(16)).collect();
                Self { name: name.to_owned(), beta: 0.25, ..Self::by_heart(rewards) }
            }
            _ => return None,
        })
    }

    /// Rewards without structure, which have to be learned by heart: many updates, from a reference
    /// that leaves few answers likely.
    pub(crate) fn by_heart(rewards: Vec<f64>) -> Self {
        let name = "table".to_owned();
        Self { name, rewards, beta: 0.1, wander: 0.5, lr: 3e-3, updates: 12_000 }
    }
}

fn table(reward: fn([u32; LENGTH]) -> f64) -> Vec<f64> {
    (0..ANSWERS).map(|index| reward(answer(index))).collect()
}

fn one_if(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}

/// Log-probability of every answer under a decoder, in nats.
pub(crate) fn log_probabilities(decoder: &Decoder) -> Vec<f64> {
    let answers: Vec<[u32; LENGTH]> = (0..ANSWERS).map(answer).collect();
    let options = PassOptions::logprobs(1.0);
    let mut sums = Vec::with_capacity(ANSWERS);
    for chunk in answers.chunks(512) {
        let rows: Vec<Sequence<'_>> = chunk
            .iter()
            .map(|tokens| Sequence {
                prompt_ids: &PROMPT,
                completion_ids: tokens,
                kept: None,
                value_after: false,
            })
            .collect();
        let logprobs = forward_decoder(decoder, &rows, options).logprobs;
        let logprobs: Vec<f32> = logprobs.into_data().iter::<f32>().collect();
        sums.extend(
            logprobs.chunks(LENGTH).map(|row| row.iter().map(|x| f64::from(*x)).sum::<f64>()),
        );
    }
    sums
}

/// What is known exactly about a policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exact {
    /// `E[r]`.
    pub(crate) reward: f64,
    /// `KL(π ‖ π_ref)`, in nats.
    pub(crate) kl: f64,
}

impl Exact {
    /// By summing over all answers.
    pub(crate) fn of(policy: &[f64], reference: &[f64], rewards: &[f64]) -> Self {
        let rows = || policy.iter().zip(reference).zip(rewards);
        let reward = rows().map(|((p, _), r)| p.exp() * r).sum();
        let kl = rows().map(|((p, q), _)| p.exp() * (p - q)).sum();
        Self { reward, kl }
    }

    /// What is maximised: `J = E[r] − β·KL`.
    pub(crate) fn objective(self, beta: f64) -> f64 {
        self.reward - beta * self.kl
    }
}

/// The best policy there is, `π*(y) ∝ π_ref(y)·exp(r(y)/β)`, as log-probabilities, and
/// `J* = β·log Z`.
pub(crate) fn optimum(reference: &[f64], rewards: &[f64], beta: f64) -> (Vec<f64>, f64) {
    let scores: Vec<f64> = reference.iter().zip(rewards).map(|(q, r)| q + r / beta).collect();
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_z = largest + scores.iter().map(|s| (s - largest).exp()).sum::<f64>().ln();
    (scores.iter().map(|s| s - log_z).collect(), beta * log_z)
}

/// A fresh policy: two small layers.
pub(crate) fn fresh(seed: u64, device: &Device) -> anyhow::Result<Decoder> {
    let sizes = hybrid_model::init::InitConfig {
        model_type: "gpt2".to_owned(),
        vocab_size: VOCAB,
        hidden_size: 64,
        layers: 2,
        heads: 4,
        kv_heads: None,
        intermediate_size: None,
        context: 8,
        tie_embeddings: false,
    };
    Ok(hybrid_model::init::init(&sizes.to_config()?, seed, device))
}
