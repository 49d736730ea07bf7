//! Changes of logits that depend on the tokens so far.

use std::collections::{BTreeMap, BTreeSet};

use super::{History, SamplingConfig};

pub(super) fn apply(logits: &mut [f32], history: History<'_>, config: &SamplingConfig) {
    for (token, bias) in &config.logit_bias {
        if let Some(logit) = logits.get_mut(*token as usize) {
            *logit += *bias as f32;
        }
    }
    if is_set(config.repetition_penalty, 1.0) {
        penalise_repetition(logits, history, config.repetition_penalty as f32);
    }
    if is_set(config.presence_penalty, 0.0) || is_set(config.frequency_penalty, 0.0) {
        penalise_presence(logits, history, config);
    }
    if config.no_repeat_ngram_size > 0 {
        forbid_repeated_ngrams(logits, history, config.no_repeat_ngram_size);
    }
    for word in &config.bad_words {
        forbid_word(logits, history, word);
    }
}

/// True when [`apply`] changes some logits.
pub(super) fn is_any(config: &SamplingConfig) -> bool {
    is_set(config.repetition_penalty, 1.0)
        || is_set(config.presence_penalty, 0.0)
        || is_set(config.frequency_penalty, 0.0)
        || config.no_repeat_ngram_size > 0
        || !config.bad_words.is_empty()
        || config.logit_bias.values().any(|bias| is_set(*bias, 0.0))
}

fn is_set(value: f64, neutral: f64) -> bool {
    (value - neutral).abs() > 0.0
}

fn penalise_repetition(logits: &mut [f32], history: History<'_>, penalty: f32) {
    let seen: BTreeSet<u32> = history.all().collect();
    for token in seen {
        if let Some(logit) = logits.get_mut(token as usize) {
            *logit = if *logit < 0.0 { *logit * penalty } else { *logit / penalty };
        }
    }
}

fn penalise_presence(logits: &mut [f32], history: History<'_>, config: &SamplingConfig) {
    let mut counts: BTreeMap<u32, f64> = BTreeMap::new();
    for token in history.completion {
        *counts.entry(*token).or_default() += 1.0;
    }
    for (token, count) in counts {
        if let Some(logit) = logits.get_mut(token as usize) {
            *logit -= (count * config.frequency_penalty + config.presence_penalty) as f32;
        }
    }
}

fn forbid_repeated_ngrams(logits: &mut [f32], history: History<'_>, size: usize) {
    let tokens: Vec<u32> = history.all().collect();
    let Some(start) = (tokens.len() + 1).checked_sub(size) else { return };
    let current = &tokens[start..];
    for ngram in tokens.windows(size) {
        let (before, last) = ngram.split_at(size - 1);
        if before == current {
            forbid(logits, last);
        }
    }
}

fn forbid_word(logits: &mut [f32], history: History<'_>, word: &[u32]) {
    let Some((last, before)) = word.split_last() else { return };
    let recent = history.all().rev();
    let enough = history.prompt.len() + history.completion.len() >= before.len();
    if enough && before.iter().rev().copied().eq(recent.take(before.len())) {
        forbid(logits, &[*last]);
    }
}

fn forbid(logits: &mut [f32], tokens: &[u32]) {
    for token in tokens {
        if let Some(logit) = logits.get_mut(*token as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }
}
