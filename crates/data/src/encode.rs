//! Records to token ids with a loss mask.
//!
//! A mask is true where the token counts in the loss. It follows from lengths and positions, never
//! from the ids themselves: a padding token that equals the end-of-sequence token is legal, and its
//! end-of-sequence is still trained.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::record::{Record, RecordKind};
use crate::template::{ChatTemplate, Message};
use crate::tokenizer::{Tokenizer, TokenizerError};

mod chat;
mod error;

pub use error::EncodeError;

#[cfg(test)]
mod tests;

/// Which end of a sequence is cut off where it is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The beginning goes, a BOS with it.
    Left,
    /// The end goes, an EOS with it.
    #[default]
    Right,
    /// What stands before the first token that counts loses its beginning, a BOS with it, down to one token;
    /// what is still too long, its end.
    Prompt,
}

impl Side {
    /// What may leave something to train on where this left nothing.
    fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Prompt,
            Self::Prompt => Self::Left,
        }
    }
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Prompt => "prompt",
        })
    }
}

/// What counts in the loss of an example that has an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrainOn {
    /// The completion, or the assistant's messages.
    #[default]
    Completion,
    /// Everything.
    All,
}

/// How records become tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EncodeOptions {
    /// The longest sequence, in tokens; absent means any length. At least 2.
    pub max_length: Option<usize>,
    /// Which end of a longer sequence is cut off.
    pub truncation_side: Side,
    /// Whether a text or a completion gets an EOS at its end, unless it ends in one. Chat templates
    /// write their own.
    pub append_eos: bool,
    /// A chat template to use instead of the tokenizer's.
    pub chat_template: Option<String>,
    /// What counts in the loss.
    pub train_on: TrainOn,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            max_length: None,
            truncation_side: Side::default(),
            append_eos: true,
            chat_template: None,
            train_on: TrainOn::default(),
        }
    }
}

/// An example as tokens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encoded {
    /// Token ids.
    pub ids: Vec<u32>,
    /// True where the token counts in the loss; as long as `ids`.
    pub loss_mask: Vec<bool>,
}

impl Encoded {
    /// A prompt followed by a completion, of which the completion counts.
    fn joined(prompt: Vec<u32>, completion: Vec<u32>) -> Self {
        let mut loss_mask = vec![false; prompt.len()];
        loss_mask.resize(prompt.len() + completion.len(), true);
        let mut ids = prompt;
        ids.extend(completion);
        Self { ids, loss_mask }
    }

    /// Whether any token is trained: the first one is not, whatever its mask, as nothing comes
    /// before it to predict it from.
    fn is_trained(&self) -> bool {
        self.loss_mask.iter().skip(1).any(|counts| *counts)
    }
}

/// Encodes records for one tokenizer.
#[derive(Debug)]
pub struct Encoder<'a> {
    tokenizer: &'a Tokenizer,
    options: EncodeOptions,
    /// Parsed when the first conversation comes.
    template: OnceLock<ChatTemplate>,
    prefix: Vec<u32>,
}

impl<'a> Encoder<'a> {
    /// Makes an encoder. The chat template is not looked at before a conversation comes: text needs
    /// none, and a model may carry one that does not parse.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Tokenizer`] if the tokenizer fails.
    pub fn new(tokenizer: &'a Tokenizer, options: EncodeOptions) -> Result<Self, EncodeError> {
        let (prefix, _) = tokenizer.affixes().map_err(failed)?;
        Ok(Self { tokenizer, options, template: OnceLock::new(), prefix })
    }

    /// Encodes a record, whatever its kind.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Record`] naming the record, with the reason as its source.
    pub fn record(&self, record: &Record) -> Result<Encoded, EncodeError> {
        let encoded = match &record.kind {
            RecordKind::Text(text) => self.text(text),
            RecordKind::Prompt(prompt) => self.prompt_alone(prompt),
            RecordKind::PromptCompletion { prompt, completion } => {
                self.prompt_completion(prompt, completion)
            }
            RecordKind::Messages(messages) => self.messages(messages, record.fields.get("tools")),
        };
        encoded.map_err(|error| at(record, error))
    }

    /// Encodes what comes before the answer that a record has or wants: a prompt, a text, or a
    /// conversation up to its last answer and with the words that open the next one. `max_length`
    /// cuts its beginning, whatever `truncation_side` says: a prompt's end is what is answered.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Record`] naming the record, with the reason as its source.
    pub fn prompt(&self, record: &Record) -> Result<Vec<u32>, EncodeError> {
        let ids = match &record.kind {
            RecordKind::Text(prompt)
            | RecordKind::Prompt(prompt)
            | RecordKind::PromptCompletion { prompt, .. } => self.prompt_ids(prompt),
            RecordKind::Messages(messages) => {
                self.messages_prompt(messages, record.fields.get("tools"))
            }
        };
        let mut ids = ids.map_err(|error| at(record, error))?;
        if let Some(max_length) = self.options.max_length {
            ids.drain(..ids.len().saturating_sub(max_length));
        }
        Ok(ids)
    }

    /// Encodes a text, all of which counts.
    ///
    /// # Errors
    ///
    /// [`EncodeError::NothingTrained`] for a text of less than two tokens.
    pub fn text(&self, text: &str) -> Result<Encoded, EncodeError> {
        let mut ids = self.tokenizer.encode(text, true).map_err(failed)?;
        self.append_eos(&mut ids);
        self.fitted(Encoded { loss_mask: vec![true; ids.len()], ids })
    }

    /// Encodes a prompt and its completion, which counts.
    ///
    /// The two are encoded separately, so there is a token boundary between them, as there is when
    /// a model answers the prompt. What a tokenizer writes before every text (a BOS) stands before
    /// the prompt only.
    ///
    /// # Errors
    ///
    /// [`EncodeError::NothingTrained`] for an empty completion without EOS,
    /// [`EncodeError::TruncatedAway`] if none of the completion is left.
    pub fn prompt_completion(
        &self,
        prompt: &str,
        completion: &str,
    ) -> Result<Encoded, EncodeError> {
        let prompt = self.prompt_ids(prompt)?;
        let mut completion = self.tokenizer.encode(completion, false).map_err(failed)?;
        self.append_eos(&mut completion);
        self.with_completion_ids(prompt, completion)
    }

    /// Joins ids that are already known, such as a completion the model generated: they are taken
    /// as they are, because text encoded again need not give the same ids.
    ///
    /// # Errors
    ///
    /// [`EncodeError::UnknownId`] for an id beyond the vocabulary, otherwise as
    /// [`Encoder::prompt_completion`].
    pub fn with_completion_ids(
        &self,
        prompt_ids: Vec<u32>,
        completion_ids: Vec<u32>,
    ) -> Result<Encoded, EncodeError> {
        let vocab_size = self.tokenizer.vocab_size();
        let unknown = |id: &&u32| **id as usize >= vocab_size;
        if let Some(id) = prompt_ids.iter().chain(&completion_ids).find(unknown) {
            return Err(EncodeError::UnknownId { id: *id, vocab_size });
        }
        let mut encoded = Encoded::joined(prompt_ids, completion_ids);
        if self.options.train_on == TrainOn::All {
            encoded.loss_mask.fill(true);
        }
        self.fitted(encoded)
    }

    /// Encodes a conversation, of which the assistant's messages count.
    ///
    /// The whole conversation is rendered and encoded once. The assistant's part is what
    /// `{% generation %}` blocks print; in a template without them, everything that its message
    /// adds after the words that open an answer. A token counts if its first character lies in that
    /// part: one that begins before it was no choice of the assistant's.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Tokenizer`] if there is no chat template or it does not parse,
    /// [`EncodeError::Template`] if it fails, [`EncodeError::NotAPrefix`] if the assistant's part cannot be located,
    /// [`EncodeError::NothingTrained`] and [`EncodeError::TruncatedAway`] as for the others.
    pub fn messages(
        &self,
        messages: &[Message],
        tools: Option<&Value>,
    ) -> Result<Encoded, EncodeError> {
        let template = self.template()?;
        let rendered = chat::render(template, messages, tools, false)?;
        let encoding = self.tokenizer.encode_with_offsets(&rendered.text, false).map_err(failed)?;
        let loss_mask = match self.options.train_on {
            TrainOn::All => vec![true; encoding.ids.len()],
            TrainOn::Completion => {
                let spans = chat::assistant_spans(template, messages, tools, &rendered)?;
                let counts = |start: usize| spans.iter().any(|span| span.contains(&start));
                encoding.offsets.iter().map(|offset| counts(offset.start)).collect()
            }
        };
        self.fitted(Encoded { ids: encoding.ids, loss_mask })
    }

    fn template(&self) -> Result<&ChatTemplate, EncodeError> {
        if let Some(template) = self.template.get() {
            return Ok(template);
        }
        let source = self.options.chat_template.as_deref();
        let template = self.tokenizer.template(source).map_err(failed)?;
        Ok(self.template.get_or_init(|| template))
    }

    /// The conversation without its last answer, if it ends in one, and the opening of the next.
    fn messages_prompt(
        &self,
        messages: &[Message],
        tools: Option<&Value>,
    ) -> Result<Vec<u32>, EncodeError> {
        let (_, before) =
            messages.split_last().filter(|(last, _)| last.role() == chat::ASSISTANT).unzip();
        let rendered = chat::render(self.template()?, before.unwrap_or(messages), tools, true)?;
        self.tokenizer.encode(&rendered.text, false).map_err(failed)
    }

    /// A prompt's ids: what the tokenizer adds after a text (an EOS) is left out, as text follows.
    fn prompt_ids(&self, prompt: &str) -> Result<Vec<u32>, EncodeError> {
        let ids = self.tokenizer.encode(prompt, false).map_err(failed)?;
        Ok([self.prefix.clone(), ids].concat())
    }

    /// A prompt without completion: trained on only if everything is.
    fn prompt_alone(&self, prompt: &str) -> Result<Encoded, EncodeError> {
        let ids = self.prompt_ids(prompt)?;
        self.with_completion_ids(ids, Vec::new())
    }

    fn append_eos(&self, ids: &mut Vec<u32>) {
        let ended = ids.last().is_some_and(|last| self.tokenizer.eos_ids().contains(last));
        if self.options.append_eos && !ended {
            ids.extend(self.tokenizer.eos());
        }
    }

    /// Cuts an example to the allowed length and makes sure that something in it counts.
    fn fitted(&self, mut encoded: Encoded) -> Result<Encoded, EncodeError> {
        let tokens = encoded.ids.len();
        if !encoded.is_trained() {
            return Err(EncodeError::NothingTrained { tokens });
        }
        let Some(max_length) = self.options.max_length.filter(|max| *max < tokens) else {
            return Ok(encoded);
        };
        let (side, excess) = (self.options.truncation_side, tokens - max_length);
        let from_start = match side {
            Side::Left => excess,
            Side::Right => 0,
            Side::Prompt => {
                let prompt = encoded.loss_mask.iter().take_while(|counts| !**counts).count();
                excess.min(prompt.saturating_sub(1))
            }
        };
        encoded.ids.drain(..from_start);
        encoded.ids.truncate(max_length);
        encoded.loss_mask.drain(..from_start);
        encoded.loss_mask.truncate(max_length);
        if !encoded.is_trained() {
            return Err(EncodeError::TruncatedAway { tokens, max_length, side });
        }
        Ok(encoded)
    }
}

fn failed(source: TokenizerError) -> EncodeError {
    EncodeError::Tokenizer { source }
}

fn at(record: &Record, error: EncodeError) -> EncodeError {
    EncodeError::Record { location: record.source.clone(), source: Box::new(error) }
}
