//! `hybrid eval`: perplexity of a model on texts, and rewards of what it writes.

mod rewards;

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;
use hybrid_assets::Kind;
use hybrid_data::config::DataConfig;
use hybrid_data::encode::{EncodeError, EncodeOptions, Encoded, Encoder};
use hybrid_data::load::read_source;
use hybrid_data::parallel::in_order;
use hybrid_data::record::{Record, RecordKind};
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::Decoder;
use hybrid_model::perplexity::{Scored, Window, nll_sums, windows};
use serde::Serialize;
use serde_json::{Map, Value};

use super::generate::decoding::DecodingArgs;
use super::{assets, count};
use crate::exit::{self, BadInput};
use crate::model::{Loaded, ModelArgs};
use crate::ui::Ui;

/// Arguments of `hybrid eval`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hybrid eval smollm2-135m-instruct --data wikitext-2 --max-length 1024 --limit 4
  hybrid eval ./model --data held_out.jsonl --json
  hybrid eval ./model --data held_out.jsonl --reward reward.toml --greedy --limit 100

Texts count every token, prompt/completion rows those of the completion. The first token of a text
is not predicted unless the tokenizer puts a BOS before it.

With --reward the model also answers: a prompt, a conversation up to its last answer, or the first
--prompt-words words of a text. Prompts that leave no room for --max-new-tokens lose their beginning.
What the row has there itself, or its `target`, is what a reward compares with. The report then has
mean, std and null for `score`, the whole, and for each component by its path.")]
#[command(group = clap::ArgGroup::new("generation").args(GENERATION).multiple(true).requires("reward"))]
pub(crate) struct EvalArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// A data file or a catalogue name; wikitext-2 is its test split, joined
    #[arg(long)]
    data: String,
    /// Longest window in tokens; the model's context, at most 1024, by default
    #[arg(long, value_name = "N")]
    max_length: Option<usize>,
    /// Tokens from one window's start to the next's; the window's length by default
    #[arg(long, value_name = "N")]
    stride: Option<usize>,
    /// Use the first N windows only, and the first N prompts
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Tokens read at once, over all rows of a batch
    #[arg(long, default_value_t = 2048, value_name = "N", value_parser = count)]
    batch_tokens: usize,
    /// Also answer the data's prompts and score the answers: a spec as of `hybrid reward`
    #[arg(long, value_name = "SPEC")]
    reward: Option<String>,
    /// Words of a text that are its prompt, with --reward
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = count)]
    prompt_words: usize,
    /// Answers to each prompt, with --reward
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = count)]
    num_samples: usize,
    /// Prompts answered at once, with --reward
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = count)]
    batch_size: usize,
    #[command(flatten, next_help_heading = "How answers are drawn, with --reward")]
    decoding: DecodingArgs,
}

/// Options that mean nothing without `--reward`.
const GENERATION: [&str; 19] = [
    "prompt_words",
    "num_samples",
    "batch_size",
    "max_new_tokens",
    "greedy",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "no_repeat_ngram_size",
    "bad_words",
    "logit_bias",
    "stop",
    "ignore_eos",
    "seed",
];

/// What `eval` prints.
#[derive(Debug, Serialize)]
struct Report {
    /// Rows with a predicted token.
    examples: usize,
    tokens: usize,
    /// Nats, averaged over the predicted tokens; null without any.
    nll: Option<f64>,
    perplexity: Option<f64>,
    rewards: Map<String, Value>,
}

pub(crate) fn run(args: &EvalArgs, ui: &Ui) -> Result<()> {
    args.decoding.check()?;
    let tree = args
        .reward
        .as_deref()
        .map(|spec| rewards::build(spec, args.model.device, ui))
        .transpose()?;
    let records = read_texts(&args.data, ui)?;
    let loaded = args.model.load(ui)?;
    let Loaded { decoder, tokenizer } = &loaded;
    let (max_length, stride) = window_size(args, decoder.config().max_positions)?;
    let texts = encode(&records, tokenizer)?;
    let asked = match tree {
        Some(tree) => Some(rewards::Asked::new(tree, &records, args, &loaded)?),
        None => None,
    };
    let limit = args.limit.unwrap_or(usize::MAX);
    let (mut scored, mut examples, mut used) = (Vec::new(), 0, 0);
    for text in &texts {
        let windows = windows(text.ids.len(), 0, max_length, stride);
        let cut = windows.iter().map(|window| runs(text, window)).filter(|runs| !runs.is_empty());
        let before = used;
        for runs in cut.take(limit - used) {
            scored.extend(runs);
            used += 1;
        }
        examples += usize::from(used > before);
    }
    let (tokens, nll) = measure(decoder, scored, args.batch_tokens, ui);
    let rewards = match asked {
        Some(asked) => asked.measure(args, &loaded, ui)?,
        None => Map::new(),
    };
    print(&Report { examples, tokens, nll, perplexity: nll.map(f64::exp), rewards }, ui)
}

/// Length and stride of the windows, checked.
fn window_size(args: &EvalArgs, context: usize) -> Result<(usize, usize)> {
    let max_length = args.max_length.unwrap_or(context.min(DEFAULT_WINDOW));
    if max_length < 2 || max_length > context {
        return Err(BadInput::error(format!(
            "`--max-length` is {max_length}, must be from 2 to the model's context of {context}"
        )));
    }
    let stride = args.stride.unwrap_or(max_length);
    if stride == 0 || stride > max_length {
        return Err(BadInput::error(format!(
            "`--stride` is {stride}, must be from 1 to the window's length of {max_length}"
        )));
    }
    Ok((max_length, stride))
}

const DEFAULT_WINDOW: usize = 1024;

/// The records of a file or a catalogue name.
fn read_texts(data: &str, ui: &Ui) -> Result<Vec<Record>> {
    let asset = assets::resolve(data, Kind::Data, ui)?;
    let source = assets::source(&asset, &["test"]);
    if let (WIKITEXT, [path]) = (data, source.paths.as_slice()) {
        return Ok(vec![joined_lines(path)?]);
    }
    let records = read_source(&source, &DataConfig::default())?;
    Ok(records.collect::<Result<Vec<_>, _>>()?)
}

/// Rows of this set are lines of articles; its perplexity is that of the articles.
const WIKITEXT: &str = "wikitext-2";

/// The text as the perplexity guide of `transformers` builds it: rows that keep their newline,
/// blank ones empty, joined by two newlines.
fn joined_lines(path: &Path) -> Result<Record> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read `{}`", path.display()))?;
    let row = |line: &str| if line.trim().is_empty() { String::new() } else { line.to_owned() };
    let rows: Vec<String> = text.split_inclusive('\n').map(row).collect();
    Ok(Record {
        source: hybrid_data::error::RowLocation::line(path, 1),
        kind: RecordKind::Text(rows.join("\n\n")),
        fields: Map::new(),
    })
}

/// Token ids with what counts: no EOS is added, since the texts are measured as they are.
fn encode(records: &[Record], tokenizer: &Tokenizer) -> Result<Vec<Encoded>> {
    let options = EncodeOptions { append_eos: false, ..EncodeOptions::default() };
    let encoder = Encoder::new(tokenizer, options).map_err(exit::reason)?;
    let encode = |record: &Record| -> Result<Encoded, EncodeError> {
        let failed = |source| EncodeError::Tokenizer { source };
        // A text or completion without tokens to count is no error here.
        match &record.kind {
            RecordKind::Text(text) | RecordKind::Prompt(text) => {
                let ids = tokenizer.encode(text, true).map_err(failed)?;
                Ok(Encoded { loss_mask: vec![true; ids.len()], ids })
            }
            RecordKind::PromptCompletion { completion, .. } => {
                let mut ids = encoder.prompt(record)?;
                let mut loss_mask = vec![false; ids.len()];
                ids.extend(tokenizer.encode(completion, false).map_err(failed)?);
                loss_mask.resize(ids.len(), true);
                Ok(Encoded { ids, loss_mask })
            }
            RecordKind::Messages(_) => encoder.record(record),
        }
    };
    let encode = |record: &Record| {
        encode(record).map_err(|error| exit::at_record(&record.source.to_string(), error))
    };
    in_order(records, encode).collect()
}

/// The stretches of a window that count: several in a conversation, each scored on its own.
fn runs<'a>(text: &'a Encoded, window: &Window) -> Vec<Scored<'a>> {
    let (base, end) = (window.tokens.start, window.predicted.end);
    let counts = |token: usize| token < end && text.loss_mask.get(token).is_some_and(|c| *c);
    let mut scored = Vec::new();
    let mut start = None;
    for token in window.predicted.start..=end {
        match (counts(token), start) {
            (true, None) => start = Some(token),
            (false, Some(first)) => {
                let ids = text.ids.get(base..token).unwrap_or_default();
                scored.push(Scored { ids, predicted: first - base..token - base });
                start = None;
            }
            _ => {}
        }
    }
    scored
}

/// Predicted tokens and their mean negative log-likelihood.
fn measure(
    decoder: &Decoder,
    mut scored: Vec<Scored<'_>>,
    batch_tokens: usize,
    ui: &Ui,
) -> (usize, Option<f64>) {
    let tokens: usize = scored.iter().map(|row| row.predicted.len()).sum();
    // Rows of like length share a batch: padding costs time.
    scored.sort_by_key(|row| std::cmp::Reverse(row.ids.len()));
    let bar = ui.steps("tokens", tokens as u64);
    let mut sum = 0.0;
    let mut rest = scored.as_slice();
    while let Some(longest) = rest.first() {
        let rows = (batch_tokens / longest.ids.len().max(1)).clamp(1, rest.len());
        let (batch, others) = rest.split_at(rows);
        sum += nll_sums(decoder, batch).iter().sum::<f64>();
        bar.inc(batch.iter().map(|row| row.predicted.len() as u64).sum());
        rest = others;
    }
    bar.finish_and_clear();
    (tokens, (tokens > 0).then(|| sum / tokens as f64))
}

fn print(report: &Report, ui: &Ui) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if ui.json {
        writeln!(out, "{}", serde_json::to_string(report)?)?;
        return Ok(());
    }
    let number = |value: Option<f64>, unit: &str| {
        value.map_or("–".to_owned(), |value| format!("{value:.4}{unit}"))
    };
    writeln!(out, "examples    {}", report.examples)?;
    writeln!(out, "tokens      {}", report.tokens)?;
    writeln!(out, "nll         {}", number(report.nll, " nats per token"))?;
    writeln!(out, "perplexity  {}", number(report.perplexity, ""))?;
    rewards::print(&report.rewards, &mut out)?;
    Ok(())
}
