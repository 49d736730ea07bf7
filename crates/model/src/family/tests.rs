use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;
use crate::config::{Activation, Positions};

fn golden_models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/models")
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Every `config.json` that `transformers` wrote for the tests, today's and yesterday's.
static GOLDEN_CONFIGS: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
    let mut configs = Vec::new();
    for entry in std::fs::read_dir(golden_models()).unwrap() {
        for file in ["config.json", "config.legacy.json"] {
            let path = entry.as_ref().unwrap().path().join(file);
            if path.exists() {
                configs.push((path.display().to_string(), read(&path)));
            }
        }
    }
    configs.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert!(configs.len() >= 40, "only {} configurations found", configs.len());
    configs
});

/// The keys that a family cannot do without, with small values.
fn minimal(model_type: &str) -> Value {
    match model_type {
        "gpt2" => json!({
            "model_type": "gpt2", "vocab_size": 11, "n_embd": 16, "n_layer": 3, "n_head": 2,
            "n_positions": 16,
        }),
        "opt" => json!({
            "model_type": "opt", "vocab_size": 11, "hidden_size": 16, "num_hidden_layers": 3,
            "num_attention_heads": 2, "max_position_embeddings": 16, "ffn_dim": 12,
        }),
        _ => json!({
            "model_type": model_type, "vocab_size": 11, "hidden_size": 256, "num_hidden_layers": 3,
            "num_attention_heads": 32, "max_position_embeddings": 16, "intermediate_size": 12,
        }),
    }
}

/// Two heads of eight, with `changes` put in.
fn with(model_type: &str, changes: Value) -> Value {
    let mut config = minimal(model_type);
    if config.get("hidden_size").is_some() {
        config["hidden_size"] = 16.into();
        config["num_attention_heads"] = 2.into();
        config["num_key_value_heads"] = Value::Null;
        config["head_dim"] = Value::Null;
    }
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

/// What is built, without the text it was read from.
fn built(config: &Value) -> DecoderConfig {
    let parsed = parse(config).unwrap_or_else(|error| panic!("{error}: {config}"));
    DecoderConfig { raw: Map::new(), ..parsed }
}

#[track_caller]
fn check_refused(config: &Value, parts: &[&str]) {
    let error = parse(config).unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
    assert!(!error.contains('\n'), "one paragraph: {error}");
}

#[test]
fn an_unknown_model_type_lists_the_known() {
    check_refused(
        &json!({ "model_type": "mamba" }),
        &[
            "model type `mamba` is not supported",
            "gemma2, gemma3_text, gpt2, gpt_neox, llama, mistral, opt, phi3, qwen2, qwen3",
        ],
    );
    check_refused(&json!({ "model_type": "LLAMA" }), &["`LLAMA` is not supported"]);
    check_refused(&json!({}), &["lacks `model_type`"]);
    check_refused(&json!({ "model_type": null }), &["lacks `model_type`"]);
    check_refused(&json!({ "model_type": 3 }), &["`model_type` is 3, expected a string"]);
    for value in [json!([]), json!(null), json!("llama"), json!(1)] {
        assert_eq!(parse(&value), Err(ConfigError::NotAnObject));
    }
}

#[test]
fn every_required_key_is_named_when_it_is_missing_or_of_another_type() {
    for model_type in known_model_types() {
        let whole = minimal(model_type);
        parse(&whole).unwrap_or_else(|error| panic!("{model_type}: {error}"));
        for key in whole.as_object().unwrap().keys().filter(|key| *key != "model_type") {
            let mut config = whole.clone();
            config.as_object_mut().unwrap().remove(key);
            let lacks = format!("lacks `{key}`; a `{model_type}` model");
            check_refused(&config, &[&lacks]);
            config[key] = Value::Null;
            check_refused(&config, &[&lacks]);
            for wrong in [json!("8"), json!(8.5), json!(-8), json!([8]), json!(true)] {
                config[key] = wrong.clone();
                let message = format!("`{key}` is {wrong}, expected a whole number of at least 0");
                check_refused(&config, &[&message]);
            }
        }
    }
}

#[test]
fn optional_keys_of_another_type_are_refused() {
    let table = [
        ("llama", "tie_word_embeddings", json!("yes"), "expected true or false"),
        ("llama", "rms_norm_eps", json!("1e-5"), "expected a finite number"),
        ("llama", "hidden_act", json!(1), "expected a string"),
        ("llama", "rope_scaling", json!("linear"), "expected an object"),
        ("llama", "rope_parameters", json!([1]), "expected an object"),
        ("llama", "rope_theta", json!({}), "expected a finite number"),
        ("llama", "attention_bias", json!(1), "expected true or false"),
        ("mistral", "sliding_window", json!(-1), "expected a whole number"),
        ("qwen3", "layer_types", json!("full_attention"), "expected a list of strings"),
        ("qwen2", "layer_types", json!([1, 2, 3]), "expected a list of strings"),
        ("gemma2", "final_logit_softcapping", json!("30"), "expected a finite number"),
        ("gemma3_text", "rope_local_base_freq", json!("1"), "expected a finite number"),
        ("gpt_neox", "rotary_pct", json!([]), "expected a finite number"),
        ("opt", "do_layer_norm_before", json!("false"), "expected true or false"),
    ];
    for (model_type, key, value, expected) in table {
        let config = with(model_type, json!({ key: value }));
        check_refused(&config, &[&format!("`{key}` is {value}, {expected}")]);
    }
    let long = "ä".repeat(500);
    let error = parse(&with("llama", json!({ "rope_theta": long }))).unwrap_err().to_string();
    assert!(error.len() < 250 && error.contains('…'), "shortened: {error}");
}

#[test]
fn what_is_not_implemented_is_refused() {
    let table = [
        ("gpt2", json!({ "add_cross_attention": true }), "`add_cross_attention` is `true`"),
        ("gpt2", json!({ "activation_function": "mish" }), "`activation_function` is `mish`"),
        ("gemma3_text", json!({ "use_bidirectional_attention": true }), "is `true`"),
        ("opt", json!({ "layer_norm_elementwise_affine": false }), "is `false`"),
        ("qwen3", json!({ "layer_types": ["full_attention", "chunked", "x"] }), "`chunked`"),
    ];
    for (model_type, changes, part) in table {
        check_refused(&with(model_type, changes), &[part, "not supported"]);
    }
}

#[test]
fn sizes_that_contradict_each_other_are_refused() {
    for model_type in known_model_types() {
        for key in minimal(model_type).as_object().unwrap().keys().filter(|k| *k != "model_type") {
            for size in [0u64, 1 << 29, u64::MAX] {
                let mut config = minimal(model_type);
                config[key] = size.into();
                assert!(parse(&config).is_err(), "{model_type}: {key} = {size}");
            }
        }
    }
    let table = [
        ("llama", json!({ "num_attention_heads": 3 }), "hidden size of 16 cannot be shared by 3"),
        ("gpt2", json!({ "n_head": 3 }), "hidden size of 16 cannot be shared by 3"),
        ("llama", json!({ "num_key_value_heads": 0 }), "`num_key_value_heads` is 0"),
        ("llama", json!({ "num_attention_heads": 4, "num_key_value_heads": 3 }), "4 attention"),
        ("llama", json!({ "num_key_value_heads": 4 }), "2 attention heads cannot share 4"),
        ("llama", json!({ "head_dim": 0 }), "`head_dim` is 0"),
        ("llama", json!({ "head_dim": 5 }), "5 rotary dimensions do not fit a head of 5"),
        ("llama", json!({ "num_hidden_layers": 10_001 }), "10001 layers are more than 10000"),
        ("llama", json!({ "rms_norm_eps": 0 }), "epsilon is 0"),
        ("llama", json!({ "rms_norm_eps": -1e-6 }), "epsilon is -0.000001"),
        ("llama", json!({ "vocab_size": 1 << 27, "hidden_size": 1 << 27 }), "parameters, more"),
        ("opt", json!({ "word_embed_proj_dim": 0 }), "`word_embed_proj_dim` is 0"),
        ("mistral", json!({ "sliding_window": 0 }), "`sliding_window` is 0"),
        ("qwen3", json!({ "layer_types": ["full_attention"] }), "1 entries for 3 layers"),
        ("gemma2", json!({ "query_pre_attn_scalar": 0 }), "`query_pre_attn_scalar` is 0"),
        ("gemma2", json!({ "attn_logit_softcapping": 0 }), "`attn_logit_softcapping` is 0"),
    ];
    for (model_type, changes, part) in table {
        check_refused(&with(model_type, changes), &[part]);
    }
}

#[test]
fn a_head_size_is_read_only_where_the_family_has_one() {
    for model_type in ["gpt2", "gpt_neox", "opt"] {
        let config = built(&with(model_type, json!({ "head_dim": 6 })));
        assert_eq!(config.attention.head_dim, 8, "{model_type}");
    }
    assert_eq!(built(&with("llama", json!({ "head_dim": 6 }))).attention.head_dim, 6);
}

/// The defaults of the configuration classes of `transformers` 5.
#[test]
fn absent_keys_mean_what_they_mean_to_transformers() {
    // Family, key-value heads for 32 heads, head size for a hidden size of 256.
    let table = [
        ("llama", 32, 8),
        ("mistral", 8, 8),
        ("qwen2", 32, 8),
        ("qwen3", 32, 128),
        ("phi3", 32, 8),
        ("gemma2", 4, 256),
        ("gemma3_text", 4, 256),
    ];
    for (model_type, kv_heads, head_dim) in table {
        let mut json = minimal(model_type);
        let config = built(&json);
        let found = (config.attention.kv_heads, config.attention.head_dim);
        assert_eq!(found, (kv_heads, head_dim), "{model_type}");
        let epsilon = if model_type == "phi3" { 1e-5 } else { 1e-6 };
        assert!((config.norm_eps - epsilon).abs() < 1e-12, "{model_type}");
        let gemma = model_type.starts_with("gemma");
        assert_eq!(config.tie_embeddings, gemma, "{model_type}");
        let activation = if gemma { Activation::GeluTanh } else { Activation::Silu };
        assert_eq!(config.mlp.activation, activation, "{model_type}");
        json["num_key_value_heads"] = Value::Null;
        json["head_dim"] = Value::Null;
        let config = built(&json);
        assert_eq!((config.attention.kv_heads, config.attention.head_dim), (32, 8), "{model_type}");
    }
    for (model_type, tied) in [("gpt2", true), ("opt", true), ("gpt_neox", false)] {
        assert_eq!(built(&minimal(model_type)).tie_embeddings, tied, "{model_type}");
    }
    assert_eq!(built(&minimal("gpt2")).mlp.intermediate_size, 64);
    assert_eq!(built(&minimal("opt")).embedding_size, 16);
}

#[test]
fn todays_and_yesterdays_keys_say_the_same() {
    let mut compared = 0;
    for entry in std::fs::read_dir(golden_models()).unwrap() {
        let folder = entry.unwrap().path();
        let legacy = folder.join("config.legacy.json");
        if legacy.exists() {
            let (ours, theirs) = (read(&folder.join("config.json")), read(&legacy));
            assert!(theirs.get("rope_parameters").is_none(), "{}", legacy.display());
            assert_eq!(built(&ours), built(&theirs), "{}", folder.display());
            compared += 1;
        }
    }
    assert!(compared >= 10, "only {compared} pairs");
    let config = |case: &str| built(&read(&golden_models().join(case).join("config.json")));
    assert_eq!(config("llama_gqa"), config("llama_gqa_legacy"));
}

#[test]
fn made_variants_say_the_same() {
    let linear = json!({ "rope_type": "linear", "factor": 4.0, "rope_theta": 500.0 });
    let same = [
        (
            "llama",
            json!({ "rope_parameters": linear }),
            json!({ "rope_theta": 500.0, "rope_scaling": { "type": "linear", "factor": 4 } }),
        ),
        (
            "llama",
            json!({ "rope_parameters": linear, "dtype": "bfloat16" }),
            json!({
                "rope_theta": 500, "torch_dtype": "float16",
                "rope_scaling": { "rope_type": "linear", "factor": 4.0 },
            }),
        ),
        ("llama", json!({ "rope_theta": 10_000.0, "rope_scaling": null }), json!({})),
        (
            "gpt_neox",
            json!({ "rope_parameters": { "rope_theta": 99.0, "partial_rotary_factor": 0.5 } }),
            json!({ "rotary_pct": 0.5, "rotary_emb_base": 99 }),
        ),
        (
            "gemma3_text",
            json!({
                "head_dim": 4,
                "rope_parameters": {
                    "sliding_attention": { "rope_type": "default", "rope_theta": 77.0 },
                    "full_attention": linear,
                },
                "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            }),
            json!({
                "head_dim": 4, "rope_local_base_freq": 77.0, "rope_theta": 500.0,
                "rope_scaling": { "rope_type": "linear", "factor": 4.0 },
                "sliding_window_pattern": 2,
            }),
        ),
        ("gpt2", json!({}), json!({ "n_inner": null, "activation_function": "gelu_new" })),
        ("mistral", json!({ "num_key_value_heads": 2 }), json!({ "num_key_value_heads": null })),
    ];
    for (model_type, one, other) in same {
        assert_eq!(built(&with(model_type, one)), built(&with(model_type, other)), "{model_type}");
    }
    let gpt2 = json!({
        "model_type": "gpt2", "vocab_size": 11, "hidden_size": 16, "num_hidden_layers": 3,
        "num_attention_heads": 2, "max_position_embeddings": 16,
    });
    assert_eq!(built(&gpt2), built(&minimal("gpt2")));
}

fn windows(config: &Value) -> Vec<Option<usize>> {
    let width = |layer: &LayerConfig| match layer.attends {
        Attends::Everything => None,
        Attends::Nearby { window } => Some(window),
    };
    built(config).layers.iter().map(width).collect()
}

#[test]
fn windows_follow_each_familys_rules() {
    // Null is none; an absent key is the class's default.
    assert_eq!(windows(&with("mistral", json!({ "sliding_window": null }))), [None; 3]);
    assert_eq!(windows(&with("mistral", json!({}))), [Some(4096); 3]);
    assert_eq!(windows(&with("mistral", json!({ "sliding_window": 5 }))), [Some(5); 3]);
    assert_eq!(windows(&with("phi3", json!({}))), [None; 3]);
    assert_eq!(windows(&with("phi3", json!({ "sliding_window": 2047 }))), [Some(2047); 3]);
    assert_eq!(windows(&with("llama", json!({ "sliding_window": 5 }))), [None; 3]);

    let qwen = json!({ "sliding_window": 5, "max_window_layers": 1 });
    assert_eq!(windows(&with("qwen2", qwen.clone())), [None; 3]);
    let mut on = qwen;
    on["use_sliding_window"] = true.into();
    assert_eq!(windows(&with("qwen2", on.clone())), [None, Some(5), Some(5)]);
    on["layer_types"] = json!(["sliding_attention", "full_attention", "full_attention"]);
    assert_eq!(windows(&with("qwen3", on.clone())), [Some(5), None, None]);
    on["use_sliding_window"] = false.into();
    assert_eq!(windows(&with("qwen3", on)), [None; 3]);

    assert_eq!(windows(&with("gemma2", json!({}))), [Some(4096), None, Some(4096)]);
    assert_eq!(windows(&with("gemma2", json!({ "sliding_window": null }))), [None; 3]);
    let pattern = json!({ "sliding_window": 3, "sliding_window_pattern": 3 });
    assert_eq!(windows(&with("gemma3_text", pattern)), [Some(3), Some(3), None]);
    let near = Some(4096);
    let seven = windows(&with("gemma3_text", json!({ "num_hidden_layers": 7 })));
    assert_eq!(seven, [near, near, near, near, near, None, near]);
}

#[test]
fn gemma3_local_layers_keep_their_own_base() {
    let Positions::Rotary { global, local } = built(&minimal("gemma3_text")).positions else {
        panic!("rotary");
    };
    assert!((global.theta - 1e6).abs() < 1e-9);
    assert!((local.unwrap().theta - 1e4).abs() < 1e-9);
}

#[test]
fn every_golden_configuration_parses_and_keeps_its_text() {
    for (path, config) in GOLDEN_CONFIGS.iter() {
        let parsed = parse(config).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(Value::Object(parsed.raw), *config, "{path}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|n| json!(n)),
        prop_oneof![Just(0u64), Just(1), Just(2), Just(3), Just(1 << 28), Just(9_999)]
            .prop_map(Value::from),
        prop_oneof![Just("linear"), Just("yarn"), Just("llama3"), Just("longrope"), Just("ü\n")]
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any_key(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// Keys that some family reads, and others.
fn any_key() -> impl Strategy<Value = String> {
    let known = prop::sample::select(KNOWN_KEYS.as_slice());
    prop_oneof![9 => known, 1 => "[a-z_]{0,12}"]
}

static KNOWN_KEYS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut keys: Vec<String> =
        ["sliding_window_pattern", "hidden_activation", "truncate"].map(str::to_owned).to_vec();
    for (_, config) in GOLDEN_CONFIGS.iter() {
        let map = config.as_object().unwrap();
        let inner = map.values().filter_map(Value::as_object).flat_map(Map::keys);
        keys.extend(map.keys().chain(inner).filter(|key| *key != "model_type").cloned());
    }
    keys.sort_unstable();
    keys.dedup();
    keys
});

/// The contract of [`parse`]: an answer, and sizes that can be trusted.
fn check_contract(config: &Value) {
    match parse(config) {
        Err(error) => assert!(error.to_string().len() < 2000, "{error}"),
        Ok(parsed) => {
            assert!(parsed.layers.len() <= MAX_LAYERS);
            assert!(parsed.parameter_count() <= 1 << 40);
            assert_eq!(parsed.attention.heads % parsed.attention.kv_heads, 0);
            let map = parameter_map(&parsed);
            assert!(map.iter().all(|source| source.shape.iter().all(|size| *size > 0)));
            if let Positions::Rotary { global, .. } = &parsed.positions {
                let (frequencies, factor) = global.inverse_frequencies(10);
                assert!(frequencies.iter().all(|f| f.is_finite()) && factor.is_finite());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_json_is_answered(value in any_json(), index in 0usize..10) {
        check_contract(&value);
        if let Value::Object(mut map) = value {
            let model_type = known_model_types().nth(index).unwrap();
            map.insert("model_type".to_owned(), model_type.into());
            check_contract(&Value::Object(map));
        }
    }

    #[test]
    fn any_change_to_a_real_configuration_is_answered(
        index in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any_key(), any_json()), 0..4),
        inner in prop::collection::vec((any_key(), any_json()), 0..3),
        removed in prop::collection::vec(any_key(), 0..2),
    ) {
        let mut config = index.get(&GOLDEN_CONFIGS).1.clone();
        let map = config.as_object_mut().unwrap();
        map.retain(|key, _| !removed.contains(key));
        map.extend(changes);
        for name in ["rope_parameters", "rope_scaling"] {
            if let Some(rope) = map.get_mut(name).and_then(Value::as_object_mut) {
                rope.extend(inner.clone());
            }
        }
        check_contract(&config);
    }
}
