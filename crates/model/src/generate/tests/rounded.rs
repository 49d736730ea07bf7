//! Decoding with rounded weights, against decoders that hold the rounded weights.

use super::*;
use crate::family::parameter_map;

const ROUNDED: [WeightStorage; 2] = [WeightStorage::Bf16, WeightStorage::Int8];

/// The nearest multiples of a 127th of the largest value.
fn to_bytes(values: &mut [&mut f32]) {
    let step = values.iter().map(|value| value.abs()).fold(0.0, f32::max) / 127.0;
    for value in values {
        **value = if step > 0.0 { (**value / step).round_ties_even() * step } else { 0.0 };
    }
}

/// The same decoder with the weights of its projections and its head as `storage` leaves them.
fn rounded(decoder: &Decoder, storage: WeightStorage) -> Decoder {
    let mut values = decoder.values();
    for source in parameter_map(decoder.config()) {
        let is_head = source.parameter == "head";
        if source.shape.len() != 2 || !(is_head || source.parameter.ends_with(".weight")) {
            continue;
        }
        let weight = values.get_mut(&source.parameter).unwrap();
        if storage == WeightStorage::Bf16 {
            weight.iter_mut().for_each(|value| *value = half::bf16::from_f32(*value).to_f32());
            continue;
        }
        // A projection is stored `[in, out]`, the head `[out, in]`.
        let (outputs, inputs) =
            (source.shape[usize::from(!is_head)], source.shape[usize::from(is_head)]);
        for output in 0..outputs {
            let is_own = |place: usize| match is_head {
                true => place / inputs == output,
                false => place % outputs == output,
            };
            let own = weight.iter_mut().enumerate().filter(|(place, _)| is_own(*place));
            to_bytes(&mut own.map(|(_, value)| value).collect::<Vec<_>>());
        }
    }
    Decoder::from_values(decoder.config(), values.into_iter().collect(), &Device::flex())
}

#[test]
fn rounded_weights_decode_as_a_decoder_that_holds_them() {
    for name in ["gpt2_untied", "llama_gqa"] {
        let decoder = model(Path::new(name));
        assert!(!decoder.config().tie_embeddings, "{name}");
        let exact = run(&decoder, &prompts(), &greedy(12)).unwrap();
        for weights in ROUNDED {
            let ours =
                run(&decoder, &prompts(), &GenerateOptions { weights, ..greedy(12) }).unwrap();
            let theirs = run(&rounded(&decoder, weights), &prompts(), &greedy(12)).unwrap();
            for (ours, theirs) in ours.iter().zip(&theirs) {
                assert_same(&format!("{name}, {weights:?}"), ours, theirs);
            }
            let logprobs = |rows: &[Completion]| rows[0].logprobs.clone();
            assert_ne!(
                logprobs(&ours),
                logprobs(&exact),
                "{name}, {weights:?}: nothing is rounded"
            );
        }
    }
}

#[test]
fn neither_the_batch_nor_the_limit_changes_what_rounded_weights_say() {
    let decoder = model(Path::new("gpt2_untied"));
    for weights in ROUNDED {
        let options = GenerateOptions { weights, ..greedy(8) };
        let many: Vec<Vec<u32>> = (0..14).flat_map(|_| prompts()).collect();
        assert!(many.len() * 9 > MOST_ROWS, "the prompts are more rows than f32 is packed for");
        let together = run(&decoder, &many, &options).unwrap();
        for (row, prompt) in prompts().into_iter().enumerate() {
            let alone = run(&decoder, std::slice::from_ref(&prompt), &options).unwrap();
            for copy in together.iter().skip(row).step_by(3) {
                assert_same(&format!("{weights:?}"), copy, &alone[0]);
            }
            let short = GenerateOptions { max_new_tokens: 2, ..options.clone() };
            let short = run(&decoder, &[prompt], &short).unwrap();
            assert_eq!(short[0].token_ids, alone[0].token_ids[..2]);
            assert_logprobs("the first two", &short[0].logprobs, &alone[0].logprobs[..2]);
        }
    }
}
