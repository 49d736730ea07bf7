//! Completions as they are printed: text as it comes, or one JSON object each.

use std::io::Write;

use anyhow::Result;
use hybrid_data::tokenizer::{Growing, Tokenizer};
use hybrid_model::generate::{Completion, StopReason, Verdict};
use hybrid_model::sampling::Choice;
use serde::Serialize;

use super::prompts::Prompt;

/// One completion as JSON.
#[derive(Debug, Serialize)]
struct JsonCompletion<'a> {
    prompt: &'a str,
    text: &'a str,
    token_ids: &'a [u32],
    logprobs: &'a [f32],
    stop_reason: &'static str,
}

/// Prints completions, batch by batch.
pub(super) struct Printer<'a> {
    tokenizer: &'a Tokenizer,
    stops: &'a [String],
    json: bool,
    /// One completion in all: its text is printed as it comes.
    streams: bool,
    growing: Vec<Growing<'a>>,
    /// A failure to write, kept until the generation has returned.
    failure: Option<std::io::Error>,
}

impl<'a> Printer<'a> {
    pub(super) fn new(
        tokenizer: &'a Tokenizer,
        stops: &'a [String],
        json: bool,
        single: bool,
    ) -> Self {
        let streams = single && !json;
        Self { tokenizer, stops, json, streams, growing: Vec::new(), failure: None }
    }

    pub(super) fn start_batch(&mut self, prompts: &[Prompt], samples: usize) {
        let rows = prompts.iter().flat_map(|prompt| std::iter::repeat_n(prompt, samples));
        self.growing = rows.map(|prompt| Growing::new(self.tokenizer, &prompt.ids)).collect();
    }

    pub(super) fn token(&mut self, row: usize, choice: Choice) -> Verdict {
        let Some(growing) = self.growing.get_mut(row) else { return Verdict::Continue };
        let stops = growing.push(choice.token, self.stops);
        if self.streams {
            let written = print_now(growing.printable(self.stops));
            if let Err(failure) = written {
                self.failure = Some(failure);
                return Verdict::Cancel;
            }
        }
        if stops { Verdict::StopRow } else { Verdict::Continue }
    }

    pub(super) fn finish_batch(
        &mut self,
        prompts: &[Prompt],
        completions: &[Completion],
    ) -> Result<()> {
        if let Some(failure) = self.failure.take() {
            return Err(failure.into());
        }
        let samples = (completions.len() / prompts.len().max(1)).max(1);
        let growing = std::mem::take(&mut self.growing);
        let mut out = std::io::stdout().lock();
        for (row, (growing, completion)) in growing.into_iter().zip(completions).enumerate() {
            let Some(prompt) = prompts.get(row / samples) else { continue };
            let printed = growing.printed();
            let text = growing.finish();
            if self.json {
                let line = JsonCompletion {
                    prompt: &prompt.text,
                    text: &text,
                    token_ids: &completion.token_ids,
                    logprobs: &completion.logprobs,
                    stop_reason: stop_reason(completion.stop_reason),
                };
                writeln!(out, "{}", serde_json::to_string(&line)?)?;
            } else if self.streams {
                writeln!(out, "{}", text.get(printed..).unwrap_or_default())?;
            } else {
                writeln!(out, "{} →{text}\n", prompt.text)?;
            }
        }
        Ok(())
    }
}

fn stop_reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Eos => "eos",
        StopReason::Stop => "stop",
        StopReason::Length => "length",
    }
}

/// Prints text on stdout as it is: `anstream` would drop control characters of it.
pub(crate) fn print_now(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
