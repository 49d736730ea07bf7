//! A batch of ragged rows on the device: token by token, and what attention needs to keep them apart.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use super::EncoderConfig;
use crate::input::int_tensor;
use crate::ops::{Spans, is_fused};
use crate::ragged::{TokenRow, places};

/// Ids and places of the `n` tokens of `b` rows, the longest of `t` tokens.
#[derive(Debug)]
pub(crate) struct Batch {
    /// `[n]`.
    pub(crate) ids: Tensor<1, Int>,
    /// Row of the position table of each token, `[n]`.
    pub(crate) positions: Tensor<1, Int>,
    /// Type of each token, `[n]`.
    pub(crate) types: Tensor<1, Int>,
    lengths: Vec<usize>,
    pub(crate) rows: Rows,
}

/// How attention keeps rows apart.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one exists during a pass; the size is the backend's"
)]
pub(crate) enum Rows {
    /// One after the other, as everywhere else: for the fused kernel, which meets no pair of tokens
    /// of two rows.
    InLine(Spans),
    /// Side by side, for operations that know nothing but a mask; `None` where all are as long as the
    /// first. Also for relative biases, which the kernel does not know.
    SideBySide(Option<Padding>),
}

/// The way between `[n]` tokens and `[b, t]` places.
#[derive(Debug)]
pub(crate) struct Padding {
    /// The token at each place, `[b·t]`. Padding repeats its row's last token: any finite state
    /// will do, for no query that counts sees it.
    tokens: Tensor<1, Int>,
    /// The place of each token, `[n]`.
    places: Tensor<1, Int>,
    /// Keys that are padding, `[b, 1, 1, t]`; true where no query may see them.
    pub(crate) blocked: Tensor<4, Bool>,
}

impl Batch {
    /// Rows that [`crate::ragged::Limits`] let pass, at least one.
    pub(crate) fn new(rows: &[TokenRow<'_>], config: &EncoderConfig, device: &Device) -> Self {
        let lengths: Vec<usize> = rows.iter().map(|row| row.ids.len()).collect();
        let count = lengths.iter().sum();
        let tensor = |values: &[u32]| int_tensor(values, [values.len()], device);
        let mut ids = Vec::with_capacity(count);
        let mut positions = Vec::with_capacity(count);
        let mut types = Vec::with_capacity(count);
        for row in rows {
            ids.extend_from_slice(row.ids);
            positions.extend((0..row.ids.len()).map(|p| (p + config.position_offset) as u32));
            let own = if config.token_types == 0 { &[] } else { row.types };
            types.extend_from_slice(own);
            types.resize(ids.len(), 0);
        }
        let rows = if is_fused(device) && config.relative_buckets.is_none() {
            Rows::InLine(Spans::texts(&lengths))
        } else {
            Rows::SideBySide(Padding::new(&lengths, device))
        };
        Self {
            ids: tensor(&ids),
            positions: tensor(&positions),
            types: tensor(&types),
            lengths,
            rows,
        }
    }

    /// Tokens of each row.
    pub(crate) fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// Tokens of the longest row, `t`.
    pub(crate) fn longest(&self) -> usize {
        self.lengths.iter().max().copied().unwrap_or(0)
    }

    /// `[1, n, w]` to `[b, t, w]`.
    pub(crate) fn pad(&self, states: Tensor<3>, padding: Option<&Padding>) -> Tensor<3> {
        let [_, n, width] = states.dims();
        let states: Tensor<2> = states.reshape([n, width]);
        let states = match padding {
            Some(padding) => states.select(0, padding.tokens.clone()),
            None => states,
        };
        states.reshape([self.lengths.len(), self.longest(), width])
    }

    /// `[b, t, w]` to `[1, n, w]`.
    pub(crate) fn pack(&self, padded: Tensor<3>, padding: Option<&Padding>) -> Tensor<3> {
        let [b, t, width] = padded.dims();
        let states: Tensor<2> = padded.reshape([b * t, width]);
        let states = match padding {
            Some(padding) => states.select(0, padding.places.clone()),
            None => states,
        };
        states.unsqueeze()
    }
}

impl Padding {
    /// `None` where all rows are as long as the first.
    fn new(lengths: &[usize], device: &Device) -> Option<Self> {
        let longest = lengths.iter().max().copied()?;
        if lengths.iter().all(|length| *length == longest) {
            return None;
        }
        let size = lengths.len() * longest;
        let mut tokens = Vec::with_capacity(size);
        let mut blocked = Vec::with_capacity(size);
        let places = places(lengths);
        let mut first = 0;
        for length in lengths {
            tokens.extend((0..longest).map(|place| (first + place.min(length - 1)) as u32));
            blocked.extend((0..longest).map(|place| place >= *length));
            first += length;
        }
        let shape = [lengths.len(), 1, 1, longest];
        Some(Self {
            tokens: int_tensor(&tokens, [tokens.len()], device),
            places: int_tensor(&places, [places.len()], device),
            blocked: Tensor::from_data(TensorData::new(blocked, shape), device),
        })
    }
}
