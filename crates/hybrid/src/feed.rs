//! What a run learns from, and where it stands in it: demonstrations in batches, prompts in order.

use hybrid_data::encode::{EncodeError, EncodeOptions, Encoded, Encoder};
use hybrid_data::order::{BatchOptions, BatchState, Batches, EpochOrder, OrderState};
use hybrid_data::parallel::in_order;
use hybrid_data::record::{Record, RecordKind};
use hybrid_data::tokenizer::Tokenizer;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::RunConfig;
use crate::error::HybridError;
use crate::prompt::Prompt;

/// Batches of like length are sorted over this many batches: little padding, still random.
const LENGTH_POOL: usize = 16;

/// Demonstrations and prompts, with a cursor in each.
#[derive(Debug)]
pub struct Feed {
    demonstrations: Vec<Encoded>,
    batches: Batches,
    prompts: Vec<Prompt>,
    order: EpochOrder,
}

/// Where a [`Feed`] stands. All that has to be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedState {
    /// The demonstrations' cursor.
    pub demonstrations: BatchState,
    /// The prompts' cursor.
    pub prompts: OrderState,
}

impl Feed {
    /// A feed at its start.
    ///
    /// # Errors
    ///
    /// [`HybridError::Data`] for a batch size of 0.
    pub fn new(
        demonstrations: Vec<Encoded>,
        prompts: Vec<Prompt>,
        batch_size: usize,
        seed: u64,
    ) -> Result<Self, HybridError> {
        let options = BatchOptions { batch_size, pool: LENGTH_POOL, seed };
        let batches = Batches::new(lengths(&demonstrations), options)?;
        let order = EpochOrder::new(prompts.len(), seed);
        Ok(Self { demonstrations, batches, prompts, order })
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> FeedState {
        FeedState { demonstrations: self.batches.state(), prompts: self.order.state() }
    }

    /// Goes on where `state` was taken.
    ///
    /// # Errors
    ///
    /// [`HybridError::Data`] where the data is not that of the state.
    pub fn resume(&mut self, state: FeedState) -> Result<(), HybridError> {
        let now = self.batches.state();
        let options = BatchOptions {
            batch_size: now.batch_size as usize,
            pool: now.pool as usize,
            seed: now.seed,
        };
        self.batches =
            Batches::resume(lengths(&self.demonstrations), options, state.demonstrations)?;
        self.order = EpochOrder::resume(self.prompts.len(), state.prompts)?;
        Ok(())
    }

    /// The next batch of demonstrations; empty where there are none.
    pub fn next_demonstrations(&mut self) -> Vec<Encoded> {
        let batch = self.batches.next().unwrap_or_default();
        batch.into_iter().filter_map(|index| self.demonstrations.get(index).cloned()).collect()
    }

    /// `size` demonstrations: the next batches, joined, and cut.
    pub fn next_demonstrations_of(&mut self, size: usize) -> Vec<Encoded> {
        let mut chosen = Vec::with_capacity(size);
        while chosen.len() < size {
            let batch = self.next_demonstrations();
            if batch.is_empty() {
                break;
            }
            chosen.extend(batch);
        }
        chosen.truncate(size);
        chosen
    }

    /// The next `count` prompts; empty where there are none.
    pub fn next_prompts(&mut self, count: usize) -> Vec<Prompt> {
        let order = self.order.by_ref().take(count);
        order.filter_map(|index| self.prompts.get(index).cloned()).collect()
    }

    /// How many demonstrations there are.
    #[must_use]
    pub fn demonstration_count(&self) -> usize {
        self.demonstrations.len()
    }

    /// How many prompts there are.
    #[must_use]
    pub fn prompt_count(&self) -> usize {
        self.prompts.len()
    }
}

fn lengths(examples: &[Encoded]) -> Vec<usize> {
    examples.iter().map(|example| example.ids.len()).collect()
}

/// Records as demonstrations; one that has nothing to train on is left out with a warning, unless
/// all are.
///
/// # Errors
///
/// [`HybridError::Encode`] for a record that cannot be encoded; [`HybridError::Missing`] where no
/// record has a token to train on.
pub fn demonstrations(
    records: &[Record],
    tokenizer: &Tokenizer,
    config: &RunConfig,
) -> Result<Vec<Encoded>, HybridError> {
    let options = EncodeOptions {
        max_length: Some(config.train.max_length),
        truncation_side: config.train.truncation_side,
        ..EncodeOptions::default()
    };
    let encoder = Encoder::new(tokenizer, options)?;
    let is_shown = |record: &&Record| !matches!(record.kind, RecordKind::Prompt(_));
    let shown: Vec<&Record> = records.iter().filter(is_shown).collect();
    let mut encoded = Vec::with_capacity(shown.len());
    let (mut first_failure, mut left_out) = (None, 0_usize);
    for example in in_order(&shown, |record| encoder.record(record)) {
        match example {
            Ok(example) => encoded.push(example),
            Err(error) if is_untrainable(&error) => {
                left_out += 1;
                first_failure.get_or_insert(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    match first_failure {
        Some(error) if encoded.is_empty() => Err(error.into()),
        Some(error) => {
            tracing::warn!(
                "{left_out} of {} records have no token to train on and are left out; the first: \
                 {error}",
                records.len()
            );
            Ok(encoded)
        }
        None => Ok(encoded),
    }
}

/// Whether a record is sound but has nothing that counts, as an empty line of a text file.
fn is_untrainable(error: &EncodeError) -> bool {
    match error {
        EncodeError::Record { source, .. } => is_untrainable(source),
        EncodeError::NothingTrained { .. } | EncodeError::TruncatedAway { .. } => true,
        _ => false,
    }
}

/// Records as prompts, numbered from `first`.
///
/// # Errors
///
/// [`HybridError::Encode`] for a record that cannot be encoded.
pub fn prompts(
    records: &[Record],
    tokenizer: &Tokenizer,
    config: &RunConfig,
    first: u64,
) -> Result<Vec<Prompt>, HybridError> {
    let room = config.train.max_length.saturating_sub(config.rollout.max_new_tokens).max(1);
    prompts_within(records, tokenizer, room, first)
}

/// Records as prompts of at most `room` tokens, numbered from `first`: the beginning of a longer one
/// is cut off. A record without tokens is left out, and its number with it.
///
/// # Errors
///
/// [`HybridError::Encode`] for a record that cannot be encoded.
pub fn prompts_within(
    records: &[Record],
    tokenizer: &Tokenizer,
    room: usize,
    first: u64,
) -> Result<Vec<Prompt>, HybridError> {
    let options = EncodeOptions { max_length: Some(room), ..EncodeOptions::default() };
    let encoder = Encoder::new(tokenizer, options)?;
    let mut prompts = Vec::with_capacity(records.len());
    let encoded = in_order(records, |record| encoder.prompt(record));
    for ((record, id), ids) in records.iter().zip(first..).zip(encoded) {
        let ids = ids?;
        if ids.is_empty() {
            continue;
        }
        let text = prompt_text(record);
        let targets = targets(record);
        prompts.push(Prompt { id, text, ids, targets, fields: record.fields.clone() });
    }
    Ok(prompts)
}

/// What a reader and a reward see as the prompt: the record's own words, without a chat template's.
fn prompt_text(record: &Record) -> String {
    match &record.kind {
        RecordKind::Text(prompt)
        | RecordKind::Prompt(prompt)
        | RecordKind::PromptCompletion { prompt, .. } => prompt.clone(),
        RecordKind::Messages(messages) => {
            let last = messages.iter().rposition(|message| message.role() == "assistant");
            let asked = messages.iter().take(last.unwrap_or(messages.len()));
            asked.filter_map(|message| message.content()).collect::<Vec<_>>().join("\n")
        }
    }
}

/// What a response is compared with: the record's `target` (a text or a list), else its completion.
fn targets(record: &Record) -> Vec<String> {
    match (record.fields.get("target"), &record.kind) {
        (Some(Value::String(target)), _) => vec![target.clone()],
        (Some(Value::Array(targets)), _) => {
            targets.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        (_, RecordKind::PromptCompletion { completion, .. }) => vec![completion.clone()],
        (_, RecordKind::Messages(messages)) => {
            let last = messages.iter().rev().find(|message| message.role() == "assistant");
            last.and_then(|message| message.content()).map(str::to_owned).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
