//! Prompts of the command line, a file or standard input, as token ids.

use std::io::BufReader;
use std::path::Path;

use anyhow::Result;
use hybrid_data::config::DataConfig;
use hybrid_data::encode::{EncodeOptions, Encoder};
use hybrid_data::error::RowLocation;
use hybrid_data::parallel::in_order;
use hybrid_data::reader::{Format, TextUnit, read_rows, rows_from};
use hybrid_data::record::{Record, RecordKind, records};
use hybrid_data::template::Message;
use serde_json::Map;

use crate::exit::{self, BadInput};
use crate::model::Loaded;

/// A prompt before tokens.
pub(super) struct Asked {
    /// Where it stands, for messages.
    place: String,
    record: Record,
}

/// A prompt as it was given and as the model reads it.
pub(super) struct Prompt {
    pub(super) text: String,
    pub(super) ids: Vec<u32>,
}

/// The prompt of the command line, or the records of the input.
pub(super) fn read(prompt: Option<&str>, input: Option<&Path>) -> Result<Vec<Asked>> {
    let Some(path) = input else {
        let record = unplaced(RecordKind::Prompt(prompt.unwrap_or_default().to_owned()));
        return Ok(vec![Asked { place: "`--prompt`".to_owned(), record }]);
    };
    let config = DataConfig::default();
    let rows = if path == Path::new("-") {
        let stdin = Box::new(BufReader::new(std::io::stdin()));
        rows_from(stdin, Path::new("standard input"), Format::Jsonl, TextUnit::default())?
    } else {
        read_rows(&[path.to_owned()], &config.read_options())?
    };
    let place = |record: Record| Asked { place: record.source.to_string(), record };
    let asked: Vec<Asked> =
        records(rows, &config)?.map(|record| record.map(place)).collect::<Result<_, _>>()?;
    if asked.is_empty() {
        return Err(BadInput::error(
            "standard input is empty; expected a line of {\"prompt\": …} or {\"messages\": […]} \
             for each prompt",
        ));
    }
    Ok(asked)
}

fn unplaced(kind: RecordKind) -> Record {
    Record { source: RowLocation::line(Path::new("--prompt"), 1), kind, fields: Map::new() }
}

/// Every prompt as tokens, checked before the first is answered.
pub(super) fn encode(asked: &[Asked], chat: bool, loaded: &Loaded) -> Result<Vec<Prompt>> {
    let encoder = Encoder::new(&loaded.tokenizer, EncodeOptions::default());
    let encoder = encoder.map_err(exit::reason)?;
    let context = loaded.decoder.config().max_positions;
    let encode = |Asked { place, record }: &Asked| -> Result<Prompt> {
        let text = text_of(record);
        let ids = if chat && !matches!(record.kind, RecordKind::Messages(_)) {
            encoder.prompt(&unplaced(RecordKind::Messages(vec![Message::new("user", &text)])))
        } else {
            encoder.prompt(record)
        };
        let ids = ids.map_err(|error| exit::at_record(place, error))?;
        if ids.is_empty() {
            return Err(BadInput::error(format!(
                "{place}: the prompt is empty; a model needs at least one token to continue from"
            )));
        }
        if ids.len() >= context {
            return Err(BadInput::error(format!(
                "{place}: the prompt has {} tokens, but the model's context is {context}, and the \
                 answer needs room too: shorten it to at most {} tokens",
                ids.len(),
                context.saturating_sub(1)
            )));
        }
        Ok(Prompt { text, ids })
    };
    in_order(asked, encode).collect()
}

/// The prompt as the user wrote it.
fn text_of(record: &Record) -> String {
    match &record.kind {
        RecordKind::Text(text) | RecordKind::Prompt(text) => text.clone(),
        RecordKind::PromptCompletion { prompt, .. } => prompt.clone(),
        RecordKind::Messages(messages) => {
            let last = messages.iter().rev().find(|message| message.role() == "user");
            last.and_then(Message::content).unwrap_or_default().to_owned()
        }
    }
}
