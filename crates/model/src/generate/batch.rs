//! The rows in the model: what they have read, and the logits of what follows.

use rayon::prelude::*;
use rayon::slice::Chunks;

use super::GenerateError;
use crate::cache::KvCache;
use crate::config::Positions;
use crate::decoder::Decoder;
use crate::input::{Rows, TokenInput};
use crate::rope::RopeScaling;

/// Rows of different lengths, left-padded so that all end together.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    decoder: &'a Decoder,
    cache: KvCache,
    /// What each row has read, without padding.
    rows: Vec<Vec<u32>>,
}

impl<'a> Batch<'a> {
    /// Reads all prompts at once, with room for `new_tokens` after them; returns the logits of the
    /// first of those.
    pub(super) fn read(
        decoder: &'a Decoder,
        prompts: &[Vec<u32>],
        new_tokens: usize,
    ) -> Result<(Self, HostLogits), GenerateError> {
        let rows = prompts.to_vec();
        // The last token is never read.
        let capacity = width(&rows) + new_tokens.saturating_sub(1);
        let cache = KvCache::new(decoder.config(), rows.len(), capacity, &decoder.device());
        let mut batch = Self { decoder, cache, rows };
        let logits = batch.forward(width(&batch.rows))?;
        Ok((batch, logits))
    }

    /// Keeps the rows `rows`, in that order; a row may be named more than once.
    pub(super) fn select_rows(&mut self, rows: &[usize]) {
        if rows.iter().copied().eq(0..self.rows.len()) {
            return;
        }
        self.cache.select_rows(rows);
        self.rows = rows.iter().map(|row| self.rows[*row].clone()).collect();
    }

    /// Reads one token a row; returns the logits of the next.
    pub(super) fn push(&mut self, ids: &[u32]) -> Result<HostLogits, GenerateError> {
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

    /// Reads the last `columns` columns of the rows; returns the logits after them.
    fn forward(&mut self, columns: usize) -> Result<HostLogits, GenerateError> {
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
        let logits = self.decoder.logits(last).into_data().try_into_vec_as::<f32>();
        let values = logits.map_err(|error| GenerateError::Device { reason: error.to_string() })?;
        Ok(HostLogits { values, vocab_size: self.decoder.config().vocab_size })
    }
}

fn width(rows: &[Vec<u32>]) -> usize {
    rows.iter().map(Vec::len).max().unwrap_or(0)
}

/// Logits of the next tokens, `[rows, v]` on the host.
#[derive(Debug)]
pub(super) struct HostLogits {
    values: Vec<f32>,
    vocab_size: usize,
}

impl HostLogits {
    pub(super) fn rows(&self) -> Chunks<'_, f32> {
        self.values.par_chunks(self.vocab_size)
    }

    pub(super) fn select_rows(&mut self, rows: &[usize]) {
        let row = |row: &usize| &self.values[row * self.vocab_size..(row + 1) * self.vocab_size];
        self.values = rows.iter().flat_map(row).copied().collect();
    }
}
