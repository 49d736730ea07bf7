//! The loss of a micro-batch, and its sums for the metrics.

use burn::tensor::Tensor;
use hybrid_model::Decoder;
use hybrid_model::decoder::{Keeps, Trace};

use crate::batch::SftBatch;
use crate::config::SftConfig;
use crate::error::SftError;
use crate::head;

/// The loss of one micro-batch.
#[derive(Debug, Clone)]
pub struct SftLoss {
    /// The micro-batch's part of the step's loss, `[1]`, already divided by the normaliser; carries
    /// the gradient.
    pub total: Tensor<1>,
    /// Sums over the counted tokens of `nll`, `smooth` and the squared log-partition function,
    /// `[3]`; constant. A term that the configuration leaves out is 0.
    pub sums: Tensor<1>,
    /// Counted tokens.
    pub tokens: usize,
}

/// The sums of one or more micro-batches, on the host.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SftStats {
    /// Sum of `−log p` of the counted tokens, in nats.
    pub nll_sum: f64,
    /// Sum of their mean `−log p` over the vocabulary, in nats; 0 without label smoothing.
    pub smooth_sum: f64,
    /// Sum of their squared log-partition functions; 0 without z-loss.
    pub z_sum: f64,
    /// Counted tokens.
    pub tokens: usize,
}

/// Computes the loss of a micro-batch.
///
/// `normaliser` is the number of counted tokens of the whole optimizer step, over all of its
/// micro-batches: their losses then add up to the mean over the step's tokens, and so do their
/// gradients, however the step is cut.
///
/// # Errors
///
/// [`SftError`] for a batch in which nothing counts, that the model cannot read, for settings out
/// of range, and for a normaliser that is not above 0.
pub fn loss(
    decoder: &Decoder,
    batch: impl Into<SftBatch>,
    config: &SftConfig,
    normaliser: f64,
) -> Result<SftLoss, SftError> {
    traced_loss(decoder, batch, config, normaliser, Keeps::Everything).map(|(loss, _)| loss)
}

/// As [`loss`], of a pass that keeps what `keeps` says. The gradients of the total are those of the
/// decoder with what the trace leaves to do.
///
/// # Errors
///
/// As [`loss`].
pub fn traced_loss(
    decoder: &Decoder,
    batch: impl Into<SftBatch>,
    config: &SftConfig,
    normaliser: f64,
    keeps: Keeps,
) -> Result<(SftLoss, Trace), SftError> {
    config.validate()?;
    // Below the smallest f32 the division would give infinity.
    if !(normaliser as f32 > 0.0 && normaliser.is_finite()) {
        let allowed = "the counted tokens of the step, above 0";
        return Err(SftError::OutOfRange { field: "normaliser", value: normaliser, allowed });
    }
    let batch = batch.into();
    batch.check(decoder.config())?;
    if batch.tokens() == 0 {
        return Err(batch.nothing_counts());
    }
    let (hidden, targets, trace) = batch.predictions(decoder, keeps);
    let terms = head::terms(decoder, hidden, targets, config);
    let nll = -terms.logprobs.sum();
    let mut total = nll.clone();
    let (mut smooth, mut z) = (nll.zeros_like().detach(), nll.zeros_like().detach());
    if let Some(mean_logprobs) = terms.mean_logprobs {
        smooth = -mean_logprobs.sum();
        let share = config.label_smoothing;
        total = total * (1.0 - share) + smooth.clone() * share;
    }
    if let Some(log_z) = terms.log_z {
        z = log_z.square().sum();
        total = total + z.clone() * config.z_loss_coef;
    }
    let loss = SftLoss {
        total: total / normaliser,
        sums: Tensor::cat(vec![nll.detach(), smooth.detach(), z.detach()], 0),
        tokens: batch.tokens(),
    };
    Ok((loss, trace))
}

impl SftStats {
    /// Reads the sums of an optimizer step's micro-batches, at once.
    ///
    /// # Errors
    ///
    /// [`SftError::Device`] where the device does not give them.
    pub fn read(losses: &[SftLoss]) -> Result<Self, SftError> {
        if losses.is_empty() {
            return Ok(Self::default());
        }
        let sums = losses.iter().map(|loss| loss.sums.clone()).collect();
        let data = Tensor::cat(sums, 0).into_data().try_into_vec_as::<f32>();
        let values = data.map_err(|error| SftError::Device { reason: error.to_string() })?;
        let column = |of: usize| values.iter().skip(of).step_by(3).map(|x| f64::from(*x)).sum();
        let tokens = losses.iter().map(|loss| loss.tokens).sum();
        Ok(Self { nll_sum: column(0), smooth_sum: column(1), z_sum: column(2), tokens })
    }

    /// Mean `−log p` of the counted tokens, in nats; NaN without tokens.
    #[must_use]
    pub fn nll(&self) -> f64 {
        self.nll_sum / self.tokens as f64
    }

    /// Mean loss with label smoothing and z-loss, in nats; NaN without tokens.
    #[must_use]
    pub fn loss(&self, config: &SftConfig) -> f64 {
        let share = config.label_smoothing;
        let sum = (1.0 - share) * self.nll_sum + share * self.smooth_sum;
        (sum + config.z_loss_coef * self.z_sum) / self.tokens as f64
    }

    /// `exp` of [`Self::nll`].
    #[must_use]
    pub fn perplexity(&self) -> f64 {
        self.nll().exp()
    }

    /// Adds the sums of others.
    pub fn add(&mut self, other: &Self) {
        self.nll_sum += other.nll_sum;
        self.smooth_sum += other.smooth_sum;
        self.z_sum += other.z_sum;
        self.tokens += other.tokens;
    }
}

#[cfg(test)]
mod tests;
