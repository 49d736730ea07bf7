//! From hidden states to what the loss needs of each predicted token, without all logits at once.

use burn::tensor::{Int, Tensor};
use hybrid_model::Decoder;

use crate::config::SftConfig;

/// Rows whose logits are made at once.
const CHUNK: usize = 256;

/// Per counted token, `[n]` each.
pub(crate) struct Terms {
    /// Log-probability of the token, in nats.
    pub(crate) logprobs: Tensor<1>,
    /// Mean log-probability over the vocabulary, where label smoothing asks for it.
    pub(crate) mean_logprobs: Option<Tensor<1>>,
    /// `log Σ exp z`, where z-loss asks for it.
    pub(crate) log_z: Option<Tensor<1>>,
}

/// Computes only what `config` asks for.
///
/// # Shapes
///
/// - `hidden`: `[n, e]`, `targets`: `[n]`
pub(crate) fn terms(
    decoder: &Decoder,
    hidden: Tensor<2>,
    targets: Tensor<1, Int>,
    config: &SftConfig,
) -> Terms {
    let (smooths, penalises) = (config.label_smoothing > 0.0, config.z_loss_coef > 0.0);
    if !smooths && !penalises {
        let logprobs = decoder.token_logprobs(hidden, targets, 1.0);
        return Terms { logprobs, mean_logprobs: None, log_z: None };
    }
    let [rows, _] = hidden.dims();
    let (mut logprobs, mut means, mut log_zs) = (Vec::new(), Vec::new(), Vec::new());
    for start in (0..rows).step_by(CHUNK) {
        let range = start..(start + CHUNK).min(rows);
        let part = hidden.clone().slice_dim(0, range.clone());
        let logits = decoder.logits(part.unsqueeze_dim::<3>(0)).squeeze_dim::<2>(0);
        let largest = logits.clone().detach().max_dim(1);
        let log_z = (logits.clone() - largest.clone()).exp().sum_dim(1).log() + largest;
        let index = targets.clone().slice_dim(0, range).unsqueeze_dim::<2>(1);
        logprobs.push((logits.clone().gather(1, index) - log_z.clone()).squeeze_dim::<1>(1));
        means.push((logits.mean_dim(1) - log_z.clone()).squeeze_dim::<1>(1));
        log_zs.push(log_z.squeeze_dim::<1>(1));
    }
    Terms {
        logprobs: Tensor::cat(logprobs, 0),
        mean_logprobs: smooths.then(|| Tensor::cat(means, 0)),
        log_z: penalises.then(|| Tensor::cat(log_zs, 0)),
    }
}
