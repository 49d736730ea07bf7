use std::path::Path;

use burn::tensor::Device;
use serde_json::Value;

use super::*;
use crate::generate::tests::{golden, model, tiny};
use crate::sampling::SamplingError;

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

#[test]
fn sequences_and_scores_equal_transformers() {
    let golden = golden();
    let cases = golden["beams"].as_array().unwrap();
    assert!(cases.len() >= 36, "only {} cases", cases.len());
    for case in cases {
        let decoder = model(Path::new(case["model"].as_str().unwrap()));
        let beams = case["num_beams"].as_u64().unwrap() as usize;
        let eos = case["eos_token_id"].as_u64().unwrap() as u32;
        let options = BeamOptions {
            beams,
            returned: beams,
            length_penalty: case["length_penalty"].as_f64().unwrap(),
            early_stopping: match &case["early_stopping"] {
                Value::Bool(true) => EarlyStopping::WhenFull,
                Value::Bool(false) => EarlyStopping::WhenUnlikely,
                _ => EarlyStopping::WhenImpossible,
            },
            max_new_tokens: case["max_new_tokens"].as_u64().unwrap() as usize,
            eos_ids: vec![eos],
            ..BeamOptions::default()
        };
        let ours = beam_search(&decoder, &ids(&case["prompt"]), &options).unwrap();
        let tokens: Vec<Vec<u32>> = ours.iter().map(|found| found.token_ids.clone()).collect();
        let theirs: Vec<Vec<u32>> = case["sequences"].as_array().unwrap().iter().map(ids).collect();
        assert_eq!(tokens, theirs, "{case}");
        for (found, score) in ours.iter().zip(case["scores"].as_array().unwrap()) {
            let difference = (found.score - score.as_f64().unwrap()).abs();
            assert!(difference < 1e-4, "{found:?}, not {score}");
            let is_eos = found.token_ids.last() == Some(&eos);
            assert_eq!(found.stop_reason == StopReason::Eos, is_eos, "{found:?}");
            let sum: f64 = found.logprobs.iter().map(|logprob| f64::from(*logprob)).sum();
            let length = (found.token_ids.len() as f64).powf(options.length_penalty);
            assert!((sum / length - found.score).abs() < 1e-5, "{found:?}");
        }
        let best = BeamOptions { returned: 1, ..options };
        let best = beam_search(&decoder, &ids(&case["prompt"]), &best).unwrap();
        assert_eq!(best, ours[..1]);
    }
}

/// With as many beams as there are sequences, the search is exhaustive: compare with all of them.
#[test]
fn enough_beams_find_the_most_probable_sequences_of_all() {
    let decoder = tiny(5, 16);
    let prompt = [1, 4];
    let options = BeamOptions {
        beams: 200,
        returned: 200,
        length_penalty: 0.7,
        early_stopping: EarlyStopping::WhenImpossible,
        max_new_tokens: 3,
        eos_ids: vec![2],
        ..BeamOptions::default()
    };
    let found = beam_search(&decoder, &prompt, &options).unwrap();
    let mut all: Vec<(Vec<u32>, f64)> = Vec::new();
    let mut open: Vec<(Vec<u32>, f64)> = vec![(Vec::new(), 0.0)];
    while let Some((sequence, sum)) = open.pop() {
        let read: Vec<u32> = prompt.iter().chain(&sequence).copied().collect();
        let input = crate::input::TokenInput::single(&read, &Device::flex());
        let logits = decoder.logits(decoder.hidden(&input, None)).into_data();
        let logits: Vec<f64> = logits.iter::<f64>().collect();
        let last = &logits[logits.len() - 5..];
        let total: f64 = last.iter().map(|logit| logit.exp()).sum();
        for (token, logit) in (0..).zip(last) {
            let mut longer = sequence.clone();
            longer.push(token);
            let sum = sum + logit - total.ln();
            if token == 2 || longer.len() == 3 {
                let score = sum / (longer.len() as f64).powf(0.7);
                all.push((longer, score));
            } else {
                open.push((longer, sum));
            }
        }
    }
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    // 1 + 4 + 4 · 4 · 5 sequences end within three tokens.
    assert_eq!((all.len(), found.len()), (85, 85));
    for (found, (_, score)) in found.iter().zip(&all) {
        assert!((found.score - score).abs() < 1e-5, "{found:?}, not {score}");
    }
    let mut distinct: Vec<&Vec<u32>> = found.iter().map(|found| &found.token_ids).collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 85);
}

#[test]
fn one_beam_is_greedy() {
    for name in ["gpt2", "llama_gqa", "opt"] {
        let decoder = model(Path::new(name));
        let prompt = vec![5, 17, 2, 40];
        let options =
            BeamOptions { beams: 1, max_new_tokens: 9, length_penalty: 0.0, ..Default::default() };
        let beam = beam_search(&decoder, &prompt, &options).unwrap().remove(0);
        let options = crate::generate::GenerateOptions {
            max_new_tokens: 9,
            sampling: SamplingConfig::greedy(),
            ..Default::default()
        };
        let mut go = |_, _| crate::generate::Verdict::Continue;
        let greedy = crate::generate::generate(&decoder, &[prompt], &options, &mut go).unwrap();
        assert_eq!(beam.token_ids, greedy[0].token_ids, "{name}");
        assert_eq!(beam.stop_reason, StopReason::Length);
    }
}

#[test]
fn penalties_hold_in_every_sequence() {
    let decoder = model(Path::new("gpt2"));
    let sampling = SamplingConfig {
        no_repeat_ngram_size: 1,
        bad_words: vec![vec![3], vec![15]],
        ..SamplingConfig::greedy()
    };
    let options = BeamOptions { returned: 4, max_new_tokens: 10, sampling, ..Default::default() };
    let prompt = [29, 11, 8];
    for found in beam_search(&decoder, &prompt, &options).unwrap() {
        let mut seen: Vec<u32> = prompt.iter().chain(&found.token_ids).copied().collect();
        assert!(!found.token_ids.contains(&3) && !found.token_ids.contains(&15), "{found:?}");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 13, "{found:?}");
    }
}

#[test]
fn a_sequence_ends_where_the_context_does() {
    let decoder = tiny(7, 6);
    let options = BeamOptions { max_new_tokens: usize::MAX, returned: 4, ..Default::default() };
    for found in beam_search(&decoder, &[1, 2], &options).unwrap() {
        assert_eq!((found.token_ids.len(), found.stop_reason), (4, StopReason::Length));
    }
    let none = BeamOptions { max_new_tokens: 0, ..Default::default() };
    assert_eq!(beam_search(&decoder, &[1, 2], &none), Ok(Vec::new()));
}

#[test]
fn bad_settings_and_prompts_are_named() {
    let decoder = tiny(7, 6);
    let message = |options: BeamOptions| {
        let error = beam_search(&decoder, &[1], &options).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        source.unwrap_or_else(|| error.to_string())
    };
    let sampling = |change: fn(&mut SamplingConfig)| {
        let mut options = BeamOptions::default();
        change(&mut options.sampling);
        options
    };
    let default = BeamOptions::default;
    let bad = [
        (BeamOptions { beams: 0, ..default() }, "`beams` is 0, must be at least 1"),
        (BeamOptions { returned: 5, ..default() }, "`returned` is 5, must be from 1 to `beams`"),
        (BeamOptions { returned: 0, ..default() }, "`returned` is 0, must be from 1 to `beams`"),
        (
            BeamOptions { length_penalty: f64::NAN, ..default() },
            "`length_penalty` is NaN, must be a finite number",
        ),
        (
            sampling(|s| s.temperature = 0.7),
            "`temperature` is 0.7, must be 0 or 1: beam search draws nothing",
        ),
        (sampling(|s| s.top_k = 3), "`top_k` is 3, must be 0: beam search draws nothing"),
        (sampling(|s| s.top_p = 0.5), "`top_p` is 0.5, must be 1: beam search draws nothing"),
        (sampling(|s| s.min_p = 0.5), "`min_p` is 0.5, must be 0: beam search draws nothing"),
        (
            sampling(|s| s.typical_p = 0.5),
            "`typical_p` is 0.5, must be 1: beam search draws nothing",
        ),
    ];
    for (options, expected) in bad {
        let expected = format!("the beam search settings are not usable: {expected}");
        assert_eq!(message(options), expected);
    }
    let error = beam_search(&decoder, &[1], &sampling(|s| s.repetition_penalty = 0.0));
    assert!(matches!(
        error,
        Err(GenerateError::Sampling(SamplingError { field: "repetition_penalty", .. }))
    ));
    let error = beam_search(&decoder, &[], &default());
    assert_eq!(error, Err(GenerateError::EmptyPrompt { row: 0 }));
    let every = (0..7).map(|token| vec![token]).collect();
    let mut forbidden = default();
    forbidden.sampling.bad_words = every;
    let error = beam_search(&decoder, &[1], &forbidden);
    assert_eq!(error, Err(GenerateError::NoToken { row: 0, step: 0 }));
}
