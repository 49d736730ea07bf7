//! Log-probabilities and values of the current model to the loss.
//!
//! Tensors are flat over the completion tokens of the rows at hand: `n` tokens, and `m` slots of
//! the critic, which are the same but with `compat = "trl"`.

mod terms;

use burn::tensor::Tensor;

use crate::config::{Estimator, PpoConfig};
use crate::error::PpoError;
use crate::stats::LossSums;

/// What the loss reads of some rows: all of a minibatch, or a part that fits into memory.
#[derive(Debug, Clone)]
pub struct LossInputs {
    /// Log-probabilities under the policy being updated, `[n]`, nats; carries the gradient. At the
    /// temperature, positions and kept tokens of the rollout.
    pub logprobs: Tensor<1>,
    /// The same before the update, `[n]`; constant. Under the policy that sampled the rollout, or
    /// with `weights` one close to it.
    pub old_logprobs: Tensor<1>,
    /// The same under the reference, `[n]`; constant.
    pub ref_logprobs: Tensor<1>,
    /// Advantages of [`Prepared::advantages`](crate::Prepared::advantages), `[n]`; constant.
    pub advantages: Tensor<1>,
    /// Importance weights `π_old / μ` where sampling followed another distribution `μ` than
    /// `old_logprobs`, `[n]`; constant. They multiply the policy loss and the KL. Made by
    /// [`Importance`](crate::Importance).
    pub weights: Option<Tensor<1>>,
    /// Entropy of the next-token distribution before each token, `[n]`, nats. Needed, with its
    /// gradient, where `entropy_coef` is above 0; else only measured. With `compat = "trl"` it may
    /// cover `padded_slots` instead.
    pub entropy: Option<Tensor<1>>,
    /// What the critic says; needed where the configuration has one.
    pub values: Option<ValueInputs>,
    /// Rows times their padded length, for TRL's means over padding. Only with `compat = "trl"`.
    pub padded_slots: Option<usize>,
}

/// What the value loss reads of some rows.
#[derive(Debug, Clone)]
pub struct ValueInputs {
    /// Values of the current critic, `[m]`, in units of reward; carries the gradient.
    pub values: Tensor<1>,
    /// Values at rollout, `[m]`; constant.
    pub old_values: Tensor<1>,
    /// [`PreparedRow::returns`](crate::PreparedRow), `[m]`; constant.
    pub returns: Tensor<1>,
}

/// By what sums are divided: the counts of the whole optimizer step, over all of its parts, so that
/// the losses of parts add up to the loss of the whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normaliser {
    /// Counted completion tokens.
    pub tokens: f64,
    /// Slots of the critic; equal to `tokens` but with `compat = "trl"`.
    pub value_slots: f64,
}

impl Normaliser {
    /// One completion token, one slot.
    #[must_use]
    pub fn tokens(tokens: usize) -> Self {
        Self { tokens: tokens as f64, value_slots: tokens as f64 }
    }

    /// TRL's mean of means: this part's own counts, times the parts of the optimizer step.
    #[must_use]
    pub fn mean_of_means(tokens: usize, value_slots: usize, parts: usize) -> Self {
        let parts = parts as f64;
        Self { tokens: tokens as f64 * parts, value_slots: value_slots as f64 * parts }
    }
}

/// What changes from one optimizer step to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// Weight of the KL in the loss; without effect where the penalty is in the reward.
    pub kl_coef: f64,
    /// By what sums are divided.
    pub normaliser: Normaliser,
    /// False while only the critic is trained ([`PpoConfig::trains_policy`]).
    pub trains_policy: bool,
}

/// The loss of some rows.
#[derive(Debug, Clone)]
pub struct PpoLoss {
    /// What to minimise: policy loss, value loss, KL and entropy with their coefficients, `[1]`.
    pub total: Tensor<1>,
    /// Sums for the statistics; constant. Read them with [`LossSums::read`].
    pub sums: Tensor<1>,
}

/// The loss of some rows and the sums of its statistics.
///
/// `total = policy_loss + value_coef·value_loss + kl_coef·kl_loss − entropy_coef·entropy`, each a
/// sum over the rows at hand divided by the normaliser. The policy loss is PPO's clipped surrogate
/// (Schulman et al. 2017, <https://arxiv.org/abs/1707.06347>, equation 7), without the clip for
/// `a2c` and `reinforce`. KL in the loss is weighted by the ratio, as a constant, so that it stays
/// an estimate under the current policy after the first optimizer step.
///
/// # Errors
///
/// [`PpoError::LossShape`] where lengths differ or there is no token; [`PpoError::LossInput`] where
/// the configuration needs entropy or values and they are absent.
pub fn loss(inputs: LossInputs, update: &Update, config: &PpoConfig) -> Result<PpoLoss, PpoError> {
    let tokens = check(&inputs, config)?;
    let slots = inputs.values.as_ref().map_or(0, |inputs| len(&inputs.values));
    let padded_slots = inputs.padded_slots.unwrap_or(tokens);
    let entropy_slots = inputs.entropy.as_ref().map_or(0, len);

    let log_ratio = inputs.logprobs.clone() - inputs.old_logprobs.detach();
    let ratio = log_ratio.clone().exp();
    let weights = inputs.weights.map(Tensor::detach);
    let policy = terms::policy(ratio.clone(), inputs.advantages.detach(), weights.clone(), config);
    let behaviour = terms::weighted(ratio.clone().detach(), weights);
    let kl = terms::kl(inputs.logprobs, inputs.ref_logprobs.detach(), behaviour, config);
    let value = inputs.values.map(|inputs| terms::value(inputs, config));
    let entropy = inputs.entropy.map(Tensor::sum);

    let Normaliser { tokens: per_token, value_slots: per_slot } = update.normaliser;
    let mut parts = Vec::new();
    if update.trains_policy {
        parts.push(policy.sum.clone() / per_token);
        if config.kl.placement.in_loss() {
            parts.push(kl.loss_sum.clone() * (update.kl_coef / per_token));
        }
        if let Some(entropy) = entropy.clone().filter(|_| config.entropy_coef > 0.0) {
            parts.push(entropy * (-config.entropy_coef / per_token));
        }
    }
    if let Some(value) = &value {
        parts.push(value.sum.clone() * (config.value_coef / per_slot));
    }
    let Some(total) = parts.into_iter().reduce(|sum, part| sum + part) else {
        let reason = "the update trains only the critic";
        return Err(PpoError::LossInput { field: "values", reason });
    };
    let sums = terms::sums(terms::Terms { log_ratio, ratio, policy, kl, value, entropy });
    let counts = [tokens, slots, entropy_slots, padded_slots].map(|count| count as f32);
    let counts = Tensor::<1>::from_floats(counts, &sums.device());
    Ok(PpoLoss { total, sums: Tensor::cat(vec![sums, counts], 0) })
}

impl LossSums {
    /// Reads the sums of a loss back from its device, which waits for it.
    ///
    /// # Errors
    ///
    /// [`PpoError::Readback`] where the tensor is not one that [`loss`] made.
    pub fn read(sums: Tensor<1>) -> Result<Self, PpoError> {
        let numbers = sums.into_data().try_into_vec_as::<f32>();
        let numbers =
            numbers.map_err(|error| PpoError::Readback { reason: format!("{error:?}") })?;
        Self::from_slice(&numbers).ok_or_else(|| PpoError::Readback {
            reason: format!("it holds {} numbers", numbers.len()),
        })
    }
}

/// Checks lengths, and that what the configuration needs is there. Returns `n`.
fn check(inputs: &LossInputs, config: &PpoConfig) -> Result<usize, PpoError> {
    let n = len(&inputs.logprobs);
    let same = |field, tensor: &Tensor<1>, expected| {
        let found = len(tensor);
        let holds = found == expected;
        if holds { Ok(()) } else { Err(PpoError::LossShape { field, found, expected }) }
    };
    if n == 0 {
        return Err(PpoError::LossShape { field: "logprobs", found: 0, expected: 1 });
    }
    same("old_logprobs", &inputs.old_logprobs, n)?;
    same("ref_logprobs", &inputs.ref_logprobs, n)?;
    same("advantages", &inputs.advantages, n)?;
    if let Some(weights) = &inputs.weights {
        same("weights", weights, n)?;
    }
    match &inputs.entropy {
        Some(entropy) => {
            let padded = inputs.padded_slots.filter(|_| config.is_trl());
            same("entropy", entropy, padded.unwrap_or(n))?;
        }
        None if config.entropy_coef > 0.0 => {
            let reason = "`entropy_coef` is above 0";
            return Err(PpoError::LossInput { field: "entropy", reason });
        }
        None => {}
    }
    match &inputs.values {
        Some(inputs) => {
            let m = len(&inputs.values);
            same("old_values", &inputs.old_values, m)?;
            same("returns", &inputs.returns, m)?;
            if !config.is_trl() {
                same("values", &inputs.values, n)?;
            }
        }
        None if config.needs_values() => {
            let reason = match config.estimator {
                Estimator::Gae => "`estimator` is \"gae\"",
                Estimator::A2c => "`estimator` is \"a2c\"",
                Estimator::Reinforce => "`baseline` is \"value\"",
            };
            return Err(PpoError::LossInput { field: "values", reason });
        }
        None => {}
    }
    Ok(n)
}

fn len(tensor: &Tensor<1>) -> usize {
    let [len] = tensor.dims();
    len
}

#[cfg(test)]
mod tests;
