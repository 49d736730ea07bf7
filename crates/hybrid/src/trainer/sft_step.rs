//! One optimizer step on demonstrations.

use hybrid_data::batch::{Padding, TokenBatch};
use hybrid_data::encode::Encoded;
use hybrid_data::pack::{Overlong, PackPlan, Packed};
use hybrid_sft::{SftBatch, SftStats as SftSums, traced_loss};

use super::{HybridTrainer, Kind, counted_tokens};
use crate::backward::Traces;
use crate::error::HybridError;
use crate::metrics::Metrics;
use crate::passes::micro_batches;

/// What a supervised step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SftStats {
    /// Mean negative log-likelihood of the counted tokens before the step, in nats.
    pub loss: f64,
    /// Tokens that counted.
    pub tokens: usize,
    /// Learning rate of the step.
    pub lr: f64,
    /// Global gradient norm before clipping.
    pub grad_norm: f64,
}

impl SftStats {
    /// As named metrics.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let values = [
            ("sft/loss", self.loss),
            ("sft/perplexity", self.loss.exp()),
            ("sft/tokens", self.tokens as f64),
            ("optim/lr", self.lr),
            ("optim/grad_norm", self.grad_norm),
        ];
        values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl HybridTrainer {
    /// One optimizer step that makes `examples` more probable.
    ///
    /// The loss is the mean over the counted tokens of all examples, however they are cut into
    /// micro-batches.
    ///
    /// # Errors
    ///
    /// [`HybridError::Sft`] where no token counts; [`HybridError::NonFinite`] where loss or gradient
    /// is no number and such steps are not to be skipped.
    pub fn sft_step(&mut self, examples: &[&Encoded]) -> Result<SftStats, HybridError> {
        let tokens = counted_tokens(examples);
        let loss = self.accumulate_sft(examples, 1.0, Kind::Sft)?;
        if !loss.is_finite() {
            self.not_finite("the supervised loss")?;
            self.steppers.of(Kind::Sft).discard();
            let lr = self.lr();
            return Ok(SftStats { loss, tokens, lr, grad_norm: f64::NAN });
        }
        let step = self.apply(Kind::Sft)?;
        Ok(SftStats { loss, tokens, lr: step.lr, grad_norm: step.grad_norm })
    }

    /// Adds the gradient of `coef` times the supervised loss; returns the mean negative
    /// log-likelihood.
    pub(super) fn accumulate_sft(
        &mut self,
        examples: &[&Encoded],
        coef: f64,
        kind: Kind,
    ) -> Result<f64, HybridError> {
        let tokens = counted_tokens(examples) as f64;
        let mut sums = SftSums::default();
        for batch in self.sft_batches(examples)? {
            let (decoder, keeps) = (&self.policy().decoder, self.config.train.keeps());
            let (loss, trace) = traced_loss(decoder, batch, &self.config.sft, tokens, keeps)?;
            let part = SftSums::read(std::slice::from_ref(&loss))?;
            sums.add(&part);
            if let Some(policy) = &self.policy {
                let traces = Traces { policy: trace, ..Traces::default() };
                traces.backward(&(loss.total * coef), policy, self.steppers.of(kind));
            }
        }
        Ok(sums.nll())
    }

    /// Demonstrations as micro-batches: each in a row of its own, or several in one.
    pub(super) fn sft_batches(&self, examples: &[&Encoded]) -> Result<Vec<SftBatch>, HybridError> {
        let train = &self.config.train;
        let lengths: Vec<usize> = examples.iter().map(|example| example.ids.len()).collect();
        let mut batches = Vec::new();
        if train.packing {
            let owned: Vec<Encoded> = examples.iter().map(|example| (*example).clone()).collect();
            let plan = PackPlan::best_fit(&lengths, train.max_length, Overlong::Truncate)?;
            let size = train.micro_batch.sequences(train.max_length, plan.rows.len());
            for rows in micro_batches(&plan.row_lengths, size) {
                let packed = Packed::collate(&plan, &rows, &owned, Padding::default())?;
                batches.push(SftBatch::from(&packed));
            }
            return Ok(batches);
        }
        let size = train.micro_batch.sequences(train.max_length, examples.len());
        for group in micro_batches(&lengths, size) {
            let members: Vec<&Encoded> =
                group.iter().filter_map(|index| examples.get(*index).copied()).collect();
            let batch = TokenBatch::collate(&members, Padding::default())?;
            batches.push(SftBatch::from(&batch));
        }
        Ok(batches)
    }
}
