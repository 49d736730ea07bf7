//! Which of two texts is better: the Bradley–Terry loss of a reward model.

use burn::tensor::Tensor;
use burn::tensor::activation::log_sigmoid;
use serde::{Deserialize, Serialize};

use super::{HeadLoss, constant};
use crate::error::{HeadsError, all_finite, require, same_length};

/// How preferences become a loss.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PairwiseOptions {
    /// The factor `λ` of `(r₊ + r₋)²`, which keeps rewards around 0, where the preference alone says
    /// nothing about their mean (Eisenstein et al. 2023, <https://arxiv.org/abs/2312.09244>, use
    /// 0.01). At least 0.
    pub center_coef: f64,
}

/// The negative log-likelihood of the preferences, `−log σ(r₊ − r₋ − m)`, in nats, with the centring
/// term; both are means over pairs, as in TRL's `RewardTrainer`.
///
/// # Shapes
///
/// - `chosen`, `rejected`: `[n]`, the rewards of the better and the worse texts
/// - `margins`: `n` numbers `m` by which the one must lead (Touvron et al. 2023, §3.2.2), or none
///
/// # Errors
///
/// [`HeadsError`] where there is no pair, the lengths differ, a margin is not finite, or the
/// coefficient is out of range.
pub fn pairwise(
    chosen: Tensor<1>,
    rejected: Tensor<1>,
    margins: Option<&[f32]>,
    options: &PairwiseOptions,
) -> Result<HeadLoss, HeadsError> {
    let ([count], [others]) = (chosen.dims(), rejected.dims());
    same_length("rejected", others, count)?;
    let coef = options.center_coef;
    let usable = coef >= 0.0 && (coef as f32).is_finite();
    require(usable, "center_coef", coef, "a finite number of at least 0")?;
    if count == 0 {
        return Err(HeadsError::NothingCounts);
    }
    let mut lead = chosen.clone() - rejected.clone();
    if let Some(margins) = margins {
        same_length("margins", margins.len(), count)?;
        all_finite("margins", margins.iter().map(|margin| f64::from(*margin)))?;
        let device = lead.device();
        lead = lead - constant(margins.to_vec(), &device);
    }
    let mut sum = -log_sigmoid(lead).sum();
    if coef > 0.0 {
        sum = sum + (chosen + rejected).square().sum() * coef;
    }
    Ok(HeadLoss { sum, weight: count as f64, count })
}
