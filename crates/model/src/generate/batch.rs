//! The rows in the model: what they have read, and the logits of what follows.

use burn::tensor::Tensor;
use rayon::prelude::*;
use rayon::slice::Chunks;

use super::GenerateError;
use crate::cache::KvCache;
use crate::config::Positions;
use crate::decoder::Decoder;
use crate::input::{Rows, TokenInput};
use crate::rope::RopeScaling;
use crate::value::ValueHead;

/// Rows of different lengths, left-padded so that all end together.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    decoder: &'a Decoder,
    value_head: Option<ValueHead>,
    cache: KvCache,
    /// What each row has read, without padding.
    rows: Vec<Vec<u32>>,
}

impl<'a> Batch<'a> {
    /// Reads all prompts at once, with room for `new_tokens` after them; returns the states in which
    /// the first of those are chosen.
    pub(super) fn read(
        decoder: &'a Decoder,
        value_head: Option<ValueHead>,
        prompts: &[Vec<u32>],
        new_tokens: usize,
    ) -> Result<(Self, HostStates), GenerateError> {
        let rows = prompts.to_vec();
        // The last token is never read.
        let capacity = width(&rows) + new_tokens.saturating_sub(1);
        let cache = KvCache::new(decoder.config(), rows.len(), capacity, &decoder.device());
        let mut batch = Self { decoder, value_head, cache, rows };
        let states = batch.forward(width(&batch.rows))?;
        Ok((batch, states))
    }

    /// Adds the rows of `other` below its own, with room for `new_tokens` after the longest.
    pub(super) fn join(&mut self, other: Self, new_tokens: usize) {
        self.rows.extend(other.rows);
        let columns = width(&self.rows);
        self.cache.join(other.cache, columns, columns + new_tokens.saturating_sub(1));
    }

    /// Keeps the rows `rows`, in that order; a row may be named more than once.
    pub(super) fn select_rows(&mut self, rows: &[usize]) {
        if rows.iter().copied().eq(0..self.rows.len()) {
            return;
        }
        self.cache.select_rows(rows);
        self.rows = rows.iter().map(|row| self.rows[*row].clone()).collect();
    }

    /// Reads one token a row; returns the states in which the next are chosen.
    pub(super) fn push(&mut self, ids: &[u32]) -> Result<HostStates, GenerateError> {
        for (row, id) in self.rows.iter_mut().zip(ids) {
            row.push(*id);
        }
        if self.rows.iter().any(|row| self.angles_change_at(row.len())) {
            let columns = self.cache.len() + 1;
            self.cache.clear();
            return self.forward(columns);
        }
        self.forward(1)
    }

    /// True where a row of this length rotates all its keys otherwise than one a token shorter.
    fn angles_change_at(&self, length: usize) -> bool {
        let Positions::Rotary { global, local } = &self.decoder.config().positions else {
            return false;
        };
        std::iter::once(global).chain(local).any(|rope| match &rope.scaling {
            RopeScaling::LongRope { original_max_positions: border, .. } => length == border + 1,
            _ => false,
        })
    }

    /// Reads the last `columns` columns of the rows; returns the states after them.
    fn forward(&mut self, columns: usize) -> Result<HostStates, GenerateError> {
        let device = self.decoder.device();
        let total = self.cache.len() + columns;
        let mut ids = Vec::with_capacity(self.rows.len() * columns);
        for row in &self.rows {
            let seen = row.len().min(columns);
            ids.extend(std::iter::repeat_n(0, columns - seen));
            ids.extend_from_slice(&row[row.len() - seen..]);
        }
        let pads = self.rows.iter().map(|row| total - row.len()).collect();
        let shape = [self.rows.len(), columns];
        let input = TokenInput::new(&ids, shape, Rows::LeftPadded { pads }, &device);
        let hidden = self.decoder.hidden(&input, Some(&mut self.cache));
        let last = hidden.slice_dim(1, columns - 1..columns);
        let [rows, _, e] = last.dims();
        let values =
            self.value_head.as_ref().map(|head| head.values(last.clone().reshape([rows, e])));
        Ok(HostStates {
            logits: read(self.decoder.logits(last))?,
            values: values.map(read).transpose()?,
            vocab_size: self.decoder.config().vocab_size,
        })
    }
}

fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, GenerateError> {
    let values = tensor.into_data().try_into_vec_as::<f32>();
    values.map_err(|error| GenerateError::Device { reason: error.to_string() })
}

fn width(rows: &[Vec<u32>]) -> usize {
    rows.iter().map(Vec::len).max().unwrap_or(0)
}

/// The states of all rows on the host.
#[derive(Debug)]
pub(super) struct HostStates {
    /// Of the next tokens, `[rows, v]`.
    logits: Vec<f32>,
    /// `[rows]`, where there is a value head.
    values: Option<Vec<f32>>,
    vocab_size: usize,
}

impl HostStates {
    /// The logits row by row.
    pub(super) fn logits(&self) -> Chunks<'_, f32> {
        self.logits.par_chunks(self.vocab_size)
    }

    /// The value of a row.
    pub(super) fn value(&self, row: usize) -> Option<f32> {
        self.values.as_ref()?.get(row).copied()
    }

    /// Adds the states of `other` below its own.
    pub(super) fn join(&mut self, other: Self) {
        self.logits.extend(other.logits);
        if let (Some(values), Some(others)) = (&mut self.values, other.values) {
            values.extend(others);
        }
    }

    pub(super) fn select_rows(&mut self, rows: &[usize]) {
        let row = |row: &usize| &self.logits[row * self.vocab_size..(row + 1) * self.vocab_size];
        self.logits = rows.iter().flat_map(row).copied().collect();
        if let Some(values) = &mut self.values {
            *values = rows.iter().map(|row| values[*row]).collect();
        }
    }
}
