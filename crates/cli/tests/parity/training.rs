//! Supervised steps and PPO updates by the trainer: what they report, and the weights after them.

use std::path::Path;

use burn::tensor::Device;
use hybrid::{HybridTrainer, Metrics, Prompt, Reference, Response};
use hybrid_data::encode::Encoded;
use hybrid_testing::models;

use crate::devices::{equal, same};
use crate::numbers::Numbers;

/// Two steps, each of which sees what the one before did to the weights.
const TRAINED: f64 = 1e-4;

/// Plain gradient descent shows the gradients themselves.
const SETTINGS: &str = "
seed = 7
model.base = \"given\"
data.train = \"given\"
reward.type = \"length\"
train.max_length = 64
rollout.batch_size = 4
rollout.max_new_tokens = 6
ppo.minibatch_size = 2
ppo.epochs = 2
optim = { optimizer = \"sgd\", lr = 0.1, scheduler = \"constant\", weight_decay = 0.0 }
";

const PHASE: &str = "
[[phase]]
kind = \"hybrid\"
cycles = 4
";

const SCORES: [Option<f64>; 4] = [Some(1.0), Some(-0.5), None, Some(2.0)];

/// A trainer of a tiny model; `extra` is more TOML of the root table.
fn trainer(extra: &str, device: &Device) -> HybridTrainer {
    let text = format!("{SETTINGS}{extra}\n{PHASE}");
    let config = hybrid::config::parse(&text, Path::new("parity.toml"), &[]).unwrap();
    let decoder = models::tiny("llama", 11, device);
    let mut trainer = HybridTrainer::new(config, decoder, models::byte_tokenizer(), 8).unwrap();
    let reference = Reference::frozen(&trainer.policy().decoder);
    trainer.begin_phase(0, Some(reference), true);
    trainer
}

fn prompts() -> Vec<Prompt> {
    let texts = ["a", "what is it?", "one two", "the longest of all four prompts"];
    let prompt = |(id, text): (usize, &&str)| Prompt {
        id: id as u64,
        text: (*text).to_owned(),
        ids: text.bytes().map(u32::from).collect(),
        targets: Vec::new(),
        fields: serde_json::Map::new(),
    };
    texts.iter().enumerate().map(prompt).collect()
}

fn demonstrations() -> Vec<Encoded> {
    let texts = ["two and two is four", "no", "a demonstration of some length, longer than others"];
    let encode = |text: &&str| {
        let ids: Vec<u32> = text.bytes().map(u32::from).collect();
        let loss_mask = (0..ids.len()).map(|place| place * 3 >= ids.len()).collect();
        Encoded { ids, loss_mask }
    };
    texts.iter().map(encode).collect()
}

fn report(metrics: Metrics, numbers: &mut Numbers, step: usize) {
    let named = metrics.into_iter();
    numbers
        .extend(named.map(|(name, value)| (format!("{name} of step {step}"), vec![value as f32])));
}

/// The weights of the policy, and of whatever estimates its values.
fn weights(trainer: &HybridTrainer, numbers: &mut Numbers) {
    let policy = trainer.policy();
    let critic = policy.critic.as_ref();
    let critic = critic.map(|critic| (critic.decoder.values(), critic.value_head.to_values()));
    let (critic, critic_head) = critic.unwrap_or_default();
    let head = policy.value_head.as_ref().map(|head| head.to_values()).unwrap_or_default();
    let all = [
        ("policy", policy.decoder.values()),
        ("value head", head),
        ("critic", critic),
        ("critic's head", critic_head),
    ];
    for (of, values) in all {
        numbers.extend(values.into_iter().map(|(path, values)| (format!("{of}: {path}"), values)));
    }
}

#[test]
fn supervised_steps() {
    for (name, extra) in [
        ("in rows", ""),
        ("packed", "train.packing = true"),
        ("with all losses", "sft = { label_smoothing = 0.1, z_loss_coef = 0.01 }"),
        ("in micro-batches", "train.micro_batch = 1"),
    ] {
        same(&format!("sft {name}"), TRAINED, |device| {
            let mut trainer = trainer(extra, device);
            let mut numbers = Numbers::new();
            let examples = demonstrations();
            for step in 1..=2 {
                let stats = trainer.sft_step(&examples.iter().collect::<Vec<_>>()).unwrap();
                report(stats.metrics(), &mut numbers, step);
                trainer.advance(None);
            }
            weights(&trainer, &mut numbers);
            numbers
        });
    }
}

const PPO: [(&str, &str); 5] = [
    ("shared", ""),
    ("separate", "ppo.critic = \"separate\""),
    ("reinforce", "ppo.estimator = \"reinforce\""),
    (
        "bonus and KL in the loss",
        "ppo.entropy_coef = 0.02\nppo.kl = { placement = \"loss\", coef = 0.1 }",
    ),
    ("truncated sampling", "rollout.top_p = 0.9\nrollout.temperature = 0.8"),
];

fn answers(trainer: &mut HybridTrainer, prompts: &[Prompt]) -> Vec<Response> {
    trainer.respond(prompts).unwrap()
}

#[test]
fn responses_have_the_same_tokens() {
    for (name, extra) in PPO {
        equal(&format!("responses, {name}"), |device| {
            let responses = answers(&mut trainer(extra, device), &prompts());
            let drawn =
                responses.into_iter().map(|it| (it.completion_ids, it.text, it.stop_reason));
            drawn.collect::<Vec<_>>()
        });
    }
}

#[test]
fn ppo_updates() {
    for (name, extra) in PPO {
        same(&format!("ppo, {name}"), TRAINED, |device| {
            let mut trainer = trainer(extra, device);
            let prompts = prompts();
            let rows: Vec<&Prompt> = prompts.iter().collect();
            let mut numbers = Numbers::new();
            for step in 1..=2 {
                let responses = answers(&mut trainer, &prompts);
                let stats = trainer.ppo_step(&rows, &responses, &SCORES).unwrap();
                report(stats.metrics, &mut numbers, step);
                trainer.advance(None);
            }
            weights(&trainer, &mut numbers);
            numbers
        });
    }
}

#[test]
fn a_mixed_step() {
    same("a mixed step", TRAINED, |device| {
        let mut trainer = trainer("", device);
        let prompts = prompts();
        let rows: Vec<&Prompt> = prompts.iter().collect();
        let responses = answers(&mut trainer, &prompts);
        let mut next_batch = demonstrations;
        let mut mix = hybrid::trainer::Mix { sft_coef: 0.5, next_batch: &mut next_batch };
        let stats = trainer.mixed_step(&rows, &responses, &SCORES, &mut mix).unwrap();
        let mut numbers = Numbers::new();
        report(stats.metrics, &mut numbers, 1);
        weights(&trainer, &mut numbers);
        numbers
    });
}
