//! A short text beside windows of a long one: what is read to find an answer.

use std::ops::Range;

use tokenizers::{PostProcessor, TruncationDirection};

use super::{Segments, Tokenizer, TokenizerError};

/// A row of two texts, the second of which may be a part of a longer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The row.
    pub segments: Segments,
    /// Which of its tokens are the second text's.
    pub context: Range<usize>,
    /// The bytes of the second text behind each token of the row, as in [`super::Encoding`]; nothing
    /// for the others.
    pub offsets: Vec<Range<usize>>,
}

impl Tokenizer {
    /// Encodes two texts as pairs of at most `limit` tokens: the first text and a window of the
    /// second, as many as it takes, each of which begins with the last `overlap` tokens of the one
    /// before. Special tokens and types are those of [`Tokenizer::encode_segments`].
    ///
    /// The first text gets at most half of the room and loses its end; windows overlap by half their
    /// size at most. There is one window at least, and where `limit` leaves no room, none.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Encode`], as for [`Tokenizer::encode`].
    pub fn encode_windows(
        &self,
        first: &str,
        second: &str,
        limit: usize,
        overlap: usize,
    ) -> Result<Vec<Window>, TokenizerError> {
        let bytes = first.len() + second.len();
        let failed = |source| TokenizerError::Encode { bytes, source };
        let encode = |text: &str| self.inner.encode(text, false).map_err(failed);
        let (mut first, mut second) = (encode(first)?, encode(second)?);
        let processor = self.inner.get_post_processor();
        let added = processor.map_or(0, |processor| processor.added_tokens(true));
        let room = limit.saturating_sub(added);
        if room == 0 {
            return Ok(Vec::new());
        }
        first.truncate(room / 2, 0, TruncationDirection::Right);
        first.take_overflowing();
        let room = room - first.len();
        second.truncate(room, overlap.min(room / 2), TruncationDirection::Right);
        let more = second.take_overflowing();
        let mut windows = Vec::with_capacity(1 + more.len());
        for second in std::iter::once(second).chain(more) {
            let of_second = second.get_offsets().to_vec();
            let row = self.inner.post_process(first.clone(), Some(second), true).map_err(failed)?;
            let owners = row.get_sequence_ids();
            let start = owners.iter().position(|owner| *owner == Some(1)).unwrap_or(owners.len());
            let context = start..start + of_second.len();
            let mut offsets = vec![0..0; row.len()];
            for (slot, (from, to)) in offsets.iter_mut().skip(start).zip(of_second) {
                *slot = from..to;
            }
            let types = if self.gives_types() { row.get_type_ids().to_vec() } else { Vec::new() };
            let segments = Segments { ids: row.get_ids().to_vec(), types };
            windows.push(Window { segments, context, offsets });
        }
        Ok(windows)
    }
}

#[cfg(test)]
mod tests;
