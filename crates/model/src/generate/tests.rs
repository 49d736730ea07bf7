mod rounded;
mod slots;

use std::path::Path;

use burn::tensor::Device;
use serde_json::Value;

use super::*;
use crate::config::Positions;
use crate::init::{InitConfig, init};
use crate::input::TokenInput;
use crate::sampling::KeptSet;
use crate::weights::{self, Checkpoint};

/// `golden/generate.json`, written by `reference/generate.py`.
pub(super) fn golden() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/generate.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(super) fn model(name: &Path) -> Decoder {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/models");
    weights::load(&Checkpoint::open(&root.join(name)).unwrap(), &Device::flex()).unwrap()
}

/// A GPT-2 with learned positions, so that one beyond the context panics.
pub(super) fn tiny(vocab_size: usize, context: usize) -> Decoder {
    let sizes = InitConfig {
        model_type: "gpt2".to_owned(),
        vocab_size,
        hidden_size: 8,
        layers: 2,
        heads: 2,
        kv_heads: None,
        intermediate_size: None,
        context,
        tie_embeddings: true,
    };
    let decoder = init(&sizes.to_config().unwrap(), 4, &Device::flex());
    // Larger weights: a fresh model gives every token nearly the same probability.
    let mut values = decoder.values();
    for (name, values) in &mut values {
        if !name.contains("norm") {
            values.iter_mut().for_each(|value| *value *= 15.0);
        }
    }
    Decoder::from_values(decoder.config(), values.into_iter().collect(), &Device::flex())
}

fn greedy(max_new_tokens: usize) -> GenerateOptions {
    let sampling = SamplingConfig::greedy();
    GenerateOptions { max_new_tokens, sampling, ..GenerateOptions::default() }
}

fn run(
    decoder: &Decoder,
    prompts: &[Vec<u32>],
    options: &GenerateOptions,
) -> Result<Vec<Completion>, GenerateError> {
    generate(decoder, prompts, options, &mut |_, _| Verdict::Continue)
}

/// Three prompts of different length, of tokens every golden model has.
fn prompts() -> Vec<Vec<u32>> {
    vec![vec![29, 11, 3], vec![5, 17, 2, 40, 33, 8, 21, 9, 30], vec![7]]
}

/// Sliding windows (Mistral, Qwen2, Gemma), learned positions (GPT-2, OPT) and plain rotary ones.
const FAMILIES: [&str; 12] = [
    "gpt2",
    "gpt2_untied",
    "opt",
    "opt_350m_style",
    "llama_gqa",
    "mistral_window",
    "qwen2_window",
    "qwen3",
    "gpt_neox_parallel",
    "phi3",
    "gemma2",
    "gemma3_text",
];

/// Phi-3's LongRoPE rotates all keys otherwise beyond 16 tokens, which the longest prompt reaches.
const LONGROPE: [&str; 2] = ["phi3_longrope", "phi3_partial"];

#[track_caller]
fn assert_same(what: &str, ours: &Completion, theirs: &Completion) {
    assert_eq!(ours.token_ids, theirs.token_ids, "{what}");
    assert_eq!(ours.stop_reason, theirs.stop_reason, "{what}");
    assert_logprobs(what, &ours.logprobs, &theirs.logprobs);
}

#[track_caller]
fn assert_logprobs(what: &str, ours: &[f32], theirs: &[f32]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() <= 1e-4, "{what}: {a} and {b}");
    }
}

#[test]
fn greedy_equals_transformers() {
    let ids = |value: &Value| -> Vec<u32> {
        value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
    };
    let golden = golden();
    for case in golden["greedy"].as_array().unwrap() {
        let name = case["model"].as_str().unwrap();
        let eos = case["eos_token_id"].as_u64().unwrap() as u32;
        let rows = case["rows"].as_array().unwrap();
        let prompts: Vec<Vec<u32>> = rows.iter().map(|row| ids(&row["prompt"])).collect();
        let limit = case["max_new_tokens"].as_u64().unwrap() as usize;
        let options = GenerateOptions { eos_ids: vec![eos], ..greedy(limit) };
        let ours = run(&model(Path::new(name)), &prompts, &options).unwrap();
        assert_eq!(ours.len(), rows.len());
        for (ours, row) in ours.iter().zip(rows) {
            let theirs: Vec<f32> = row["logprobs"]
                .as_array()
                .unwrap()
                .iter()
                .map(|value| value.as_f64().unwrap() as f32)
                .collect();
            assert_eq!(ours.token_ids, ids(&row["new_ids"]), "{name}");
            assert_logprobs(name, &ours.logprobs, &theirs);
            let ended = ours.token_ids.last() == Some(&eos);
            let reason = if ended { StopReason::Eos } else { StopReason::Length };
            assert_eq!(ours.stop_reason, reason);
        }
        let reasons: Vec<StopReason> = ours.iter().map(|row| row.stop_reason).collect();
        assert!(reasons.contains(&StopReason::Eos) && reasons.contains(&StopReason::Length));
    }
}

#[test]
fn a_prompt_in_a_batch_continues_as_alone() {
    for name in FAMILIES.into_iter().chain(LONGROPE) {
        let decoder = model(Path::new(name));
        let together = run(&decoder, &prompts(), &greedy(12)).unwrap();
        for (prompt, together) in prompts().into_iter().zip(together) {
            let alone = run(&decoder, &[prompt], &greedy(12)).unwrap();
            assert_same(name, &together, &alone[0]);
        }
    }
}

/// Log-probabilities of `ids[start..]`, each given all before it, by one forward pass.
fn full_forward(decoder: &Decoder, ids: &[u32], start: usize, temperature: f64) -> Vec<f32> {
    let hidden = decoder.hidden(&TokenInput::single(ids, &decoder.device()), None);
    let [_, total, width] = hidden.dims();
    let count = total - start;
    let hidden = hidden.slice_dim(1, start - 1..total - 1).reshape([count, width]);
    let targets = crate::input::int_tensor(&ids[start..], [count], &decoder.device());
    let logprobs = decoder.token_logprobs(hidden, targets, temperature);
    logprobs.into_data().iter::<f32>().collect()
}

#[test]
fn logprobs_equal_the_full_forward() {
    for name in FAMILIES {
        let decoder = model(Path::new(name));
        for (temperature, used) in [(0.0, 1.0), (0.8, 0.8)] {
            let sampling = SamplingConfig { temperature, top_k: 9, ..SamplingConfig::default() };
            let options = GenerateOptions { sampling, ..greedy(10) };
            let completions = run(&decoder, &prompts(), &options).unwrap();
            for (prompt, completion) in prompts().into_iter().zip(completions) {
                let ids = [&prompt[..], &completion.token_ids[..]].concat();
                let full = full_forward(&decoder, &ids, prompt.len(), used);
                assert_logprobs(name, &completion.logprobs, &full);
            }
        }
    }
}

#[test]
fn angles_that_change_with_the_length_change_for_every_key() {
    for name in LONGROPE {
        let decoder = model(Path::new(name));
        for (prompt, completion) in prompts().into_iter().zip(free_run(&decoder)) {
            let mut ids = prompt;
            for (token, logprob) in completion.token_ids.into_iter().zip(completion.logprobs) {
                let input = TokenInput::single(&ids, &decoder.device());
                let logits = decoder.logits(decoder.hidden(&input, None)).into_data();
                let logits: Vec<f32> = logits.iter::<f32>().collect();
                let last = &logits[logits.len() - decoder.config().vocab_size..];
                let total: f32 = last.iter().map(|logit| logit.exp()).sum();
                assert_logprobs(name, &[logprob], &[last[token as usize] - total.ln()]);
                ids.push(token);
            }
        }
    }
}

/// What row `row` produces greedily when nothing ends it.
fn free_run(decoder: &Decoder) -> Vec<Completion> {
    run(decoder, &prompts(), &greedy(12)).unwrap()
}

#[test]
fn a_row_that_ends_leaves_the_others_alone() {
    for name in FAMILIES.into_iter().chain(LONGROPE) {
        let decoder = model(Path::new(name));
        let free = free_run(&decoder);
        let eos = free[1].token_ids[2];
        let options = GenerateOptions { eos_ids: vec![eos, 9999], ..greedy(12) };
        let ended = run(&decoder, &prompts(), &options).unwrap();
        for (ended, free) in ended.iter().zip(&free) {
            let place = free.token_ids.iter().position(|token| *token == eos);
            let expected = Completion {
                token_ids: free.token_ids[..place.map_or(12, |place| place + 1)].to_vec(),
                logprobs: free.logprobs[..place.map_or(12, |place| place + 1)].to_vec(),
                entropies: free.entropies[..place.map_or(12, |place| place + 1)].to_vec(),
                values: None,
                behaviour: None,
                stop_reason: place.map_or(StopReason::Length, |_| StopReason::Eos),
            };
            assert_same(name, ended, &expected);
        }
        assert!(ended[1].token_ids.len() <= 3 && ended[1].stop_reason == StopReason::Eos);
    }
}

#[test]
fn a_verdict_ends_a_row_or_everything() {
    let decoder = model(Path::new("llama_gqa"));
    let free = free_run(&decoder);
    for (verdict, lengths, reasons) in [
        (Verdict::StopRow, [12, 4, 12], [StopReason::Length, StopReason::Stop, StopReason::Length]),
        (Verdict::Cancel, [4, 4, 4], [StopReason::Length; 3]),
    ] {
        let mut seen: Vec<Vec<u32>> = vec![Vec::new(); 3];
        let mut observe = |row: usize, choice: Choice| {
            seen[row].push(choice.token);
            if row == 1 && seen[1].len() == 4 { verdict } else { Verdict::Continue }
        };
        let rows = generate(&decoder, &prompts(), &greedy(12), &mut observe).unwrap();
        for row in 0..3 {
            assert_eq!(rows[row].token_ids, free[row].token_ids[..lengths[row]], "{verdict:?}");
            assert_eq!(rows[row].token_ids, seen[row], "every token is observed once");
            assert_eq!(rows[row].stop_reason, reasons[row], "{verdict:?}");
        }
    }
}

#[test]
fn an_end_token_wins_over_the_verdict() {
    let decoder = model(Path::new("llama_gqa"));
    let eos_ids = vec![free_run(&decoder)[0].token_ids[0]];
    let options = GenerateOptions { eos_ids, ..greedy(12) };
    let mut stop = |_, _| Verdict::StopRow;
    let rows = generate(&decoder, &prompts()[..1], &options, &mut stop).unwrap();
    assert_eq!((rows[0].stop_reason, rows[0].token_ids.len()), (StopReason::Eos, 1));
}

#[test]
fn samples_equal_the_repeated_prompt() {
    let decoder = model(Path::new("mistral_window"));
    let options = GenerateOptions { samples: 3, seed: 8, max_new_tokens: 9, ..Default::default() };
    let sampled = run(&decoder, &prompts(), &options).unwrap();
    let copies = |prompt| std::iter::repeat_n(prompt, 3);
    let repeated: Vec<Vec<u32>> = prompts().into_iter().flat_map(copies).collect();
    let options = GenerateOptions { samples: 1, ..options };
    let one_by_one = run(&decoder, &repeated, &options).unwrap();
    assert_eq!(sampled.len(), 9);
    for (a, b) in sampled.iter().zip(&one_by_one) {
        assert_same("samples", a, b);
    }
    assert_ne!(sampled[0].token_ids, sampled[1].token_ids, "the streams differ");
}

#[test]
fn the_seed_decides_the_tokens() {
    let decoder = model(Path::new("llama_gqa"));
    let with = |seed| {
        let options = GenerateOptions { seed, max_new_tokens: 15, ..Default::default() };
        run(&decoder, &prompts(), &options).unwrap()
    };
    assert_eq!(with(3), with(3));
    assert_ne!(with(3), with(4));
}

#[test]
fn every_row_may_fill_its_own_context() {
    let mut learned = tiny(11, 10);
    for decoder in [&mut learned, &mut model(Path::new("opt"))] {
        let context = decoder.config().max_positions;
        assert!(matches!(decoder.config().positions, Positions::Learned { .. }));
        let prompts: Vec<Vec<u32>> =
            [1, context - 1, 4, context - 3].iter().map(|length| vec![3; *length]).collect();
        for samples in [1, 2] {
            let options = GenerateOptions { samples, ..greedy(usize::MAX) };
            let rows = run(decoder, &prompts, &options).unwrap();
            for (row, completion) in rows.iter().enumerate() {
                let prompt = &prompts[row / samples];
                assert_eq!(prompt.len() + completion.token_ids.len(), context);
                assert_eq!(completion.stop_reason, StopReason::Length);
                let alone = run(decoder, std::slice::from_ref(prompt), &greedy(usize::MAX));
                assert_same("context", completion, &alone.unwrap()[0]);
            }
        }
    }
}

#[test]
fn nothing_to_do_is_no_error() {
    let decoder = tiny(7, 6);
    let empty = Completion {
        token_ids: vec![],
        logprobs: vec![],
        entropies: vec![],
        values: None,
        behaviour: None,
        stop_reason: StopReason::Length,
    };
    assert_eq!(run(&decoder, &[], &greedy(5)), Ok(vec![]));
    assert_eq!(run(&decoder, &[vec![1], vec![2]], &greedy(0)), Ok(vec![empty.clone(), empty]));
    let none = GenerateOptions { samples: 0, ..greedy(5) };
    assert_eq!(run(&decoder, &[vec![1]], &none), Ok(vec![]));
}

#[test]
fn prompts_the_model_cannot_read_are_named() {
    let decoder = tiny(7, 6);
    let message =
        |prompt: Vec<u32>| run(&decoder, &[vec![1], prompt], &greedy(3)).unwrap_err().to_string();
    assert_eq!(
        message(vec![]),
        "prompt 1 has no tokens; a model needs at least one to continue from"
    );
    assert_eq!(
        message(vec![1; 6]),
        "prompt 1 has 6 tokens, but the model's context is 6: shorten it to at most 5 tokens"
    );
    assert_eq!(
        message(vec![1, 7]),
        "prompt 1 holds token 7, but the model has only 7: the tokenizer belongs to another model"
    );
    assert!(run(&decoder, &[vec![1; 5]], &greedy(3)).is_ok());
}

#[test]
fn weights_that_are_not_numbers_are_an_error() {
    let decoder = tiny(7, 6);
    for bad in [f32::NAN, f32::INFINITY] {
        let mut values = decoder.values();
        for values in values.values_mut() {
            values.fill(bad);
        }
        let values = values.into_iter().collect();
        let broken = Decoder::from_values(decoder.config(), values, &Device::flex());
        let error = run(&broken, &[vec![1], vec![2, 3]], &GenerateOptions::default());
        assert_eq!(error, Err(GenerateError::NoToken { row: 0, step: 0 }));
        let error = beam::beam_search(&broken, &[1], &beam::BeamOptions::default());
        assert_eq!(error, Err(GenerateError::NoToken { row: 0, step: 0 }));
    }
}

#[test]
fn bans_that_leave_nothing_are_an_error_at_their_step() {
    let decoder = tiny(7, 20);
    let sampling = SamplingConfig { no_repeat_ngram_size: 1, ..SamplingConfig::default() };
    let options = GenerateOptions { sampling, ..greedy(15) };
    let error = run(&decoder, &[vec![1], vec![2, 3]], &options).unwrap_err();
    assert_eq!(error, GenerateError::NoToken { row: 1, step: 5 });
    let sampling = SamplingConfig { top_p: f64::NAN, ..SamplingConfig::default() };
    let error = run(&decoder, &[vec![1]], &GenerateOptions { sampling, ..greedy(5) });
    assert!(matches!(error, Err(GenerateError::Sampling(_))));
}

#[test]
fn a_training_device_gives_the_same_tokens() {
    let plain = tiny(11, 20);
    let values = plain.values().into_iter().collect();
    let training = Decoder::from_values(plain.config(), values, &Device::flex().autodiff());
    let prompts = [vec![1, 2], vec![5]];
    assert_eq!(run(&training, &prompts, &greedy(8)), run(&plain, &prompts, &greedy(8)));
}

/// `log softmax` of the last logits after `ids`, at `temperature`, over the tokens `is_kept`.
fn next_logprobs(
    decoder: &Decoder,
    ids: &[u32],
    temperature: f64,
    is_kept: &dyn Fn(u32) -> bool,
) -> Vec<f64> {
    let input = TokenInput::single(ids, &decoder.device());
    let logits = decoder.logits(decoder.hidden(&input, None)).into_data();
    let logits: Vec<f32> = logits.iter::<f32>().collect();
    let last = logits[logits.len() - decoder.config().vocab_size..].iter().zip(0..);
    let weights: Vec<f64> = last
        .map(|(l, id)| if is_kept(id) { (f64::from(*l) / temperature).exp() } else { 0.0 })
        .collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| (weight / total).ln()).collect()
}

#[test]
fn the_recorded_behaviour_is_the_distribution_that_drew_the_token() {
    let decoder = model(Path::new("llama_gqa"));
    let forbidden: Vec<u32> = vec![3, 5, 60, 9999];
    let truncations = [
        SamplingConfig { temperature: 0.8, ..SamplingConfig::default() },
        SamplingConfig { top_k: 4, temperature: 1.3, ..SamplingConfig::default() },
        SamplingConfig { top_p: 0.7, ..SamplingConfig::default() },
        SamplingConfig { min_p: 0.2, ..SamplingConfig::default() },
        SamplingConfig { typical_p: 0.6, ..SamplingConfig::default() },
    ];
    for sampling in truncations {
        for forbidden in [Vec::new(), forbidden.clone()] {
            let options = GenerateOptions {
                sampling: sampling.clone(),
                forbidden: forbidden.clone(),
                record_behaviour: true,
                ..greedy(9)
            };
            for (prompt, row) in prompts().iter().zip(run(&decoder, &prompts(), &options).unwrap())
            {
                let behaviour = row.behaviour.unwrap();
                assert_eq!(behaviour.len(), row.token_ids.len());
                for (step, (token, drawn)) in row.token_ids.iter().zip(&behaviour).enumerate() {
                    let is_kept = |id: u32| match &drawn.kept {
                        KeptSet::All => true,
                        KeptSet::Only(ids) => ids.binary_search(&id).is_ok(),
                        KeptSet::Without(ids) => ids.binary_search(&id).is_err(),
                    };
                    let leaks = |id: &u32| *id < 67 && is_kept(*id);
                    assert!(is_kept(*token) && !forbidden.iter().any(leaks));
                    match &drawn.kept {
                        KeptSet::Only(ids) => assert!(sampling.is_truncated() && ids.len() < 60),
                        KeptSet::Without(ids) => assert_eq!(*ids, [3, 5, 60]),
                        KeptSet::All => assert!(forbidden.is_empty() && !sampling.is_truncated()),
                    }
                    let ids = [&prompt[..], &row.token_ids[..step]].concat();
                    let expected = next_logprobs(&decoder, &ids, sampling.temperature, &is_kept);
                    let difference = f64::from(drawn.logprob) - expected[*token as usize];
                    assert!(difference.abs() < 1e-4, "{difference} with {sampling:?}");
                    // The model's own log-probability is that over all tokens.
                    let whole = next_logprobs(&decoder, &ids, sampling.temperature, &|_| true);
                    assert_logprobs(
                        "whole",
                        &row.logprobs[step..=step],
                        &[whole[*token as usize] as f32],
                    );
                }
            }
        }
    }
}

#[test]
fn what_is_greedy_is_drawn_from_one_token() {
    let decoder = model(Path::new("gpt2"));
    let free = run(&decoder, &prompts(), &greedy(6)).unwrap();
    let options = GenerateOptions { record_behaviour: true, ..greedy(6) };
    for (row, free) in run(&decoder, &prompts(), &options).unwrap().into_iter().zip(free) {
        assert_eq!(row.token_ids, free.token_ids, "recording changes no token");
        for (token, drawn) in row.token_ids.iter().zip(row.behaviour.unwrap()) {
            assert_eq!(drawn, Behaviour { logprob: 0.0, kept: KeptSet::Only(vec![*token]) });
        }
    }
}

#[test]
fn a_forbidden_token_is_never_chosen() {
    let decoder = model(Path::new("gpt2"));
    let free = run(&decoder, &prompts(), &greedy(6)).unwrap();
    let forbidden = vec![free[0].token_ids[0], free[1].token_ids[0], u32::MAX];
    let options = GenerateOptions { forbidden: forbidden.clone(), ..greedy(12) };
    for row in run(&decoder, &prompts(), &options).unwrap() {
        assert!(row.token_ids.iter().all(|id| !forbidden.contains(id)));
        assert!(row.behaviour.is_none());
    }
    let vocab_size = decoder.config().vocab_size as u32;
    let options = GenerateOptions { forbidden: (0..vocab_size).collect(), ..greedy(3) };
    let error = run(&decoder, &prompts(), &options).unwrap_err();
    assert_eq!(error, GenerateError::NoToken { row: 0, step: 0 });
}
