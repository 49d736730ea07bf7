//! From hidden states to what the loss needs of each predicted token, without all logits at once.

use burn::tensor::{Int, Tensor};
use hybrid_model::Decoder;
use hybrid_model::ops::LogprobOptions;

use crate::config::SftConfig;

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
    let options = LogprobOptions {
        mean_logprob: config.label_smoothing > 0.0,
        log_z: config.z_loss_coef > 0.0,
        ..LogprobOptions::default()
    };
    let scored = decoder.token_logprobs_with(hidden, targets, &options);
    Terms { logprobs: scored.logprobs, mean_logprobs: scored.mean_logprob, log_z: scored.log_z }
}
