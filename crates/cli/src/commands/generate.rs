//! `hybrid generate`: continues prompts.

pub(crate) mod decoding;
pub(crate) mod output;
mod prompts;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use hybrid_model::generate::generate;

use super::count;
use crate::model::{Loaded, ModelArgs};
use crate::ui::Ui;
use decoding::DecodingArgs;
use output::Printer;

/// Arguments of `hybrid generate`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hybrid generate smollm2-135m-instruct --prompt \"The capital of France is\" --greedy
  hybrid generate ./model --input prompts.jsonl --num-samples 4 --seed 1 --json > out.jsonl")]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// The text to continue
    #[arg(long, required_unless_present = "input", conflicts_with = "input")]
    prompt: Option<String>,
    /// JSONL of {"prompt": …} or {"messages": […]}, or another data file; - is JSONL on stdin
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Wrap each prompt in the model's chat template
    #[arg(long, conflicts_with = "raw")]
    chat: bool,
    /// Take each prompt as it is; this is the default
    #[arg(long)]
    raw: bool,
    /// Completions of each prompt
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = count)]
    num_samples: usize,
    /// Prompts continued at once
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = count)]
    batch_size: usize,
    #[command(flatten)]
    decoding: DecodingArgs,
}

pub(crate) fn run(args: &GenerateArgs, ui: &Ui) -> Result<()> {
    args.decoding.check()?;
    let asked = prompts::read(args.prompt.as_deref(), args.input.as_deref())?;
    let loaded = args.model.load(ui)?;
    let Loaded { decoder, tokenizer } = &loaded;
    let prompts = prompts::encode(&asked, args.chat, &loaded)?;
    let mut options = args.decoding.options(&loaded)?;
    options.samples = args.num_samples;
    let single = prompts.len() == 1 && args.num_samples == 1;
    let bar = if single {
        indicatif::ProgressBar::hidden()
    } else {
        ui.steps("prompts", prompts.len() as u64)
    };
    let mut printer = Printer::new(tokenizer, &args.decoding.stop, ui.json, single);
    for batch in prompts.chunks(args.batch_size) {
        let ids: Vec<Vec<u32>> = batch.iter().map(|prompt| prompt.ids.clone()).collect();
        printer.start_batch(batch, args.num_samples);
        let completions =
            generate(decoder, &ids, &options, &mut |row, choice| printer.token(row, choice))?;
        printer.finish_batch(batch, &completions)?;
        options.first_stream += completions.len() as u64;
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}
