//! Temperature and the truncations: what is removed becomes −∞.

use super::SamplingConfig;

pub(super) fn apply(logits: &mut [f32], config: &SamplingConfig) {
    if (config.temperature - 1.0).abs() > 0.0 {
        let temperature = config.temperature as f32;
        logits.iter_mut().for_each(|logit| *logit /= temperature);
    }
    if config.top_k > 0 {
        keep_top_k(logits, config.top_k);
    }
    if config.top_p < 1.0 {
        keep_top_p(logits, config.top_p as f32);
    }
    if config.min_p > 0.0 {
        keep_min_p(logits, config.min_p as f32);
    }
    if config.typical_p < 1.0 {
        keep_typical(logits, config.typical_p as f32);
    }
}

fn keep_top_k(logits: &mut [f32], k: usize) {
    if k >= logits.len() {
        return;
    }
    let mut sorted = logits.to_vec();
    let (_, threshold, _) = sorted.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    let threshold = *threshold;
    remove(logits, |logit| logit < threshold);
}

/// Candidates above −∞ with their probabilities, most probable first.
fn ranked(logits: &[f32]) -> Vec<(usize, f32)> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights = logits.iter().map(|logit| (logit - largest).exp());
    let mut ranked: Vec<(usize, f32)> =
        weights.enumerate().filter(|(_, weight)| *weight > 0.0).collect();
    let total: f32 = ranked.iter().map(|(_, weight)| f64::from(*weight)).sum::<f64>() as f32;
    ranked.iter_mut().for_each(|(_, weight)| *weight /= total);
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked
}

fn keep_top_p(logits: &mut [f32], p: f32) {
    // The least probable tokens whose probabilities sum to at most 1 − p go; one always stays.
    let ranked = ranked(logits);
    let mut tail = 0.0;
    let mut kept = ranked.len();
    for (_, probability) in ranked.iter().skip(1).rev() {
        tail += probability;
        if tail > 1.0 - p {
            break;
        }
        kept -= 1;
    }
    keep_only(logits, ranked.iter().take(kept).map(|(index, _)| *index));
}

fn keep_min_p(logits: &mut [f32], min_p: f32) {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    remove(logits, |logit| (logit - largest).exp() < min_p);
}

fn keep_typical(logits: &mut [f32], mass: f32) {
    let mut ranked = ranked(logits);
    let entropy: f32 = ranked.iter().map(|(_, p)| -p * p.ln()).sum();
    let distance = |p: f32| (-p.ln() - entropy).abs();
    ranked.sort_by(|a, b| distance(a.1).total_cmp(&distance(b.1)));
    let mut sum = 0.0;
    let below = ranked.iter().take_while(|(_, probability)| {
        sum += probability;
        sum < mass
    });
    let last = below.count().min(ranked.len().saturating_sub(1));
    let Some(limit) = ranked.get(last).map(|(_, p)| distance(*p)) else { return };
    let kept = ranked.iter().filter(|(_, p)| distance(*p) <= limit).map(|(index, _)| *index);
    keep_only(logits, kept);
}

fn keep_only(logits: &mut [f32], kept: impl Iterator<Item = usize>) {
    let kept: Vec<(usize, f32)> = kept.map(|index| (index, logits[index])).collect();
    logits.fill(f32::NEG_INFINITY);
    for (index, logit) in kept {
        logits[index] = logit;
    }
}

fn remove(logits: &mut [f32], is_removed: impl Fn(f32) -> bool) {
    for logit in logits {
        if is_removed(*logit) {
            *logit = f32::NEG_INFINITY;
        }
    }
}
