use burn::tensor::Device;
use proptest::prelude::*;

use super::*;
use crate::input::TokenInput;
use crate::weights;

fn sizes(model_type: &str) -> InitConfig {
    InitConfig {
        model_type: model_type.to_owned(),
        vocab_size: 23,
        hidden_size: 32,
        layers: 2,
        heads: 4,
        kv_heads: None,
        intermediate_size: None,
        context: 12,
        tie_embeddings: true,
    }
}

fn config(model_type: &str) -> DecoderConfig {
    sizes(model_type).to_config().unwrap()
}

#[test]
fn all_threads_draw_what_one_draws() {
    let (mut shared, mut alone) = (ChaCha8Rng::seed_from_u64(3), ChaCha8Rng::seed_from_u64(3));
    // From the middle of a block of the generator; whole chunks, a part of one, none.
    for size in [5, 3 * DRAWN, 2 * DRAWN + 7, DRAWN - 1, 1, 0] {
        let drawn = normals(&mut shared, size, 0.02);
        let expected: Vec<f32> = (0..size).map(|_| normal(&mut alone) * 0.02).collect();
        assert!(drawn == expected, "{size}");
    }
    assert_eq!(shared, alone);
}

#[test]
fn a_seed_fixes_the_weights() {
    let (config, device) = (config("gpt2"), Device::flex());
    let values = |seed| init(&config, seed, &device).values();
    assert!(values(7) == values(7));
    let (one, other) = (values(7), values(8));
    for (name, one) in &one {
        let random = !all_equal(one, one[0]);
        assert_eq!(random, *one != other[name], "{name}");
    }
}

/// True when every value has the bits of `expected`.
fn all_equal(values: &[f32], expected: f32) -> bool {
    values.iter().all(|value| value.to_bits() == expected.to_bits())
}

/// Mean and standard deviation.
fn moments(values: &[f32]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let square = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
    (mean, square.sqrt())
}

#[test]
fn weights_are_drawn_as_gpt2_draws_them() {
    for model_type in ["gpt2", "llama", "gemma2"] {
        let sizes = InitConfig { vocab_size: 211, hidden_size: 64, layers: 8, ..sizes(model_type) };
        let config = sizes.to_config().unwrap();
        let mut matrices = 0;
        for (name, values) in init(&config, 1, &Device::flex()).values() {
            let what = format!("{model_type} {name}");
            if name.ends_with(".bias") {
                assert!(all_equal(&values, 0.0), "{what}");
                continue;
            }
            if name.contains("norm") {
                // Gemma scales by one plus the weight.
                let identity = if model_type == "gemma2" { 0.0 } else { 1.0 };
                assert!(all_equal(&values, identity), "{what}");
                continue;
            }
            let residual =
                name.ends_with("attention.out.weight") || name.ends_with("mlp.down.weight");
            // Eight layers write sixteen times into the residual stream.
            let expected = if residual { 0.02 / 4.0 } else { 0.02 };
            let (mean, deviation) = moments(&values);
            // Five standard errors of a mean and of a standard deviation.
            let error = 5.0 * expected / (values.len() as f64).sqrt();
            assert!(mean.abs() < error, "{what}: mean {mean}");
            assert!((deviation - expected).abs() < error, "{what}: {deviation}, not {expected}");
            let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            assert!(f64::from(largest) > 2.5 * expected, "{what}: no tail, {largest}");
            matrices += 1;
        }
        assert!(matrices > 30, "{model_type}: {matrices} matrices");
    }
}

#[test]
fn every_family_starts_runs_and_is_saved() {
    let device = Device::flex();
    for model_type in family::known_model_types() {
        for tie_embeddings in [true, false] {
            let config = InitConfig { tie_embeddings, ..sizes(model_type) }.to_config().unwrap();
            assert_eq!(config.tie_embeddings, tie_embeddings, "{model_type}");
            assert_eq!(
                (config.vocab_size, config.hidden_size, config.layers.len(), config.max_positions),
                (23, 32, 2, 12),
                "{model_type}"
            );
            assert_eq!((config.attention.kv_heads, config.attention.head_dim), (4, 8));
            assert_eq!(config.mlp.intermediate_size, 128, "{model_type}");
            let decoder = init(&config, 3, &device);
            let count: usize = decoder.values().values().map(Vec::len).sum();
            assert_eq!(config.parameter_count(), count, "{model_type}");
            let ids: Vec<u32> = (0..12).collect();
            let hidden = decoder.hidden(&TokenInput::single(&ids, &device), None);
            let logits: Vec<f32> = decoder.logits(hidden).into_data().iter().collect();
            assert_eq!(logits.len(), 12 * 23, "{model_type}");
            assert!(logits.iter().all(|logit| logit.is_finite() && logit.abs() < 2.0));
            assert!(!all_equal(&logits, logits[0]), "{model_type}");
            let saved = tempfile::TempDir::new().unwrap();
            weights::save(&decoder, saved.path()).unwrap();
            let checkpoint = weights::Checkpoint::open(saved.path()).unwrap();
            let again = weights::load(&checkpoint, &device).unwrap();
            assert!(again.values() == decoder.values(), "{model_type}");
        }
    }
}

#[test]
fn key_value_heads_are_grouped_where_the_family_can() {
    let with = |model_type: &str, kv_heads| InitConfig { kv_heads, ..sizes(model_type) };
    for model_type in family::known_model_types() {
        let found = with(model_type, Some(2)).to_config();
        if ["gpt2", "gpt_neox", "opt"].contains(&model_type) {
            let error = found.unwrap_err().to_string();
            assert!(error.contains("`kv_heads` is `2`"), "{error}");
            assert!(error.contains(&format!("`{model_type}` has no grouped heads")), "{error}");
        } else {
            assert_eq!(found.unwrap().attention.kv_heads, 2, "{model_type}");
        }
        assert_eq!(with(model_type, Some(4)).to_config().unwrap().attention.kv_heads, 4);
    }
    for wrong in [0, 3, 8] {
        assert!(with("llama", Some(wrong)).to_config().is_err(), "{wrong}");
    }
}

#[test]
fn sizes_are_checked() {
    let error = |sizes: InitConfig| sizes.to_config().unwrap_err().to_string();
    for model_type in family::known_model_types() {
        let plain = || sizes(model_type);
        let uneven = error(InitConfig { heads: 3, ..plain() });
        assert_eq!(uneven, "a hidden size of 32 cannot be shared by 3 attention heads");
        assert!(error(InitConfig { heads: 0, ..plain() }).contains("0 attention heads"));
        assert!(error(InitConfig { vocab_size: 0, ..plain() }).contains("`vocab_size` is 0"));
        assert!(error(InitConfig { hidden_size: 0, ..plain() }).contains("is 0"));
        assert!(error(InitConfig { layers: 0, ..plain() }).contains("`num_hidden_layers` is 0"));
        assert!(error(InitConfig { layers: 1 << 40, ..plain() }).contains("layers are more than"));
        assert!(error(InitConfig { context: 0, ..plain() }).contains("is 0"));
        let inner = InitConfig { intermediate_size: Some(0), ..plain() };
        assert!(error(inner).contains("`intermediate_size` is 0"));
        let huge = InitConfig { hidden_size: 1 << 27, vocab_size: 1 << 27, ..plain() };
        assert!(error(huge).contains("more than"));
    }
    assert!(error(sizes("mamba")).contains("the known ones are gemma2"));
}

#[test]
fn the_table_is_closed_and_has_defaults() {
    let parse = |json: Value| serde_json::from_value::<InitConfig>(json);
    let whole = json!({
        "vocab_size": 23, "hidden_size": 32, "layers": 2, "heads": 4, "context": 12,
    });
    assert_eq!(parse(whole.clone()).unwrap(), sizes("gpt2"));
    for key in whole.as_object().unwrap().keys() {
        let mut table = whole.clone();
        table.as_object_mut().unwrap().remove(key);
        let error = parse(table).unwrap_err().to_string();
        assert!(error.contains(&format!("missing field `{key}`")), "{error}");
    }
    let mut table = whole;
    table["n_layers"] = 3.into();
    let error = parse(table).unwrap_err().to_string();
    assert!(error.contains("unknown field `n_layers`"), "{error}");
}

proptest! {
    #[test]
    fn any_sizes_are_answered(
        model_type in prop::sample::select(family::known_model_types().collect::<Vec<_>>()),
        numbers in prop::collection::vec(
            prop_oneof![0usize..20, Just(1 << 28), any::<usize>()], 6
        ),
        kv_heads in prop::option::of(0usize..9),
    ) {
        let sizes = InitConfig {
            vocab_size: numbers[0],
            hidden_size: numbers[1],
            layers: numbers[2],
            heads: numbers[3],
            kv_heads,
            intermediate_size: Some(numbers[4]),
            context: numbers[5],
            ..sizes(model_type)
        };
        if let Ok(config) = sizes.to_config() {
            prop_assert_eq!(config.attention.heads * config.attention.head_dim, numbers[1]);
        }
    }
}
