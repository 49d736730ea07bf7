//! The rotary embedding that a GGUF file's metadata stands for.

use serde_json::{Value, json};

use super::config::{Keys, number};
use crate::weights::WeightsError;

/// One divisor per rotary frequency; only Llama 3 files have it.
pub(super) const ROPE_FACTORS: &str = "rope_freqs.weight";

/// The base where the file states none, and that of Gemma 3's local layers.
pub(super) const DEFAULT_THETA: f32 = 10_000.0;

/// The rotary embedding; of the global layers where there are two kinds.
pub(super) fn rope_parameters(keys: &Keys<'_>) -> Result<Value, WeightsError> {
    let theta = number(keys.optional("rope.freq_base")?.unwrap_or(DEFAULT_THETA));
    let kind: &str = keys.optional("rope.scaling.type")?.unwrap_or("none");
    let factor: Option<f32> = match keys.optional("rope.scaling.factor")? {
        Some(factor) => Some(factor),
        // The name of the linear factor in older files.
        None => keys.optional("rope.scale_linear")?,
    };
    let factor = factor.filter(|factor| *factor != 0.0 && !is_one(*factor));
    let factors = rope_factors(keys)?;
    match (kind, factor, factors) {
        ("none" | "linear", None, Some(factors)) => divided(keys, theta, &factors),
        ("none" | "yarn" | "linear", None, None) | ("none", Some(_), None) => {
            Ok(json!({ "rope_type": "default", "rope_theta": theta }))
        }
        ("linear", Some(factor), None) => Ok(json!({
            "rope_type": "linear",
            "rope_theta": theta,
            "factor": number(factor),
        })),
        ("yarn", Some(factor), None) => yarn(keys, theta, factor),
        (kind, _, factors) => {
            let with = if factors.is_some() { " together with divisors of its own" } else { "" };
            Err(keys.unsupported(format!(
                "rotary scaling `{kind}`{with} is not supported for `{}`; the supported ones are \
                 none, linear, yarn, and Llama 3's divisors alone",
                keys.arch.name()
            )))
        }
    }
}

fn yarn(keys: &Keys<'_>, theta: Value, factor: f32) -> Result<Value, WeightsError> {
    for name in ["attn_factor", "yarn_attn_factor", "yarn_ext_factor"] {
        let key = format!("rope.scaling.{name}");
        if let Some(value) = keys.optional::<f32>(&key)?.filter(|value| !is_one(*value)) {
            let key = keys.key(&key);
            return Err(keys.unsupported(format!("`{key}` is {value}; only 1 is supported")));
        }
    }
    let original: Option<usize> = keys.optional("rope.scaling.original_context_length")?;
    let original = match original {
        Some(original) => original,
        None => keys.required("context_length")?,
    };
    let mut rope = json!({
        "rope_type": "yarn",
        "rope_theta": theta,
        "factor": number(factor),
        "original_max_position_embeddings": original,
    });
    for name in ["beta_fast", "beta_slow"] {
        if let Some(beta) = keys.optional(&format!("rope.scaling.yarn_{name}"))? {
            rope[name] = number(beta);
        }
    }
    Ok(rope)
}

/// The divisors of the rotary frequencies, or None when there are none that change anything.
fn rope_factors(keys: &Keys<'_>) -> Result<Option<Vec<f32>>, WeightsError> {
    let Some(tensor) = keys.file.tensor(ROPE_FACTORS) else { return Ok(None) };
    let factors = keys.file.dequantize(tensor).map_err(|source| keys.gguf(source))?;
    let n_frequencies = keys.head_dim()? / 2;
    if factors.len() != n_frequencies || !factors.iter().all(|factor| *factor > 0.0) {
        return Err(keys.unsupported(format!(
            "`{ROPE_FACTORS}` must be {n_frequencies} numbers above 0, one per rotary frequency; \
             it has {}",
            factors.len()
        )));
    }
    Ok(Some(factors).filter(|factors| factors.iter().any(|factor| !is_one(*factor))))
}

/// Divisors as Llama 3's scaling where its published parameters explain them, else as `longrope`,
/// which takes any divisors; with both lists equal and no attention factor it does nothing else.
fn divided(keys: &Keys<'_>, theta: Value, factors: &[f32]) -> Result<Value, WeightsError> {
    const ORIGINAL_CONTEXT: f64 = 8192.0;
    const LOW_FREQ_FACTOR: f64 = 1.0;
    const HIGH_FREQ_FACTOR: f64 = 4.0;
    let factor = factors.iter().copied().fold(1.0, f32::max);
    let base = theta.as_f64().unwrap_or_default();
    let explained = factors.iter().enumerate().all(|(i, stored)| {
        let wavelength = std::f64::consts::TAU * base.powf(i as f64 / factors.len() as f64);
        let turns = ORIGINAL_CONTEXT / wavelength;
        let smooth = (turns - LOW_FREQ_FACTOR) / (HIGH_FREQ_FACTOR - LOW_FREQ_FACTOR);
        let smooth = smooth.clamp(0.0, 1.0);
        let divisor = 1.0 / ((1.0 - smooth) / f64::from(factor) + smooth);
        (divisor - f64::from(*stored)).abs() <= 1e-5 * divisor
    });
    if explained {
        return Ok(json!({
            "rope_type": "llama3",
            "rope_theta": theta,
            "factor": number(factor),
            "low_freq_factor": LOW_FREQ_FACTOR,
            "high_freq_factor": HIGH_FREQ_FACTOR,
            "original_max_position_embeddings": ORIGINAL_CONTEXT as usize,
        }));
    }
    let factors: Vec<Value> = factors.iter().copied().map(number).collect();
    Ok(json!({
        "rope_type": "longrope",
        "rope_theta": theta,
        "factor": 1.0,
        "attention_factor": 1.0,
        "short_factor": factors,
        "long_factor": factors,
        "original_max_position_embeddings": keys.required::<usize>("context_length")?,
    }))
}

/// Whether a factor changes nothing.
fn is_one(factor: f32) -> bool {
    (factor - 1.0).abs() < f32::EPSILON
}
