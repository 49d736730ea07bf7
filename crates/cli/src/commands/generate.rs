//! `hybrid generate`: continues prompts.

pub(crate) mod output;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use hybrid_data::config::DataConfig;
use hybrid_data::encode::{EncodeOptions, Encoder};
use hybrid_data::reader::read_rows;
use hybrid_data::record::{Record, RecordKind, records};
use hybrid_data::template::Message;
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::generate::{GenerateOptions, generate};
use hybrid_model::sampling::SamplingConfig;

use crate::exit::BadInput;
use crate::model::{Loaded, ModelArgs};
use crate::ui::Ui;
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
    /// JSONL of {"prompt": …} or {"messages": […]}, or another data file
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Wrap each prompt in the model's chat template
    #[arg(long, conflicts_with = "raw")]
    chat: bool,
    /// Take each prompt as it is; this is the default
    #[arg(long)]
    raw: bool,
    /// Completions of each prompt
    #[arg(long, default_value_t = 1, value_name = "N")]
    num_samples: usize,
    /// Prompts continued at once
    #[arg(long, default_value_t = 8, value_name = "N")]
    batch_size: usize,
    #[command(flatten)]
    decoding: DecodingArgs,
}

/// How tokens are chosen and when to stop.
#[derive(Debug, Clone, Args)]
pub(crate) struct DecodingArgs {
    /// Most new tokens of a completion
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub(crate) max_new_tokens: usize,
    /// Choose the most probable token every time
    #[arg(long, conflicts_with_all = ["temperature", "top_k", "top_p", "min_p", "typical_p"])]
    greedy: bool,
    /// Logits are divided by it; 0 is greedy
    #[arg(long, default_value_t = 1.0, value_name = "T")]
    temperature: f64,
    /// Keep the K most probable tokens; 0 keeps all
    #[arg(long, default_value_t = 0, value_name = "K")]
    top_k: usize,
    /// Keep the most probable tokens up to this mass
    #[arg(long, default_value_t = 1.0, value_name = "P")]
    top_p: f64,
    /// Keep tokens at least this share as probable as the best
    #[arg(long, default_value_t = 0.0, value_name = "P")]
    min_p: f64,
    /// Keep the tokens of typical surprise up to this mass
    #[arg(long, default_value_t = 1.0, value_name = "P")]
    typical_p: f64,
    /// Penalty on tokens seen before; 1 is none
    #[arg(long, default_value_t = 1.0, value_name = "X")]
    repetition_penalty: f64,
    /// Penalty on tokens generated before
    #[arg(long, default_value_t = 0.0, value_name = "X", allow_negative_numbers = true)]
    presence_penalty: f64,
    /// Penalty for each time a token was generated
    #[arg(long, default_value_t = 0.0, value_name = "X", allow_negative_numbers = true)]
    frequency_penalty: f64,
    /// Forbid n-grams of this length to repeat; 0 allows all
    #[arg(long, default_value_t = 0, value_name = "N")]
    no_repeat_ngram_size: usize,
    /// Words that must not appear; may be given several times
    #[arg(long, value_name = "TEXT")]
    bad_words: Vec<String>,
    /// TOKEN_ID=BIAS added to a token's logit; may be given several times
    #[arg(long, value_name = "ID=X", value_parser = parse_bias)]
    logit_bias: Vec<(u32, f64)>,
    /// End a completion at this text, which is left out; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub(crate) stop: Vec<String>,
    /// Go on past the end token
    #[arg(long)]
    pub(crate) ignore_eos: bool,
    /// Seed of the random numbers
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

fn parse_bias(text: &str) -> Result<(u32, f64), String> {
    let wrong = || format!("`{text}` is not TOKEN_ID=BIAS, such as 504=-2.5");
    let (id, bias) = text.split_once('=').ok_or_else(wrong)?;
    Ok((id.trim().parse().map_err(|_| wrong())?, bias.trim().parse().map_err(|_| wrong())?))
}

impl DecodingArgs {
    /// The library's options for one tokenizer.
    pub(crate) fn options(&self, tokenizer: &Tokenizer) -> Result<GenerateOptions> {
        let bad_words =
            self.bad_words.iter().map(|word| tokenizer.encode(word, false)).collect::<Result<_, _>>()?;
        let sampling = SamplingConfig {
            temperature: if self.greedy { 0.0 } else { self.temperature },
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            typical_p: self.typical_p,
            repetition_penalty: self.repetition_penalty,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            no_repeat_ngram_size: self.no_repeat_ngram_size,
            bad_words,
            logit_bias: self.logit_bias.iter().copied().collect(),
        };
        let field = |error: hybrid_model::sampling::SamplingError| BadInput::new(error.to_string());
        sampling.validate().map_err(field)?;
        if self.stop.iter().any(String::is_empty) {
            return Err(BadInput::new("`--stop` is empty; give the text to stop at"));
        }
        Ok(GenerateOptions {
            max_new_tokens: self.max_new_tokens,
            sampling,
            eos_ids: if self.ignore_eos { Vec::new() } else { tokenizer.eos_ids().to_vec() },
            samples: 1,
            seed: self.seed,
        })
    }
}

/// A prompt as it was given and as the model reads it.
struct Prompt {
    text: String,
    ids: Vec<u32>,
}

pub(crate) fn run(args: &GenerateArgs, ui: &Ui) -> Result<()> {
    let records = read_prompts(args)?;
    let loaded = args.model.load(ui)?;
    let Loaded { decoder, tokenizer } = &loaded;
    let prompts = encode_prompts(&records, args.chat, tokenizer)?;
    let mut options = args.decoding.options(tokenizer)?;
    options.samples = args.num_samples;
    let single = prompts.len() == 1 && args.num_samples == 1;
    let bar = if single {
        indicatif::ProgressBar::hidden()
    } else {
        ui.steps("prompts", prompts.len() as u64)
    };
    let mut printer = Printer::new(tokenizer, &args.decoding.stop, ui.json, single);
    for (index, batch) in prompts.chunks(args.batch_size.max(1)).enumerate() {
        // Each batch has its own seed, so that its rows do not repeat another's random numbers.
        options.seed = args.decoding.seed.wrapping_add((index as u64) << 32);
        let ids: Vec<Vec<u32>> = batch.iter().map(|prompt| prompt.ids.clone()).collect();
        printer.start_batch(batch, args.num_samples);
        let completions = generate(decoder, &ids, &options, &mut |row, choice| {
            printer.token(row, choice)
        })?;
        printer.finish_batch(batch, &completions)?;
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}

/// The prompt of the command line, or the records of the input file.
fn read_prompts(args: &GenerateArgs) -> Result<Vec<Record>> {
    let Some(path) = &args.input else {
        let text = args.prompt.clone().unwrap_or_default();
        return Ok(vec![record(RecordKind::Prompt(text))]);
    };
    let config = DataConfig::default();
    let rows = read_rows(&[path.clone()], &config.read_options())?;
    let records = records(rows, &config)?.collect::<Result<Vec<_>, _>>();
    records.with_context(|| format!("cannot read the prompts in `{}`", path.display()))
}

fn record(kind: RecordKind) -> Record {
    let source = hybrid_data::error::RowLocation::line(Path::new("--prompt"), 1);
    Record { source, kind, fields: serde_json::Map::new() }
}

fn encode_prompts(records: &[Record], chat: bool, tokenizer: &Tokenizer) -> Result<Vec<Prompt>> {
    let encoder = Encoder::new(tokenizer, EncodeOptions::default())?;
    let encode = |given: &Record| -> Result<Prompt> {
        let text = prompt_text(given);
        let ids = if chat && !matches!(given.kind, RecordKind::Messages(_)) {
            let message = Message::new("user", &text);
            encoder.prompt(&record(RecordKind::Messages(vec![message])))?
        } else {
            encoder.prompt(given)?
        };
        if ids.is_empty() {
            return Err(BadInput::new(format!(
                "{}: the prompt is empty; a model needs at least one token to continue from",
                given.source
            )));
        }
        Ok(Prompt { text, ids })
    };
    records.iter().map(encode).collect()
}

/// The prompt as the user wrote it.
fn prompt_text(record: &Record) -> String {
    match &record.kind {
        RecordKind::Text(text) | RecordKind::Prompt(text) => text.clone(),
        RecordKind::PromptCompletion { prompt, .. } => prompt.clone(),
        RecordKind::Messages(messages) => {
            let last = messages.iter().rev().find(|message| message.role() == "user");
            last.and_then(Message::content).unwrap_or_default().to_owned()
        }
    }
}
