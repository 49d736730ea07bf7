//! What is known of a rollout before the first optimizer step.

use std::collections::BTreeMap;

use super::row::Row;
use crate::episode::{End, Episode};
use crate::whiten::{Variance, mean_and_variance};

/// Numbers of one rollout. Means are over counted rows, or their tokens, and NaN where there is
/// none; null rows are in `rows` and `null_rows` only.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RolloutStats {
    /// Rows of the rollout.
    pub rows: usize,
    /// Rows that stay out: no finite score, or no token.
    pub null_rows: usize,
    /// Completion tokens of the counted rows.
    pub tokens: usize,
    /// Counted rows that ended by the limit on tokens.
    pub truncated_rows: usize,
    /// Mean of the scores as the reward function gave them, per row.
    pub score_mean: f64,
    /// Their standard deviation, population form.
    pub score_std: f64,
    /// The lowest.
    pub score_min: f64,
    /// The highest.
    pub score_max: f64,
    /// Mean of the scores after normalising, clipping and the penalty for a missing end, per row.
    pub processed_score_mean: f64,
    /// Mean over rows of the sum over tokens of the KL estimate that the reward uses (k1 but in
    /// TRL's mode, clipped as configured), nats a sequence. What a KL controller follows.
    pub ref_kl: f64,
    /// The same sum over all tokens, nats a token.
    pub ref_kl_token: f64,
    /// Mean over rows of what the KL takes from the reward: `−kl_coef` times its sum.
    pub kl_reward: f64,
    /// Mean over rows of `processed_score_mean` and `kl_reward` together.
    pub reward_mean: f64,
    /// Mean over rows of minus the log-probability of the completion: an estimate of the entropy
    /// of sequences, nats a sequence.
    pub sequence_entropy: f64,
    /// Mean advantage before whitening, per token.
    pub advantage_mean: f64,
    /// Standard deviation of advantages before whitening, population form.
    pub advantage_std: f64,
    /// Mean return per slot.
    pub return_mean: f64,
    /// Mean value at rollout per slot; NaN without a critic.
    pub value_mean: f64,
    /// `1 − Var(returns − values) / Var(returns)` with the values at rollout; NaN where returns do
    /// not vary or there is no critic.
    pub explained_variance: f64,
}

impl RolloutStats {
    pub(super) fn new(episodes: &[Episode], rows: &[Row]) -> Self {
        let counted = || episodes.iter().filter(|episode| episode.counts());
        let scores: Vec<f64> = counted().filter_map(|episode| episode.score.total()).collect();
        let (score_mean, variance) = moments(scores.iter().copied());
        let per_row = |value: fn(&Row) -> f64| mean(rows.iter().map(value));
        let kl_sum: f64 = rows.iter().flat_map(|row| &row.kl).sum();
        let tokens = rows.iter().map(|row| row.tokens).sum::<usize>();
        let log_probability =
            |episode: &Episode| episode.logprobs.iter().copied().map(f64::from).sum::<f64>();
        Self {
            rows: episodes.len(),
            null_rows: episodes.len() - rows.len(),
            tokens,
            truncated_rows: counted().filter(|episode| episode.end == End::Truncated).count(),
            score_mean,
            score_std: variance.sqrt(),
            score_min: scores.iter().copied().fold(f64::NAN, f64::min),
            score_max: scores.iter().copied().fold(f64::NAN, f64::max),
            processed_score_mean: per_row(|row| row.score),
            ref_kl: per_row(|row| row.kl.iter().sum()),
            ref_kl_token: kl_sum / tokens as f64,
            kl_reward: per_row(|row| row.penalty),
            reward_mean: per_row(|row| row.score + row.penalty),
            sequence_entropy: mean(counted().map(|episode| -log_probability(episode))),
            ..Self::default()
        }
    }

    /// `advantages` and `returns` of each row over its slots, before whitening.
    pub(super) fn add_estimates(
        &mut self,
        rows: &[Row],
        advantages: &[Vec<f64>],
        returns: &[Vec<f64>],
    ) {
        let tokens = advantages.iter().zip(rows).flat_map(|(a, row)| a.iter().take(row.tokens));
        let (advantage_mean, variance) = moments(tokens.copied());
        let values = || rows.iter().flat_map(|row| row.values.iter().copied());
        let residuals = returns.iter().flatten().zip(values()).map(|(g, value)| g - value);
        let (return_mean, return_variance) = moments(returns.iter().flatten().copied());
        let (_, residual_variance) = moments(residuals);
        self.advantage_mean = advantage_mean;
        self.advantage_std = variance.sqrt();
        self.return_mean = return_mean;
        self.value_mean = mean(values());
        self.explained_variance = if return_variance > 0.0 {
            1.0 - residual_variance / return_variance
        } else {
            f64::NAN
        };
    }

    /// The numbers by their metric names. A number that is not defined is NaN.
    #[must_use]
    pub fn metrics(&self) -> BTreeMap<&'static str, f64> {
        let counted = (self.rows - self.null_rows) as f64;
        BTreeMap::from([
            ("rollout/rows", self.rows as f64),
            ("rollout/null_rows", self.null_rows as f64),
            ("rollout/completion_tokens_mean", self.tokens as f64 / counted),
            ("rollout/truncated_fraction", self.truncated_rows as f64 / counted),
            ("rollout/score_mean", self.score_mean),
            ("rollout/score_std", self.score_std),
            ("rollout/score_min", self.score_min),
            ("rollout/score_max", self.score_max),
            ("rollout/processed_score_mean", self.processed_score_mean),
            ("rollout/ref_kl", self.ref_kl),
            ("rollout/ref_kl_token", self.ref_kl_token),
            ("rollout/kl_reward", self.kl_reward),
            ("rollout/reward_mean", self.reward_mean),
            ("rollout/sequence_entropy", self.sequence_entropy),
            ("ppo/advantage_mean", self.advantage_mean),
            ("ppo/advantage_std", self.advantage_std),
            ("ppo/return_mean", self.return_mean),
            ("ppo/value_mean", self.value_mean),
            ("ppo/explained_variance", self.explained_variance),
        ])
    }
}

fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    mean_and_variance(values, Variance::Population)
}

/// NaN of nothing.
fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    moments(values).0
}
