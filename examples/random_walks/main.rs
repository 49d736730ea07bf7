//! A GPT learns random walks on a graph by SFT, and then to take the shortest ones by PPO.
//!
//! The task is known from another library's benchmark: 21 nodes, a goal, a thousand random walks of at
//! most 10 nodes with a mean optimality of 0.3515. The model sees nothing but the walks, and then the
//! optimality of its own. `golden/random_walks.json` holds graph and walks.
//!
//! ```text
//! cargo run --release --example random_walks                 # five seeds, 2 layers of 64
//! cargo run --release --example random_walks -- --plot docs/random_walks.svg
//! cargo run --release --example random_walks -- --layers 6 --width 144 --sft-steps 150
//! cargo run --release --example random_walks -- --seed 1 --sft-steps 150 --updates 12 --at-least 0.5
//! ```
//!
//! Ends with the optimality over all 20 starts before and after PPO, sampled and greedy, and fails
//! where either is below 0.95 for a seed.
#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

#[path = "../svg.rs"]
mod svg;
mod world;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail, ensure};
use burn::module::Module;
use hybrid::config::Override;
use hybrid::metrics::mean;
use hybrid::rollout::{RespondOptions, respond};
use hybrid::{HybridTrainer, Reference, RunConfig};
use hybrid_data::encode::Encoded;
use hybrid_model::Decoder;
use hybrid_model::generate::GenerateOptions;
use hybrid_model::sampling::SamplingConfig;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use svg::{Line, Panel};
use world::{LONGEST, STOP, World};

/// What the command line asks for.
#[derive(Debug)]
struct Options {
    seeds: Vec<u64>,
    layers: usize,
    width: usize,
    sft_steps: usize,
    updates: usize,
    at_least: f64,
    plot: Option<PathBuf>,
    /// Changes of PPO's configuration, as `optim.lr=1e-3`.
    set: Vec<Override>,
}

/// Optimality of sampled walks after a number of PPO updates.
type Curve = Vec<(f64, f64)>;

/// Walks from each start of a measurement.
const SAMPLES: usize = 16;
/// Walks from each start of a rollout.
const ROLLOUT: usize = 16;
/// Walks of an SFT step.
const BATCH: usize = 100;
/// PPO updates between two points of the curve.
const EVERY: usize = 5;

fn main() -> Result<()> {
    let options = parse(std::env::args().skip(1))?;
    let world = World::published()?;
    let curves = learn_all(&world, &options)?;
    match &options.plot {
        Some(path) => draw(path, &curves),
        None => Ok(()),
    }
}

/// Every seed, as many at a time as there are cores: the model is too small to keep two of them busy.
fn learn_all(world: &World, options: &Options) -> Result<Vec<Curve>> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut curves = Vec::new();
    for seeds in options.seeds.chunks(cores) {
        std::thread::scope(|scope| {
            let started: Vec<_> =
                seeds.iter().map(|seed| scope.spawn(|| learn(world, *seed, options))).collect();
            for thread in started {
                let curve = thread.join().map_err(|_| anyhow!("a seed's thread panicked"))?;
                curves.push(curve?);
            }
            anyhow::Ok(())
        })?;
    }
    Ok(curves)
}

/// SFT and PPO with one seed.
fn learn(world: &World, seed: u64, options: &Options) -> Result<Curve> {
    let began = Instant::now();
    let decoder = imitate(world, seed, options)?;
    let parameters = decoder.num_params();
    let imitated = began.elapsed().as_secs_f64();
    let config = ppo_config(seed, options)?;
    let mut trainer = HybridTrainer::new(config, decoder, world::tokenizer(), options.updates)?;
    trainer.begin_phase(0, Some(Reference::frozen(&trainer.policy().decoder)), true);
    let sampled = |trainer: &HybridTrainer| measure(trainer, world, 1.0, SAMPLES);
    let greedy = |trainer: &HybridTrainer| measure(trainer, world, 0.0, 1);
    let before = (sampled(&trainer)?, greedy(&trainer)?);
    let prompts = world::starts();
    let mut curve = vec![(0.0, before.0)];
    let mut kl = 0.0;
    for update in 1..=options.updates {
        let responses = trainer.respond(&prompts)?;
        let rows = world::repeated(&prompts, ROLLOUT);
        let scores: Vec<Option<f64>> =
            world.scores(&rows, &responses).into_iter().map(Some).collect();
        let stats = trainer.ppo_step(&rows, &responses, &scores)?;
        trainer.advance(None);
        kl = stats.metrics.get("rollout/ref_kl").unwrap_or(f64::NAN);
        if update % EVERY == 0 || update == options.updates {
            curve.push((update as f64, sampled(&trainer)?));
        }
    }
    let after = (sampled(&trainer)?, greedy(&trainer)?);
    println!(
        "seed {seed}  {parameters} parameters  optimality sampled {:.3} -> {:.3}  greedy {:.3} -> \
         {:.3}  KL {kl:.1} nats  SFT {imitated:.0} s, PPO {:.0} s",
        before.0,
        after.0,
        before.1,
        after.1,
        began.elapsed().as_secs_f64() - imitated
    );
    let (wanted, worst) = (options.at_least, after.0.min(after.1));
    ensure!(worst >= wanted, "seed {seed}: optimality {worst:.3} is less than {wanted}");
    Ok(curve)
}

/// Mean optimality over all 20 starts, `samples` walks each; temperature 0 takes the most probable
/// step.
fn measure(
    trainer: &HybridTrainer,
    world: &World,
    temperature: f64,
    samples: usize,
) -> Result<f64> {
    let options = RespondOptions {
        generate: GenerateOptions {
            max_new_tokens: LONGEST,
            sampling: SamplingConfig { temperature, ..SamplingConfig::default() },
            samples,
            seed: 77,
            ..GenerateOptions::default()
        },
        batch_size: world::NODES,
        stop: vec![STOP.to_owned()],
        note: None,
    };
    let prompts = world::starts();
    let responses = respond(&trainer.policy().decoder, trainer.tokenizer(), &prompts, &options)?;
    let rows = world::repeated(&prompts, samples);
    Ok(mean(world.scores(&rows, &responses)))
}

/// A model of the walks, good and bad, by supervised steps.
fn imitate(world: &World, seed: u64, options: &Options) -> Result<Decoder> {
    let text = format!(
        "seed = {seed}\n[model]\nbase = \"given\"\n[data]\ntrain = \"given\"\n\
         [train]\nbatch_size = {BATCH}\nmicro_batch = {BATCH}\nmax_length = 16\n\
         [optim]\noptimizer = \"adamw\"\nlr = 1e-3\nscheduler = \"linear\"\nwarmup_steps = 10\n\
         [[phase]]\nkind = \"sft\"\nsteps = {}\n",
        options.sft_steps
    );
    let config = run_config(&text, &[])?;
    let decoder = world::fresh(options.layers, options.width, seed)?;
    let mut trainer = HybridTrainer::new(config, decoder, world::tokenizer(), options.sft_steps)?;
    let walks: Vec<Encoded> = world.walks.iter().map(|walk| world::demonstration(walk)).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<&Encoded> = Vec::new();
    for _ in 0..options.sft_steps {
        if order.len() < BATCH {
            order = walks.iter().collect();
            order.shuffle(&mut rng);
        }
        trainer.sft_step(&order.split_off(order.len() - BATCH))?;
        trainer.advance(None);
    }
    Ok(trainer.policy().decoder.valid())
}

fn ppo_config(seed: u64, options: &Options) -> Result<RunConfig> {
    let text = format!(
        "seed = {seed}\n[model]\nbase = \"given\"\n[data]\ntrain = \"given\"\n\
         [train]\nmicro_batch = 160\nmax_length = 16\n\
         [rollout]\nbatch_size = 20\nsamples = {ROLLOUT}\nmax_new_tokens = {LONGEST}\n\
         stop = [\"{STOP}\"]\n\
         [optim]\noptimizer = \"adamw\"\nlr = 1e-3\nscheduler = \"linear\"\n\
         [ppo]\nepochs = 2\nminibatch_size = 160\nclip_range = 0.2\ngae_lambda = 1.0\n\
         value_coef = 0.5\nvalue_clip_range = 0\nkl = {{ coef = 0.002 }}\n\
         [reward]\ntype = \"length\"\n\
         [[phase]]\nkind = \"ppo\"\nsteps = {}\n",
        options.updates
    );
    run_config(&text, &options.set)
}

fn run_config(text: &str, set: &[Override]) -> Result<RunConfig> {
    Ok(hybrid::config::parse(text, Path::new("random_walks.toml"), set)?)
}

fn draw(path: &Path, curves: &[Curve]) -> Result<()> {
    let last = curves.iter().flatten().map(|(update, _)| *update).fold(1.0, f64::max);
    let level = |name: &str, colour, y: f64| Line {
        name: name.to_owned(),
        colour,
        dashed: true,
        dot: false,
        points: vec![(0.0, y), (last, y)],
    };
    let mut lines =
        vec![level("the walks, 0.3515", "#888", 0.3515), level("0.95", "#27ae60", 0.95)];
    lines.extend(curves.iter().map(|points| Line {
        name: format!("PPO, {} seeds", curves.len()),
        colour: "#c0392b",
        dashed: false,
        dot: false,
        points: points.clone(),
    }));
    let panel = Panel {
        title: "Optimality of sampled walks, all 20 starts".to_owned(),
        x: "PPO updates of 320 walks".to_owned(),
        x_range: (0.0, last),
        y_range: (0.0, 1.0),
        lines,
    };
    svg::write(path, &[panel])
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        seeds: vec![1, 2, 3, 4, 5],
        layers: 2,
        width: 64,
        sft_steps: 400,
        updates: 60,
        at_least: 0.95,
        plot: None,
        set: Vec::new(),
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().with_context(|| format!("`{arg}` needs a value"));
        match arg.as_str() {
            "--seed" => options.seeds = vec![value()?.parse()?],
            "--layers" => options.layers = value()?.parse()?,
            "--width" => options.width = value()?.parse()?,
            "--sft-steps" => options.sft_steps = value()?.parse()?,
            "--updates" => options.updates = value()?.parse()?,
            "--at-least" => options.at_least = value()?.parse()?,
            "--plot" => options.plot = Some(value()?.into()),
            "--set" => options.set.push(value()?.parse()?),
            other => bail!("unknown argument `{other}`; see the first lines of the example"),
        }
    }
    Ok(options)
}
