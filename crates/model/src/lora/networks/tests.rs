//! A language model with adapters: the same model however it is kept.

use burn::module::Module;
use tempfile::TempDir;

use super::*;
use crate::generate::WeightStorage;
use crate::golden::{TOLERANCE, assert_close, floats, read_json, read_tensors};
use crate::init::{InitConfig, init};
use crate::input::TokenInput;
use crate::lora::LoraTarget;
use crate::weights::{self, Checkpoint};

/// A Llama with fewer keys than queries, and weights large enough to tell tokens apart.
fn base(device: &Device) -> Decoder {
    let sizes = InitConfig {
        model_type: "llama".to_owned(),
        vocab_size: 40,
        hidden_size: 16,
        layers: 2,
        heads: 4,
        kv_heads: Some(2),
        intermediate_size: Some(24),
        context: 32,
        tie_embeddings: false,
    };
    let decoder = init(&sizes.to_config().unwrap(), 4, device);
    let mut values = decoder.values();
    for (_, values) in values.iter_mut().filter(|(name, _)| !name.contains("norm")) {
        values.iter_mut().for_each(|value| *value *= 15.0);
    }
    decoder.refilled(values.into_iter().collect())
}

fn all() -> LoraConfig {
    use LoraTarget::{Down, Gate, Key, Out, Query, Up, Value};
    let targets = vec![Query, Key, Value, Out, Gate, Up, Down];
    LoraConfig { rank: 3, alpha: 6.0, targets, rslora: false }
}

/// Adapters that add something.
fn adapted(device: &Device) -> Decoder {
    let decoder = base(device).adapted(&all(), 9).unwrap();
    let mut values = decoder.adapter_values();
    for (place, (_, values)) in
        values.iter_mut().filter(|(path, _)| path.ends_with(".b")).enumerate()
    {
        for (index, value) in values.iter_mut().enumerate() {
            *value = ((index + 5 * place) * 37 % 101) as f32 / 101.0 - 0.5;
        }
    }
    decoder.refilled(values.into_iter().collect())
}

fn logits(decoder: &Decoder, ids: &[u32]) -> Vec<f32> {
    let input = TokenInput::single(ids, &decoder.device());
    floats(decoder.logits(decoder.hidden(&input, None)))
}

const IDS: [u32; 6] = [3, 17, 0, 39, 17, 8];

#[test]
fn new_adapters_say_what_the_model_says() {
    let device = Device::flex();
    let (plain, new, moved) =
        (base(&device), base(&device).adapted(&all(), 9).unwrap(), adapted(&device));
    assert_eq!(logits(&new, &IDS), logits(&plain, &IDS));
    let differ = |a: &[f32], b: &[f32]| a.iter().zip(b).any(|(a, b)| (a - b).abs() > 0.1);
    assert!(differ(&logits(&moved, &IDS), &logits(&plain, &IDS)));
    // Whatever adapters learnt, the model below them is there, to the bit.
    assert_eq!(moved.without_adapters().values(), plain.values());
    assert_eq!(logits(&moved.without_adapters(), &IDS), logits(&plain, &IDS));
    // Two layers: 16 + 16, 16 + 8 twice, 16 + 16, 16 + 24 twice, 24 + 16, times the rank.
    let values: usize = moved.adapter_values().values().map(Vec::len).sum();
    assert_eq!(values, 2 * 3 * (32 + 24 + 24 + 32 + 40 + 40 + 40));
    assert_eq!(all().parameter_count(plain.config()), values);
    assert!(plain.adapter_values().is_empty());
}

#[test]
fn merged_and_packed_it_says_the_same() {
    let device = Device::flex();
    let decoder = adapted(&device);
    let expected = logits(&decoder, &IDS);
    let merged = decoder.merged();
    assert!(merged.adapters().is_none() && merged.adapter_values().is_empty());
    assert_close("merged", &logits(&merged, &IDS), &expected, TOLERANCE);
    // One token, so that the weights that were laid out are used.
    let one = logits(&decoder, &IDS[..1]);
    let decoding = decoder.for_decoding(WeightStorage::F32);
    assert!(decoding.adapters().is_none());
    assert_close("decoding", &logits(&decoding, &IDS[..1]), &one, TOLERANCE);
    // New adapters on a model with some begin with what these say.
    let config = LoraConfig { rank: 2, ..LoraConfig::default() };
    let again = decoder.adapted(&config, 3).unwrap();
    assert_close("again", &logits(&again, &IDS), &expected, TOLERANCE);
    assert_eq!(again.adapters().unwrap().config, config);
}

#[test]
fn what_is_saved_is_read_with_its_adapters_or_merged() {
    let device = Device::flex();
    let decoder = adapted(&device);
    let (kept, plain) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    weights::save_adapted(&decoder, kept.path()).unwrap();
    weights::save(&decoder, plain.path()).unwrap();
    assert!(weights::holds_adapters(kept.path()) && !weights::holds_adapters(plain.path()));

    let open = |folder: &TempDir| Checkpoint::open(folder.path()).unwrap();
    let read = weights::load_adapted(&open(&kept), &device).unwrap();
    assert_eq!(read.adapters(), decoder.adapters());
    assert_eq!(read.values(), decoder.values());
    assert_eq!(logits(&read, &IDS), logits(&decoder, &IDS));
    let merged = weights::load(&open(&kept), &device).unwrap();
    let exported = weights::load_adapted(&open(&plain), &device).unwrap();
    assert!(exported.adapters().is_none());
    assert_eq!(merged.values(), exported.values());
    assert_close("exported", &logits(&exported, &IDS), &logits(&decoder, &IDS), TOLERANCE);
    // Nothing of what was exported tells that there were any, and the other keeps the base's weights.
    let names = read_tensors(&plain.path().join("model.safetensors"));
    assert!(!names.keys().any(|name| name.contains("lora")));
    assert!(read_json(&plain.path().join("config.json")).get("hybrid_lora").is_none());
    let base_folder = TempDir::new().unwrap();
    weights::save(&base(&device), base_folder.path()).unwrap();
    let mut below = read_tensors(&kept.path().join("model.safetensors"));
    below.retain(|name, _| !name.starts_with("lora."));
    assert_eq!(below, read_tensors(&base_folder.path().join("model.safetensors")));
}

#[test]
fn only_what_recorded_gradients_does_after_a_refill() {
    let device = Device::flex().autodiff();
    let decoder = adapted(&device);
    assert_eq!(decoder.counts().trained, decoder.counts().all);
    let refilled = decoder.clone().no_grad().refilled(decoder.values().into_iter().collect());
    assert_eq!(refilled.counts().trained, 0);
    assert_eq!(
        decoder.valid().refilled(decoder.adapter_values().into_iter().collect()).values(),
        decoder.values()
    );
}

#[test]
fn adapters_that_do_not_fit_are_refused() {
    let device = Device::flex();
    let rank = LoraConfig { rank: 8, targets: vec![LoraTarget::Key], ..all() };
    let error = base(&device).adapted(&rank, 1).unwrap_err().to_string();
    assert!(error.contains("`rank` is 8, but `key` has 16 inputs and 8 outputs"), "{error}");
    let folder = TempDir::new().unwrap();
    weights::save_adapted(&adapted(&device), folder.path()).unwrap();
    let json = folder.path().join("config.json");
    let mut plan = read_json(&json)["hybrid_lora"].clone();
    plan["config"]["rank"] = 2.into();
    crate::golden::set_key(&json, "hybrid_lora", plan);
    let open = || Checkpoint::open(folder.path()).unwrap();
    let error = weights::load(&open(), &device).unwrap_err().to_string();
    assert!(error.contains("misshapen: lora.0.query.a"), "{error}");
    crate::golden::set_key(&json, "hybrid_lora", serde_json::json!({ "first_layer": 0 }));
    let error = weights::load(&open(), &device).unwrap_err().to_string();
    assert!(error.contains("`hybrid_lora` of its `config.json` is not understood"), "{error}");
}
