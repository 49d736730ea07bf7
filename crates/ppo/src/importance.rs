//! Weights of tokens that another policy drew than the one that learns: the same network, rounded.

use std::collections::BTreeMap;

/// Truncated importance weights of a rollout that a policy `μ` close to `π_old` drew, token by token:
/// `min(π_old / μ, cap)`.
///
/// The weight makes a mean over tokens of `μ` one over tokens of `π_old`, and the cap bounds its
/// variance (Yao et al. 2025, "Your Efficient RL Framework Secretly Brings You Off-Policy RL Training",
/// truncated importance sampling; the `ρ̄` of V-trace, Espeholt et al. 2018,
/// <https://arxiv.org/abs/1802.01561>). Weights are constants: no gradient passes them.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// `[rows][n]`.
    pub weights: Vec<Vec<f32>>,
    /// Mean over tokens of `(r − 1) − log r` with `r = π_old / μ`, before the cap: the k3 estimate of
    /// `KL(μ ‖ π_old)`, nats a token. NaN without a token.
    pub mismatch_kl: f64,
    /// The largest `|log μ − log π_old|` of a token, nats.
    pub mismatch_max: f64,
    /// Mean weight. NaN without a token.
    pub mean: f64,
    /// Share of the tokens whose weight the cap bounds. NaN without a token.
    pub capped_fraction: f64,
}

impl Importance {
    /// From the log-probabilities of each row's tokens under `π_old` and under `μ`, each `[n]`, in nats.
    /// A weight that is not a number stays one.
    #[must_use]
    pub fn new<'a>(rows: impl Iterator<Item = (&'a [f32], &'a [f32])>, cap: f64) -> Self {
        let (mut kl, mut sum, mut capped, mut tokens) = (0.0, 0.0, 0_usize, 0_usize);
        let mut mismatch_max = 0.0_f64;
        let mut weigh = |(old, sampler): (&f32, &f32)| {
            let log_ratio = f64::from(*old) - f64::from(*sampler);
            let ratio = log_ratio.exp();
            let exceeds = ratio > cap;
            let weight = if exceeds { cap } else { ratio };
            kl += log_ratio.exp_m1() - log_ratio;
            sum += weight;
            capped += usize::from(exceeds);
            tokens += 1;
            mismatch_max = mismatch_max.max(log_ratio.abs());
            weight as f32
        };
        let weights: Vec<Vec<f32>> =
            rows.map(|(old, sampler)| old.iter().zip(sampler).map(&mut weigh).collect()).collect();
        let count = tokens as f64;
        Self {
            weights,
            mismatch_kl: kl / count,
            mismatch_max,
            mean: sum / count,
            capped_fraction: capped as f64 / count,
        }
    }

    /// The numbers by their metric names.
    #[must_use]
    pub fn metrics(&self) -> BTreeMap<&'static str, f64> {
        BTreeMap::from([
            ("rollout/mismatch_kl", self.mismatch_kl),
            ("rollout/mismatch_max", self.mismatch_max),
            ("rollout/importance_mean", self.mean),
            ("rollout/importance_capped_fraction", self.capped_fraction),
        ])
    }
}

#[cfg(test)]
mod tests;
