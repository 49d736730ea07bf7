//! The rows in the model: what they have read, and the logits of what follows.

use rayon::prelude::*;
use rayon::slice::Chunks;

use super::GenerateError;
use crate::cache::KvCache;
use crate::decoder::Decoder;
use crate::input::{Rows, TokenInput};

/// Rows of different lengths, left-padded so that all end together.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    decoder: &'a Decoder,
    cache: KvCache,
    pads: Vec<usize>,
}

impl<'a> Batch<'a> {
    /// Reads all prompts at once, with room for `new_tokens` after them; returns the logits of the
    /// first of those.
    pub(super) fn read(
        decoder: &'a Decoder,
        prompts: &[Vec<u32>],
        new_tokens: usize,
    ) -> Result<(Self, HostLogits), GenerateError> {
        let width = prompts.iter().map(Vec::len).max().unwrap_or(0);
        let pads = prompts.iter().map(|prompt| width - prompt.len()).collect::<Vec<_>>();
        let mut ids = Vec::with_capacity(prompts.len() * width);
        for (prompt, pad) in prompts.iter().zip(&pads) {
            ids.extend(std::iter::repeat_n(0, *pad));
            ids.extend_from_slice(prompt);
        }
        // The last token is never read.
        let capacity = width + new_tokens.saturating_sub(1);
        let cache = KvCache::new(decoder.config(), prompts.len(), capacity, &decoder.device());
        let mut batch = Self { decoder, cache, pads };
        let logits = batch.forward(&ids)?;
        Ok((batch, logits))
    }

    /// Keeps the rows `rows`, in that order; a row may be named more than once.
    pub(super) fn select_rows(&mut self, rows: &[usize]) {
        if rows.iter().copied().eq(0..self.pads.len()) {
            return;
        }
        self.cache.select_rows(rows);
        self.pads = rows.iter().map(|row| self.pads[*row]).collect();
    }

    /// Reads one token a row; returns the logits of the next.
    pub(super) fn push(&mut self, ids: &[u32]) -> Result<HostLogits, GenerateError> {
        self.forward(ids)
    }

    /// Reads `[rows, t]` tokens; returns the logits after the last column.
    fn forward(&mut self, ids: &[u32]) -> Result<HostLogits, GenerateError> {
        let (rows, device) = (self.pads.len(), self.decoder.device());
        let t = ids.len() / rows.max(1);
        let layout = Rows::LeftPadded { pads: self.pads.clone() };
        let input = TokenInput::new(ids, [rows, t], layout, &device);
        let hidden = self.decoder.hidden(&input, Some(&mut self.cache));
        let last = hidden.slice_dim(1, t - 1..t);
        let logits = self.decoder.logits(last).into_data().try_into_vec_as::<f32>();
        let values = logits.map_err(|error| GenerateError::Device { reason: error.to_string() })?;
        Ok(HostLogits { values, vocab_size: self.decoder.config().vocab_size })
    }
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
