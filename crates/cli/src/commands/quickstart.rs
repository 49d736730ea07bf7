//! `hybrid quickstart`: a committed run file, trained and reported.

mod comparison;
mod head;
mod held_out;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use hybrid::config::{self, PhaseKind, RunConfig};

use self::head::Scoring;
use super::train::read_overrides;
use crate::device::DeviceChoice;
use crate::exit::BadInput;
use crate::training::{self, Training};
use crate::ui::Ui;

/// Arguments of `hybrid quickstart`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hybrid quickstart
  hybrid quickstart --tiny --seed 2
  hybrid quickstart --reward head

Fetches SmolLM2-135M-Instruct and movie reviews, teaches the model to go on with reviews (SFT) and to be
positive about it (PPO), and compares it with what it was on prompts it was not trained on. The run
file is examples/quickstart.toml; what the run leaves is in runs/.

With --reward head a sentiment head scores, trained first on the reviews' labels where runs/sentences is
not there (examples/heads/sentences.toml, a few minutes on 2 cores). The word list then judges the
same answers and teaches nothing: what one gains and the other does not is a hole in the reward.")]
pub(crate) struct QuickstartArgs {
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take no more steps after so many minutes, loading not counted
    #[arg(long, value_name = "M", value_parser = minutes)]
    minutes: Option<Duration>,
    /// Train a small model from scratch on the same reviews instead: under 3 minutes on 2 cores
    #[arg(long)]
    tiny: bool,
    /// Where to run: cpu, ndarray, wgpu[:i], vulkan[:i] or cuda[:i]
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
    /// What scores the sentiment
    #[arg(long, value_enum, default_value_t = Scores::Lexicon)]
    reward: Scores,
    /// The run of heads whose task `sentiment` scores, with --reward head; absent means
    /// runs/sentences
    #[arg(long, value_name = "RUN")]
    heads: Option<PathBuf>,
    /// The twin: the same SFT steps from the same seed, without PPO
    #[arg(long, hide = true)]
    no_ppo: bool,
    /// As in `train`
    #[arg(long = "set", value_name = "KEY=VALUE", hide = true)]
    overrides: Vec<String>,
    /// The same for the run of heads
    #[arg(long = "set-heads", value_name = "KEY=VALUE", hide = true)]
    heads_overrides: Vec<String>,
}

/// What scores the sentiment of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scores {
    /// VADER's word list and rules
    Lexicon,
    /// A classifier trained on the reviews' labels
    Head,
}

/// Minutes for clap, above 0.
fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: Option<f64> = text.parse().ok().filter(|minutes| *minutes > 0.0);
    let limit = minutes.and_then(|minutes| Duration::try_from_secs_f64(minutes * 60.0).ok());
    limit.ok_or_else(|| "expected a number of minutes above 0".to_owned())
}

const FULL: (&str, &str) =
    ("examples/quickstart.toml", include_str!("../../../../examples/quickstart.toml"));
const TINY: (&str, &str) =
    ("examples/quickstart-tiny.toml", include_str!("../../../../examples/quickstart-tiny.toml"));

pub(crate) fn run(args: &QuickstartArgs, ui: &Ui) -> Result<()> {
    if args.reward == Scores::Lexicon && args.heads.is_some() {
        return Err(BadInput::error(
            "`--heads` names a run to score by, but the word list scores; add `--reward head`",
        ));
    }
    // What is wrong with the arguments is said before a head is trained for minutes.
    configuration(args, None)?;
    let scoring = match args.reward {
        Scores::Lexicon => None,
        Scores::Head => {
            let overrides = read_overrides(&args.heads_overrides)?;
            Some(head::find_or_train(args.heads.as_deref(), &overrides, args.device, ui)?)
        }
    };
    let config = configuration(args, scoring.as_ref())?;
    let training = Training { config, device: args.device, resume: false, limit: args.minutes };
    let finished = training.run(ui)?;
    if finished.outcome.interrupted {
        return Err(training::interrupted(&finished.outcome));
    }
    comparison::print(&finished, scoring.as_ref(), ui)
}

/// The run file with what the arguments say.
fn configuration(args: &QuickstartArgs, scoring: Option<&Scoring>) -> Result<RunConfig> {
    let (name, text) = if args.tiny { TINY } else { FULL };
    let mut config = config::parse(text, Path::new(name), &read_overrides(&args.overrides)?)?;
    config.seed = args.seed;
    config.output.dir = free_dir(args);
    if let Some(scoring) = scoring {
        scoring.put_into(&mut config);
    }
    if args.no_ppo {
        remove_ppo(&mut config);
    }
    config.validate()?;
    Ok(config)
}

/// Leaves the SFT steps as they are and takes the PPO steps out.
fn remove_ppo(config: &mut RunConfig) {
    // The learning rate falls over the steps of the whole run, as it does beside PPO.
    config.optim.total_steps = Some(config.horizon());
    config.phase.retain(|phase| phase.kind != PhaseKind::Ppo);
    for phase in config.phase.iter_mut().filter(|phase| phase.kind == PhaseKind::Hybrid) {
        phase.ppo_steps = Some(0);
    }
}

/// `runs/quickstart[-tiny][-head]-sSEED`, with the first number behind it that makes it new.
fn free_dir(args: &QuickstartArgs) -> PathBuf {
    let size = if args.tiny { "-tiny" } else { "" };
    let reward = if args.reward == Scores::Head { "-head" } else { "" };
    let twin = if args.no_ppo { "-no-ppo" } else { "" };
    let name = format!("quickstart{size}{reward}{twin}-s{}", args.seed);
    let runs = Path::new("runs");
    let numbered = |number: u64| match number {
        1 => runs.join(&name),
        _ => runs.join(format!("{name}-{number}")),
    };
    // What is there stays as it is, whatever it is.
    let free = (1..).map(numbered).find(|dir| dir.symlink_metadata().is_err());
    free.unwrap_or_else(|| runs.join(&name))
}
