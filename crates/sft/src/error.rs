//! What can be wrong with a batch, its settings, or the device.

/// A loss that cannot be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SftError {
    /// A setting outside its range.
    #[error("`{field}` is {value}, must be {allowed}")]
    OutOfRange {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A batch without a token to learn from.
    #[error(
        "no token of this batch counts in the loss, so there is nothing to learn from: {rows}; \
         check that completions are not empty or cut off by `max_length`, and that `train_on` is \
         what is meant"
    )]
    NothingCounts {
        /// The rows in a few words: how long each is and how it begins.
        rows: String,
    },
    /// An id that the model does not know.
    #[error(
        "row {row} of the batch, counted from 0, holds token {id}, but the model has only \
         {vocab_size}: the tokenizer belongs to another model"
    )]
    UnknownToken {
        /// The row.
        row: usize,
        /// The id.
        id: u32,
        /// Rows of the embedding.
        vocab_size: usize,
    },
    /// An example that the model cannot read.
    #[error(
        "an example of the batch has {tokens} tokens, but the model reads at most {context} before \
         the last; set `max_length` to at most {}", context + 1
    )]
    TooLong {
        /// Its length.
        tokens: usize,
        /// The model's context.
        context: usize,
    },
    /// Values that do not come back from the device.
    #[error("the loss cannot be read from the device: {reason}")]
    Device {
        /// What the backend says.
        reason: String,
    },
}

impl SftError {
    /// True where the input or the configuration is at fault, false where the machine is.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        !matches!(self, Self::Device { .. })
    }
}
