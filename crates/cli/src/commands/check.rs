//! `hybrid check`: what a run file means, before anything is fetched or trained.

use std::io::Write;

use anyhow::{Context, Result};
use clap::Args;
use hybrid::config::{
    self, AnyConfig, BYTE_TOKENIZER, HeadsConfig, InitSection, RunConfig, TaskConfig,
};
use hybrid_assets::Kind;
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::config::DecoderConfig;
use hybrid_model::weights::Checkpoint;
use serde_json::json;

use super::assets;
use super::train::ConfigArgs;
use crate::exit::BadInput;
use crate::model;
use crate::training::parts;
use crate::ui::Ui;

/// Arguments of `hybrid check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hybrid check run.toml
  hybrid check run.toml --set train.batch_size=32 --json

What is printed is a run file again, every default filled in. Nothing is fetched.")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) fn run(args: &CheckArgs, ui: &Ui) -> Result<()> {
    let config = match args.config.load()? {
        AnyConfig::Language(config) => config,
        AnyConfig::Heads(config) => {
            check_feedback(&config.head, ui)?;
            return print_heads(&config, ui);
        }
    };
    if let Some(spec) = &config.reward {
        parts::check_reward(spec, ui)?;
    }
    check_feedback(&config.head, ui)?;
    for (name, spec) in &config.eval.judges {
        parts::check_reward(spec, ui).with_context(|| format!("`eval.judges.{name}`"))?;
    }
    let decoder = decoder(&config, ui)?;
    print(&config, decoder.as_ref(), ui)
}

/// Checks the rewards of the heads' predictions.
fn check_feedback(heads: &[TaskConfig], ui: &Ui) -> Result<()> {
    let feedback = heads.iter().filter_map(|head| head.feedback.as_ref());
    let mut specs = feedback.filter_map(|feedback| feedback.reward.as_ref());
    specs.try_for_each(|spec| parts::check_reward(spec, ui))
}

/// Prints the effective configuration, and the memory it needs where the model's sizes are known.
pub(crate) fn print(config: &RunConfig, decoder: Option<&DecoderConfig>, ui: &Ui) -> Result<()> {
    let memory = decoder.map(|decoder| config::estimate(config, decoder));
    let mut out = std::io::stdout().lock();
    if ui.json {
        let memory = memory.map(|memory| {
            json!({
                "weights": memory.weights, "gradients": memory.gradients,
                "optimizer": memory.optimizer, "reference": memory.reference,
                "activations": memory.activations, "kv_cache": memory.kv_cache,
                "total": memory.total,
            })
        });
        let parameters = decoder.map(DecoderConfig::parameter_count);
        let line = json!({
            "config": serde_json::to_value(config)?, "steps": config.total_steps(),
            "parameters": parameters, "memory": memory,
        });
        return Ok(writeln!(out, "{line}")?);
    }
    writeln!(out, "{}", config.effective()?)?;
    writeln!(out, "# {} steps", config.total_steps())?;
    match memory {
        Some(memory) => {
            let parameters = decoder.map_or(0, DecoderConfig::parameter_count);
            writeln!(out, "# memory, about, for {parameters} parameters:")?;
            for line in memory.to_string().lines() {
                writeln!(out, "#   {line}")?;
            }
        }
        None => writeln!(out, "# memory: not known before the model is fetched")?,
    }
    Ok(())
}

/// Prints the effective configuration of a run of task heads.
pub(crate) fn print_heads(config: &HeadsConfig, ui: &Ui) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if ui.json {
        let config_json = serde_json::to_value(config)?;
        let line = json!({ "config": config_json, "steps": config.total_steps() });
        return Ok(writeln!(out, "{line}")?);
    }
    writeln!(out, "{}", config.effective()?)?;
    Ok(writeln!(out, "# {} steps", config.total_steps())?)
}

/// The sizes of the model, where they are known without fetching anything.
fn decoder(config: &RunConfig, ui: &Ui) -> Result<Option<DecoderConfig>> {
    if let Some(base) = &config.model.base {
        let Some(asset) = assets::present(base, Kind::Model, ui)? else { return Ok(None) };
        let checkpoint = Checkpoint::open(&model::weights_path(asset.path)?)?;
        return Ok(Some(checkpoint.config().clone()));
    }
    let Some(section) = &config.model.init else { return Ok(None) };
    let Some(tokens) = vocabulary(section, ui)? else { return Ok(None) };
    let sizes = section.to_init(tokens).to_config();
    sizes.map(Some).map_err(|error| BadInput::error(error.to_string()))
}

/// How many tokens a new model knows, where that is known without fetching anything.
fn vocabulary(section: &InitSection, ui: &Ui) -> Result<Option<usize>> {
    if section.tokenizer == BYTE_TOKENIZER {
        return Ok(Some(Tokenizer::bytes()?.vocab_size()));
    }
    match assets::present(&section.tokenizer, Kind::Model, ui)? {
        Some(asset) => {
            let path = model::weights_path(asset.path)?;
            Ok(Some(Tokenizer::from_path(&path)?.vocab_size()))
        }
        None => Ok(section.vocab_size),
    }
}
