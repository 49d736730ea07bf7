//! A finished rollout to advantages and returns.

mod rollout_stats;
mod row;

pub use rollout_stats::RolloutStats;

use crate::advantages::{gae, mean_of_others, returns_to_go};
use crate::config::{Baseline, Estimator, PpoConfig, WhitenScope};
use crate::episode::Episode;
use crate::error::PpoError;
use crate::score::ScoreMoments;
use crate::whiten::{Variance, Whitening, whiten};
use row::Row;

/// A rollout, ready for the update.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// One row an episode, in order.
    pub rows: Vec<PreparedRow>,
    /// What is known before the first optimizer step.
    pub stats: RolloutStats,
}

/// One row, ready for the update. All are constants; all are empty in a null row.
///
/// `m` is `n`, the number of completion tokens. Only with `compat = "trl"` a row whose episode came
/// with `n + 1` values has `m = n + 1`: TRL puts the score on the slot after the end and trains the
/// value there too.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PreparedRow {
    /// False for a null row, which stays out of the update.
    pub counted: bool,
    /// Advantages, whitened where that is over the rollout, `[n]`. For a minibatch ask
    /// [`Prepared::advantages`].
    pub advantages: Vec<f32>,
    /// What the critic learns: advantages before whitening plus values, `[m]`, in units of reward.
    pub returns: Vec<f32>,
    /// Values at rollout, `[m]`; empty without a critic.
    pub old_values: Vec<f32>,
    /// Rewards as the advantages saw them, `[m]`.
    pub rewards: Vec<f32>,
}

/// Turns a rollout into advantages and returns, in `f64`:
///
/// 1. scores that are finite update `moments` and are normalised, clipped, and lowered by the
///    penalty for a missing end;
/// 2. rewards are `−kl_coef · k1` a token where the penalty is in the reward, plus the score on the
///    last token (or each on its own);
/// 3. rewards are whitened, their mean kept, where asked for;
/// 4. the estimator gives advantages; returns are advantages plus values;
/// 5. advantages are whitened over the rollout where asked for.
///
/// Null rows take no part in any of this. Where all rows are null the result has no counted row;
/// what to do then is the caller's to decide.
///
/// # Errors
///
/// [`PpoError::RowLength`] and [`PpoError::NotFinite`] for the first counted row whose parts do not
/// fit each other or hold NaN or infinity.
pub fn prepare(
    episodes: &[Episode],
    kl_coef: f64,
    moments: &mut ScoreMoments,
    config: &PpoConfig,
) -> Result<Prepared, PpoError> {
    let counted: Vec<(usize, &Episode)> =
        episodes.iter().enumerate().filter(|(_, episode)| episode.counts()).collect();
    for (index, episode) in &counted {
        row::check(*index, episode, config)?;
    }
    // Every score of the rollout first, so that no score depends on the order of rows.
    for score in counted.iter().filter_map(|(_, episode)| episode.score.total()) {
        moments.add(score);
    }
    let mut rows: Vec<Row> = counted
        .iter()
        .map(|(index, episode)| Row::new(*index, episode, kl_coef, moments, config))
        .collect();
    let mut stats = RolloutStats::new(episodes, &rows);
    if config.whiten_rewards {
        whiten_rewards(&mut rows, variance(config));
    }
    let (advantages, returns) = estimate(&rows, config);
    stats.add_estimates(&rows, &advantages, &returns);
    Ok(Prepared { rows: finish(episodes.len(), &rows, advantages, &returns, config), stats })
}

impl Prepared {
    /// The rows that count, by their place in the rollout.
    #[must_use]
    pub fn counted(&self) -> Vec<usize> {
        (0..self.rows.len())
            .filter(|index| self.rows.get(*index).is_some_and(|row| row.counted))
            .collect()
    }

    /// The advantages of the rows of one minibatch, each `[n]`: whitened over the minibatch where
    /// that is asked for, else as they are in the rows. Rows beyond the rollout have none.
    #[must_use]
    pub fn advantages(&self, rows: &[usize], config: &PpoConfig) -> Vec<Vec<f32>> {
        let row = |index: &usize| {
            let row = self.rows.get(*index);
            row.map_or_else(Vec::new, |row| row.advantages.clone())
        };
        let advantages: Vec<Vec<f32>> = rows.iter().map(row).collect();
        if !(config.whiten_advantages && config.whiten_scope == WhitenScope::Minibatch) {
            return advantages;
        }
        let mut wide: Vec<Vec<f64>> = advantages.iter().map(|row| widen(row)).collect();
        whiten(&mut wide, Whitening::ZeroMean, variance(config));
        wide.iter().map(|row| narrow(row)).collect()
    }
}

/// The variance that whitening divides by.
fn variance(config: &PpoConfig) -> Variance {
    if config.is_trl() { Variance::Sample } else { Variance::Population }
}

fn whiten_rewards(rows: &mut [Row], variance: Variance) {
    let mut rewards: Vec<Vec<f64>> =
        rows.iter_mut().map(|row| std::mem::take(&mut row.rewards)).collect();
    whiten(&mut rewards, Whitening::KeepMean, variance);
    for (row, rewards) in rows.iter_mut().zip(rewards) {
        row.rewards = rewards;
    }
}

/// Advantages and returns of every row, over its `m` slots.
fn estimate(rows: &[Row], config: &PpoConfig) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let PpoConfig { gamma, gae_lambda, .. } = *config;
    if config.estimator == Estimator::Gae {
        let estimate = |row: &Row| gae(&row.rewards, &row.values, row.after, gamma, gae_lambda);
        let advantages: Vec<Vec<f64>> = rows.iter().map(estimate).collect();
        let returns = advantages.iter().zip(rows).map(|(a, row)| plus(a, &row.values)).collect();
        return (advantages, returns);
    }
    let returns: Vec<Vec<f64>> =
        rows.iter().map(|row| returns_to_go(&row.rewards, row.after, gamma)).collect();
    let advantages = if config.needs_values() {
        returns.iter().zip(rows).map(|(g, row)| minus(g, &row.values)).collect()
    } else {
        let baselines = match config.baseline() {
            Baseline::None | Baseline::Value => vec![0.0; rows.len()],
            Baseline::BatchMean => mean_of_others(&returns),
        };
        let centred = |(g, b): (&Vec<f64>, f64)| g.iter().map(|g| g - b).collect();
        returns.iter().zip(baselines).map(centred).collect()
    };
    (advantages, returns)
}

/// Whitens advantages where that is over the rollout, and puts rows at their places.
fn finish(
    len: usize,
    rows: &[Row],
    mut advantages: Vec<Vec<f64>>,
    returns: &[Vec<f64>],
    config: &PpoConfig,
) -> Vec<PreparedRow> {
    for (row, advantages) in rows.iter().zip(&mut advantages) {
        advantages.truncate(row.tokens);
    }
    if config.whiten_advantages && config.whiten_scope == WhitenScope::Batch {
        whiten(&mut advantages, Whitening::ZeroMean, variance(config));
    }
    let mut prepared = vec![PreparedRow::default(); len];
    for ((row, advantages), returns) in rows.iter().zip(&advantages).zip(returns) {
        if let Some(place) = prepared.get_mut(row.index) {
            *place = PreparedRow {
                counted: true,
                advantages: narrow(advantages),
                returns: narrow(returns),
                old_values: narrow(&row.values),
                rewards: narrow(&row.rewards),
            };
        }
    }
    prepared
}

fn plus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

#[cfg(test)]
mod tests;
