//! The terms of the loss, each a sum over tokens.

use burn::tensor::{Bool, Tensor};

use super::ValueInputs;
use crate::config::{Estimator, KlEstimator, PpoConfig};

/// A term and how many of its tokens were clipped.
pub(super) struct Clipped {
    /// `[1]`; carries the gradient.
    pub(super) sum: Tensor<1>,
    /// `[1]`.
    count: Tensor<1>,
}

/// KL against the reference.
pub(super) struct Kl {
    /// The configured estimate in the loss, `[1]`; carries the gradient.
    pub(super) loss_sum: Tensor<1>,
    /// k1, weighted by the ratio, `[1]`.
    k1_sum: Tensor<1>,
}

/// Everything the statistics are made of.
pub(super) struct Terms {
    pub(super) log_ratio: Tensor<1>,
    pub(super) ratio: Tensor<1>,
    pub(super) policy: Clipped,
    pub(super) kl: Kl,
    pub(super) value: Option<Clipped>,
    pub(super) entropy: Option<Tensor<1>>,
}

pub(super) fn weighted(values: Tensor<1>, weights: Option<Tensor<1>>) -> Tensor<1> {
    match weights {
        Some(weights) => values * weights,
        None => values,
    }
}

/// PPO's clipped surrogate, or the plain one where the estimator has no clip.
///
/// # Shapes
///
/// - `ratio`, `advantages`, `weights`: `[n]`
pub(super) fn policy(
    ratio: Tensor<1>,
    advantages: Tensor<1>,
    weights: Option<Tensor<1>>,
    config: &PpoConfig,
) -> Clipped {
    let unclipped = -advantages.clone() * ratio.clone();
    if config.estimator != Estimator::Gae {
        let count = Tensor::zeros([1], &ratio.device());
        return Clipped { sum: weighted(unclipped, weights).sum(), count };
    }
    let clipped_ratio = ratio.clamp(1.0 - config.clip_range, 1.0 + config.clip_range);
    let clipped = -advantages.clone() * clipped_ratio;
    let count = count(clipped.clone().greater(unclipped.clone()));
    let mut loss = unclipped.max_pair(clipped);
    if let Some(bound) = config.dual_clip {
        let bounded = loss.clone().min_pair(-advantages.clone() * bound);
        loss = loss.mask_where(advantages.lower_elem(0.0), bounded);
    }
    Clipped { sum: weighted(loss, weights).sum(), count }
}

/// Half the squared error of the values, or of the values kept near those at rollout where that is
/// larger.
pub(super) fn value(inputs: ValueInputs, config: &PpoConfig) -> Clipped {
    let ValueInputs { values, old_values, returns } = inputs;
    let (old_values, returns) = (old_values.detach(), returns.detach());
    let unclipped = (values.clone() - returns.clone()).square();
    let range = config.value_clip_range;
    if range == 0.0 {
        let count = Tensor::zeros([1], &values.device());
        return Clipped { sum: unclipped.sum() * 0.5, count };
    }
    let near = (values - old_values.clone()).clamp(-range, range) + old_values;
    let clipped = (near - returns).square();
    let count = count(clipped.clone().greater(unclipped.clone()));
    Clipped { sum: unclipped.max_pair(clipped).sum() * 0.5, count }
}

/// KL of the current policy against the reference; `behaviour` are constant weights that make
/// tokens of the old policy count as tokens of the current one.
///
/// # Shapes
///
/// - `logprobs`, `ref_logprobs`, `behaviour`: `[n]`
pub(super) fn kl(
    logprobs: Tensor<1>,
    ref_logprobs: Tensor<1>,
    behaviour: Tensor<1>,
    config: &PpoConfig,
) -> Kl {
    let k1 = logprobs - ref_logprobs;
    let k1_sum = (k1.clone().detach() * behaviour.clone()).sum();
    let k2 = || k1.clone().square() * 0.5;
    let k3 = || (-k1.clone()).exp() - 1.0 + k1.clone();
    let estimate = match config.kl.loss_estimator() {
        // Refused in a loss; where the penalty is in the reward this term is not used.
        KlEstimator::K1 => k1.clone(),
        KlEstimator::K2 => k2(),
        KlEstimator::K3 => k3(),
        KlEstimator::K3Plus => k3().detach() + k2() - k2().detach(),
    };
    Kl { loss_sum: (estimate * behaviour).sum(), k1_sum }
}

/// The sums in the order of [`crate::LossSums::from_slice`], without its counts; constant.
pub(super) fn sums(terms: Terms) -> Tensor<1> {
    let Terms { log_ratio, ratio, policy, kl, value, entropy } = terms;
    let (log_ratio, ratio) = (log_ratio.detach(), ratio.detach());
    let excess = ratio.clone() - 1.0;
    let zero = Tensor::<1>::zeros([1], &ratio.device());
    let (value_sum, value_count) =
        value.map_or_else(|| (zero.clone(), zero.clone()), |value| (value.sum, value.count));
    let parts = vec![
        policy.sum,
        policy.count,
        value_sum,
        value_count,
        entropy.unwrap_or(zero),
        kl.loss_sum,
        kl.k1_sum,
        (excess.clone() - log_ratio.clone()).sum(),
        log_ratio.square().sum(),
        excess.clone().sum(),
        excess.square().sum(),
        ratio.clone().max(),
        ratio.min(),
    ];
    Tensor::cat(parts.into_iter().map(Tensor::detach).collect(), 0)
}

fn count(mask: Tensor<1, Bool>) -> Tensor<1> {
    mask.float().sum()
}
