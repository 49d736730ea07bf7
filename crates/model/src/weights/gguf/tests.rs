use std::path::{Path, PathBuf};

use hybrid_gguf::GgufFile;
use proptest::prelude::*;
use serde_json::Value;

use super::names::{Arch, hf_name};
use super::{GgufWeights, config_json};
use crate::weights::{WeightSource, WeightsError};

/// Files and expectations of `reference/gguf_models.py`.
const CASES: [&str; 7] = ["llama", "llama3", "llama_spm", "qwen2", "qwen3", "gemma2", "gemma3"];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/gguf").join(name)
}

fn case(name: &str) -> (GgufFile, Value) {
    let file = GgufFile::open(&golden(&format!("{name}.gguf"))).unwrap();
    let text = std::fs::read_to_string(golden(&format!("{name}.json"))).unwrap();
    (file, serde_json::from_str(&text).unwrap())
}

/// Equal but for the last digits of numbers, which GGUF stores as `f32`.
fn close(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => {
            let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
            (ours - theirs).abs() <= 1e-7 * theirs.abs()
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| close(a, b))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(key, value)| theirs.get(key).is_some_and(|t| close(value, t)))
        }
        _ => ours == theirs,
    }
}

#[test]
fn the_configuration_is_that_of_the_twin() {
    // What says nothing of the network.
    const OTHERS: [&str; 10] = [
        "output_hidden_states",
        "return_dict",
        "chunk_size_feed_forward",
        "is_encoder_decoder",
        "problem_type",
        "use_cache",
        "pretraining_tp",
        "attention_dropout",
        "output_attentions",
        "max_window_layers",
    ];
    for name in CASES {
        let (file, golden) = case(name);
        let ours = config_json(&file, file.path()).unwrap();
        let theirs = golden["config"].as_object().unwrap();
        for (key, value) in theirs.iter().filter(|(key, _)| !OTHERS.contains(&key.as_str())) {
            let skipped = match key.as_str() {
                // Read below; GGUF files hold `f32` weights for us; the pattern is in `layer_types`.
                "rope_parameters" => name == "llama_spm",
                "dtype" | "_sliding_window_pattern" | "use_bidirectional_attention" => true,
                _ => false,
            };
            assert!(
                skipped || close(&ours[key], value),
                "{name}: {key} is {}, not {value}",
                ours[key]
            );
        }
        for key in ours.as_object().unwrap().keys().filter(|key| *key != "architectures") {
            assert!(theirs.contains_key(key), "{name}: {key} is not a key of the twin");
        }
    }
}

#[test]
fn unusual_rotary_divisors_become_longrope() {
    let (file, golden) = case("llama_spm");
    let rope = &config_json(&file, file.path()).unwrap()["rope_parameters"];
    let meant = &golden["config"]["rope_parameters"];
    assert_eq!(meant["rope_type"], "llama3");
    assert_eq!(rope["rope_type"], "longrope");
    assert_eq!(rope["attention_factor"], 1.0);
    assert_eq!(rope["short_factor"], rope["long_factor"]);
    assert_eq!(rope["rope_theta"], meant["rope_theta"]);
    let factors: Vec<f64> =
        rope["long_factor"].as_array().unwrap().iter().map(|f| f.as_f64().unwrap()).collect();
    // Head size 16. The first wavelength, 2 pi, fits 64 positions over 4 times and is kept; the
    // last is far longer than 64 and is divided by the factor of 4.
    assert_eq!((factors.len(), factors[0], factors[7]), (8, 1.0, 4.0));
}

/// Sum of (i + 1) bits(x_i), modulo 2^64, as the script computes it.
fn checksum(values: &[f32]) -> String {
    let sum = values
        .iter()
        .zip(1u64..)
        .fold(0u64, |sum, (value, i)| sum.wrapping_add(u64::from(value.to_bits()).wrapping_mul(i)));
    format!("{sum:016x}")
}

#[test]
fn tensors_are_those_of_the_twin_bit_for_bit() {
    for name in CASES {
        let (file, golden) = case(name);
        let path = file.path().to_owned();
        let weights = GgufWeights::new(file, &path).unwrap();
        let expected = golden["tensors"].as_object().unwrap();
        let mut specs = weights.tensors();
        specs.sort_by(|a, b| a.name.cmp(&b.name));
        let mut names: Vec<&String> = expected.keys().collect();
        names.sort();
        assert_eq!(specs.iter().map(|spec| &spec.name).collect::<Vec<_>>(), names, "{name}");
        for spec in &specs {
            let expected = &expected[&spec.name];
            let values = weights.read(&spec.name).unwrap();
            assert_eq!(serde_json::json!(spec.shape), expected["shape"], "{name}: {}", spec.name);
            assert_eq!(checksum(&values), expected["checksum"], "{name}: {}", spec.name);
        }
    }
}

#[test]
fn a_missing_tensor_is_named() {
    let (file, _) = case("qwen2");
    let weights = GgufWeights::new(file, Path::new("q.gguf")).unwrap();
    let error = weights.read("lm_head.weight").unwrap_err();
    assert!(matches!(&error, WeightsError::Gguf { path, .. } if path == Path::new("q.gguf")));
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("lm_head.weight"), "{source}");
}

#[test]
fn names_without_a_counterpart_have_none() {
    assert_eq!(
        hf_name(Arch::Gemma2, "blk.11.ffn_norm.weight").as_deref(),
        Some("model.layers.11.pre_feedforward_layernorm.weight")
    );
    assert_eq!(
        hf_name(Arch::Llama, "blk.0.ffn_norm.weight").as_deref(),
        Some("model.layers.0.post_attention_layernorm.weight")
    );
    for name in [
        "blk.01.attn_q.weight",
        "blk.+1.attn_q.weight",
        "blk.x.attn_q.weight",
        "blk.0.attn_q",
        "blk.0.attn_q.scale",
        "blk.0.attn_norm.bias",
        "blk.0.attn_q_norm.weight",
        "blk.0.post_ffw_norm.weight",
        "blk.0.ffn_gate_exps.weight",
        "rope_freqs.weight",
        "",
    ] {
        assert_eq!(hf_name(Arch::Llama, name), None, "{name}");
    }
}

/// A file of nothing but keys, each a string, a u32 or an f32, and an embedding of one number.
fn file_with(keys: &[(&str, Value)]) -> GgufFile {
    let string = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let mut bytes = b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
    bytes.extend((keys.len() as u64).to_le_bytes());
    for (key, value) in keys {
        bytes.extend(string(key));
        match value {
            Value::String(text) => {
                bytes.extend(8u32.to_le_bytes());
                bytes.extend(string(text));
            }
            Value::Number(number) if number.is_f64() => {
                bytes.extend(6u32.to_le_bytes());
                bytes.extend((number.as_f64().unwrap() as f32).to_le_bytes());
            }
            _ => {
                bytes.extend(4u32.to_le_bytes());
                bytes.extend((value.as_u64().unwrap() as u32).to_le_bytes());
            }
        }
    }
    bytes.extend(string("token_embd.weight"));
    bytes.extend([2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(0u64.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(32) + 4, 0);
    GgufFile::from_bytes(Path::new("made.gguf"), bytes).unwrap()
}

/// The keys of a whole configuration, with `changes` put in.
fn with(changes: &[(&'static str, Value)]) -> GgufFile {
    let mut keys = vec![
        ("general.architecture", Value::from("llama")),
        ("llama.context_length", 64.into()),
        ("llama.embedding_length", 8.into()),
        ("llama.feed_forward_length", 8.into()),
        ("llama.block_count", 1.into()),
        ("llama.attention.head_count", 2.into()),
        ("llama.attention.layer_norm_rms_epsilon", 1e-5.into()),
    ];
    for (key, value) in changes {
        keys.retain(|(other, _)| other != key);
        if !value.is_null() {
            keys.push((*key, value.clone()));
        }
    }
    file_with(&keys)
}

#[track_caller]
fn check_refused(changes: &[(&'static str, Value)], parts: &[&str]) {
    let file = with(changes);
    let error = config_json(&file, Path::new("made.gguf")).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    let message = format!("{error}: {source}");
    for part in parts.iter().chain(&["made.gguf"]) {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn what_cannot_be_expressed_is_refused() {
    check_refused(&[("general.architecture", "mamba".into())], &["`mamba`", "llama, qwen2, qwen3"]);
    check_refused(&[("general.architecture", Value::Null)], &["general.architecture"]);
    check_refused(&[("split.count", 3.into())], &["split over 3"]);
    check_refused(&[("llama.expert_count", 8.into())], &["mixture of 8 experts"]);
    check_refused(&[("llama.attention.head_count", 0.into())], &["head_count` is 0"]);
    check_refused(&[("llama.attention.head_count_kv", 0.into())], &["head_count_kv` is 0"]);
    check_refused(&[("llama.block_count", 4_000_000_000u32.into())], &["4000000000", "1 tensors"]);
    check_refused(&[("llama.context_length", Value::Null)], &["llama.context_length"]);
    check_refused(&[("llama.context_length", "long".into())], &["the string \"long\""]);
    check_refused(&[("llama.attention.value_length", 8.into())], &["value_length` is 8", "4"]);
    check_refused(&[("llama.rope.dimension_count", 2.into())], &["dimension_count` is 2"]);
    check_refused(&[("llama.rope.scaling.type", "longrope".into())], &["`longrope`", "yarn"]);
    let yarn = [
        ("llama.rope.scaling.type", Value::from("yarn")),
        ("llama.rope.scaling.factor", 4.0.into()),
        ("llama.rope.scaling.yarn_attn_factor", 0.5.into()),
    ];
    check_refused(&yarn, &["yarn_attn_factor` is 0.5"]);
}

#[test]
fn keys_select_variants() {
    let config = |changes: &[(&'static str, Value)]| {
        config_json(&with(changes), Path::new("made.gguf")).unwrap()
    };
    let plain = config(&[]);
    assert_eq!((&plain["model_type"], &plain["head_dim"]), (&"llama".into(), &4.into()));
    assert_eq!(plain["num_key_value_heads"], 2);
    assert_eq!(plain["rope_parameters"]["rope_theta"], 10_000.0);
    assert_eq!(plain["eos_token_id"], Value::Null);
    assert_eq!(plain["rms_norm_eps"], 1e-5);
    let mistral = config(&[("llama.attention.sliding_window", 4096.into())]);
    assert_eq!(
        (&mistral["model_type"], &mistral["sliding_window"]),
        (&"mistral".into(), &4096.into())
    );
    let ends = config(&[
        ("tokenizer.ggml.eos_token_id", 7.into()),
        ("tokenizer.ggml.eot_token_id", 9.into()),
        ("tokenizer.ggml.eom_token_id", 7.into()),
    ]);
    assert_eq!(ends["eos_token_id"], serde_json::json!([7, 9]));
    let old = config(&[
        ("llama.rope.scaling.type", "linear".into()),
        ("llama.rope.scale_linear", 2.0.into()),
    ]);
    assert_eq!(old["rope_parameters"]["factor"], 2.0);
    let betas = config(&[
        ("llama.rope.scaling.type", "yarn".into()),
        ("llama.rope.scaling.factor", 4.0.into()),
        ("llama.rope.scaling.yarn_beta_fast", 16.0.into()),
    ]);
    assert_eq!(betas["rope_parameters"]["beta_fast"], 16.0);
    assert_eq!(betas["rope_parameters"]["original_max_position_embeddings"], 64);
}

proptest! {
    #[test]
    fn a_changed_file_is_read_or_refused(
        name in prop::sample::select(&CASES[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        // The keys of the architecture come first; the tokenizer's are of no interest here.
        const REACH: usize = 800;
        let mut bytes = std::fs::read(golden(&format!("{name}.gguf"))).unwrap();
        for (at, byte) in changes {
            let at = at.index(REACH);
            bytes[at] = byte;
        }
        let path = Path::new("changed.gguf");
        if let Ok(file) = GgufFile::from_bytes(path, bytes) {
            let _ = config_json(&file, path);
            if let Ok(weights) = GgufWeights::new(file, path) {
                for spec in weights.tensors() {
                    let _ = weights.read(&spec.name);
                }
            }
        }
    }
}
