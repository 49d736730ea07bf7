//! What the types of the `[ppo]` table cannot express.

use std::fmt::Display;

use super::{
    Baseline, Estimator, KlControl, KlEstimator, KlPlacement, PpoConfig, Truncated, WhitenScope,
};
use crate::error::PpoError;

/// An error that names the field unless `holds`.
pub(crate) fn require(
    holds: bool,
    field: &'static str,
    value: impl Display,
    allowed: &'static str,
) -> Result<(), PpoError> {
    if holds {
        return Ok(());
    }
    Err(PpoError::OutOfRange { field, value: value.to_string(), allowed })
}

/// At least 0 and finite.
pub(crate) fn is_weight(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

/// More than `low` and finite, or absent.
fn above(value: Option<f64>, low: f64) -> bool {
    value.is_none_or(|value| value.is_finite() && value > low)
}

/// The value as the user wrote it.
pub(crate) fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "absent".to_owned(), |value| value.to_string())
}

pub(super) fn ranges(config: &PpoConfig) -> Result<(), PpoError> {
    let c = config;
    let unit = 0.0..=1.0;
    let weight = "a finite number of at least 0";
    let positive = "a finite number above 0";
    require(c.epochs >= 1, "epochs", c.epochs, "at least 1")?;
    require(c.minibatch_size >= 1, "minibatch_size", c.minibatch_size, "at least 1")?;
    require(above(Some(c.clip_range), 0.0), "clip_range", c.clip_range, positive)?;
    require(is_weight(c.value_clip_range), "value_clip_range", c.value_clip_range, weight)?;
    require(is_weight(c.value_coef), "value_coef", c.value_coef, weight)?;
    require(is_weight(c.entropy_coef), "entropy_coef", c.entropy_coef, weight)?;
    require(unit.contains(&c.gamma), "gamma", c.gamma, "in [0, 1]")?;
    require(unit.contains(&c.gae_lambda), "gae_lambda", c.gae_lambda, "in [0, 1]")?;
    require(
        above(c.dual_clip, 1.0),
        "dual_clip",
        shown(c.dual_clip),
        "a finite number above 1, or absent for none",
    )?;
    require(
        above(c.target_kl, 0.0),
        "target_kl",
        shown(c.target_kl),
        "a finite number above 0 (nats a token), or absent for none",
    )?;
    require(
        above(c.max_ratio, 1.0),
        "max_ratio",
        shown(c.max_ratio),
        "a finite number above 1, or absent for none",
    )?;
    require(
        c.missing_eos_penalty.is_none_or(f64::is_finite),
        "missing_eos_penalty",
        shown(c.missing_eos_penalty),
        "a finite number, or absent for none",
    )
}

pub(super) fn conflicts(config: &PpoConfig) -> Result<(), PpoError> {
    estimator(config)?;
    kl(config)?;
    references(config)?;
    if config.is_trl() { trl(config) } else { Ok(()) }
}

fn conflict(
    settings: impl Into<String>,
    reason: &'static str,
    advice: &'static str,
) -> Result<(), PpoError> {
    Err(PpoError::Conflict { settings: settings.into(), reason, advice })
}

fn estimator(config: &PpoConfig) -> Result<(), PpoError> {
    if config.estimator != Estimator::Reinforce && config.baseline.is_some() {
        return conflict(
            "`baseline` and an `estimator` other than \"reinforce\"",
            "the others subtract the critic's value",
            "remove `baseline` or set `estimator = \"reinforce\"`",
        );
    }
    if config.estimator != Estimator::Gae && config.dual_clip.is_some() {
        return conflict(
            "`dual_clip` and an `estimator` other than \"gae\"",
            "only PPO's loss is clipped",
            "remove `dual_clip` or set `estimator = \"gae\"`",
        );
    }
    if !config.needs_values() && config.truncated == Truncated::Bootstrap {
        return conflict(
            "`truncated = \"bootstrap\"` and `estimator = \"reinforce\"` without the baseline \
             \"value\"",
            "there is no critic to ask for the value after the last token",
            "set `truncated = \"terminal\"` or `baseline = \"value\"`",
        );
    }
    if !config.needs_values() && config.critic_warmup_steps > 0 {
        return conflict(
            "`critic_warmup_steps` and `estimator = \"reinforce\"` without the baseline \"value\"",
            "there is no critic to warm up",
            "remove `critic_warmup_steps` or set `baseline = \"value\"`",
        );
    }
    if config.whiten_scope == WhitenScope::Minibatch && !config.whiten_advantages {
        return conflict(
            "`whiten_scope = \"minibatch\"` and `whiten_advantages = false`",
            "nothing is whitened over minibatches",
            "remove `whiten_scope` or set `whiten_advantages = true`",
        );
    }
    Ok(())
}

fn kl(config: &PpoConfig) -> Result<(), PpoError> {
    let kl = &config.kl;
    let estimator = kl.estimator;
    if kl.placement != KlPlacement::Reward && estimator == Some(KlEstimator::K1) {
        return conflict(
            format!("`kl.estimator = \"k1\"` and `kl.placement = \"{}\"`", kl.placement.name()),
            "the gradient of k1 in a loss is the mean of grad log pi, which is 0 in expectation: \
             it would only add noise",
            "set `kl.estimator` to \"k2\" (the gradient of the KL) or \"k3_plus\", or \
             `kl.placement = \"reward\"`",
        );
    }
    let k3_of_trl = config.is_trl() && estimator == Some(KlEstimator::K3);
    let biased = estimator.is_some_and(|estimator| estimator != KlEstimator::K1);
    if kl.placement == KlPlacement::Reward && biased && !k3_of_trl {
        return conflict(
            "`kl.placement = \"reward\"` and a `kl.estimator` other than \"k1\"",
            "as a reward only k1, the log-ratio itself, has the KL's gradient",
            "remove `kl.estimator` or set `kl.placement = \"loss\"`",
        );
    }
    if kl.placement == KlPlacement::Loss && kl.clip.is_some() {
        return conflict(
            "`kl.clip` and `kl.placement = \"loss\"`",
            "only the penalty in the reward is clipped",
            "remove `kl.clip` or set `kl.placement = \"reward\"`",
        );
    }
    if kl.kind == KlControl::Fixed
        && (kl.target.is_some() || kl.horizon.is_some() || kl.error_clip.is_some())
    {
        return conflict(
            "`kl.kind = \"fixed\"` and `kl.target`, `kl.horizon` or `kl.error_clip`",
            "a fixed coefficient follows no target",
            "set `kl.kind = \"adaptive\"` or remove them",
        );
    }
    Ok(())
}

fn references(config: &PpoConfig) -> Result<(), PpoError> {
    let several = config.reference.parts().len() > 1;
    if several
        && config.kl.placement != KlPlacement::Reward
        && config.kl.loss_estimator() == KlEstimator::K3
    {
        return conflict(
            "`kl.estimator = \"k3\"` and more than one `reference`",
            "k3 of a weighted mean of log-probabilities is not the weighted mean of the k3",
            "set `kl.estimator` to \"k2\" or \"k3_plus\", whose gradient is exact",
        );
    }
    Ok(())
}

/// What TRL's trainer has no counterpart of.
fn trl(config: &PpoConfig) -> Result<(), PpoError> {
    let own = [
        (config.estimator != Estimator::Gae, "`estimator` other than \"gae\""),
        (config.baseline() != Baseline::default(), "`baseline`"),
        (config.entropy_coef != 0.0, "`entropy_coef` above 0"),
        (config.dual_clip.is_some(), "`dual_clip`"),
        (config.value_clip_range == 0.0, "`value_clip_range = 0`"),
        (config.whiten_scope != WhitenScope::Batch, "`whiten_scope = \"minibatch\"`"),
        (!config.whiten_advantages, "`whiten_advantages = false`"),
        (config.kl.placement != KlPlacement::Reward, "`kl.placement` other than \"reward\""),
        (config.kl.kind != KlControl::Fixed, "`kl.kind = \"adaptive\"`"),
        (config.kl.clip.is_some(), "`kl.clip`"),
        (config.truncated == Truncated::Bootstrap, "`truncated = \"bootstrap\"`"),
    ];
    match own.iter().find(|(used, _)| *used) {
        Some((_, setting)) => conflict(
            format!("`compat = \"trl\"` and {setting}"),
            "TRL 1.12 has no such setting",
            "remove `compat`, or the other",
        ),
        None => Ok(()),
    }
}
