//! The text of a completion, token by token, up to a stop text.

use super::{DecodeStream, Tokenizer};

/// The text of one completion while it grows.
#[derive(Debug)]
pub struct Growing<'a> {
    stream: DecodeStream<'a>,
    /// No text, even where a tokenizer does not mark them as special.
    eos_ids: &'a [u32],
    text: String,
    /// Bytes of `text` that were printed.
    printed: usize,
    stopped: bool,
}

impl<'a> Growing<'a> {
    /// Nothing yet, after the tokens of a prompt.
    pub fn new(tokenizer: &'a Tokenizer, prompt: &[u32]) -> Self {
        Self {
            stream: tokenizer.decode_stream(prompt, true),
            eos_ids: tokenizer.eos_ids(),
            text: String::new(),
            printed: 0,
            stopped: false,
        }
    }

    /// Takes a token; true when one of `stops` is now in the text, which is cut before it.
    pub fn push(&mut self, token: u32, stops: &[String]) -> bool {
        if self.eos_ids.contains(&token) {
            return self.stopped;
        }
        let piece = self.stream.step(token).ok().flatten().unwrap_or_default();
        self.text.push_str(&piece);
        let found = stops.iter().filter_map(|stop| self.text.find(stop.as_str())).min();
        if let Some(start) = found {
            self.text.truncate(start);
            self.stopped = true;
        }
        self.stopped
    }

    /// What can be printed now: all that cannot become the beginning of a stop text.
    pub fn printable(&mut self, stops: &[String]) -> &str {
        let held = if self.stopped { 0 } else { held_back(&self.text, stops) };
        let start = self.printed.min(self.text.len());
        let end = (self.text.len() - held).max(start);
        self.printed = end;
        self.text.get(start..end).unwrap_or_default()
    }

    /// Bytes of the text that were printed.
    pub fn printed(&self) -> usize {
        self.printed
    }

    /// The whole text, with what the tokenizer still held back.
    pub fn finish(self) -> String {
        let Self { stream, mut text, stopped, .. } = self;
        if !stopped {
            text.push_str(&stream.finish().unwrap_or_default());
        }
        text
    }
}

/// Bytes at the end of `text` that begin one of `stops`.
fn held_back(text: &str, stops: &[String]) -> usize {
    let begins = |stop: &String| {
        (1..stop.len())
            .rev()
            .filter(|length| stop.is_char_boundary(*length))
            .find(|length| text.ends_with(&stop[..*length]))
    };
    stops.iter().filter_map(begins).max().unwrap_or(0)
}

#[cfg(test)]
mod tests;
