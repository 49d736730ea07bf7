//! What must hold at the first update of a phase, whatever the settings. A run in which it does not
//! would learn from noise, so it stops and says by how much.

use super::HybridTrainer;
use crate::error::HybridError;
use crate::prompt::Response;

/// Two lists of per-token log-probabilities that must agree.
struct Identity<'a> {
    check: &'static str,
    remedy: &'static str,
    ours: &'a [&'a [f32]],
    theirs: &'a [&'a [f32]],
}

impl HybridTrainer {
    /// Compares what the sampler saw token by token with one pass over whole rows, unless its weights
    /// were rounded, and, while the reference still holds the policy's weights, the policy with the
    /// reference.
    pub(super) fn check_logprobs(
        &self,
        phase: usize,
        responses: &[Response],
        old: &[&[f32]],
        reference: Option<&[Vec<f32>]>,
    ) -> Result<(), HybridError> {
        let sampled: Vec<&[f32]> =
            responses.iter().map(|response| response.logprobs.as_slice()).collect();
        // How far rounded weights are off is a metric, and what importance weights make good.
        if !self.config.rollout.is_rounded() {
            self.check(
                phase,
                &Identity {
                    check: "log-probabilities of cached decoding and of a full forward pass",
                    remedy: "Responses must come from this policy at `rollout.temperature`",
                    ours: &sampled,
                    theirs: old,
                },
            )?;
        }
        let reference = reference.filter(|_| self.reference_is_policy);
        let reference: Option<Vec<&[f32]>> =
            reference.map(|rows| rows.iter().map(Vec::as_slice).collect());
        match &reference {
            Some(reference) => self.check(
                phase,
                &Identity {
                    check: "log-probabilities of the policy and of a reference with the same weights",
                    remedy: "This is a defect of the program: please report it",
                    ours: old,
                    theirs: reference,
                },
            ),
            None => Ok(()),
        }
    }

    /// Checks that the first loss of a phase sees a ratio of 1 everywhere.
    pub(super) fn check_ratio(&self, phase: usize, largest: f64) -> Result<(), HybridError> {
        let tolerance = self.config.train.check_tolerance;
        if largest <= tolerance {
            return Ok(());
        }
        Err(HybridError::SelfCheck {
            phase,
            check: "log-probabilities at the rollout and at the first update (the ratio is not 1)",
            by: largest,
            tolerance,
            row: 0,
            token: 0,
            remedy: "This is a defect of the program: please report it",
        })
    }

    fn check(&self, phase: usize, identity: &Identity<'_>) -> Result<(), HybridError> {
        let tolerance = self.config.train.check_tolerance;
        let mut worst = (0.0_f64, 0, 0);
        for (row, (ours, theirs)) in identity.ours.iter().zip(identity.theirs).enumerate() {
            for (token, (ours, theirs)) in ours.iter().zip(*theirs).enumerate() {
                let by = (f64::from(*ours) - f64::from(*theirs)).abs();
                // A NaN is never within tolerance.
                if by.is_nan() || by > worst.0 {
                    worst = (if by.is_nan() { f64::INFINITY } else { by }, row, token);
                }
            }
        }
        let (by, row, token) = worst;
        if by <= tolerance {
            return Ok(());
        }
        let Identity { check, remedy, .. } = *identity;
        Err(HybridError::SelfCheck { phase, check, by, tolerance, row, token, remedy })
    }
}
