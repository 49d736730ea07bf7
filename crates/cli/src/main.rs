//! The `hybrid` binary: arguments, devices, files and the terminal. Everything it computes is in
//! the other crates.

mod allocator;
mod commands;
mod device;
mod exit;
mod interrupt;
mod model;
mod threads;
mod training;
mod ui;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::ui::Ui;

/// SFT and PPO in one run, on one machine.
#[derive(Debug, Parser)]
#[command(name = "hybrid", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Examples:
  hybrid quickstart
  hybrid generate smollm2-135m-instruct --prompt \"Hello\" --greedy")]
struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    ui: Ui,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fetch a small model and data, train by SFT and PPO, show what changed
    Quickstart(commands::quickstart::QuickstartArgs),
    /// Train a model as a run file says
    Train(commands::train::TrainArgs),
    /// Check a run file and show the effective configuration
    Check(commands::check::CheckArgs),
    /// Continue prompts with a model
    Generate(commands::generate::GenerateArgs),
    /// Talk with a chat model
    Chat(commands::chat::ChatArgs),
    /// Measure perplexity on texts, and rewards of answers
    Eval(commands::eval::EvalArgs),
    /// Ask a trained task head about texts
    Predict(commands::predict::PredictArgs),
    /// Show examples as tokens, the trained ones marked
    Inspect(commands::inspect::InspectArgs),
    /// Score texts by a reward spec
    Reward(commands::reward::RewardArgs),
    /// Make one HTML page of a run
    Report(commands::report::ReportArgs),
    /// Write a run's newest weights as a Hugging Face folder
    Export(commands::export::ExportArgs),
    /// Average the weights of several checkpoints
    Merge(commands::merge::MergeArgs),
    /// List and fetch pinned models and data sets
    Assets(commands::assets::AssetsArgs),
    /// List the devices that were compiled in and are there
    #[command(after_help = "Example: hybrid devices --json")]
    Devices,
}

fn main() -> ExitCode {
    allocator::keep_pages();
    let args = Args::parse();
    ui::start_tracing(&args.ui);
    match threads::within(|| run(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}

fn run(args: Args) -> Result<()> {
    let ui = args.ui;
    match args.command {
        Command::Quickstart(args) => commands::quickstart::run(&args, &ui),
        Command::Train(args) => commands::train::run(&args, &ui),
        Command::Check(args) => commands::check::run(&args, &ui),
        Command::Generate(args) => commands::generate::run(&args, &ui),
        Command::Chat(args) => commands::chat::run(&args, &ui),
        Command::Eval(args) => commands::eval::run(&args, &ui),
        Command::Predict(args) => commands::predict::run(&args, &ui),
        Command::Inspect(args) => commands::inspect::run(&args, &ui),
        Command::Reward(args) => commands::reward::run(&args, &ui),
        Command::Report(args) => commands::report::run(&args, &ui),
        Command::Export(args) => commands::export::run(&args, &ui),
        Command::Merge(args) => commands::merge::run(&args, &ui),
        Command::Assets(args) => commands::assets::run(args, &ui),
        Command::Devices => commands::devices::run(&ui),
    }
}
