//! How much memory a run needs, roughly, before it starts.

use std::fmt;

use hybrid_model::config::DecoderConfig;
use hybrid_model::ops::LogprobOptions;
use hybrid_ppo::config::{Critic, ReferenceConfig};
use serde_json::Value;

use super::{MemoryUse, PhaseConfig, RunConfig};

/// Memory of a run in bytes, by what it is for. Sizes follow from the configuration; what an
/// allocator or a backend adds, some tenths more, is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryEstimate {
    /// The policy, its value head, and a critic of its own where there is one.
    pub weights: u64,
    /// One gradient for each trained weight, and a second one while micro-batches add up; with
    /// `train.memory = "low"` that of one part of the model at a time.
    pub gradients: u64,
    /// The optimizer's state, twice where SFT and PPO keep their own.
    pub optimizer: u64,
    /// The frozen reference models.
    pub reference: u64,
    /// What a forward pass keeps for its backward pass, of one micro-batch; with
    /// `train.memory = "low"` what each layer reads, and all of one layer.
    pub activations: u64,
    /// Keys and values of a rollout.
    pub kv_cache: u64,
    /// The most that is held at once: activations and cache are not needed at the same time.
    pub total: u64,
}

/// Bytes of a number.
const F32: u64 = 4;

/// Estimates the memory of a run on a model.
#[must_use]
pub fn estimate(run: &RunConfig, decoder: &DecoderConfig) -> MemoryEstimate {
    let has_ppo = run.has_ppo();
    let trunk = count(decoder.parameter_count());
    let trunks =
        if has_ppo && run.ppo.needs_values() && run.ppo.critic == Critic::Separate { 2 } else { 1 };
    let value_head = if has_ppo { count(decoder.hidden_size).saturating_add(1) } else { 0 };
    let adapters = run.model.lora.as_ref().map(|lora| count(lora.parameter_count(decoder)));
    // Adapters are trained beside weights that everything shares.
    let trained = adapters.unwrap_or(trunk).saturating_mul(trunks).saturating_add(value_head);
    let weights = match adapters {
        Some(_) => trunk.saturating_add(trained),
        None => trained,
    };
    let weights = weights.saturating_mul(F32);

    let rows = if has_ppo { run.ppo.minibatch_size } else { run.train.batch_size };
    let is_supervised = run.has_sft() || run.has_heads();
    let rows = rows.max(if is_supervised { run.train.batch_size } else { 0 });
    let length = run.train.max_length.min(decoder.max_positions);
    let micro_batch = run.train.micro_batch.sequences(run.train.max_length, rows);
    let gradient = trained.saturating_mul(F32);
    let added = match run.train.memory {
        _ if micro_batch >= rows => 0,
        MemoryUse::Normal => gradient,
        MemoryUse::Low => largest_part(decoder).saturating_mul(F32).min(gradient),
    };
    let gradients = gradient.saturating_add(added);

    let states = if has_ppo && is_supervised && !run.train.shared_optimizer { 2.0 } else { 1.0 };
    let optimizer = (trained as f64 * state_bytes(run) * states) as u64;
    let references = if has_ppo { count(reference_models(run)) } else { 0 };
    let reference = trunk.saturating_mul(F32).saturating_mul(references);

    let tokens = count(micro_batch.saturating_mul(length));
    let activations = tokens
        .saturating_mul(activation_floats(decoder, run.train.memory))
        .saturating_mul(F32)
        .saturating_add(logits(tokens, decoder));
    let cached = if has_ppo { run.rollout.rows().saturating_mul(length) } else { 0 };
    let kv_cache = count(cached).saturating_mul(cache_floats(decoder)).saturating_mul(F32);
    let total = [weights, gradients, optimizer, reference, activations.max(kv_cache)]
        .into_iter()
        .fold(0, u64::saturating_add);
    MemoryEstimate { weights, gradients, optimizer, reference, activations, kv_cache, total }
}

/// The most frozen models that any phase measures KL against, but for those that share the weights
/// of a policy with adapters.
fn reference_models(run: &RunConfig) -> usize {
    let is_own = |part: &(ReferenceConfig, f64)| {
        run.model.lora.is_none() || matches!(part.0, ReferenceConfig::Model(_))
    };
    let of_phase = |phase: &PhaseConfig| {
        let reference = phase.reference.as_ref().unwrap_or(&run.ppo.reference);
        reference.parts().iter().filter(|part| is_own(part)).count()
    };
    run.phase.iter().filter(|phase| phase.has_ppo()).map(of_phase).max().unwrap_or(0)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Numbers that a token leaves behind in all layers for the backward pass: per layer the inputs of
/// two norms, their outputs, the two sub-layers' outputs, queries, keys, values, the attention's
/// output, and the MLP's inner values before and after the activation. With little memory they are of
/// one layer, and the others leave what they read.
fn activation_floats(decoder: &DecoderConfig, memory: MemoryUse) -> u64 {
    let attention = &decoder.attention;
    let heads = count(attention.heads.saturating_add(attention.kv_heads)).saturating_mul(2);
    let inner = count(decoder.mlp.intermediate_size);
    let mlp = inner.saturating_mul(if decoder.mlp.gated { 3 } else { 2 });
    let width = count(decoder.hidden_size);
    let layer = width
        .saturating_mul(6)
        .saturating_add(heads.saturating_mul(count(attention.head_dim)))
        .saturating_add(mlp);
    let layers = count(decoder.layers.len());
    let kept = match memory {
        MemoryUse::Normal => layer.saturating_mul(layers),
        MemoryUse::Low => width.saturating_mul(layers).saturating_add(layer),
    };
    kept.saturating_add(width.saturating_mul(2))
}

/// Values of the largest part of the model whose gradient comes at once: the table of the vocabulary,
/// or a layer.
fn largest_part(decoder: &DecoderConfig) -> u64 {
    let table = count(decoder.vocab_size.saturating_mul(decoder.embedding_size));
    let tables = if decoder.tie_embeddings { table } else { table.saturating_mul(2) };
    let layers = count(decoder.parameter_count()).saturating_sub(tables);
    table.max(layers / count(decoder.layers.len()).max(1))
}

/// Logits, in pieces no larger than the budget; their gradient takes their place.
fn logits(tokens: u64, decoder: &DecoderConfig) -> u64 {
    let all = tokens.saturating_mul(count(decoder.vocab_size)).saturating_mul(F32);
    all.min(count(LogprobOptions::default().budget))
}

/// Numbers that a token leaves behind in the cache.
fn cache_floats(decoder: &DecoderConfig) -> u64 {
    let attention = &decoder.attention;
    let layer = count(attention.kv_heads.saturating_mul(attention.head_dim)).saturating_mul(2);
    layer.saturating_mul(count(decoder.layers.len()))
}

/// Bytes of optimizer state a parameter, by the optimizer's name.
fn state_bytes(run: &RunConfig) -> f64 {
    let spec = serde_json::to_value(&run.optim.optimizer).unwrap_or_default();
    let number = |key: &str| spec.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    let centered = spec.get("centered").and_then(Value::as_bool).unwrap_or(false);
    let name = spec.as_str().or_else(|| spec.get("type").and_then(Value::as_str));
    let moments = |count: f64| count * F32 as f64;
    let momentum = if number("momentum") > 0.0 { 1.0 } else { 0.0 };
    match name.unwrap_or_default() {
        "sgd" => moments(momentum),
        "rmsprop" => moments(1.0 + momentum + if centered { 1.0 } else { 0.0 }),
        "adagrad" | "lion" => moments(1.0),
        // Rows and columns instead of a matrix: nothing beside the weights.
        "adafactor" => 0.0,
        "adamw_8bit" => 2.1,
        "adan" => moments(4.0),
        _ => moments(2.0),
    }
}

impl fmt::Display for MemoryEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("weights", self.weights),
            ("gradients", self.gradients),
            ("optimizer", self.optimizer),
            ("reference", self.reference),
            ("activations", self.activations),
            ("kv_cache", self.kv_cache),
        ];
        for (name, bytes) in rows {
            writeln!(f, "{name:<12}{:>10}", readable(bytes))?;
        }
        write!(f, "{:<12}{:>10}", "total", readable(self.total))
    }
}

/// Bytes in the largest unit of which there is at least one.
fn readable(bytes: u64) -> String {
    const UNITS: &[(&str, u32)] = &[("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = UNITS.iter().find(|(_, shift)| bytes >> shift > 0);
    match unit {
        Some((name, shift)) => format!("{:.1} {name}", bytes as f64 / (1_u64 << shift) as f64),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests;
