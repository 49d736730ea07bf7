//! The curves that depend on the step alone.

use std::f64::consts::PI;

use super::parameters::{CosineParameters, DecayShape, WsdParameters};
use super::{PolynomialParameters, SchedulerSpec};

/// Where a schedule warms up and where it ends, in steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) warmup: u64,
    pub(super) total: u64,
}

impl Span {
    /// How much of the warm-up is done at `step`, in [0, 1).
    fn warmed(self, step: u64) -> f64 {
        step as f64 / self.warmup.max(1) as f64
    }

    /// How much of what follows the warm-up is done at `step`, in [0, 1].
    fn progress(self, step: u64) -> f64 {
        let length = self.total.saturating_sub(self.warmup).max(1);
        (step.saturating_sub(self.warmup) as f64 / length as f64).min(1.0)
    }
}

/// The factor at `step`, without what a plateau took from it.
pub(super) fn factor(spec: &SchedulerSpec, span: Span, step: u64, lr: f64) -> f64 {
    if let SchedulerSpec::Wsd(parameters) = spec {
        return wsd(parameters, span, step);
    }
    if step < span.warmup {
        return span.warmed(step);
    }
    let progress = span.progress(step);
    let since_warmup = step - span.warmup;
    match spec {
        SchedulerSpec::Constant(_) | SchedulerSpec::ReduceOnPlateau(_) | SchedulerSpec::Wsd(_) => {
            1.0
        }
        SchedulerSpec::Linear(_) => 1.0 - progress,
        SchedulerSpec::Cosine(parameters) => cosine(parameters, progress),
        SchedulerSpec::CosineWithRestarts(_) if progress >= 1.0 => 0.0,
        SchedulerSpec::CosineWithRestarts(parameters) => {
            let within = (parameters.num_cycles as f64 * progress) % 1.0;
            half_wave(within)
        }
        SchedulerSpec::Polynomial(parameters) => polynomial(parameters, progress, lr),
        SchedulerSpec::InverseSqrt(parameters) => {
            let automatic = if span.warmup > 0 { span.warmup } else { 10_000 };
            let timescale = parameters.timescale.unwrap_or(automatic) as f64;
            let shifted = step as f64 + timescale - span.warmup as f64;
            (timescale / shifted).sqrt()
        }
        SchedulerSpec::Exponential(parameters) => parameters.gamma.powf(since_warmup as f64),
        SchedulerSpec::Step(parameters) => {
            parameters.gamma.powf((since_warmup / parameters.step_size.max(1)) as f64)
        }
    }
}

/// From 1 at 0 to 0 at 1.
fn half_wave(progress: f64) -> f64 {
    0.5 * (1.0 + (PI * progress).cos())
}

fn cosine(parameters: &CosineParameters, progress: f64) -> f64 {
    let wave = half_wave(2.0 * parameters.num_cycles * progress);
    wave * (1.0 - parameters.min_lr_ratio) + parameters.min_lr_ratio
}

fn polynomial(parameters: &PolynomialParameters, progress: f64, lr: f64) -> f64 {
    let range = lr - parameters.lr_end;
    (range * (1.0 - progress).powf(parameters.power) + parameters.lr_end) / lr
}

fn wsd(parameters: &WsdParameters, span: Span, step: u64) -> f64 {
    let least = parameters.min_lr_ratio;
    let scaled = |factor: f64| factor * (1.0 - least) + least;
    if step < span.warmup {
        let warmed = span.warmed(step);
        return scaled(match parameters.warmup_type {
            DecayShape::Linear => warmed,
            DecayShape::Cosine => half_wave(1.0 - warmed),
            DecayShape::OneMinusSqrt => 1.0 - (1.0 - warmed).sqrt(),
        });
    }
    let after_warmup = span.total.saturating_sub(span.warmup);
    let decay = parameters.decay_steps.unwrap_or(span.total / 10).min(after_warmup);
    let start = span.warmup + after_warmup - decay;
    if step < start {
        return 1.0;
    }
    if step >= start + decay {
        return least;
    }
    let progress = (step - start) as f64 / decay.max(1) as f64;
    scaled(match parameters.decay_type {
        DecayShape::Linear => 1.0 - progress,
        DecayShape::Cosine => half_wave(progress),
        DecayShape::OneMinusSqrt => 1.0 - progress.sqrt(),
    })
}
