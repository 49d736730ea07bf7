//! Temperature and the truncations: what is removed becomes −∞.

use super::{SamplingConfig, inverse, largest};

pub(super) fn apply(logits: &mut [f32], config: &SamplingConfig) {
    if (config.temperature - 1.0).abs() > 0.0 {
        divide(logits, config.temperature);
    }
    if config.top_k > 0 {
        keep_top_k(logits, config.top_k);
    }
    if config.top_p < 1.0 {
        keep_top_p(logits, config.top_p);
    }
    if config.min_p > 0.0 {
        keep_min_p(logits, config.min_p);
    }
    if config.typical_p < 1.0 {
        keep_typical(logits, config.typical_p);
    }
}

fn divide(logits: &mut [f32], temperature: f64) {
    let inverse = inverse(temperature);
    let largest = f64::from(largest(logits));
    if !largest.is_finite() {
        return;
    }
    // A shift of all logits changes no probability, and keeps a tiny temperature from overflowing.
    let overflows = (largest * inverse).abs() > f64::from(f32::MAX);
    let shift = if overflows { largest } else { 0.0 };
    for logit in logits {
        *logit = ((f64::from(*logit) - shift) * inverse) as f32;
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

fn keep_top_p(logits: &mut [f32], p: f64) {
    let mut candidates = candidates(logits);
    candidates.iter_mut().for_each(|candidate| candidate.rank = -candidate.probability);
    let kept = count_to_reach(p, &mut candidates);
    keep_only(logits, candidates.iter().take(kept));
}

fn keep_min_p(logits: &mut [f32], min_p: f64) {
    let threshold = f64::from(largest(logits)) + min_p.ln();
    remove(logits, |logit| f64::from(logit) < threshold);
}

fn keep_typical(logits: &mut [f32], mass: f64) {
    let mut candidates = candidates(logits);
    let surprise = |p: f32| -f64::from(p).ln();
    let entropy: f64 =
        candidates.iter().map(|c| f64::from(c.probability) * surprise(c.probability)).sum();
    for candidate in &mut candidates {
        candidate.rank = (surprise(candidate.probability) - entropy).abs() as f32;
    }
    let count = count_to_reach(mass, &mut candidates);
    let Some(last) = count.checked_sub(1).and_then(|last| candidates.get(last)) else { return };
    // Ties with the last stay.
    let limit = last.rank;
    keep_only(logits, candidates.iter().filter(|candidate| candidate.rank <= limit));
}

/// A token with some probability.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    index: usize,
    probability: f32,
    /// Candidates are taken from the smallest rank on.
    rank: f32,
}

/// The tokens above −∞ whose probability is above 0.
fn candidates(logits: &[f32]) -> Vec<Candidate> {
    let largest = largest(logits);
    let weights = logits.iter().map(|logit| (logit - largest).exp()).enumerate();
    let mut candidates: Vec<Candidate> = weights
        .filter(|(_, weight)| *weight > 0.0)
        .map(|(index, weight)| Candidate { index, probability: weight, rank: 0.0 })
        .collect();
    let total: f64 = candidates.iter().map(|c| f64::from(c.probability)).sum();
    candidates.iter_mut().for_each(|c| c.probability = (f64::from(c.probability) / total) as f32);
    candidates
}

/// How many candidates it takes, by rank, to reach `mass`: at least one where there is one. These
/// come first afterwards, sorted; of equal ranks the smaller id first.
///
/// A vocabulary is large and its nucleus small: only as many as needed are sorted.
fn count_to_reach(mass: f64, candidates: &mut [Candidate]) -> usize {
    let order =
        |a: &Candidate, b: &Candidate| a.rank.total_cmp(&b.rank).then(a.index.cmp(&b.index));
    let mut sum = 0.0;
    let mut start = 0;
    while start < candidates.len() {
        let rest = &mut candidates[start..];
        let block = (3 * start).max(64).min(rest.len());
        if block < rest.len() {
            rest.select_nth_unstable_by(block, order);
        }
        rest[..block].sort_unstable_by(order);
        for (place, candidate) in rest[..block].iter().enumerate() {
            sum += f64::from(candidate.probability);
            if sum >= mass {
                return start + place + 1;
            }
        }
        start += block;
    }
    candidates.len()
}

fn keep_only<'a>(logits: &mut [f32], kept: impl Iterator<Item = &'a Candidate>) {
    let kept: Vec<(usize, f32)> = kept.map(|c| (c.index, logits[c.index])).collect();
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
