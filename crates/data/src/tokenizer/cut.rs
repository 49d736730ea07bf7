//! Texts cut to a length by a side of one's own, whatever the tokenizer's settings say: what task heads
//! read.

use serde::{Deserialize, Serialize};

use super::{Tokenizer, TokenizerError};

/// Where a text that is too long is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TruncationSide {
    /// It loses its end.
    #[default]
    Right,
    /// It loses its beginning.
    Left,
    /// It keeps a quarter from the beginning and the rest from the end (Sun et al. 2019, arXiv
    /// 1905.05583, "head + tail").
    Middle,
}

impl TruncationSide {
    /// At most `room` of the tokens, in their order.
    fn cut(self, mut tokens: Vec<u32>, room: usize) -> Vec<u32> {
        let excess = tokens.len().saturating_sub(room);
        let start = match self {
            Self::Right => room.min(tokens.len()),
            Self::Left => 0,
            Self::Middle => (room / 4).min(tokens.len()),
        };
        tokens.drain(start..start + excess);
        tokens
    }
}

/// How long a text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextLimit {
    /// Most tokens, special ones counted.
    pub max_length: usize,
    /// Where longer texts are cut.
    pub side: TruncationSide,
}

impl TextLimit {
    /// Texts of more than `max_length` tokens lose their end.
    #[must_use]
    pub fn new(max_length: usize) -> Self {
        Self { max_length, side: TruncationSide::Right }
    }
}

impl Tokenizer {
    /// The token ids of each text, special tokens around it, cut where it is longer than `limit`.
    /// Special tokens are never cut. A text without any token is one: [`Tokenizer::stand_in`].
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Encode`], as for [`Tokenizer::encode`].
    pub fn encode_cut(
        &self,
        texts: &[&str],
        limit: TextLimit,
    ) -> Result<Vec<Vec<u32>>, TokenizerError> {
        let (prefix, suffix) = self.affixes()?;
        let room = limit.max_length.saturating_sub(prefix.len() + suffix.len());
        let row = |body: Vec<u32>| {
            let body = limit.side.cut(body, room);
            let ids = [&prefix[..], &body, &suffix].concat();
            if ids.is_empty() { vec![self.stand_in()] } else { ids }
        };
        Ok(self.encode_batch(texts, false)?.into_iter().map(row).collect())
    }

    /// What a network reads in place of a text without any token, as the empty one is where no
    /// special token is added: the end of a text, else padding, else id 0.
    pub fn stand_in(&self) -> u32 {
        self.eos().or(self.pad()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
