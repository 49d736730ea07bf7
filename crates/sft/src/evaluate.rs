//! How probable held-out examples are.

use burn::module::Module;
use hybrid_model::Decoder;
use hybrid_model::decoder::Keeps;

use crate::batch::SftBatch;
use crate::error::SftError;

/// What a model gives held-out examples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Mean `−log p` over the counted tokens, in nats. No smoothing and no z-loss is in it.
    pub nll: f64,
    /// `exp(nll)`.
    pub perplexity: f64,
    /// Counted tokens.
    pub tokens: usize,
}

/// Measures `batches`, one at a time, without gradients on any device. The mean is over all tokens,
/// so it does not depend on how examples are batched; batches of like length cost the least.
///
/// # Errors
///
/// [`SftError`] for a batch that the model cannot read, where no token of any batch counts, and
/// where the device does not give its values.
pub fn evaluate(
    decoder: &Decoder,
    batches: impl IntoIterator<Item = SftBatch>,
) -> Result<Evaluation, SftError> {
    let decoder = decoder.valid();
    let (mut sum, mut tokens, mut empty) = (0.0, 0, None);
    for batch in batches {
        batch.check(decoder.config())?;
        if batch.tokens() == 0 {
            empty = empty.or_else(|| Some(batch.nothing_counts()));
            continue;
        }
        let (hidden, targets, _) = batch.predictions(&decoder, Keeps::default());
        let logprobs = decoder.token_logprobs(hidden, targets, 1.0);
        let logprobs = logprobs.into_data().try_into_vec_as::<f32>();
        let logprobs = logprobs.map_err(|error| SftError::Device { reason: error.to_string() })?;
        sum -= logprobs.into_iter().map(f64::from).sum::<f64>();
        tokens += batch.tokens();
    }
    if tokens == 0 {
        let none = || SftError::NothingCounts { rows: "there is no batch".to_owned() };
        return Err(empty.unwrap_or_else(none));
    }
    let nll = sum / tokens as f64;
    Ok(Evaluation { nll, perplexity: nll.exp(), tokens })
}

#[cfg(test)]
mod tests;
