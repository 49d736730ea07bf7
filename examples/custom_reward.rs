//! Teaches a model from random weights to write plain ASCII, by a reward that is a Rust closure.
//!
//! Run with `cargo run --release --example custom_reward`. The closure sees each response with its
//! prompt, targets, fields and token ids; here it counts the bytes below 128. Ends with the mean score
//! before and after, and fails unless it has risen by 0.3.
#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

use std::path::Path;

use anyhow::{Result, ensure};
use burn::tensor::Device;
use hybrid::{HybridTrainer, Prompt, Reference, Scorer};
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::init::{InitConfig, init};
use hybrid_rewards::spec::info::Info;
use hybrid_rewards::{BuildEnv, Registry, Sample};
use serde_json::json;

const UPDATES: usize = 40;

const CONFIG: &str = r#"
seed = 5
model.base = "given"
data.train = "given"
train.max_length = 32
train.micro_batch = 16
rollout = { batch_size = 4, samples = 8, max_new_tokens = 12, ignore_eos = true }
optim = { optimizer = "adamw", lr = 3e-3 }
ppo = { epochs = 2, minibatch_size = 16, gae_lambda = 1.0, kl = { coef = 0.01 } }
reward.type = "ascii"
[[phase]]
kind = "ppo"
steps = 40
"#;

fn main() -> Result<()> {
    let tokenizer = Tokenizer::bytes()?;
    let sizes = InitConfig {
        model_type: "llama".to_owned(),
        vocab_size: tokenizer.vocab_size(),
        hidden_size: 32,
        layers: 2,
        heads: 2,
        kv_heads: None,
        intermediate_size: None,
        context: 64,
        tie_embeddings: true,
    };
    let config = hybrid::config::parse(CONFIG, Path::new("custom_reward.toml"), &[])?;
    let decoder = init(&sizes.to_config()?, config.seed, &Device::flex());
    let scorer = scorer()?;
    let mut trainer = HybridTrainer::new(config, decoder, tokenizer, UPDATES)?;
    let reference = Reference::frozen(&trainer.policy().decoder);
    trainer.begin_phase(0, Some(reference), true);

    let prompts = prompts(trainer.tokenizer())?;
    let (mut first, mut last) = (f64::NAN, f64::NAN);
    for update in 0..UPDATES {
        let responses = trainer.respond(&prompts)?;
        let samples = responses.len() / prompts.len();
        let rows: Vec<&Prompt> =
            prompts.iter().flat_map(|prompt| std::iter::repeat_n(prompt, samples)).collect();
        let scored = scorer.score(&rows, &responses, update as u64, true)?;
        let scores: Vec<Option<f64>> = scored.iter().map(|scored| scored.score).collect();
        let stats = trainer.ppo_step(&rows, &responses, &scores)?;
        trainer.advance(None);
        last = stats.metrics.get("rollout/score_mean").unwrap_or(f64::NAN);
        if update == 0 {
            first = last;
        }
    }
    println!("score_mean {last:.2} (started at {first:.2})");
    ensure!(last > first + 0.3, "the score rose by {:.2} only", last - first);
    Ok(())
}

/// The closure, under a name that a spec can use like any other.
fn scorer() -> Result<Scorer> {
    let mut registry = Registry::builtin()?;
    let info = Info { name: "ascii", about: "Share of ASCII bytes.", ..Info::UNIT };
    registry.closure(info, |sample: &Sample<'_>| {
        let ids = sample.token_ids?;
        let plain = ids.iter().filter(|id| **id < 128).count();
        (!ids.is_empty()).then(|| plain as f64 / ids.len() as f64)
    })?;
    let reward = registry.build(&json!({ "type": "ascii" }), &BuildEnv::without_assets())?;
    Ok(Scorer::new(reward))
}

fn prompts(tokenizer: &Tokenizer) -> Result<Vec<Prompt>> {
    let texts = ["Say:", "Write a word:", "And then", "?"];
    let prompt = |(id, text): (usize, &&str)| {
        anyhow::Ok(Prompt {
            id: id as u64,
            text: (*text).to_owned(),
            ids: tokenizer.encode(text, true)?,
            targets: Vec::new(),
            fields: serde_json::Map::new(),
        })
    };
    texts.iter().enumerate().map(prompt).collect()
}
