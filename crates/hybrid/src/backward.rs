//! From a loss to the gradients of the policy, wherever the way back is kept.

use burn::tensor::Tensor;
use hybrid_model::decoder::{Part, Trace};
use hybrid_optim::Stepper;

use crate::policy::Policy;

/// What the passes of a loss left for its backward pass.
#[derive(Debug, Default)]
pub struct Traces {
    /// Of the policy's decoder.
    pub policy: Trace,
    /// Of the decoder of a critic of its own.
    pub critic: Trace,
}

impl Traces {
    /// Adds the gradients of `loss`, whose passes over `policy` left these traces, to those of the
    /// next optimizer step.
    pub(crate) fn backward(self, loss: &Tensor<1>, policy: &Policy, stepper: &mut Stepper) {
        let mut gradients = loss.backward();
        let Self { policy: own, critic } = self;
        let (own, critic) = (own.remaining(&mut gradients), critic.remaining(&mut gradients));
        stepper.accumulate(policy, gradients);
        let critics = policy.critic.as_ref().map(|critic| &critic.decoder);
        let trunks = [("decoder", Some(&policy.decoder), own), ("critic.decoder", critics, critic)];
        for (path, decoder, remaining) in trunks {
            let (Some(decoder), Some(remaining)) = (decoder, remaining) else { continue };
            remaining.backward(decoder, &mut |part| match part {
                Part::Parameters(gradients) => stepper.accumulate(policy, gradients),
                Part::Rows { table, rows, gradient } => {
                    stepper.accumulate_rows(policy, &format!("{path}.{table}"), rows, gradient);
                }
            });
        }
    }
}
