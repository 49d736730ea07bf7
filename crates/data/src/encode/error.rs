//! Why a record cannot be trained on.

use super::Side;
use crate::error::RowLocation;
use crate::template::TemplateError;
use crate::tokenizer::TokenizerError;

/// What can go wrong when a record is encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A record that cannot be encoded; the source says why.
    #[error("{location} cannot be used for training")]
    Record {
        /// The record's place.
        location: RowLocation,
        /// Why not.
        #[source]
        source: Box<EncodeError>,
    },
    /// The tokenizer failed, or has no chat template.
    #[error("the tokenizer cannot encode it")]
    Tokenizer {
        /// What the tokenizer says.
        #[source]
        source: TokenizerError,
    },
    /// The chat template failed or refused the conversation.
    #[error("its messages cannot be written as text")]
    Template {
        /// What the template says.
        #[source]
        source: TemplateError,
    },
    /// Nothing in the example counts in the loss.
    #[error(
        "none of its {tokens} tokens is trained on: there must be a completion, an assistant's \
         message or a text of at least two tokens; filter such examples out, or set \
         `train_on = \"all\"`"
    )]
    NothingTrained {
        /// The example's length.
        tokens: usize,
    },
    /// Everything that counts was cut off.
    #[error(
        "all of its trained tokens were cut off when {tokens} tokens were cut to {max_length} \
         with `truncation_side = \"{side}\"`; raise `max_length`, set `truncation_side = \"{other}\"`, or \
         filter long examples out",
        other = side.other()
    )]
    TruncatedAway {
        /// The length before.
        tokens: usize,
        /// The length after.
        max_length: usize,
        /// What was cut.
        side: Side,
    },
    /// The rendering up to an assistant's message is not how the whole rendering begins.
    #[error(
        "the assistant's tokens cannot be told apart: the chat template writes the conversation up \
         to message {message} differently when more follows; mark what the assistant writes with \
         `{{% generation %}}` blocks in `chat_template`, or set `train_on = \"all\"`"
    )]
    NotAPrefix {
        /// The 0-based position of the assistant's message.
        message: usize,
    },
    /// Tokens that do not belong to the tokenizer.
    #[error("token id {id} is not in the vocabulary of {vocab_size} tokens")]
    UnknownId {
        /// The id.
        id: u32,
        /// How many ids there are.
        vocab_size: usize,
    },
}
