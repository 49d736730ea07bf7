use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::golden;

fn minimal(model_type: &str) -> Value {
    let mut config = json!({
        "model_type": model_type, "vocab_size": 11, "hidden_size": 16, "num_hidden_layers": 3,
        "num_attention_heads": 2, "intermediate_size": 20, "max_position_embeddings": 10,
    });
    if model_type == "distilbert" {
        config["hidden_dim"] = json!(20);
    }
    config
}

fn with(model_type: &str, key: &str, value: Value) -> Value {
    let mut config = minimal(model_type);
    config[key] = value;
    config
}

#[track_caller]
fn refused(config: &Value, part: &str) {
    let message = parse(config).unwrap_err().to_string();
    assert!(message.contains(part), "{message}");
}

/// The defaults of the configuration classes of `transformers`.
#[test]
fn absent_keys_mean_what_they_mean_to_transformers() {
    // Family, rows before the first position, token types.
    let table = [
        ("bert", 0, 2),
        ("roberta", 2, 2),
        ("xlm-roberta", 2, 2),
        ("camembert", 2, 2),
        ("distilbert", 0, 0),
        ("mpnet", 2, 0),
    ];
    assert_eq!(known_model_types().count(), table.len());
    for (model_type, offset, types) in table {
        let config = parse(&minimal(model_type)).unwrap();
        assert_eq!((config.position_offset, config.token_types), (offset, types), "{model_type}");
        assert_eq!(config.max_tokens, 10 - offset, "{model_type}");
        assert!((config.norm_eps - 1e-12).abs() < 1e-20, "{model_type}");
        assert_eq!(config.activation, Activation::Gelu, "{model_type}");
        assert_eq!(config.head_dim(), 8, "{model_type}");
        assert_eq!(config.relative_buckets.is_some(), model_type == "mpnet");
    }
}

#[test]
fn the_padding_id_moves_the_positions_of_roberta_alone() {
    let offset = |model_type| parse(&with(model_type, "pad_token_id", json!(4))).unwrap();
    assert_eq!(offset("roberta").position_offset, 5);
    assert_eq!(offset("bert").position_offset, 0);
    assert_eq!(offset("mpnet").position_offset, 2);
    assert_eq!(offset("distilbert").position_offset, 0);
}

#[test]
fn distilbert_has_one_epsilon() {
    let config = parse(&with("distilbert", "layer_norm_eps", json!(0.1))).unwrap();
    assert!((config.norm_eps - 1e-12).abs() < 1e-20);
    let config = parse(&with("bert", "layer_norm_eps", json!(0.1))).unwrap();
    assert!((config.norm_eps - 0.1).abs() < 1e-12);
}

#[test]
fn what_cannot_be_built_is_refused_by_key() {
    refused(&json!([]), "not a JSON object");
    refused(&json!({ "vocab_size": 3 }), "lacks `model_type`");
    refused(&with("bert", "model_type", json!("gpt2")), "`gpt2` is not supported");
    refused(&with("bert", "vocab_size", Value::Null), "lacks `vocab_size`");
    refused(&with("bert", "hidden_size", json!("16")), "`hidden_size` is \"16\"");
    refused(&with("bert", "num_attention_heads", json!(3)), "cannot be shared by 3");
    refused(&with("bert", "num_attention_heads", json!(0)), "`num_attention_heads` leaves 0");
    refused(&with("bert", "vocab_size", json!(1_u64 << 40)), "more than");
    refused(&with("bert", "type_vocab_size", json!(1_u64 << 40)), "`type_vocab_size`");
    refused(&with("bert", "layer_norm_eps", json!(0)), "epsilon is 0");
    refused(&with("bert", "is_decoder", json!(true)), "`is_decoder` is `true`");
    refused(&with("bert", "add_cross_attention", json!(true)), "`add_cross_attention`");
    refused(&with("bert", "position_embedding_type", json!("relative_key")), "only absolute");
    refused(&with("roberta", "max_position_embeddings", json!(1)), "first token's position is 2");
    refused(&with("roberta", "max_position_embeddings", json!(2)), "leaves 0");
    refused(&with("mpnet", "relative_attention_num_buckets", json!(64)), "is `64`");
    refused(&with("distilbert", "activation", json!("mish")), "`activation` is `mish`");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// An answer to anything, and sizes that can be trusted.
    #[test]
    fn any_change_to_a_real_configuration_is_answered(
        case in prop::sample::select(&golden::ENCODERS[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_value()), 0..4),
    ) {
        let mut config = golden::read_json(&golden::folder(case).join("config.json"));
        let keys: Vec<String> = config.as_object().unwrap().keys().cloned().collect();
        for (key, value) in changes {
            config[key.get(&keys).as_str()] = value;
        }
        if let Ok(parsed) = parse(&config) {
            prop_assert!(count_parameters(&family::parameters(&parsed)) <= 1 << 40);
            prop_assert!(parsed.max_tokens >= 1 && parsed.head_dim() >= 1);
        }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|n| json!(n)),
        (0_u64..40).prop_map(Value::from),
        prop::sample::select(vec!["relu", "absolute", "roberta", "mpnet"]).prop_map(Value::from),
        Just(json!({ "0": "a" })),
    ]
}
