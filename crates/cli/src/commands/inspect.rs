//! `hybrid inspect`: examples as the trainer sees them, token by token.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use clap::{Args, ValueEnum};
use hybrid_assets::Kind;
use hybrid_data::config::{ColumnMap, DataConfig};
use hybrid_data::encode::{EncodeOptions, Encoded, Encoder, Side, TrainOn};
use hybrid_data::load::read_source;
use hybrid_data::tokenizer::Tokenizer;
use serde::Serialize;

use super::assets;
use crate::exit::{self, BadInput};
use crate::ui::Ui;

/// Arguments of `hybrid inspect`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hybrid inspect chats.jsonl --model smollm2-135m-instruct
  hybrid inspect qa.csv --model ./model --columns prompt=question,completion=answer --limit 1")]
pub(crate) struct InspectArgs {
    /// A data file or a catalogue name
    data: String,
    /// The model whose tokenizer and chat template are used
    #[arg(long)]
    model: String,
    /// Examples to print
    #[arg(long, default_value_t = 3, value_name = "N")]
    limit: usize,
    /// Longest example in tokens; longer ones are cut
    #[arg(long, value_name = "N")]
    max_length: Option<usize>,
    /// What a longer example loses
    #[arg(long, value_enum, default_value_t = Cut::Right, requires = "max_length")]
    truncation_side: Cut,
    /// Which tokens count in the loss
    #[arg(long, value_enum, default_value_t = Trained::Completion)]
    train_on: Trained,
    /// Makes the text from columns, as "Review: {text}"
    #[arg(long, value_name = "TEXT")]
    template: Option<String>,
    /// Columns under other names: prompt=NAME,completion=NAME,text=NAME,messages=NAME
    #[arg(long, value_delimiter = ',', value_name = "PART=NAME")]
    columns: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Trained {
    /// The completion, or the assistant's messages
    Completion,
    /// Everything
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Cut {
    /// Its end
    Right,
    /// Its beginning
    Left,
    /// The beginning of its prompt
    Prompt,
}

pub(crate) fn run(args: &InspectArgs, ui: &Ui) -> Result<()> {
    let config = DataConfig {
        template: args.template.clone(),
        columns: columns(&args.columns)?,
        ..DataConfig::default()
    };
    let model = assets::resolve_model_path(&args.model, ui)?;
    let data = assets::resolve(&args.data, Kind::Data, ui)?;
    let source = assets::source(&data, &["train"]);
    let tokenizer = Tokenizer::from_path(&model)?;
    let train_on = match args.train_on {
        Trained::Completion => TrainOn::Completion,
        Trained::All => TrainOn::All,
    };
    let truncation_side = match args.truncation_side {
        Cut::Right => Side::Right,
        Cut::Left => Side::Left,
        Cut::Prompt => Side::Prompt,
    };
    let options = EncodeOptions {
        max_length: args.max_length,
        truncation_side,
        train_on,
        ..EncodeOptions::default()
    };
    let encoder = Encoder::new(&tokenizer, options).map_err(exit::reason)?;
    let mut out = anstream::stdout().lock();
    for record in read_source(&source, &config)?.take(args.limit) {
        let record = record?;
        let mut encoded = encoder.record(&record)?;
        // Nothing comes before the first token, so no loss is taken on it.
        encoded.loss_mask.iter_mut().take(1).for_each(|counts| *counts = false);
        if ui.json {
            writeln!(out, "{}", serde_json::to_string(&json(&tokenizer, &encoded)?)?)?;
        } else {
            let trained = encoded.loss_mask.iter().filter(|counts| **counts).count();
            let tokens = encoded.ids.len();
            writeln!(out, "{}: {tokens} tokens, {trained} trained", record.source)?;
            writeln!(out, "{}\n", coloured(&tokenizer, &encoded)?)?;
        }
    }
    if !ui.json {
        let (start, end) = (TRAINED.render(), TRAINED.render_reset());
        writeln!(out, "⟦{start}trained{end}⟧ tokens count in the loss, the others do not")?;
    }
    Ok(())
}

fn columns(pairs: &[String]) -> Result<ColumnMap> {
    let mut map = ColumnMap::default();
    for pair in pairs {
        let wrong = || {
            BadInput::error(format!(
                "`--columns {pair}` is not PART=NAME with text, prompt, completion or messages"
            ))
        };
        let (part, name) = pair.split_once('=').ok_or_else(wrong)?;
        let slot = match part.trim() {
            "text" => &mut map.text,
            "prompt" => &mut map.prompt,
            "completion" => &mut map.completion,
            "messages" => &mut map.messages,
            _ => return Err(wrong()),
        };
        *slot = Some(name.trim().to_owned());
    }
    Ok(map)
}

/// One token as JSON.
#[derive(Debug, Serialize)]
struct JsonToken {
    id: u32,
    text: String,
    trained: bool,
}

fn json(tokenizer: &Tokenizer, encoded: &Encoded) -> Result<Vec<JsonToken>> {
    let token = |(id, trained): (&u32, &bool)| -> Result<JsonToken> {
        Ok(JsonToken { id: *id, text: tokenizer.decode(&[*id], false)?, trained: *trained })
    };
    encoded.ids.iter().zip(&encoded.loss_mask).map(token).collect()
}

const TRAINED: Style = AnsiColor::Green.on_default().bold();
const UNTRAINED: Style = Style::new().dimmed();

/// The text with trained stretches in brackets and green: readable without colour too.
fn coloured(tokenizer: &Tokenizer, encoded: &Encoded) -> Result<String> {
    let mut text = String::new();
    let mut start = 0;
    while start < encoded.ids.len() {
        let trained = encoded.loss_mask.get(start).copied().unwrap_or(false);
        let rest = encoded.loss_mask.get(start..).unwrap_or_default();
        let length = rest.iter().take_while(|counts| **counts == trained).count().max(1);
        let ids = encoded.ids.get(start..start + length).unwrap_or_default();
        let piece = tokenizer.decode(ids, false)?;
        let (style, open, close) =
            if trained { (TRAINED, "⟦", "⟧") } else { (UNTRAINED, "", "") };
        text.push_str(&format!("{open}{}{piece}{}{close}", style.render(), style.render_reset()));
        start += length;
    }
    Ok(text)
}
