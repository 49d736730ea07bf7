//! Several short examples in one row, so that little of it is padding.
//!
//! [`PackPlan`] decides by lengths alone which examples share a row; [`Packed`] fills rows with
//! their tokens. Each example is a *segment*: its positions start at 0 again, and a token may attend
//! only to tokens of the same segment, which [`Packed::segment_ids`] says. Then a packed row trains
//! exactly as its examples would alone.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::batch::{Padding, Shifted, same_length, shifted};
use crate::encode::Encoded;
use crate::error::DataError;

/// What happens to an example longer than a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlong {
    /// It is an error.
    #[default]
    Refuse,
    /// Its first `max_length` tokens are kept.
    Truncate,
}

/// Which examples share a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackPlan {
    /// The examples of each row, as 0-based indices in rising order; every example is in one row.
    pub rows: Vec<Vec<usize>>,
    /// Tokens of each row that are not padding.
    pub row_lengths: Vec<usize>,
    /// Tokens that a row can hold.
    pub max_length: usize,
}

impl PackPlan {
    /// Packs examples of these `lengths` by best fit, longest first: each example goes into the row
    /// that it leaves the least room in, the first of several, or into a new one. Equal lengths are
    /// taken in order.
    ///
    /// The number of rows is at most 11/9 of the least possible, plus 4: Johnson et al.
    /// 1974, <https://doi.org/10.1137/0203025>. On ordinary lengths it is within a row or two of it.
    ///
    /// # Errors
    ///
    /// [`DataError`] for no examples, an empty one, a `max_length` of 0, or an example that is too
    /// long where `overlong` refuses it.
    pub fn best_fit(
        lengths: &[usize],
        max_length: usize,
        overlong: Overlong,
    ) -> Result<Self, DataError> {
        if max_length == 0 {
            let (field, value) = ("max_length".to_owned(), "0".to_owned());
            return Err(DataError::OutOfRange { field, value, allowed: "at least 1".into() });
        }
        if lengths.is_empty() {
            return Err(DataError::NoExamples { what: "packing" });
        }
        let mut order = Vec::with_capacity(lengths.len());
        for (index, length) in lengths.iter().copied().enumerate() {
            match overlong {
                _ if length == 0 => return Err(DataError::EmptyExample { index }),
                Overlong::Refuse if length > max_length => {
                    return Err(DataError::TooLong { index, length, max_length });
                }
                Overlong::Refuse | Overlong::Truncate => {
                    order.push((length.min(max_length), index));
                }
            }
        }
        order.sort_by_key(|(length, index)| (std::cmp::Reverse(*length), *index));
        Ok(Self::fill(&order, max_length))
    }

    fn fill(order: &[(usize, usize)], max_length: usize) -> Self {
        let mut rows: Vec<Vec<usize>> = Vec::new();
        // Each row's room and number, so that the tightest row that fits is next to hand.
        let mut rooms = BTreeSet::new();
        for &(length, index) in order {
            let (room, row) = rooms.range((length, 0)..).next().copied().unwrap_or_else(|| {
                rows.push(Vec::new());
                (max_length, rows.len() - 1)
            });
            rooms.remove(&(room, row));
            rooms.insert((room - length, row));
            if let Some(examples) = rows.get_mut(row) {
                examples.push(index);
            }
        }
        let mut row_lengths = vec![0; rows.len()];
        for (room, row) in rooms {
            if let Some(length) = row_lengths.get_mut(row) {
                *length = max_length - room;
            }
        }
        for examples in &mut rows {
            examples.sort_unstable();
        }
        Self { rows, row_lengths, max_length }
    }

    /// The share of the rows' room that holds tokens, in (0, 1].
    pub fn utilisation(&self) -> f64 {
        let tokens: usize = self.row_lengths.iter().sum();
        tokens as f64 / (self.rows.len() as f64 * self.max_length as f64)
    }
}

/// One example's place in a packed row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The example's 0-based place among those given.
    pub example: usize,
    /// The columns that hold its tokens.
    pub columns: Range<usize>,
}

/// Rows of packed examples. `r` rows, `t` columns; every table is row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Token ids, `[r, t]`; padding behind the last segment.
    pub ids: Vec<u32>,
    /// True where a token counts as a prediction target, `[r, t]`. Never true at the first token of
    /// a segment, which the last token of the one before would have to predict.
    pub loss_mask: Vec<bool>,
    /// The position of each token in its segment, `[r, t]`, counted from 0; 0 in the padding.
    pub positions: Vec<u32>,
    /// Which segment each token belongs to, `[r, t]`, counted from 1 in each row; 0 in the padding.
    /// A token attends to earlier tokens and itself where the segment is the same; by this rule
    /// padding attends to padding, so no row of the attention is empty.
    pub segment_ids: Vec<u32>,
    /// The segments of each row, from left to right.
    pub segments: Vec<Vec<Segment>>,
    /// The width `t`.
    pub width: usize,
    /// What fills the padding.
    pub pad_id: u32,
}

impl Packed {
    /// Fills the given `rows` of a plan with the tokens of `examples`, cut to the plan's
    /// `max_length`. The width is that of the longest row.
    ///
    /// # Errors
    ///
    /// [`DataError`] for no rows, a row number the plan does not have, a plan over other examples,
    /// or a loss mask of another length than its ids.
    pub fn collate(
        plan: &PackPlan,
        rows: &[usize],
        examples: &[Encoded],
        padding: Padding,
    ) -> Result<Self, DataError> {
        let known = plan.row_lengths.len();
        let missing = |row: usize| mismatch("row", row, known);
        let mut longest = None;
        for row in rows {
            let length = plan.row_lengths.get(*row).copied().ok_or_else(|| missing(*row))?;
            longest = longest.max(Some(length));
        }
        let width =
            padding.width(longest.ok_or(DataError::NoExamples { what: "a packed batch" })?)?;
        let mut packed = Self::empty(width, rows.len(), padding.pad_id);
        for (at, row) in rows.iter().enumerate() {
            let mut segments = Vec::new();
            for example in plan.rows.get(*row).ok_or_else(|| missing(*row))? {
                let encoded = examples.get(*example);
                let encoded =
                    encoded.ok_or_else(|| mismatch("example", *example, examples.len()))?;
                same_length(*example, encoded)?;
                let start = packed.ids.len() - width * at;
                packed.push(encoded, plan.max_length, segments.len() as u32 + 1);
                let columns = start..packed.ids.len() - width * at;
                segments.push(Segment { example: *example, columns });
            }
            packed.end_row(segments)?;
        }
        Ok(packed)
    }

    /// Rows of the batch, `r`.
    pub fn rows(&self) -> usize {
        self.segments.len()
    }

    /// Cuts the rows into inputs and the tokens they predict: the logits at `i` predict the id at
    /// `i + 1`. No target lies across a segment's border.
    pub fn shifted(&self) -> Shifted {
        shifted(&self.ids, &self.loss_mask, self.width)
    }

    /// How many tokens count as targets: the denominator of a mean over tokens.
    pub fn target_count(&self) -> usize {
        // A row's first token is a segment's first token, which never counts.
        self.loss_mask.iter().filter(|counts| **counts).count()
    }

    fn empty(width: usize, rows: usize, pad_id: u32) -> Self {
        let size = width * rows;
        Self {
            ids: Vec::with_capacity(size),
            loss_mask: Vec::with_capacity(size),
            positions: Vec::with_capacity(size),
            segment_ids: Vec::with_capacity(size),
            segments: Vec::with_capacity(rows),
            width,
            pad_id,
        }
    }

    /// Appends one segment's tokens.
    fn push(&mut self, example: &Encoded, max_length: usize, segment_id: u32) {
        let tokens = example.ids.iter().zip(&example.loss_mask).take(max_length);
        for (position, (id, counts)) in tokens.enumerate() {
            self.ids.push(*id);
            self.loss_mask.push(*counts && position > 0);
            self.positions.push(position as u32);
            self.segment_ids.push(segment_id);
        }
    }

    /// Pads the row that was begun.
    fn end_row(&mut self, segments: Vec<Segment>) -> Result<(), DataError> {
        self.segments.push(segments);
        let size = self.width * self.segments.len();
        if self.ids.len() > size {
            // Only a plan over shorter examples leads here.
            return Err(mismatch("token", self.ids.len(), size));
        }
        self.ids.resize(size, self.pad_id);
        self.loss_mask.resize(size, false);
        self.positions.resize(size, 0);
        self.segment_ids.resize(size, 0);
        Ok(())
    }
}

fn mismatch(what: &'static str, named: usize, available: usize) -> DataError {
    DataError::PlanMismatch { what, named, available }
}

#[cfg(test)]
mod tests;
