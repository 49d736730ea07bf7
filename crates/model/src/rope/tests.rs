use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::config::Positions;
use crate::family;

/// What `reference/rope.py` wrote.
fn cases() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/rope.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A whole configuration with the rotary keys of `config`.
fn parse_with(config: &Value) -> Result<(RopeConfig, Option<RopeConfig>), ConfigError> {
    let mut whole = json!({ "vocab_size": 8, "num_hidden_layers": 2, "intermediate_size": 4 });
    for (key, value) in config.as_object().unwrap() {
        whole[key] = value.clone();
    }
    match family::parse(&whole)?.positions {
        Positions::Rotary { global, local } => Ok((global, local)),
        Positions::Learned { .. } => panic!("no rotary positions in {whole}"),
    }
}

#[test]
fn inverse_frequencies_equal_those_of_transformers() {
    let cases = cases();
    assert!(cases.len() > 30, "{} cases", cases.len());
    for case in cases {
        let (global, local) = parse_with(&case["config"]).unwrap();
        let rope = match case["layer_type"].as_str() {
            Some("sliding_attention") => local.unwrap(),
            _ => global,
        };
        for row in case["lengths"].as_array().unwrap() {
            let total = row["total"].as_u64().unwrap() as usize;
            let what = format!("{} ({}) at {total}", case["name"], case["layer_type"]);
            let (ours, factor) = rope.inverse_frequencies(total);
            let theirs: Vec<f64> =
                serde_json::from_value(row["inverse_frequencies"].clone()).unwrap();
            assert_eq!(ours.len(), theirs.len(), "{what}");
            for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                let close = (f64::from(*ours) - theirs).abs() <= 1e-6 * theirs;
                assert!(close, "{what}: frequency {i} is {ours}, not {theirs}");
            }
            let theirs = row["attention_factor"].as_f64().unwrap();
            assert!((f64::from(factor) - theirs).abs() <= 1e-6 * theirs, "{what}: {factor}");
        }
    }
}

#[test]
fn tables_hold_cosine_and_sine_of_position_times_frequency_twice() {
    let config = RopeConfig {
        theta: 100.0,
        rotary_dim: 4,
        scaling: RopeScaling::LongRope {
            short_factor: vec![1.0, 2.0],
            long_factor: vec![4.0, 8.0],
            original_max_positions: 6,
            attention_factor: 1.5,
        },
    };
    for (total, divisors) in [(6, [1.0, 2.0]), (7, [4.0, 8.0])] {
        let (cosine, sine) = tables(&config, &[0, 5, 2], total);
        let mut expected = (Vec::new(), Vec::new());
        for position in [0.0, 5.0, 2.0] {
            let [first, second] = [position / divisors[0], position / 10.0 / divisors[1]];
            for angle in [first, second, first, second] {
                expected.0.push(1.5 * f64::cos(angle));
                expected.1.push(1.5 * f64::sin(angle));
            }
        }
        for (ours, theirs) in [(cosine, expected.0), (sine, expected.1)] {
            assert_eq!(ours.len(), theirs.len());
            for (ours, theirs) in ours.iter().zip(theirs) {
                assert!((f64::from(*ours) - theirs).abs() < 1e-6, "{ours} is not {theirs}");
            }
        }
    }
}

/// Refused with a message that names all of `parts`.
#[track_caller]
fn check_refused(rope: Value, parts: &[&str]) {
    let config = json!({
        "model_type": "llama", "hidden_size": 24, "num_attention_heads": 2,
        "max_position_embeddings": 64, "rope_parameters": rope,
    });
    let error = parse_with(&config).unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

#[test]
fn scalings_out_of_range_are_refused() {
    check_refused(json!({ "rope_type": "dynamic" }), &["`rope_type` is `dynamic`", "llama3, yarn"]);
    check_refused(json!({ "rope_type": 3 }), &["`rope_type` is 3", "a string"]);
    check_refused(json!({ "rope_type": "linear" }), &["lacks `rope_parameters.factor`"]);
    check_refused(json!({ "rope_type": "linear", "factor": "4" }), &["`factor` is \"4\""]);
    check_refused(json!({ "rope_type": "linear", "factor": 0.5 }), &["`factor` is 0.5", "least 1"]);
    check_refused(json!({ "rope_type": "linear", "factor": 1e300 }), &["`factor` is 1"]);
    for theta in [1.0, 0.0, -5.0, 1e39] {
        check_refused(json!({ "rope_theta": theta }), &["`rope_theta` is", "above 1"]);
    }
    for partial in [0.0, -0.5, 0.1, 0.26, 1.5, 1e300] {
        check_refused(json!({ "partial_rotary_factor": partial }), &["do not fit a head of 12"]);
    }
    let llama3 = json!({
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    });
    let yarn = json!({ "rope_type": "yarn", "factor": 4.0 });
    let list = [1.0, 1.5, 2.0, 2.5, 3.0, 3.5];
    let longrope = json!({ "rope_type": "longrope", "short_factor": list, "long_factor": list });
    let original = "original_max_position_embeddings";
    let table = [
        (&llama3, "factor", Value::Null, "lacks `rope_parameters.factor`"),
        (&llama3, "low_freq_factor", Value::Null, "lacks `rope_parameters.low_freq_factor`"),
        (&llama3, "high_freq_factor", Value::Null, "lacks `rope_parameters.high_freq_factor`"),
        (&llama3, "low_freq_factor", 0.into(), "`low_freq_factor` is 0"),
        (&llama3, "high_freq_factor", 1.0.into(), "`high_freq_factor` is 1, must be above"),
        (&llama3, original, 0.into(), "`original_max_position_embeddings` is 0"),
        (&llama3, original, (-1).into(), "`original_max_position_embeddings` is -1"),
        (&yarn, "beta_fast", 0.into(), "`beta_fast` is 0"),
        (&yarn, "beta_slow", (-1).into(), "`beta_slow` is -1"),
        (&yarn, "attention_factor", 0.0.into(), "`attention_factor` is 0"),
        (&yarn, "truncate", "no".into(), "`truncate` is \"no\", expected true or false"),
        (&yarn, original, 0.into(), "`original_max_position_embeddings` is 0"),
        (&longrope, "short_factor", Value::Null, "lacks `rope_parameters.short_factor`"),
        (&longrope, "long_factor", Value::Null, "lacks `rope_parameters.long_factor`"),
        (&longrope, "long_factor", json!([1.0]), "`long_factor` has 1 entries, needs 6"),
        (&longrope, "long_factor", json!([1, 1, 1, 1, 1, 0]), "`long_factor` is 0"),
        (&longrope, "short_factor", json!([1, "a"]), "expected a list of finite numbers"),
        (&longrope, original, 1.into(), "`attention_factor` is inf"),
        (&longrope, original, 0.into(), "`original_max_position_embeddings` is 0"),
    ];
    for (rope, key, value, message) in table {
        let mut rope = rope.clone();
        rope[key] = value;
        check_refused(rope, &[message]);
    }
}
