//! Text out of token ids as they come, one at a time, in whole characters.

use super::{Tokenizer, TokenizerError};

#[cfg(test)]
mod tests;

/// How many tokens of the context are decoded with the first new one. Only what a decoder looks
/// back at matters (is this the first word?), which is one token; some special tokens decode to
/// nothing, hence a few more.
const CONTEXT: usize = 8;

/// The character that stands for bytes that are no text, or not yet.
const REPLACEMENT: char = '\u{FFFD}';

/// Turns generated ids into text piece by piece.
///
/// A character may be spread over several tokens; its pieces are held back until it is whole, so
/// no replacement character appears in the middle of one. The pieces joined are what
/// [`Tokenizer::decode_after`] gives for all ids at once.
#[derive(Debug, Clone)]
pub struct DecodeStream<'a> {
    tokenizer: &'a Tokenizer,
    skip_special: bool,
    /// Ids that may still change the text: those before `printed` only as context.
    ids: Vec<u32>,
    /// How many of `ids` have been printed.
    printed: usize,
}

impl<'a> DecodeStream<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer, context: &[u32], skip_special: bool) -> Self {
        let ids = context.get(context.len().saturating_sub(CONTEXT)..).unwrap_or_default().to_vec();
        Self { tokenizer, skip_special, printed: ids.len(), ids }
    }

    /// Takes the next id and returns the text that is now certain, if any.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Decode`] if the library fails.
    pub fn step(&mut self, id: u32) -> Result<Option<String>, TokenizerError> {
        self.push(&[id])
    }

    /// Takes the next ids and returns the text that is now certain, if any.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Decode`] if the library fails.
    pub fn push(&mut self, ids: &[u32]) -> Result<Option<String>, TokenizerError> {
        self.ids.extend_from_slice(ids);
        let text = self.pending()?;
        if text.is_empty() || text.ends_with(REPLACEMENT) {
            return Ok(None);
        }
        // What has just been printed is the context of what comes next.
        self.ids.drain(..self.printed);
        self.printed = self.ids.len();
        Ok(Some(text))
    }

    /// Returns what is still held back: the beginning of a character that never became whole.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Decode`] if the library fails.
    pub fn finish(self) -> Result<String, TokenizerError> {
        self.pending()
    }

    /// The text that `ids` adds to its printed part.
    fn pending(&self) -> Result<String, TokenizerError> {
        let printed = self.ids.get(..self.printed).unwrap_or_default();
        let before = self.tokenizer.decode(printed, self.skip_special)?;
        let mut text = self.tokenizer.decode(&self.ids, self.skip_special)?;
        let common = before.chars().zip(text.chars()).take_while(|(a, b)| a == b);
        let len = common.map(|(c, _)| c.len_utf8()).sum();
        Ok(text.split_off(len))
    }
}
