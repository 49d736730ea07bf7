//! Checkpoints of every family: states, logits, gradients, and the tokens they generate.

use burn::tensor::{Device, Tensor};
use hybrid_model::generate::{Completion, GenerateOptions, Verdict, generate};
use hybrid_model::input::{Rows, TokenInput};
use hybrid_model::sampling::SamplingConfig;
use hybrid_model::weights::{self, Checkpoint};
use hybrid_model::{
    Decoder, Encoder, KvCache, SentenceEncoder, SequenceClassifier, TokenRow, encoder,
};
use hybrid_testing::fixtures::golden;

use crate::devices::{SAME_WORK, equal, same};
use crate::numbers::{Numbers, ints, named, tensor};

/// One checkpoint a family, with grouped heads, windows, caps and partial rotation among them.
const DECODERS: [&str; 10] = [
    "gpt2",
    "llama_gqa",
    "mistral_window",
    "qwen2_window",
    "qwen3",
    "gpt_neox_parallel",
    "opt",
    "phi3_partial",
    "gemma2",
    "gemma3_text",
];

const ENCODERS: [&str; 5] = ["bert", "roberta", "xlm_roberta", "distilbert", "mpnet"];

/// Tokens that every checkpoint knows.
const IDS: [u32; 14] = [5, 9, 3, 7, 11, 4, 8, 6, 3, 3, 10, 5, 12, 9];

fn decoder(case: &str, device: &Device) -> Decoder {
    let checkpoint = Checkpoint::open(&golden(&format!("models/{case}"))).unwrap();
    weights::load(&checkpoint, device).unwrap()
}

/// States of two rows, the log-probabilities of their tokens, and the gradient of every weight.
fn trained(decoder: &Decoder, rows: Rows, device: &Device) -> Numbers {
    let hidden = decoder.hidden(&TokenInput::new(&IDS, [2, 7], rows, device), None);
    let [b, t, width] = hidden.dims();
    let targets: Vec<i32> = IDS.iter().rev().map(|id| id.cast_signed()).collect();
    let flat = hidden.clone().reshape([b * t, width]);
    let logprobs = decoder.token_logprobs(flat, ints(&targets, device), 0.8);
    let mut numbers = vec![
        named("logits", decoder.logits(hidden.clone())),
        named("states", hidden),
        named("logprobs", logprobs.clone()),
    ];
    let gradients = (logprobs * tensor(1, [b * t], device)).sum().backward();
    let gradients = decoder.gradients(&gradients);
    assert_eq!(gradients.len(), decoder.values().len());
    numbers.extend(gradients.into_iter().map(|(path, of)| (format!("gradient of {path}"), of)));
    numbers
}

#[test]
fn decoders_of_every_family() {
    for case in DECODERS {
        same(case, SAME_WORK, |device| trained(&decoder(case, device), Rows::RightPadded, device));
    }
}

#[test]
fn packed_rows() {
    let segments = vec![0, 0, 0, 1, 1, 1, 1, 0, 1, 1, 2, 2, 2, 2];
    for case in ["llama_gqa", "mistral_window"] {
        let rows = Rows::Packed { segments: segments.clone() };
        same(&format!("{case}, packed"), SAME_WORK, |device| {
            trained(&decoder(case, device), rows.clone(), device)
        });
    }
}

#[test]
fn a_cache_filled_in_two_parts() {
    same("a cached pass", SAME_WORK, |device| {
        let device = device.clone().without_autodiff();
        let decoder = decoder("mistral_window", &device);
        let mut cache = KvCache::new(decoder.config(), 2, 7, &device);
        let mut pass = |columns: std::ops::Range<usize>| -> Tensor<3> {
            let ids: Vec<u32> =
                IDS.chunks(7).flat_map(|row| row[columns.clone()].to_vec()).collect();
            let rows = Rows::LeftPadded { pads: vec![0, 2] };
            let input = TokenInput::new(&ids, [2, columns.len()], rows, &device);
            decoder.hidden(&input, Some(&mut cache))
        };
        let (read, next) = (pass(0..6), pass(6..7));
        // The second row's first two columns are padding, whose states have no meaning.
        vec![named("prompt", read.slice_dim(1, 2..6)), named("next", next)]
    });
}

/// Completions of ragged prompts.
fn completions(case: &str, sampling: &SamplingConfig, device: &Device) -> Vec<Completion> {
    let options = GenerateOptions {
        max_new_tokens: 8,
        sampling: sampling.clone(),
        samples: 2,
        seed: 3,
        ..GenerateOptions::default()
    };
    let prompts = [vec![5, 9, 3], vec![4], vec![8, 6, 10, 7, 5]];
    let decoder = decoder(case, device);
    generate(&decoder, &prompts, &options, &mut |_, _| Verdict::Continue).unwrap()
}

#[test]
fn generated_tokens_and_their_logprobs() {
    let greedy = SamplingConfig { temperature: 0.0, ..SamplingConfig::default() };
    let drawn = SamplingConfig { top_p: 0.9, ..SamplingConfig::default() };
    for case in DECODERS {
        for sampling in [&greedy, &drawn] {
            let what = format!("{case} at temperature {}", sampling.temperature);
            equal(&what, |device| {
                let completions = completions(case, sampling, device);
                completions.into_iter().map(|completion| completion.token_ids).collect::<Vec<_>>()
            });
        }
    }
    same("logprobs of drawn tokens", SAME_WORK, |device| {
        let all = completions("gemma2", &drawn, device).into_iter().enumerate();
        all.map(|(row, completion)| (row.to_string(), completion.logprobs)).collect()
    });
}

fn rows() -> [TokenRow<'static>; 3] {
    [TokenRow::new(&IDS[..6]), TokenRow::new(&IDS[6..8]), TokenRow::new(&IDS[8..])]
}

#[test]
fn encoders_of_every_family() {
    for case in ENCODERS {
        same(case, SAME_WORK, |device| {
            let folder = golden(&format!("encoders/{case}"));
            let encoder: Encoder = encoder::load(&folder, device).unwrap();
            let states = encoder.states(&rows()).unwrap().states();
            let [n, width] = states.dims();
            let loss = (states.clone() * tensor(1, [n, width], device)).sum();
            let gradients = encoder.gradients(&loss.backward());
            let gradients = gradients.into_iter();
            let gradients = gradients.map(|(path, of)| (format!("gradient of {path}"), of));
            std::iter::once(named("states", states)).chain(gradients).collect()
        });
    }
}

#[test]
fn sentences_and_classes() {
    same("sentence vectors", SAME_WORK, |device| {
        let device = device.clone().without_autodiff();
        let sentences = SentenceEncoder::load(&golden("encoders/sentence"), &device).unwrap();
        vec![named("vectors", sentences.encode(&rows()).unwrap())]
    });
    for case in ["bert", "distilbert", "mpnet", "gpt2", "llama"] {
        same(&format!("classes of {case}"), SAME_WORK, |device| {
            let device = device.clone().without_autodiff();
            let folder = golden(&format!("encoders/{case}"));
            let classifier = SequenceClassifier::load(&folder, &device).unwrap();
            vec![named("logits", classifier.logits(&rows()).unwrap())]
        });
    }
}
