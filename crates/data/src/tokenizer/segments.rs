//! A text, or two as one row, cut to a length: what classifiers read.

use serde_json::Value;
use tokenizers::{
    PostProcessor, TruncationDirection, TruncationParams, TruncationStrategy, truncate_encodings,
};

use super::{Tokenizer, TokenizerError};

/// The token ids of one text or two, with the type (segment) of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments {
    /// The token ids, special tokens included.
    pub ids: Vec<u32>,
    /// One type for each id, or nothing where the tokenizer's `model_input_names` hold no
    /// `token_type_ids`: the model then gets none.
    pub types: Vec<u32>,
}

impl Tokenizer {
    /// Encodes one text, or two as a pair, with the special tokens and types that the tokenizer's
    /// post-processor gives, in at most `limit` tokens.
    ///
    /// What is too long loses its end, or its beginning where `truncation_side` is `left`. Of a pair
    /// the longer text is cut down to the shorter one, then both alike. Special tokens are never
    /// cut: a `limit` below their number is exceeded. Where there is no token at all, one
    /// [`Tokenizer::stand_in`] is the row.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Encode`], as for [`Tokenizer::encode`].
    pub fn encode_segments(
        &self,
        first: &str,
        second: Option<&str>,
        limit: usize,
    ) -> Result<Segments, TokenizerError> {
        let bytes = first.len() + second.map_or(0, str::len);
        let failed = |source| TokenizerError::Encode { bytes, source };
        let encode = |text: &str| self.inner.encode_fast(text, false).map_err(failed);
        let (first, second) = (encode(first)?, second.map(encode).transpose()?);
        let processor = self.inner.get_post_processor();
        let added = processor.map_or(0, |processor| processor.added_tokens(second.is_some()));
        let left = self.config("truncation_side").and_then(Value::as_str) == Some("left");
        let cut = TruncationParams {
            direction: if left { TruncationDirection::Left } else { TruncationDirection::Right },
            max_length: limit.saturating_sub(added),
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
        };
        let (first, second) = truncate_encodings(first, second, &cut).map_err(failed)?;
        let whole = self.inner.post_process(first, second, true).map_err(failed)?;
        let (mut ids, mut types) = (whole.get_ids().to_vec(), whole.get_type_ids().to_vec());
        if ids.is_empty() {
            (ids, types) = (vec![self.stand_in()], vec![0]);
        }
        if !self.gives_types() {
            types.clear();
        }
        Ok(Segments { ids, types })
    }

    /// The most tokens that the tokenizer's model reads, by `model_max_length`; `None` where that is
    /// absent or so large that it means none.
    pub fn max_length(&self) -> Option<usize> {
        let stated = self.config("model_max_length")?.as_u64()?;
        usize::try_from(stated).ok()
    }

    pub(super) fn gives_types(&self) -> bool {
        let names = self.config("model_input_names").and_then(Value::as_array);
        names.is_none_or(|names| names.iter().any(|name| name == "token_type_ids"))
    }

    fn config(&self, key: &str) -> Option<&Value> {
        self.parts.config.get(key)
    }
}

#[cfg(test)]
pub(super) mod tests;
