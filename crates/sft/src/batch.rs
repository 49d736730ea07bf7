//! Examples as the model reads them, and which of their tokens count.

use burn::tensor::{Device, Int, Tensor, TensorData};
use hybrid_data::batch::TokenBatch;
use hybrid_data::pack::Packed;
use hybrid_model::decoder::{Keeps, Trace};
use hybrid_model::input::{Rows, TokenInput};
use hybrid_model::{Decoder, DecoderConfig};

use crate::error::SftError;

/// A micro-batch: `b` rows of `t` input tokens, and `n` tokens that are predicted.
///
/// Made from a [`TokenBatch`] or a [`Packed`] batch. A row's last token is no input, since nothing
/// follows it. What pads a row is one of its own tokens, never the padding token: attention
/// multiplies padding by zero, and an embedding that holds NaN, as one nobody trained may, would
/// survive that.
#[derive(Debug, Clone, PartialEq)]
pub struct SftBatch {
    /// `[b, t]`, row-major.
    ids: Vec<u32>,
    shape: [usize; 2],
    rows: Rows,
    /// `[n]`: which of the `b · t` inputs each target follows.
    places: Vec<u32>,
    /// `[n]`.
    targets: Vec<u32>,
    /// Tokens of the longest example.
    longest: usize,
}

impl From<&TokenBatch> for SftBatch {
    fn from(batch: &TokenBatch) -> Self {
        let table = Table { ids: &batch.ids, loss_mask: &batch.loss_mask, width: batch.width };
        let longest = batch.lengths.iter().copied().max().unwrap_or(0);
        table.batch(&batch.lengths, longest)
    }
}

impl From<&Packed> for SftBatch {
    fn from(batch: &Packed) -> Self {
        let table = Table { ids: &batch.ids, loss_mask: &batch.loss_mask, width: batch.width };
        let columns = batch.segments.iter().flatten().map(|segment| segment.columns.len());
        let longest = columns.max().unwrap_or(0);
        let ends = batch.segments.iter().map(|row| row.last().map_or(0, |last| last.columns.end));
        let lengths: Vec<usize> = ends.collect();
        let mut made = table.batch(&lengths, longest);
        let [_, t] = made.shape;
        let mut segments = Vec::with_capacity(made.ids.len());
        for (row, length) in lengths.into_iter().enumerate() {
            let own = table.row(&batch.segment_ids, row, length.min(t));
            segments.extend_from_slice(own);
            // A run of one id counts its positions: padding has short runs, or they would leave
            // the context of a model with learned positions.
            segments.extend((own.len()..t).map(|column| u32::MAX - (column % 2) as u32));
        }
        made.rows = Rows::Packed { segments };
        made
    }
}

/// Row-major tables of one width, as `data` collates them.
struct Table<'a> {
    ids: &'a [u32],
    loss_mask: &'a [bool],
    width: usize,
}

impl Table<'_> {
    /// The first `length` entries of a row.
    fn row<'t, T>(&self, table: &'t [T], row: usize, length: usize) -> &'t [T] {
        let mut rows = table.chunks(self.width.max(1));
        rows.nth(row).and_then(|row| row.get(..length.min(row.len()))).unwrap_or_default()
    }

    fn batch(&self, lengths: &[usize], longest: usize) -> SftBatch {
        let t = lengths.iter().copied().max().unwrap_or(0).min(self.width).saturating_sub(1);
        let (mut ids, mut places, mut targets) = (Vec::new(), Vec::new(), Vec::new());
        for (row, length) in lengths.iter().enumerate() {
            let own = self.row(self.ids, row, *length);
            let counted = self.row(self.loss_mask, row, *length);
            // The first token follows nothing.
            for (column, (id, counts)) in own.iter().zip(counted).enumerate().skip(1) {
                if *counts {
                    places.push((row * t + column - 1) as u32);
                    targets.push(*id);
                }
            }
            ids.extend(own.iter().take(t));
            ids.resize((row + 1) * t, own.first().copied().unwrap_or(0));
        }
        let shape = [lengths.len(), t];
        SftBatch { ids, shape, rows: Rows::RightPadded, places, targets, longest }
    }
}

impl SftBatch {
    /// Tokens that count in the loss, `n`. The sum over all micro-batches of an optimizer step is
    /// the step's normaliser.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.targets.len()
    }

    /// Checks that the model can read the batch.
    pub(crate) fn check(&self, config: &DecoderConfig) -> Result<(), SftError> {
        let (vocab_size, context) = (config.vocab_size, config.max_positions);
        let [_, t] = self.shape;
        let is_unknown = |id: &u32| *id as usize >= vocab_size;
        if let Some(at) = self.ids.iter().position(is_unknown) {
            let (row, id) = (at / t.max(1), self.ids.get(at).copied().unwrap_or_default());
            return Err(SftError::UnknownToken { row, id, vocab_size });
        }
        let unknown = self.targets.iter().zip(&self.places).find(|(id, _)| is_unknown(id));
        if let Some((id, place)) = unknown {
            let row = *place as usize / t.max(1);
            return Err(SftError::UnknownToken { row, id: *id, vocab_size });
        }
        if self.longest > context.saturating_add(1) {
            return Err(SftError::TooLong { tokens: self.longest, context });
        }
        Ok(())
    }

    /// The error of a batch in which nothing counts.
    pub(crate) fn nothing_counts(&self) -> SftError {
        const SHOWN: usize = 4;
        let [b, t] = self.shape;
        let row = |row: usize| {
            let start: Vec<u32> = self.ids.iter().skip(row * t).take(t.min(8)).copied().collect();
            format!("row {row} begins with the ids {start:?}")
        };
        let mut rows: Vec<String> = (0..b.min(SHOWN)).map(row).collect();
        if b > SHOWN {
            rows.push(format!("{} more rows", b - SHOWN));
        }
        let rows =
            if t == 0 { format!("its {b} rows have at most one token") } else { rows.join(", ") };
        SftError::NothingCounts { rows }
    }

    /// Hidden states that predict the counted tokens, `[n, e]`, and these tokens, `[n]`, with the way
    /// back to the decoder's parameters.
    ///
    /// Rows are selected before the head, so that nothing that does not count is projected.
    pub(crate) fn predictions(
        &self,
        decoder: &Decoder,
        keeps: Keeps,
    ) -> (Tensor<2>, Tensor<1, Int>, Trace) {
        let device = decoder.device();
        let [b, t] = self.shape;
        let input = TokenInput::new(&self.ids, self.shape, self.rows.clone(), &device);
        let (hidden, trace) = decoder.hidden_traced(&input, keeps);
        let [_, _, width] = hidden.dims();
        let hidden = hidden.reshape([b * t, width]).select(0, ints(&self.places, &device));
        (hidden, ints(&self.targets, &device), trace)
    }
}

fn ints(values: &[u32], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.iter().map(|value| value.cast_signed()).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

#[cfg(test)]
mod tests;
