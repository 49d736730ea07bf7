//! Are SFT and PPO better together? Five ways to spend the same optimizer work on one task.
//!
//! The policy of the start knows an old map: a third of the ways of `random_walks` are others there.
//! Demonstrations are random walks on the new map, most of them bad; the reward is a walk's optimality
//! on the new map. SFT can teach the new ways, but no better walks than it is shown; PPO can teach
//! better walks, but only along ways that the policy tries.
//!
//! Every method takes the same optimizer steps (8 a unit) on the same number of rows (80 a step):
//!
//! - `sft`: demonstrations alone; `ppo`: its own walks alone;
//! - `sequence`: SFT for half of the units, then PPO;
//! - `alternating`: a unit of SFT, a unit of PPO, in turns;
//! - `mixed`: half of the rows of every step are demonstrations, weighted by `mix.sft_coef`.
//!
//! ```text
//! cargo run --release --example thesis                                  # 30 runs, five seeds
//! cargo run --release --example thesis -- --plot docs/thesis.svg
//! cargo run --release --example thesis -- --seeds 1 --units 4 --small  # what CI runs
//! ```
//!
//! Ends with a table of optimality, KL from the start and perplexity of held-out walks, compares the
//! methods seed by seed, and fails where what `docs/results.md` says about them does not hold.
#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

#[path = "../svg.rs"]
mod svg;
mod town;
#[path = "../random_walks/world.rs"]
mod world;

mod outcome;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use burn::module::Module;
use hybrid::evaluation::{HeldOut, Judges};
use hybrid::trainer::Mix;
use hybrid::{HybridTrainer, Reference, RunConfig};
use hybrid_data::encode::Encoded;
use hybrid_model::Decoder;
use outcome::{Outcome, Point};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use town::Town;
use world::{LONGEST, STOP};

/// How a run spends its units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Method {
    Sft,
    Ppo,
    Sequence,
    Alternating,
    Mixed {
        /// Weight of the supervised loss.
        sft_coef: f64,
    },
}

/// What a unit is spent on.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Work {
    Sft,
    Ppo,
    Mixed(f64),
}

impl Method {
    pub(crate) const ALL: [Self; 6] = [
        Self::Sft,
        Self::Ppo,
        Self::Sequence,
        Self::Alternating,
        Self::Mixed { sft_coef: 0.1 },
        Self::Mixed { sft_coef: 1.0 },
    ];

    pub(crate) fn name(self) -> String {
        match self {
            Self::Sft => "sft".to_owned(),
            Self::Ppo => "ppo".to_owned(),
            Self::Sequence => "sequence".to_owned(),
            Self::Alternating => "alternating".to_owned(),
            Self::Mixed { sft_coef } => format!("mixed {sft_coef}"),
        }
    }

    fn work(self, unit: usize, units: usize) -> Work {
        match self {
            Self::Sft => Work::Sft,
            Self::Ppo => Work::Ppo,
            Self::Sequence if unit < units / 2 => Work::Sft,
            Self::Alternating if unit.is_multiple_of(2) => Work::Sft,
            Self::Sequence | Self::Alternating => Work::Ppo,
            Self::Mixed { sft_coef } => Work::Mixed(sft_coef),
        }
    }
}

/// What the command line asks for.
#[derive(Debug)]
struct Options {
    seeds: u64,
    first_seed: u64,
    units: usize,
    small: bool,
    lr: f64,
    plot: Option<PathBuf>,
}

/// Optimizer steps of a unit.
const STEPS: usize = 8;
/// Rows of an optimizer step.
const ROWS: usize = 80;
/// Passes over a rollout.
const EPOCHS: usize = 2;
/// Units between two points of a curve.
const EVERY: usize = 4;
/// SFT steps on the old map.
const BASE_STEPS: usize = 250;

fn main() -> Result<()> {
    let options = parse(std::env::args().skip(1))?;
    let town = Town::new()?;
    println!(
        "the best walks along ways of both maps: optimality {:.3}; demonstrations {:.3}",
        town.ceiling, town.demonstrated
    );
    let outcomes = run_all(&town, &options)?;
    outcome::table(&outcomes);
    if let Some(path) = &options.plot {
        outcome::draw(path, &outcomes, town.ceiling)?;
    }
    outcome::claims(&outcomes, town.ceiling, options.small)
}

/// Every method from every seed's start, as many seeds at a time as there are cores.
fn run_all(town: &Town, options: &Options) -> Result<Vec<Outcome>> {
    let methods = |seed: u64| {
        let base = base(town, seed)?;
        let run = |method| {
            let outcome = run(town, &base, method, seed, options)?;
            println!("seed {seed}  {}", outcome.line());
            anyhow::Ok(outcome)
        };
        Method::ALL.into_iter().map(run).collect::<Result<Vec<Outcome>>>()
    };
    let seeds: Vec<u64> = (options.first_seed..options.first_seed + options.seeds).collect();
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut outcomes = Vec::new();
    for seeds in seeds.chunks(cores) {
        std::thread::scope(|scope| {
            let started: Vec<_> = seeds.iter().map(|seed| scope.spawn(|| methods(*seed))).collect();
            for thread in started {
                outcomes.extend(thread.join().map_err(|_| anyhow!("a seed's thread panicked"))??);
            }
            anyhow::Ok(())
        })?;
    }
    Ok(outcomes)
}

/// A policy that walks the old map.
fn base(town: &Town, seed: u64) -> Result<Decoder> {
    let text = format!(
        "seed = {seed}\n[model]\nbase = \"given\"\n[data]\ntrain = \"given\"\n\
         [train]\nmicro_batch = {ROWS}\nmax_length = 16\n\
         [optim]\nlr = 2e-3\n[[phase]]\nkind = \"sft\"\nsteps = {BASE_STEPS}\n"
    );
    let decoder = world::fresh(2, 64, seed)?;
    let config = run_config(&text)?;
    let mut trainer = HybridTrainer::new(config, decoder, world::tokenizer(), BASE_STEPS)?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..BASE_STEPS {
        let walks: Vec<Encoded> = (0..ROWS).map(|_| town.old_walk(&mut rng)).collect();
        trainer.sft_step(&walks.iter().collect::<Vec<_>>())?;
        trainer.advance(None);
    }
    Ok(trainer.policy().decoder.valid())
}

/// One method from one start.
fn run(
    town: &Town,
    base: &Decoder,
    method: Method,
    seed: u64,
    options: &Options,
) -> Result<Outcome> {
    let config = config(method, seed, options)?;
    let mut trainer = HybridTrainer::new(config, base.clone(), world::tokenizer(), options.units)?;
    trainer.begin_phase(0, Some(Reference::frozen(&trainer.policy().decoder)), true);
    let mut feed = Demonstrations::new(town, seed);
    let held_out = HeldOut { prompts: world::starts(), demonstrations: town.held_out.clone() };
    let mut points = vec![measure(&trainer, town, &held_out)?];
    for unit in 0..options.units {
        match method.work(unit, options.units) {
            Work::Sft => {
                for _ in 0..STEPS {
                    let batch = feed.next(ROWS);
                    trainer.sft_step(&batch.iter().collect::<Vec<_>>())?;
                }
            }
            Work::Ppo => update(&mut trainer, town, &mut feed, None)?,
            Work::Mixed(sft_coef) => update(&mut trainer, town, &mut feed, Some(sft_coef))?,
        }
        trainer.advance(None);
        if (unit + 1) % EVERY == 0 || unit + 1 == options.units {
            points.push(measure(&trainer, town, &held_out)?);
        }
    }
    let steps = trainer.counters().optimizer_steps;
    let wanted = (options.units * STEPS) as u64;
    ensure!(steps == wanted, "{} took {steps} optimizer steps, not {wanted}", method.name());
    Ok(Outcome { method, points })
}

/// One PPO update of 8 optimizer steps, with or without demonstrations in them.
fn update(
    trainer: &mut HybridTrainer,
    town: &Town,
    feed: &mut Demonstrations,
    sft_coef: Option<f64>,
) -> Result<()> {
    let prompts = world::starts();
    let responses = trainer.respond(&prompts)?;
    let rows = world::repeated(&prompts, responses.len() / prompts.len());
    let scores = town.new.scores(&rows, &responses);
    let scores: Vec<Option<f64>> = scores.into_iter().map(Some).collect();
    match sft_coef {
        None => trainer.ppo_step(&rows, &responses, &scores)?,
        Some(sft_coef) => {
            let mut mix = Mix { sft_coef, next_batch: &mut || feed.next(ROWS / 2) };
            trainer.mixed_step(&rows, &responses, &scores, &mut mix)?
        }
    };
    Ok(())
}

fn measure(trainer: &HybridTrainer, town: &Town, held_out: &HeldOut) -> Result<Point> {
    let found = trainer.evaluate(held_out, None, &Judges::new())?;
    let of = |(prompt, response, _): &(hybrid::Prompt, hybrid::Response, _)| {
        town.new.score(prompt.id as usize, &response.completion_ids)
    };
    let metric = |name: &str| found.metrics.get(name).with_context(|| format!("no `{name}`"));
    Ok(Point {
        optimality: found.samples.iter().map(of).sum::<f64>() / found.samples.len() as f64,
        kl: metric("eval/ref_kl")?,
        perplexity: metric("eval/perplexity")?,
    })
}

/// Demonstrations in random order, each once before any comes again.
struct Demonstrations<'a> {
    town: &'a Town,
    order: Vec<usize>,
    rng: ChaCha8Rng,
}

impl<'a> Demonstrations<'a> {
    fn new(town: &'a Town, seed: u64) -> Self {
        Self { town, order: Vec::new(), rng: ChaCha8Rng::seed_from_u64(seed ^ 0xfeed) }
    }

    fn next(&mut self, count: usize) -> Vec<Encoded> {
        let mut batch = Vec::with_capacity(count);
        while batch.len() < count {
            match self.order.pop() {
                Some(index) => batch.push(self.town.demonstrations[index].clone()),
                None => {
                    self.order = (0..self.town.demonstrations.len()).collect();
                    self.order.shuffle(&mut self.rng);
                }
            }
        }
        batch
    }
}

fn config(method: Method, seed: u64, options: &Options) -> Result<RunConfig> {
    // A mixed step has demonstrations in half of its rows, so half as many walks of its own.
    let own = if matches!(method, Method::Mixed { .. }) { ROWS / 2 } else { ROWS };
    let samples = own * STEPS / EPOCHS / (world::NODES - 1);
    let text = format!(
        "seed = {seed}\n[model]\nbase = \"given\"\n[data]\ntrain = \"given\"\n\
         [train]\nmicro_batch = {ROWS}\nmax_length = 16\n\
         [rollout]\nbatch_size = 20\nsamples = {samples}\nmax_new_tokens = {LONGEST}\n\
         stop = [\"{STOP}\"]\n\
         [optim]\noptimizer = \"adamw\"\nlr = {}\nscheduler = \"linear\"\n\
         [ppo]\nepochs = {EPOCHS}\nminibatch_size = {own}\ngae_lambda = 1.0\nvalue_coef = 0.5\n\
         value_clip_range = 0\nkl = {{ coef = 0.002 }}\n\
         [reward]\ntype = \"length\"\n\
         [eval]\nsamples = 32\nbatch_size = 200\n\
         [[phase]]\nkind = \"hybrid\"\ncycles = {}\n",
        options.lr, options.units
    );
    run_config(&text)
}

fn run_config(text: &str) -> Result<RunConfig> {
    Ok(hybrid::config::parse(text, Path::new("thesis.toml"), &[])?)
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options> {
    let mut options =
        Options { seeds: 5, first_seed: 1, units: 40, small: false, lr: 1e-3, plot: None };
    while let Some(arg) = args.next() {
        let mut value = || args.next().with_context(|| format!("`{arg}` needs a value"));
        match arg.as_str() {
            "--seeds" => options.seeds = value()?.parse()?,
            "--first-seed" => options.first_seed = value()?.parse()?,
            "--units" => options.units = value()?.parse()?,
            "--lr" => options.lr = value()?.parse()?,
            "--plot" => options.plot = Some(value()?.into()),
            "--small" => options.small = true,
            other => bail!("unknown argument `{other}`; see the first lines of the example"),
        }
    }
    ensure!(options.units >= 2 && options.units.is_multiple_of(2), "`--units` must be even");
    Ok(options)
}
