//! The sums of losses to metrics, and when to stop or skip.

use std::collections::BTreeMap;

use crate::config::PpoConfig;

/// Sums over the tokens of one call of [`loss`](crate::loss()). Sums of parts of a minibatch add up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossSums {
    /// Of the policy loss, weights included.
    pub policy_loss: f64,
    /// Tokens whose clipped loss was the larger.
    pub clipped: f64,
    /// Of the value loss, its ½ included.
    pub value_loss: f64,
    /// Slots whose clipped value loss was the larger.
    pub value_clipped: f64,
    /// Of the entropy; 0 where none was given.
    pub entropy: f64,
    /// Of the KL estimate of the loss, weighted by the ratio.
    pub kl_loss: f64,
    /// Of k1 against the reference, weighted by the ratio.
    pub ref_kl: f64,
    /// Of `(ratio − 1) − log ratio`.
    pub approx_kl: f64,
    /// Of the squared log-ratio.
    pub log_ratio_squared: f64,
    /// Of `ratio − 1`.
    pub ratio_excess: f64,
    /// Of its square.
    pub ratio_excess_squared: f64,
    /// The largest ratio.
    pub ratio_max: f64,
    /// The smallest.
    pub ratio_min: f64,
    /// Completion tokens.
    pub tokens: f64,
    /// Slots of the critic.
    pub value_slots: f64,
    /// Entries of the entropy.
    pub entropy_slots: f64,
    /// Rows times their padded length; equal to `tokens` but with `compat = "trl"`.
    pub padded_slots: f64,
}

/// Numbers in a slice of sums.
const SUMS: usize = 17;

impl LossSums {
    /// Nothing summed.
    pub const ZERO: Self = Self {
        policy_loss: 0.0,
        clipped: 0.0,
        value_loss: 0.0,
        value_clipped: 0.0,
        entropy: 0.0,
        kl_loss: 0.0,
        ref_kl: 0.0,
        approx_kl: 0.0,
        log_ratio_squared: 0.0,
        ratio_excess: 0.0,
        ratio_excess_squared: 0.0,
        ratio_max: f64::NEG_INFINITY,
        ratio_min: f64::INFINITY,
        tokens: 0.0,
        value_slots: 0.0,
        entropy_slots: 0.0,
        padded_slots: 0.0,
    };

    /// From the numbers of [`PpoLoss::sums`](crate::PpoLoss), in its order; absent where there are
    /// not as many.
    #[must_use]
    pub fn from_slice(sums: &[f32]) -> Option<Self> {
        let sums: &[f32; SUMS] = sums.try_into().ok()?;
        let [
            policy_loss,
            clipped,
            value_loss,
            value_clipped,
            entropy,
            kl_loss,
            ref_kl,
            approx_kl,
            log_ratio_squared,
            ratio_excess,
            ratio_excess_squared,
            ratio_max,
            ratio_min,
            tokens,
            value_slots,
            entropy_slots,
            padded_slots,
        ] = sums.map(f64::from);
        Some(Self {
            policy_loss,
            clipped,
            value_loss,
            value_clipped,
            entropy,
            kl_loss,
            ref_kl,
            approx_kl,
            log_ratio_squared,
            ratio_excess,
            ratio_excess_squared,
            ratio_max,
            ratio_min,
            tokens,
            value_slots,
            entropy_slots,
            padded_slots,
        })
    }

    /// These and others together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            policy_loss: self.policy_loss + other.policy_loss,
            clipped: self.clipped + other.clipped,
            value_loss: self.value_loss + other.value_loss,
            value_clipped: self.value_clipped + other.value_clipped,
            entropy: self.entropy + other.entropy,
            kl_loss: self.kl_loss + other.kl_loss,
            ref_kl: self.ref_kl + other.ref_kl,
            approx_kl: self.approx_kl + other.approx_kl,
            log_ratio_squared: self.log_ratio_squared + other.log_ratio_squared,
            ratio_excess: self.ratio_excess + other.ratio_excess,
            ratio_excess_squared: self.ratio_excess_squared + other.ratio_excess_squared,
            ratio_max: self.ratio_max.max(other.ratio_max),
            ratio_min: self.ratio_min.min(other.ratio_min),
            tokens: self.tokens + other.tokens,
            value_slots: self.value_slots + other.value_slots,
            entropy_slots: self.entropy_slots + other.entropy_slots,
            padded_slots: self.padded_slots + other.padded_slots,
        }
    }

    /// True where no sum is NaN or infinite: the loss may be applied.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        let sums = [
            self.policy_loss,
            self.value_loss,
            self.entropy,
            self.kl_loss,
            self.ref_kl,
            self.approx_kl,
            self.log_ratio_squared,
            self.ratio_excess,
            self.ratio_excess_squared,
        ];
        sums.iter().all(|sum| sum.is_finite())
    }

    /// Mean of `(ratio − 1) − log ratio`, the k3 estimate of `KL(old ‖ new)`, nats a token.
    #[must_use]
    pub fn approx_kl(&self) -> f64 {
        self.approx_kl / self.tokens
    }

    /// Mean ratio.
    #[must_use]
    pub fn ratio_mean(&self) -> f64 {
        1.0 + self.ratio_excess / self.tokens
    }

    fn ratio_variance(&self) -> f64 {
        let mean = self.ratio_excess / self.tokens;
        (self.ratio_excess_squared / self.tokens - mean * mean).max(0.0)
    }
}

/// What to do with the gradient of a finished minibatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Take the optimizer step.
    Apply,
    /// Leave this minibatch out: its mean ratio exceeds `max_ratio`.
    Skip,
    /// End the update without this step: `approx_kl` exceeds `target_kl`.
    Stop,
}

/// Gathers one PPO update: parts, minibatches, epochs.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateStats {
    parts: Vec<LossSums>,
    minibatch: LossSums,
    applied: usize,
    skipped: usize,
    stopped: bool,
}

impl Default for UpdateStats {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            minibatch: LossSums::ZERO,
            applied: 0,
            skipped: 0,
            stopped: false,
        }
    }
}

impl UpdateStats {
    /// Takes in a part of the current minibatch.
    pub fn add(&mut self, sums: LossSums) {
        self.minibatch = self.minibatch.plus(&sums);
        self.parts.push(sums);
    }

    /// Ends the current minibatch, after its gradient is known and before the optimizer step.
    /// What was measured on it counts, whatever is decided. Sums that are not finite are not
    /// looked for here: ask [`LossSums::is_finite`] of [`Self::minibatch`] before.
    pub fn decide(&mut self, config: &PpoConfig) -> Decision {
        let minibatch = std::mem::replace(&mut self.minibatch, LossSums::ZERO);
        if config.max_ratio.is_some_and(|limit| minibatch.ratio_mean() > limit) {
            self.skipped += 1;
            return Decision::Skip;
        }
        if config.target_kl.is_some_and(|limit| minibatch.approx_kl() > limit) {
            self.stopped = true;
            return Decision::Stop;
        }
        self.applied += 1;
        Decision::Apply
    }

    /// The sums of the minibatch that is being gathered.
    #[must_use]
    pub fn minibatch(&self) -> &LossSums {
        &self.minibatch
    }

    /// Optimizer steps to take so far.
    #[must_use]
    pub fn applied(&self) -> usize {
        self.applied
    }

    /// Minibatches left out for their ratio.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// True where `target_kl` ended the update.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// The metrics of the update. Means are over all tokens (or slots) of all minibatches; with
    /// `compat = "trl"` they are TRL's. A number that is not defined is NaN. Values, entropy and
    /// KL in the loss are left out where there are none.
    #[must_use]
    pub fn metrics(&self, config: &PpoConfig) -> BTreeMap<&'static str, f64> {
        let sums = self.parts.iter().fold(LossSums::ZERO, |sums, part| sums.plus(part));
        let mut metrics = if config.is_trl() { self.trl_means() } else { means(&sums) };
        metrics.insert("ppo/ratio_max", sums.ratio_max);
        metrics.insert("ppo/ratio_min", sums.ratio_min);
        metrics.insert("ppo/optimizer_steps", self.applied as f64);
        metrics.insert("ppo/skipped_minibatches", self.skipped as f64);
        metrics.insert("ppo/stopped_early", f64::from(u8::from(self.stopped)));
        if sums.value_slots == 0.0 {
            metrics.remove("ppo/value_loss");
            metrics.remove("ppo/value_clip_fraction");
        }
        if sums.entropy_slots == 0.0 {
            metrics.remove("ppo/entropy");
        }
        if !config.kl.placement.in_loss() {
            metrics.remove("ppo/kl_loss");
        }
        metrics
    }

    /// TRL's: means over parts of the parts' means, with padding in some, and the variance of the
    /// parts' mean ratios.
    fn trl_means(&self) -> BTreeMap<&'static str, f64> {
        let parts = self.parts.len() as f64;
        let mean =
            |value: &dyn Fn(&LossSums) -> f64| self.parts.iter().map(value).sum::<f64>() / parts;
        // The ratio of padding is 1.
        let ratio = |part: &LossSums| 1.0 + part.ratio_excess / part.padded_slots;
        let ratio_mean = mean(&ratio);
        let squares: f64 = self.parts.iter().map(|part| (ratio(part) - ratio_mean).powi(2)).sum();
        BTreeMap::from([
            ("ppo/policy_loss", mean(&|part| part.policy_loss / part.tokens)),
            ("ppo/value_loss", mean(&|part| part.value_loss / part.value_slots)),
            ("ppo/entropy", mean(&|part| part.entropy / part.entropy_slots)),
            ("ppo/approx_kl", mean(&|part| 0.5 * part.log_ratio_squared / part.padded_slots)),
            ("ppo/clip_fraction", mean(&|part| part.clipped / part.tokens)),
            ("ppo/value_clip_fraction", mean(&|part| part.value_clipped / part.value_slots)),
            ("ppo/ratio_mean", ratio_mean),
            ("ppo/ratio_variance", squares / (parts - 1.0)),
        ])
    }
}

/// Ours: sums over counts.
fn means(sums: &LossSums) -> BTreeMap<&'static str, f64> {
    BTreeMap::from([
        ("ppo/policy_loss", sums.policy_loss / sums.tokens),
        ("ppo/value_loss", sums.value_loss / sums.value_slots),
        ("ppo/entropy", sums.entropy / sums.entropy_slots),
        ("ppo/kl_loss", sums.kl_loss / sums.tokens),
        ("ppo/ref_kl", sums.ref_kl / sums.tokens),
        ("ppo/approx_kl", sums.approx_kl()),
        ("ppo/clip_fraction", sums.clipped / sums.tokens),
        ("ppo/value_clip_fraction", sums.value_clipped / sums.value_slots),
        ("ppo/ratio_mean", sums.ratio_mean()),
        ("ppo/ratio_variance", sums.ratio_variance()),
    ])
}

#[cfg(test)]
mod tests;
