//! A curriculum from SFT-heavy to PPO-heavy cycles: once by the count of cycles, once by measured
//! success.
//!
//! Run with `cargo run --release --example hybrid_curriculum`. A tiny model from random weights learns
//! to spell eight words in letters of its own alphabet; a cycle starts with four supervised steps and one
//! PPO update and ends with none and two. Ends with both curricula cycle by cycle, and fails where a run
//! did other steps than the definition says, where the measured one does not follow the score, or where
//! the score has not risen. `examples/hybrid_curriculum.toml` is the same on a real model.
#![expect(clippy::print_stdout, reason = "the curricula are what it is for")]

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use hybrid::cursor::Action;
use hybrid::run::{NamedModels, Observer, StepReport};
use hybrid::run_dir::Environment;
use hybrid::{Run, RunConfig, RunParts};
use hybrid_data::load::{Located, load};
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::init::init;
use hybrid_rewards::{BuildEnv, Registry};
use serde_json::json;

/// SFT steps and PPO updates of the first cycle, and of the last.
const FROM: [f64; 2] = [4.0, 1.0];
const TO: [f64; 2] = [0.0, 2.0];
const CYCLES: usize = 30;
/// The scores between which the measured curriculum goes from one end to the other.
const GOAL: (f64, f64) = (0.45, 0.75);

/// What a run did, step by step.
#[derive(Default)]
struct Steps(Vec<(bool, Option<f64>)>);

impl Observer for Steps {
    fn step(&mut self, report: &StepReport<'_>) {
        let is_ppo = report.action != Some(Action::Sft);
        self.0.push((is_ppo, report.metrics.get("rollout/score_mean")));
    }
}

fn main() -> Result<()> {
    let by_count = run("")?;
    let cycles = cycles(&by_count, |cycle, _| cycle as f64 / (CYCLES - 1) as f64)?;
    println!("by the count of cycles  {}", shown(&cycles));

    let (low, high) = GOAL;
    let by = format!("by = {{ metric = \"rollout/score_mean\", from = {low}, to = {high} }}");
    let measured = run(&by)?;
    let progress = |_: usize, best: f64| ((best - low) / (high - low)).clamp(0.0, 1.0);
    let cycles = self::cycles(&measured, progress)?;
    println!("by the score            {}", shown(&cycles));

    let scores: Vec<f64> = measured.iter().filter_map(|(_, score)| *score).collect();
    let ends = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    let (first, last) = (ends(&scores[..3]), ends(&scores[scores.len() - 3..]));
    println!("score {first:.3} -> {last:.3} in {} steps", measured.len());
    ensure!(last > first + 0.2, "the score rose by {:.3} only", last - first);
    ensure!(cycles.first() == Some(&(4, 1)), "the first cycle is {:?}", cycles.first());
    ensure!(cycles.last() == Some(&(0, 2)), "the last cycle is {:?}", cycles.last());
    Ok(())
}

/// The cycles of a run, checked against the definition: both numbers are interpolated by the progress
/// at the cycle's start and rounded. `progress` takes the cycle and the best score before it.
fn cycles(
    steps: &[(bool, Option<f64>)],
    progress: impl Fn(usize, f64) -> f64,
) -> Result<Vec<(usize, usize)>> {
    let (mut rest, mut best) = (steps.iter(), f64::NEG_INFINITY);
    let mut cycles = Vec::new();
    for cycle in 0..CYCLES {
        let x = progress(cycle, best);
        let of = |kind: usize| (FROM[kind] + (TO[kind] - FROM[kind]) * x).round() as usize;
        let (sft, ppo) = (of(0), of(1));
        for place in 0..sft + ppo {
            let (is_ppo, score) = rest.next().with_context(|| {
                format!("the run ended in cycle {cycle}, which has {sft} SFT and {ppo} PPO steps")
            })?;
            ensure!(*is_ppo == (place >= sft), "cycle {cycle}, step {place} is of the wrong kind");
            best = best.max(score.unwrap_or(f64::NEG_INFINITY));
        }
        cycles.push((sft, ppo));
    }
    ensure!(rest.next().is_none(), "the run went on after its last cycle");
    Ok(cycles)
}

fn shown(cycles: &[(usize, usize)]) -> String {
    let cycles: Vec<String> = cycles.iter().map(|(sft, ppo)| format!("{sft}:{ppo}")).collect();
    cycles.join(" ")
}

/// A whole run with a curriculum; `by` is a line of its table.
fn run(by: &str) -> Result<Vec<(bool, Option<f64>)>> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let words = ["sun", "moon", "star", "sea", "land", "wind", "rain", "fire"];
    let row = |word: &&str| {
        let spelt: String =
            word.bytes().map(|byte| char::from(byte).to_ascii_uppercase()).collect();
        format!("{}\n", json!({ "prompt": format!("{word}="), "completion": spelt }))
    };
    let rows: String = words.iter().map(row).collect();
    std::fs::write(folder.path().join("words.jsonl"), rows)?;
    let config = config(folder.path(), by)?;
    let tokenizer = Tokenizer::bytes()?;
    let section = config.model.init.as_ref().context("the run starts from scratch")?;
    let sizes = section.to_init(tokenizer.vocab_size()).to_config()?;
    let spec = config.reward.as_ref().context("the run has a reward")?;
    let data = load(&config.data, &Located::local(&config.data), config.seed)?;
    let parts = RunParts {
        decoder: init(&sizes, config.seed, &Device::flex()),
        reward: Some(Registry::builtin()?.build(spec, &BuildEnv::without_assets())?),
        heads: Vec::new(),
        head_rewards: Vec::new(),
        judges: BTreeMap::new(),
        references: NamedModels::new(),
        environment: Environment::new("cpu", &["flex"]),
        tokenizer,
        data,
        config,
    };
    let mut steps = Steps::default();
    Run::open(parts, false)?.finish(&mut steps)?;
    Ok(steps.0)
}

fn config(folder: &Path, by: &str) -> Result<RunConfig> {
    let text = format!(
        r#"
seed = 1
model.init = {{ hidden_size = 32, layers = 2, heads = 2, context = 32 }}
data.train = '{train}'
train = {{ batch_size = 8, micro_batch = 32, max_length = 16 }}
rollout = {{ batch_size = 8, samples = 8, max_new_tokens = 6 }}
optim = {{ lr = 3e-3, scheduler = "constant" }}
ppo = {{ epochs = 1, minibatch_size = 32, gae_lambda = 1.0, kl = {{ coef = 0.01 }} }}
reward = {{ type = "levenshtein" }}
eval.prompts = 0
output = {{ dir = '{dir}', save_every = 0 }}
[[phase]]
kind = "hybrid"
cycles = {CYCLES}
[phase.curriculum]
from = [4, 1]
to = [0, 2]
{by}
"#,
        train = folder.join("words.jsonl").display(),
        dir = folder.join("run").display(),
    );
    Ok(hybrid::config::parse(&text, Path::new("hybrid_curriculum.toml"), &[])?)
}
