//! Holds PPO, A2C and REINFORCE against the exact optimum, on a world that can be enumerated.
//!
//! With 8 tokens and answers of 4 there are 4,096 answers, so the best policy under a KL penalty is
//! known: `π*(y) ∝ π_ref(y)·exp(r(y)/β)`, and its objective is `J* = β·log Z`. The example trains a
//! small transformer by supervised steps to be the reference, then by the algorithm, and says which
//! share of the gap `(J − J_ref) / (J* − J_ref)` was closed.
//!
//! ```text
//! cargo run --release --example enumerable                       # all 27 runs, an hour and a half
//! cargo run --release --example enumerable -- --reward echo --estimator gae --seed 1
//! cargo run --release --example enumerable -- --reward-table F.json --beta 0.1 --json
//! cargo run --release --example enumerable -- --from RUNS.jsonl --plot frontier.svg
//! ```
//!
//! `--json` prints a line a run, with the probability of every answer under the policy and under the
//! reference; `--from` takes such lines in place of training, so that runs may be spread over
//! processes.
//!
//! It fails where PPO closes less than 98 % of the gap, or A2C and REINFORCE less than 95 %;
//! `--at-least 0.8 --updates 200` is the small form.
#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

mod plot;
#[path = "../svg.rs"]
mod svg;
mod world;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use burn::module::Module;
use burn::tensor::Device;
use hybrid::config::Override;
use hybrid::{HybridTrainer, Prompt, Reference, RunConfig};
use hybrid_data::encode::Encoded;
use hybrid_model::Decoder;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use serde_json::json;
use world::{ANSWERS, Exact, LENGTH, PROMPT, Task, VOCAB};

/// What the command line asks for.
#[derive(Debug, Default)]
struct Options {
    reward: Option<String>,
    table: Option<PathBuf>,
    beta: Option<f64>,
    estimator: Option<String>,
    seed: Option<u64>,
    updates: Option<usize>,
    json: bool,
    plot: Option<PathBuf>,
    /// Runs of other processes, as `--json` printed them, in place of training.
    from: Vec<PathBuf>,
    /// The share of the gap to be closed, in place of the claim's.
    at_least: Option<f64>,
    /// Changes of the algorithm's configuration, as `optim.lr=1e-3`.
    set: Vec<Override>,
}

/// One run.
struct Point {
    task: String,
    estimator: String,
    found: Found,
}

/// A run as `--json` prints it: what is read of it again.
#[derive(Deserialize)]
struct Printed {
    reward: String,
    estimator: String,
    seed: u64,
    /// Tells whether its rewards, reference and `β` are those of today.
    #[serde(rename = "J_star")]
    best: f64,
    probabilities: Vec<f64>,
    reference: Vec<f64>,
}

/// What one run found.
struct Found {
    reference: Exact,
    policy: Exact,
    best: f64,
    log_probabilities: Vec<f64>,
    reference_log_probabilities: Vec<f64>,
}

fn main() -> Result<()> {
    let options = parse(std::env::args().skip(1))?;
    let tasks = tasks(&options)?;
    let points = if options.from.is_empty() {
        trained(&tasks, &options)?
    } else {
        printed(&tasks, &options)?
    };
    match &options.plot {
        Some(path) => plot::write(path, &points),
        None => Ok(()),
    }
}

fn trained(tasks: &[Task], options: &Options) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    for task in tasks {
        for estimator in chosen(&options.estimator, &["gae", "a2c", "reinforce"]) {
            for seed in options.seed.map_or(vec![1, 2, 3], |seed| vec![seed]) {
                let found = train(task, &estimator, seed, options)?;
                report(task, &estimator, seed, &found, options)?;
                points.push(Point { task: task.name.clone(), estimator: estimator.clone(), found });
            }
        }
    }
    Ok(points)
}

/// The runs in the files of `--from`, held to the same claims.
fn printed(tasks: &[Task], options: &Options) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    for path in &options.from {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the runs `{}`", path.display()))?;
        for (line, number) in text.lines().zip(1_usize..) {
            let place = || format!("line {number} of `{}` is no run", path.display());
            let run: Printed = serde_json::from_str(line).with_context(place)?;
            let task = tasks.iter().find(|task| task.name == run.reward).with_context(place)?;
            let logs = |row: &[f64]| row.iter().map(|p| p.ln()).collect::<Vec<f64>>();
            if [&run.probabilities, &run.reference].iter().any(|row| row.len() != ANSWERS) {
                bail!("{}: it must have {ANSWERS} probabilities", place());
            }
            let found = Found::new(task, logs(&run.reference), logs(&run.probabilities));
            if (found.best - run.best).abs() > 1e-6 {
                bail!(
                    "line {number} of `{}` is of other rewards or another β: its J* is {}, that of \
                     `{}` at β = {} is {}; train it again, or give its --beta",
                    path.display(),
                    run.best,
                    task.name,
                    task.beta,
                    found.best
                );
            }
            report(task, &run.estimator, run.seed, &found, options)?;
            points.push(Point { task: run.reward, estimator: run.estimator, found });
        }
    }
    Ok(points)
}

impl Found {
    /// From the log-probability of every answer before and after.
    fn new(task: &Task, before: Vec<f64>, after: Vec<f64>) -> Self {
        let (_, best) = world::optimum(&before, &task.rewards, task.beta);
        Self {
            reference: Exact::of(&before, &before, &task.rewards),
            policy: Exact::of(&after, &before, &task.rewards),
            best,
            log_probabilities: after,
            reference_log_probabilities: before,
        }
    }
}

fn report(task: &Task, estimator: &str, seed: u64, found: &Found, options: &Options) -> Result<()> {
    let (j_ref, j) = (found.reference.objective(task.beta), found.policy.objective(task.beta));
    let closed = (j - j_ref) / (found.best - j_ref);
    if options.json {
        let probabilities: Vec<f64> = found.log_probabilities.iter().map(|p| p.exp()).collect();
        let reference: Vec<f64> =
            found.reference_log_probabilities.iter().map(|p| p.exp()).collect();
        let line = json!({
            "reward": task.name, "estimator": estimator, "seed": seed, "beta": task.beta,
            "J_ref": j_ref, "J": j, "J_star": found.best, "closed": closed,
            "reward_mean": found.policy.reward, "kl": found.policy.kl,
            "probabilities": probabilities, "reference": reference,
        });
        println!("{line}");
    } else {
        println!(
            "{:8} {estimator:10} seed {seed}  J_ref {j_ref:.4}  J {j:.4}  J* {:.4}  closed {:.1} %  \
             E[r] {:.3}  KL {:.3}",
            task.name,
            found.best,
            100.0 * closed,
            found.policy.reward,
            found.policy.kl
        );
    }
    let claim = if estimator == "gae" { 0.98 } else { 0.95 };
    let wanted = options.at_least.unwrap_or(claim);
    if options.table.is_none() {
        if j_ref > 0.6 * found.best {
            bail!(
                "`{}` is too easy: J_ref {j_ref} is more than 0.6 of J* {}",
                task.name,
                found.best
            );
        }
        if closed < wanted {
            bail!("{estimator} closed {closed:.4} of the gap, less than {wanted}");
        }
    }
    Ok(())
}

/// Trains the reference by supervised steps, then the policy by the algorithm.
fn train(task: &Task, estimator: &str, seed: u64, options: &Options) -> Result<Found> {
    let updates = options.updates.unwrap_or(task.updates);
    let reference = reference(task.wander, seed)?;
    let config = config(task, estimator, seed, updates, &options.set)?;
    let mut trainer = HybridTrainer::new(config, reference, tokenizer(), updates)?;
    let frozen = Reference::frozen(&trainer.policy().decoder);
    let before = world::log_probabilities(&frozen.parts()[0].0);
    trainer.begin_phase(0, Some(frozen), true);
    let prompt = Prompt {
        id: 0,
        text: String::new(),
        ids: PROMPT.to_vec(),
        targets: Vec::new(),
        fields: serde_json::Map::new(),
    };
    for _ in 0..updates {
        let responses = trainer.respond(std::slice::from_ref(&prompt))?;
        let prompts = vec![&prompt; responses.len()];
        let score = |tokens: &[u32]| task.rewards.get(world::index(tokens)).copied();
        let scores: Vec<Option<f64>> =
            responses.iter().map(|response| score(&response.completion_ids)).collect();
        trainer.ppo_step(&prompts, &responses, &scores)?;
        trainer.advance(None);
    }
    let after = world::log_probabilities(&trainer.policy().decoder.valid());
    Ok(Found::new(task, before, after))
}

/// A policy with preferences of its own: trained on walks that prefer the next token.
fn reference(wander: f64, seed: u64) -> Result<Decoder> {
    let steps = 150;
    let text = format!(
        "seed = {seed}\n[model]\nbase = \"given\"\n[data]\ntrain = \"given\"\n[train]\nmicro_batch = 64\nmax_length = 8\n\
         [optim]\noptimizer = \"adamw\"\nlr = 2e-3\nscheduler = \"constant\"\n\
         [[phase]]\nkind = \"sft\"\nsteps = {steps}\n"
    );
    let config = run_config(&text, &[])?;
    let decoder = world::fresh(seed, &Device::flex())?;
    let mut trainer = HybridTrainer::new(config, decoder, tokenizer(), steps)?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..steps {
        let walks: Vec<Encoded> = (0..64).map(|_| walk(wander, &mut rng)).collect();
        trainer.sft_step(&walks.iter().collect::<Vec<_>>())?;
        trainer.advance(None);
    }
    Ok(trainer.policy().decoder.valid())
}

/// Four steps from token 0: `wander` of them to any token, the others to the next.
fn walk(wander: f64, rng: &mut ChaCha8Rng) -> Encoded {
    let mut ids = PROMPT.to_vec();
    for _ in 0..LENGTH {
        let last = ids.last().copied().unwrap_or(0);
        let step = if rng.random::<f64>() < wander { rng.random_range(0..VOCAB as u32) } else { 1 };
        ids.push((last + step) % VOCAB as u32);
    }
    Encoded { loss_mask: vec![true; ids.len()], ids }
}

fn config(
    task: &Task,
    estimator: &str,
    seed: u64,
    updates: usize,
    set: &[Override],
) -> Result<RunConfig> {
    // Many small updates at a rate that falls to 0. At the optimum every answer has the same return, so
    // the noise fades by itself; whitening would blow it up again.
    let minibatch = if estimator == "gae" { 32 } else { 64 };
    let text = format!(
        "seed = {seed}\n[model]\nbase = \"given\"\n[data]\ntrain = \"given\"\n\
         [train]\nmicro_batch = 128\nmax_length = 8\n\
         [rollout]\nbatch_size = 1\nsamples = 128\nmax_new_tokens = {LENGTH}\nignore_eos = true\n\
         [optim]\noptimizer = \"adam\"\nlr = {}\nscheduler = \"linear\"\n\
         [ppo]\nestimator = \"{estimator}\"\nepochs = 1\nminibatch_size = {minibatch}\n\
         whiten_advantages = false\ngae_lambda = 1.0\nvalue_coef = 0.5\nvalue_clip_range = 0\nkl = {{ coef = {} }}\n\
         [reward]\ntype = \"length\"\n\
         [[phase]]\nkind = \"ppo\"\nsteps = {updates}\n",
        task.lr, task.beta
    );
    run_config(&text, set)
}

fn run_config(text: &str, set: &[Override]) -> Result<RunConfig> {
    Ok(hybrid::config::parse(text, Path::new("enumerable.toml"), set)?)
}

fn tokenizer() -> hybrid_data::tokenizer::Tokenizer {
    hybrid_testing::models::words(&["a", "b", "c", "d", "e", "f", "g", "h"])
}

fn tasks(options: &Options) -> Result<Vec<Task>> {
    if let Some(path) = &options.table {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the table `{}`", path.display()))?;
        let rewards: Vec<f64> = serde_json::from_str(&text).with_context(|| {
            format!("`{}` must be a JSON list of {ANSWERS} numbers", path.display())
        })?;
        if rewards.len() != ANSWERS || rewards.iter().any(|reward| !reward.is_finite()) {
            bail!("the table has {} numbers, expected {ANSWERS} finite ones", rewards.len());
        }
        return Ok(vec![priced(Task::by_heart(rewards), options)]);
    }
    let names = chosen(&options.reward, &["echo", "sparse", "random"]);
    names
        .into_iter()
        .map(|name| {
            let task = Task::named(&name)
                .with_context(|| format!("unknown reward `{name}`: echo, sparse or random"))?;
            Ok(priced(task, options))
        })
        .collect()
}

/// The task at the `β` of the command line, where that names one.
fn priced(task: Task, options: &Options) -> Task {
    Task { beta: options.beta.unwrap_or(task.beta), ..task }
}

fn chosen(one: &Option<String>, all: &[&str]) -> Vec<String> {
    match one {
        Some(one) => vec![one.clone()],
        None => all.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options::default();
    while let Some(arg) = args.next() {
        let mut value = || args.next().with_context(|| format!("`{arg}` needs a value"));
        match arg.as_str() {
            "--reward" => options.reward = Some(value()?),
            "--reward-table" => options.table = Some(value()?.into()),
            "--beta" => options.beta = Some(value()?.parse()?),
            "--estimator" => options.estimator = Some(value()?),
            "--seed" => options.seed = Some(value()?.parse()?),
            "--updates" => options.updates = Some(value()?.parse()?),
            "--plot" => options.plot = Some(value()?.into()),
            "--from" => options.from.push(value()?.into()),
            "--at-least" => options.at_least = Some(value()?.parse()?),
            "--set" => options.set.push(value()?.parse()?),
            "--json" => options.json = true,
            other => bail!("unknown argument `{other}`; see the first lines of the example"),
        }
    }
    Ok(options)
}
