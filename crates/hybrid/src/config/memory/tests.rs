use std::path::Path;

use hybrid_model::init::InitConfig;

use super::*;
use crate::config::parse;

fn run(text: &str) -> RunConfig {
    let base = "model.base = \"m\"\ndata.train = \"d\"\nreward.type = \"length\"\n";
    parse(&format!("{base}{text}"), Path::new("run.toml"), &[]).expect("a good run")
}

/// Two layers, width 8, 2 heads of 4, inner width 32, 100 tokens, 64 positions.
fn decoder() -> DecoderConfig {
    let init = InitConfig {
        model_type: "gpt2".to_owned(),
        vocab_size: 100,
        hidden_size: 8,
        layers: 2,
        heads: 2,
        kv_heads: None,
        intermediate_size: None,
        context: 64,
        tie_embeddings: true,
    };
    init.to_config().expect("a model")
}

/// GPT-2's own count: embeddings, 12·d² + 13·d a layer, the last norm.
const PARAMETERS: u64 = (100 + 64) * 8 + 2 * (12 * 64 + 13 * 8) + 2 * 8;

const SFT: &str = "[[phase]]\nkind = \"sft\"\nsteps = 1\n";
const PPO: &str = "[[phase]]\nkind = \"ppo\"\nsteps = 1\n";

#[test]
fn sft_holds_weights_gradients_and_two_moments() {
    let found = estimate(&run(SFT), &decoder());
    assert_eq!(found.weights, PARAMETERS * 4);
    // 16 sequences in micro-batches of 4.
    assert_eq!(found.gradients, PARAMETERS * 8);
    assert_eq!(found.optimizer, PARAMETERS * 8);
    assert_eq!((found.reference, found.kv_cache), (0, 0));
    // 4 rows of 64 tokens: per layer 6·8 + 4·2·4 − heads count twice for q and out, k and v, + 2·32.
    let floats = 2 * (6 * 8 + 2 * (2 + 2) * 4 + 2 * 32) + 2 * 8;
    assert_eq!(found.activations, 4 * 64 * (floats + 100) * 4);
    let sum = found.weights + found.gradients + found.optimizer + found.activations;
    assert_eq!(found.total, sum);
}

#[test]
fn one_micro_batch_needs_no_second_gradient() {
    let whole = run(&format!("train.micro_batch = 16\n{SFT}"));
    assert_eq!(estimate(&whole, &decoder()).gradients, PARAMETERS * 4);
}

#[test]
fn little_memory_holds_one_layer_and_what_the_others_read() {
    let low = |extra: &str| {
        let run = run(&format!("train.memory = \"low\"\n{extra}{SFT}"));
        estimate(&run, &decoder())
    };
    let found = low("");
    let layer = 6 * 8 + 2 * (2 + 2) * 4 + 2 * 32;
    let floats = 2 * 8 + layer + 2 * 8;
    assert_eq!(found.activations, 4 * 64 * (floats + 100) * 4);
    // Micro-batches add up part by part: a layer of 872 parameters, or the table of 800; learned
    // positions and the last norm are counted among the layers.
    let layers = PARAMETERS - 100 * 8;
    assert_eq!(found.gradients, (PARAMETERS + layers / 2) * 4);
    assert_eq!(low("train.micro_batch = 16\n").gradients, PARAMETERS * 4);
    let normal = estimate(&run(SFT), &decoder());
    assert_eq!(found.weights + found.optimizer, normal.weights + normal.optimizer);
    assert!(found.total < normal.total);
}

#[test]
fn adapters_are_trained_beside_weights_that_references_share() {
    let found = estimate(&run(&format!("model.lora.rank = 2\n{PPO}")), &decoder());
    // Queries and values of two layers, from 8 to 8, of rank 2; and a value head.
    let trained = 2 * 2 * 2 * (8 + 8) + 9;
    assert_eq!(found.weights, (PARAMETERS + trained) * 4);
    assert_eq!(found.gradients, trained * 8);
    assert_eq!(found.optimizer, trained * 8);
    assert_eq!(found.reference, 0);
    let named = run(&format!("model.lora.rank = 2\nppo.reference = \"other\"\n{PPO}"));
    assert_eq!(estimate(&named, &decoder()).reference, PARAMETERS * 4);
    let separate = run(&format!("model.lora.rank = 2\nppo.critic = \"separate\"\n{PPO}"));
    let adapters = 2 * (trained - 9) + 9;
    assert_eq!(estimate(&separate, &decoder()).weights, (PARAMETERS + adapters) * 4);
}

#[test]
fn ppo_adds_a_value_head_references_and_a_cache() {
    let shared = estimate(&run(PPO), &decoder());
    assert_eq!(shared.weights, (PARAMETERS + 9) * 4);
    assert_eq!(shared.reference, PARAMETERS * 4);
    // Keys and values of 2 layers, width 8, 16 rows of 64 tokens.
    assert_eq!(shared.kv_cache, 2 * 2 * 8 * 16 * 64 * 4);
    let critic = estimate(&run(&format!("ppo.critic = \"separate\"\n{PPO}")), &decoder());
    assert_eq!(critic.weights, (2 * PARAMETERS + 9) * 4);
    let two =
        "ppo.reference = [{ model = \"run_start\", weight = 1 }, { model = \"x\", weight = 1 }]";
    assert_eq!(estimate(&run(&format!("{two}\n{PPO}")), &decoder()).reference, 2 * PARAMETERS * 4);
}

#[test]
fn the_optimizer_decides_its_state() {
    let state = |text: &str| {
        let run = run(&format!("optim.optimizer = {text}\n{SFT}"));
        estimate(&run, &decoder()).optimizer
    };
    assert_eq!(state("\"sgd\""), 0);
    assert_eq!(state("{ type = \"sgd\", momentum = 0.9 }"), PARAMETERS * 4);
    assert_eq!(state("\"lion\""), PARAMETERS * 4);
    assert_eq!(state("\"adamw_8bit\""), (PARAMETERS as f64 * 2.1) as u64);
    let both = format!("train.shared_optimizer = false\n{SFT}{PPO}");
    assert_eq!(estimate(&run(&both), &decoder()).optimizer, (PARAMETERS + 9) * 16);
}

#[test]
fn the_table_is_readable() {
    let estimate = MemoryEstimate {
        weights: 538_060_800,
        gradients: 1_076_121_600,
        optimizer: 5,
        reference: 2048,
        activations: 0,
        kv_cache: u64::MAX,
        total: 1 << 30,
    };
    insta::assert_snapshot!(estimate, @"
weights      513.1 MiB
gradients      1.0 GiB
optimizer          5 B
reference      2.0 KiB
activations        0 B
kv_cache    17179869184.0 GiB
total          1.0 GiB
");
}
