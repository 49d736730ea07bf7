//! Automation for this repository: `cargo xtask ci` is everything a change must pass.
//!
//! Each subcommand is one module and one function that returns an error or nothing:
//!
//! 1. [`ci`] — the steps in order, cheapest first, and the closing table.
//! 2. [`tidy`] — the rules no compiler checks: arrows between crates, module docs, file sizes.
//! 3. [`smoke`] — the built binary on a tiny model, on every device that is present.
//! 4. [`golden`] — the Python scripts that write the reference numbers under `golden/`.
//! 5. [`software`] — wgpu without a GPU, and the type check of CUDA.
//! 6. [`mod@bench`] — the benchmarks, ours beside our peers', and where their results are recorded.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool reports on standard output and fails on standard error"
)]

mod arrows;
mod bench;
mod ci;
mod examples;
mod golden;
mod smoke;
mod software;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::{Features, Workspace};

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Automation: ci, tidy, smoke, software, golden, bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// One automation task.
#[derive(Debug, Subcommand)]
enum Command {
    /// Runs every check, cheapest first, and stops at the first that fails
    #[command(after_help = "Example: cargo xtask ci")]
    Ci {
        /// Builds this backend for a graphics card and runs the tests on it, in place of a software device
        #[arg(
            long,
            value_name = "BACKEND",
            num_args = 0..=1,
            require_equals = true,
            default_missing_value = "vulkan",
            value_parser = ["vulkan", "wgpu", "cuda"]
        )]
        gpu: Option<String>,
    },
    /// Checks the rules that no compiler checks: arrows, module docs, sizes, paths
    #[command(after_help = "Example: cargo xtask tidy")]
    Tidy,
    /// Builds the binary and runs it on a tiny model, on every device that is present
    #[command(after_help = "Example: cargo xtask smoke --device cpu")]
    Smoke {
        /// Only this device, written as for `hybrid --device`
        #[arg(long, value_name = "DEVICE")]
        device: Option<String>,
        /// A backend to compile in besides the default: vulkan, wgpu or cuda
        #[arg(long, value_name = "BACKEND", value_parser = ["vulkan", "wgpu", "cuda"])]
        backend: Option<String>,
    },
    /// Runs the Python scripts of reference/, which write golden/
    #[command(after_help = "Example: cargo xtask golden --check")]
    Golden {
        /// Only this script, without `.py`
        name: Option<String>,
        /// Compares with the committed files instead of overwriting them
        #[arg(long)]
        check: bool,
    },
    /// Runs the parity tests on a software Vulkan device, and checks the types of CUDA
    #[command(after_help = "Example: cargo xtask software")]
    Software,
    /// Measures ours, and with --peers the same work in Python, in turn, or with --scaling how time grows;
    /// writes benches/record/
    #[command(after_help = "Example: cargo xtask bench --peers python3 --only sft --rounds 3")]
    Bench(bench::Options),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let workspace = Workspace::load()?;
    match cli.command {
        Command::Ci { gpu } => ci::run(&workspace, gpu.as_deref()),
        Command::Tidy => tidy::run(&workspace),
        Command::Smoke { device, backend } => {
            let features = Features::with_backend(backend.as_deref());
            workspace.build(&features)?;
            smoke::run(&workspace, device.as_deref())
        }
        Command::Golden { name, check } => golden::run(&workspace, name.as_deref(), check),
        Command::Bench(options) => bench::run(&workspace, &Features::default(), &options),
        Command::Software => software::run(&workspace),
    }
}
