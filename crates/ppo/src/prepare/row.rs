//! One counted row: what it is checked for, and its rewards.

use super::widen;
use crate::config::{KlConfig, KlEstimator, PpoConfig, ScoreAt, Truncated};
use crate::episode::{End, Episode, Score};
use crate::error::PpoError;
use crate::score::ScoreMoments;

/// One counted row, in `f64`.
pub(super) struct Row {
    /// Its place in the rollout.
    pub(super) index: usize,
    /// Completion tokens, `n`.
    pub(super) tokens: usize,
    /// The estimate of the KL of each token, `[n]`, clipped as configured.
    pub(super) kl: Vec<f64>,
    /// What the KL takes from the reward, over the row.
    pub(super) penalty: f64,
    /// The score after normalising, clipping and the penalty for a missing end.
    pub(super) score: f64,
    /// `[m]`, see [`super::PreparedRow`].
    pub(super) rewards: Vec<f64>,
    /// `[m]`; empty without a critic.
    pub(super) values: Vec<f64>,
    /// The value of what follows the last slot.
    pub(super) after: f64,
}

/// Checks that the parts of a counted row fit each other and are finite.
pub(super) fn check(row: usize, episode: &Episode, config: &PpoConfig) -> Result<(), PpoError> {
    let n = episode.len();
    let one_each = format!("{n}, one a completion token");
    let length = |field, found: usize, holds: bool, expected: &str| {
        let expected = expected.to_owned();
        if holds { Ok(()) } else { Err(PpoError::RowLength { row, field, found, expected }) }
    };
    for (field, found) in
        [("logprobs", episode.logprobs.len()), ("ref_logprobs", episode.ref_logprobs.len())]
    {
        length(field, found, found == n, &one_each)?;
    }
    if let Score::PerToken(scores) = &episode.score {
        length("score", scores.len(), scores.len() == n, &one_each)?;
    }
    let found = episode.values.len();
    if config.needs_values() {
        let bootstraps = config.truncated == Truncated::Bootstrap && episode.end == End::Truncated;
        let expected = if bootstraps {
            format!("{}: one a completion token and one after the last", n + 1)
        } else {
            format!("{n} or {}", n + 1)
        };
        length("values", found, found == n + 1 || (found == n && !bootstraps), &expected)?;
    }
    let parts = [
        ("logprobs", &episode.logprobs),
        ("ref_logprobs", &episode.ref_logprobs),
        ("values", &episode.values),
    ];
    for (field, numbers) in parts {
        if let Some(token) = numbers.iter().position(|number| !number.is_finite()) {
            return Err(PpoError::NotFinite { row, field, token });
        }
    }
    Ok(())
}

impl Row {
    /// Rewards of a checked row.
    pub(super) fn new(
        index: usize,
        episode: &Episode,
        kl_coef: f64,
        moments: &ScoreMoments,
        config: &PpoConfig,
    ) -> Self {
        let n = episode.len();
        let has_slot_after = config.is_trl() && episode.values.len() == n + 1;
        let slots = if has_slot_after { n + 1 } else { n };
        let kl = token_kl(&widen(&episode.logprobs), &widen(&episode.ref_logprobs), &config.kl);
        let coef = if config.kl.placement.in_reward() { kl_coef } else { 0.0 };
        let mut rewards: Vec<f64> = kl.iter().map(|kl| -coef * kl).collect();
        rewards.resize(slots, 0.0);
        let penalty = rewards.iter().sum();
        let scores = token_scores(episode, moments, config);
        // The last score belongs to the last slot: the last token, or TRL's slot after it.
        let (last, others) = scores.split_last().map_or((0.0, &[][..]), |(l, o)| (*l, o));
        for (reward, score) in rewards.iter_mut().zip(others) {
            *reward += score;
        }
        if let Some(reward) = rewards.last_mut() {
            *reward += last;
        }
        let values = widen(&episode.values);
        let bootstraps = config.truncated == Truncated::Bootstrap && episode.end == End::Truncated;
        let after = if bootstraps { values.get(n).copied().unwrap_or(0.0) } else { 0.0 };
        let values = if config.needs_values() { values } else { Vec::new() };
        let values = values.into_iter().take(slots).collect();
        let score = scores.iter().sum();
        Self { index, tokens: n, kl, penalty, score, rewards, values, after }
    }
}

/// The KL of each token as the reward has it.
fn token_kl(logprobs: &[f64], ref_logprobs: &[f64], config: &KlConfig) -> Vec<f64> {
    let estimate = |log_ratio: f64| match config.reward_estimator() {
        KlEstimator::K3 => (-log_ratio).exp() - 1.0 + log_ratio,
        KlEstimator::K1 | KlEstimator::K2 | KlEstimator::K3Plus => log_ratio,
    };
    let bound = |kl: f64| config.clip.map_or(kl, |clip| kl.clamp(-clip, clip));
    logprobs.iter().zip(ref_logprobs).map(|(new, old)| bound(estimate(new - old))).collect()
}

/// The score of each token, `[n]`.
fn token_scores(episode: &Episode, moments: &ScoreMoments, config: &PpoConfig) -> Vec<f64> {
    let process = |score: f64| moments.apply(score, &config.scores);
    let mut scores = match (&episode.score, config.score_at) {
        (Score::PerToken(scores), ScoreAt::PerToken) => {
            scores.iter().map(|score| process(*score)).collect()
        }
        (score, _) => {
            let mut scores = vec![0.0; episode.len()];
            if let Some(last) = scores.last_mut() {
                *last = process(score.total().unwrap_or(0.0));
            }
            scores
        }
    };
    if let (End::Truncated, Some(penalty), Some(last)) =
        (episode.end, config.missing_eos_penalty, scores.last_mut())
    {
        *last -= penalty;
    }
    scores
}
