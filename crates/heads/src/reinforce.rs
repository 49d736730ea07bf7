//! Reward feedback for a head: its own predictions are rewarded, and it makes good ones likelier.
//!
//! With logits `z` of row `i`, a prediction `a_i` drawn from `softmax(z)` and its reward `r_i`, the
//! loss of a row is
//!
//! ```text
//! −(r_i − b_i) · log p(a_i) − β · H(p)
//! ```
//!
//! whose expected gradient is that of `−E[r] − β · H`, whatever the baseline `b_i`, as long as it does
//! not depend on `a_i` (Williams 1992). Predictions must be drawn by the weights that are updated:
//! there is no importance weight. A greedy prediction ([`Pick::Greedy`]) is not drawn, and its
//! gradient is biased: it only ever makes what is already likeliest more or less so.

use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;
use serde::{Deserialize, Serialize};

use crate::error::{HeadsError, all_finite, class_below, require, same_length};
use crate::losses::{HeadLoss, at, constant, counted, select};
use crate::stream::{Purpose, draw, stream};

/// How a prediction is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// Drawn from the predicted distribution: the gradient is unbiased.
    #[default]
    Sample,
    /// The likeliest class, the first of equals.
    Greedy,
}

/// What a reward is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Baseline {
    /// With nothing.
    None,
    /// With the mean reward of the other rows of the batch (Kool et al. 2019); with 0 where there
    /// is no other.
    #[default]
    LeaveOneOut,
    /// With a moving average of the mean rewards of earlier batches, see [`EmaBaseline`].
    Ema {
        /// How much of the average stays at each batch. In [0, 1).
        decay: f64,
    },
}

/// How rewards become a loss.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReinforceOptions {
    /// What a reward is compared with.
    pub baseline: Baseline,
    /// The factor `β` of the entropy, which keeps the head from being certain too early. At least 0.
    pub entropy_coef: f64,
}

impl ReinforceOptions {
    /// Checks the ranges. NaN is out of every range.
    ///
    /// # Errors
    ///
    /// [`HeadsError::OutOfRange`] naming the first setting out of range.
    pub fn validate(&self) -> Result<(), HeadsError> {
        let coef = self.entropy_coef;
        let usable = coef >= 0.0 && (coef as f32).is_finite();
        require(usable, "entropy_coef", coef, "a finite number of at least 0")?;
        match self.baseline {
            Baseline::Ema { decay } => {
                require((0.0..1.0).contains(&decay), "decay", decay, "in [0, 1)")
            }
            Baseline::None | Baseline::LeaveOneOut => Ok(()),
        }
    }
}

/// The moving average of [`Baseline::Ema`]. All of it is saved in a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmaBaseline {
    mean: f64,
    /// Summed weights of what is in `mean`, which corrects its start at 0.
    weight: f64,
}

impl EmaBaseline {
    /// The average of the batches so far, each weighing `decay` times the one after it; 0 before the
    /// first.
    #[must_use]
    pub fn value(&self) -> f64 {
        if self.weight > 0.0 { self.mean / self.weight } else { 0.0 }
    }

    fn update(&mut self, mean: f64, decay: f64) {
        self.mean = decay * self.mean + (1.0 - decay) * mean;
        self.weight = decay * self.weight + (1.0 - decay);
    }
}

/// Predictions of a batch, one a row; a function of logits, seed and step alone.
///
/// `logits` are rows of `classes` numbers.
///
/// # Errors
///
/// [`HeadsError`] where there is no class, the rows are not whole, or a logit is not finite.
pub fn predict(
    logits: &[f32],
    classes: usize,
    pick: Pick,
    seed: u64,
    step: u64,
) -> Result<Vec<usize>, HeadsError> {
    require(classes >= 1, "classes", classes as f64, "at least 1")?;
    same_length("logits", logits.len(), logits.len() / classes * classes)?;
    all_finite("logits", logits.iter().map(|logit| f64::from(*logit)))?;
    let mut rng = stream(seed, Purpose::Prediction, step);
    let one = |row: &[f32]| {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        match pick {
            Pick::Greedy => row.iter().position(|logit| *logit >= largest).unwrap_or(0),
            Pick::Sample => {
                let weight = |logit: &f32| f64::from(logit - largest).exp();
                draw(&mut rng, &row.iter().map(weight).collect::<Vec<_>>())
            }
        }
    };
    Ok(logits.chunks_exact(classes).map(one).collect())
}

/// The REINFORCE loss of a batch. Rows without a reward take no part, in no baseline either.
///
/// `average` is used and updated where the baseline is [`Baseline::Ema`]; the reward of a batch
/// changes it after the batch was compared with it.
///
/// # Shapes
///
/// - `logits`: `[n, c]`; `predictions`: `n` classes; `rewards`: `n` numbers
///
/// # Errors
///
/// [`HeadsError`] where no row has a reward, a prediction is no class, a reward is not finite, the
/// lengths differ, or an option is out of range.
pub fn reinforce(
    logits: Tensor<2>,
    predictions: &[usize],
    rewards: &[Option<f64>],
    options: &ReinforceOptions,
    average: &mut EmaBaseline,
) -> Result<HeadLoss, HeadsError> {
    options.validate()?;
    let [rows, classes] = logits.dims();
    same_length("predictions", predictions.len(), rows)?;
    let (places, rewards) = counted("rewards", rewards, rows)?;
    all_finite("rewards", rewards.iter().copied())?;
    let predictions: Vec<usize> =
        places.iter().filter_map(|row| predictions.get(*row).copied()).collect();
    predictions.iter().try_for_each(|class| class_below("predictions", *class, classes))?;

    let advantages = advantages(&rewards, options.baseline, average);
    let logprobs = log_softmax(select(logits, &places), 1);
    let device = logprobs.device();
    let advantages = constant(advantages.iter().map(|x| *x as f32).collect(), &device);
    let mut sum = -(at(logprobs.clone(), &predictions) * advantages).sum();
    if options.entropy_coef > 0.0 {
        let negative_entropy = (logprobs.clone().exp() * logprobs).sum();
        sum = sum + negative_entropy * options.entropy_coef;
    }
    let count = rewards.len();
    Ok(HeadLoss { sum, weight: count as f64, count })
}

/// Rewards minus the baseline, for a batch whose loss is computed in parts: a part's loss is
/// [`reinforce`] of these with [`Baseline::None`]. Rows without a reward have no part in the baseline.
///
/// `average` is as in [`reinforce`].
#[must_use]
pub fn centred(
    rewards: &[Option<f64>],
    baseline: Baseline,
    average: &mut EmaBaseline,
) -> Vec<Option<f64>> {
    let known: Vec<f64> = rewards.iter().flatten().copied().collect();
    if known.is_empty() {
        return rewards.to_vec();
    }
    let mut advantages = advantages(&known, baseline, average).into_iter();
    rewards.iter().map(|reward| reward.and_then(|_| advantages.next())).collect()
}

/// Rewards minus the baseline.
fn advantages(rewards: &[f64], baseline: Baseline, average: &mut EmaBaseline) -> Vec<f64> {
    let count = rewards.len() as f64;
    let total: f64 = rewards.iter().sum();
    match baseline {
        Baseline::None => rewards.to_vec(),
        Baseline::LeaveOneOut => {
            let others = |reward: f64| (total - reward) / (count - 1.0).max(1.0);
            rewards.iter().map(|reward| reward - others(*reward)).collect()
        }
        Baseline::Ema { decay } => {
            let before = average.value();
            average.update(total / count, decay);
            rewards.iter().map(|reward| reward - before).collect()
        }
    }
}

#[cfg(test)]
mod tests;
