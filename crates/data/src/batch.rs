//! Examples to rectangles: right-padded for training, left-padded for generation.
//!
//! `b` is the number of examples, `t` the width; every table is row-major, `[b, t]`. What counts is
//! said by lengths and loss masks, never by ids: the padding id may be the end-of-text id, or any
//! other where a tokenizer has none.

use crate::encode::Encoded;
use crate::error::DataError;

/// Right-padded examples with their loss mask.
///
/// Attention is causal and padding comes last, so no real token ever sees it: training needs no
/// attention mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBatch {
    /// Token ids, `[b, t]`; [`Self::pad_id`] behind each example.
    pub ids: Vec<u32>,
    /// Tokens of each example, `[b]`.
    pub lengths: Vec<usize>,
    /// True where a token counts as a prediction target, `[b, t]`; false in the padding.
    pub loss_mask: Vec<bool>,
    /// The width `t`.
    pub width: usize,
    /// What fills the padding.
    pub pad_id: u32,
}

/// Left-padded prompts, so that all rows end at the same place and generation goes on from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptBatch {
    /// Token ids, `[b, t]`; [`Self::pad_id`] before each prompt.
    pub ids: Vec<u32>,
    /// Tokens of each prompt, `[b]`.
    pub lengths: Vec<usize>,
    /// The width `t`.
    pub width: usize,
    /// What fills the padding.
    pub pad_id: u32,
}

/// What a next-token loss reads: `inputs[i]` predicts `targets[i]`. All `[b, width]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shifted {
    /// Every token but the last of each row.
    pub inputs: Vec<u32>,
    /// Every token but the first of each row.
    pub targets: Vec<u32>,
    /// True where the target counts.
    pub target_mask: Vec<bool>,
    /// One less than the width of the batch.
    pub width: usize,
}

/// How a rectangle is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Padding {
    /// The id that fills it. Where the tokenizer has none any id of the vocabulary does; 0, the
    /// default, is in every vocabulary.
    pub pad_id: u32,
    /// The width is rounded up to a multiple of this; at least 1, the default.
    pub multiple_of: usize,
}

impl Default for Padding {
    fn default() -> Self {
        Self { pad_id: 0, multiple_of: 1 }
    }
}

impl Padding {
    /// The width of a batch whose longest row has `longest` tokens.
    pub(crate) fn width(&self, longest: usize) -> Result<usize, DataError> {
        // Past any memory the product would overflow before the allocation failed.
        let rounded = longest.checked_next_multiple_of(self.multiple_of);
        rounded.filter(|width| *width <= u32::MAX as usize).ok_or_else(|| DataError::OutOfRange {
            field: "multiple_of".into(),
            value: self.multiple_of.to_string(),
            allowed: "at least 1 and not beyond any context length".into(),
        })
    }
}

impl TokenBatch {
    /// Puts `examples` under each other, padded on the right to the longest.
    ///
    /// # Errors
    ///
    /// [`DataError`] without examples, for one without tokens, or for a loss mask of another length
    /// than its ids.
    pub fn collate(examples: &[&Encoded], padding: Padding) -> Result<Self, DataError> {
        let rows: Vec<&[u32]> = examples.iter().map(|example| example.ids.as_slice()).collect();
        let width = common_width(&rows, padding, "a batch")?;
        let mut ids = Vec::with_capacity(width * rows.len());
        let mut loss_mask = Vec::with_capacity(width * rows.len());
        for (index, example) in examples.iter().enumerate() {
            same_length(index, example)?;
            ids.extend_from_slice(&example.ids);
            loss_mask.extend_from_slice(&example.loss_mask);
            ids.resize(width * (index + 1), padding.pad_id);
            loss_mask.resize(width * (index + 1), false);
        }
        let lengths = rows.iter().map(|row| row.len()).collect();
        Ok(Self { ids, lengths, loss_mask, width, pad_id: padding.pad_id })
    }

    /// Examples of the batch, `b`.
    pub fn rows(&self) -> usize {
        self.lengths.len()
    }

    /// Cuts the batch into inputs and the tokens they predict: the logits at `i` predict the id at
    /// `i + 1`. A row's first token is therefore never a target, whatever its loss mask says.
    pub fn shifted(&self) -> Shifted {
        shifted(&self.ids, &self.loss_mask, self.width)
    }

    /// How many tokens count as targets: the denominator of a mean over tokens.
    pub fn target_count(&self) -> usize {
        let rows = self.loss_mask.chunks(self.width.max(1));
        rows.map(|row| row.iter().skip(1).filter(|counts| **counts).count()).sum()
    }
}

impl PromptBatch {
    /// Puts `prompts` under each other, padded on the left to the longest.
    ///
    /// # Errors
    ///
    /// [`DataError`] without prompts, or for one without tokens.
    pub fn collate(prompts: &[&[u32]], padding: Padding) -> Result<Self, DataError> {
        let width = common_width(prompts, padding, "a batch of prompts")?;
        let mut ids = Vec::with_capacity(width * prompts.len());
        for (index, prompt) in prompts.iter().enumerate() {
            ids.resize(width * (index + 1) - prompt.len(), padding.pad_id);
            ids.extend_from_slice(prompt);
        }
        let lengths = prompts.iter().map(|prompt| prompt.len()).collect();
        Ok(Self { ids, lengths, width, pad_id: padding.pad_id })
    }

    /// Prompts of the batch, `b`.
    pub fn rows(&self) -> usize {
        self.lengths.len()
    }

    /// True where a real token stands, `[b, t]`.
    pub fn mask(&self) -> Vec<bool> {
        self.each_row(|start, column| column >= start)
    }

    /// The position of each token in its prompt, `[b, t]`, counted from 0; 0 in the padding.
    pub fn positions(&self) -> Vec<u32> {
        self.each_row(|start, column| column.saturating_sub(start) as u32)
    }

    /// Calls `value` with the column at which a prompt starts and each of its row's columns.
    fn each_row<T>(&self, value: impl Fn(usize, usize) -> T) -> Vec<T> {
        let starts = self.lengths.iter().map(|length| self.width.saturating_sub(*length));
        starts
            .flat_map(|start| (0..self.width).map(move |column| (start, column)))
            .map(|(start, column)| value(start, column))
            .collect()
    }
}

/// Drops the last token of each row from the inputs and the first from the targets.
pub(crate) fn shifted(ids: &[u32], loss_mask: &[bool], width: usize) -> Shifted {
    let rows = || ids.chunks(width.max(1));
    let tail = |row: &[bool]| row.iter().skip(1).copied().collect::<Vec<_>>();
    Shifted {
        inputs: rows().flat_map(|row| row.iter().take(width.saturating_sub(1)).copied()).collect(),
        targets: rows().flat_map(|row| row.iter().skip(1).copied()).collect(),
        target_mask: loss_mask.chunks(width.max(1)).flat_map(tail).collect(),
        width: width.saturating_sub(1),
    }
}

pub(crate) fn same_length(index: usize, example: &Encoded) -> Result<(), DataError> {
    let (ids, mask) = (example.ids.len(), example.loss_mask.len());
    if ids == mask { Ok(()) } else { Err(DataError::MaskLength { index, ids, mask }) }
}

fn common_width(rows: &[&[u32]], padding: Padding, what: &'static str) -> Result<usize, DataError> {
    if let Some(index) = rows.iter().position(|row| row.is_empty()) {
        return Err(DataError::EmptyExample { index });
    }
    let longest = rows.iter().map(|row| row.len()).max();
    padding.width(longest.ok_or(DataError::NoExamples { what })?)
}

#[cfg(test)]
mod tests;
