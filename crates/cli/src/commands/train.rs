//! `hybrid train`: a run as its file says.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use hybrid::config::{self, AnyConfig, Override};

use super::check;
use crate::device::DeviceChoice;
use crate::training::{self, Training, heads, parts, summary};
use crate::ui::Ui;

/// Arguments of `hybrid train`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hybrid train run.toml
  hybrid train run.toml --set optim.lr=1e-5 --set output.dir=runs/low
  hybrid train runs/low/config.toml --resume
  hybrid train heads.toml

A file with a [[head]] table trains task heads, any other a language model; one with phases of SFT or
PPO besides trains both on one trunk.

The first Ctrl-C finishes the step and saves, the second ends at once. With --json the last line on
stdout is one object: run_dir, steps, before, after.")]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Where to run: cpu, ndarray, wgpu[:i], vulkan[:i] or cuda[:i]
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
    /// Go on from the newest complete checkpoint of the run directory
    #[arg(long)]
    resume: bool,
    /// Find and read everything, print the effective configuration, train nothing
    #[arg(long)]
    dry_run: bool,
}

/// The run file and what replaces its values.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The run file, TOML or JSON
    #[arg(value_name = "CONFIG")]
    file: PathBuf,
    /// A value in place of the file's, as ppo.clip_range=0.1 or phase[0].steps=20; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

impl ConfigArgs {
    /// The configuration, checked, of a run of either kind.
    pub(crate) fn load(&self) -> Result<AnyConfig> {
        Ok(config::load_any(&self.file, &read_overrides(&self.overrides)?)?)
    }
}

/// The values of `--set`.
pub(crate) fn read_overrides(texts: &[String]) -> Result<Vec<Override>> {
    texts.iter().map(|text| Ok(text.parse()?)).collect()
}

pub(crate) fn run(args: &TrainArgs, ui: &Ui) -> Result<()> {
    let TrainArgs { device, resume, .. } = *args;
    let finished = match args.config.load()? {
        AnyConfig::Language(config) if args.dry_run => {
            training::check_run_dir(&config.output.dir, resume)?;
            let parts = parts::prepare(config, device, ui)?;
            let decoder = parts.decoder.config();
            return check::print(&parts.config, Some(decoder), ui);
        }
        AnyConfig::Heads(config) if args.dry_run => {
            training::check_run_dir(&config.output.dir, resume)?;
            let parts = heads::prepare(config, device, ui)?;
            return check::print_heads(&parts.config, ui);
        }
        AnyConfig::Language(config) => Training { config, device, resume, limit: None }.run(ui)?,
        AnyConfig::Heads(config) => heads::run(config, device, resume, ui)?,
    };
    if finished.outcome.interrupted {
        if ui.json {
            summary::print(&finished, ui)?;
        }
        return Err(training::interrupted(&finished.outcome));
    }
    summary::print(&finished, ui)
}
