//! Token ids of one forward pass, with the positions and the attention pattern of its rows.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::config::Attends;
use crate::ops::{self, Blocked, Spans, Visible};

/// How the rows of a batch are laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// Every row starts at its first column. Padding on the right needs no mask: a causal model
    /// never sees it from a counted token, and the loss mask leaves it out.
    RightPadded,
    /// Row `r` starts after `pads[r]` columns of padding, so that all rows end together.
    LeftPadded {
        /// Columns of padding of each row.
        pads: Vec<usize>,
    },
    /// Each row holds several samples, which do not see each other and count their positions from
    /// zero. A sample is a run of equal ids.
    Packed {
        /// `[b, t]`, row-major.
        segments: Vec<u32>,
    },
}

/// Token ids with what is needed to place them.
#[derive(Debug, Clone)]
pub struct TokenInput {
    /// `[b, t]`.
    pub ids: Tensor<2, Int>,
    /// The layout of the rows.
    pub rows: Rows,
}

impl TokenInput {
    /// A batch from host ids, row-major.
    ///
    /// # Panics
    ///
    /// When `ids` is not `b · t` long, or a layout does not have `b` rows: the caller's mistake.
    #[must_use]
    pub fn new(ids: &[u32], [b, t]: [usize; 2], rows: Rows, device: &Device) -> Self {
        assert_eq!(ids.len(), b * t, "ids must be [b, t]");
        match &rows {
            Rows::RightPadded => {}
            Rows::LeftPadded { pads } => assert_eq!(pads.len(), b, "one pad count a row"),
            Rows::Packed { segments } => assert_eq!(segments.len(), b * t, "one segment a token"),
        }
        Self { ids: int_tensor(ids, [b, t], device), rows }
    }

    /// One row without padding.
    #[must_use]
    pub fn single(ids: &[u32], device: &Device) -> Self {
        Self::new(ids, [1, ids.len()], Rows::RightPadded, device)
    }

    /// The same tokens on a device that records no gradients.
    pub(crate) fn without_autodiff(&self) -> Self {
        Self { ids: self.ids.clone().without_autodiff(), rows: self.rows.clone() }
    }

    /// `[b, t]`.
    #[must_use]
    pub fn dims(&self) -> [usize; 2] {
        self.ids.dims()
    }

    /// Column where the sample of every token starts, `[rows, t]` row-major with one row when all
    /// rows are alike.
    fn starts(&self) -> (usize, Vec<usize>) {
        let [b, t] = self.dims();
        match &self.rows {
            Rows::RightPadded => (1, vec![0; t]),
            Rows::LeftPadded { pads } if pads.iter().all(|pad| *pad == 0) => (1, vec![0; t]),
            Rows::LeftPadded { pads } => {
                (b, pads.iter().flat_map(|pad| std::iter::repeat_n(*pad, t)).collect())
            }
            Rows::Packed { segments } => {
                let mut starts = Vec::with_capacity(b * t);
                for row in segments.chunks(t.max(1)) {
                    let mut start = 0;
                    for (column, segment) in row.iter().enumerate() {
                        if column > 0 && row[column - 1] != *segment {
                            start = column;
                        }
                        starts.push(start);
                    }
                }
                (b, starts)
            }
        }
    }

    /// Position of every token, `[rows, t]` row-major with one row when all rows are alike, after
    /// `past` cached columns. Padding gets position 0.
    pub(crate) fn positions(&self, past: usize) -> (usize, Vec<usize>) {
        let [_, t] = self.dims();
        let (rows, starts) = self.starts();
        let starts = starts.into_iter().enumerate();
        (rows, starts.map(|(index, start)| (past + index % t).saturating_sub(start)).collect())
    }

    /// Which keys the queries of this pass see, after `past` cached columns.
    pub(crate) fn visible(&self, past: usize, attends: Attends) -> Visible {
        let [_, t] = self.dims();
        let device = self.ids.device();
        if ops::is_fused(&device) {
            return Visible::Spans(self.spans(past, attends));
        }
        let (_, starts) = self.starts();
        let in_reach = match attends {
            Attends::Everything => true,
            Attends::Nearby { window } => window >= past + t,
        };
        let is_plain = in_reach && starts.iter().all(|start| *start == 0);
        if is_plain && t > 1 && !device.is_autodiff() {
            return Visible::Causal;
        }
        self.blocked(past, attends).map_or(Visible::All, Visible::Unblocked)
    }

    /// Which keys each query may *not* see, `[b or 1, 1, t, past + t]`; `None` when all may be
    /// seen (one query, no padding, no window in reach).
    ///
    /// # Panics
    ///
    /// When packed rows follow cached columns, whose samples are not known: the caller's mistake.
    pub(crate) fn blocked(&self, past: usize, attends: Attends) -> Option<Blocked> {
        let [_, t] = self.dims();
        let reach = match attends {
            Attends::Everything => past + t,
            Attends::Nearby { window } => window,
        };
        let (_, starts) = self.starts();
        if t == 1 && reach > past && starts.iter().all(|start| *start == 0) {
            return None;
        }
        Some(self.spans(past, attends).blocked(&self.ids.device()))
    }

    /// The first key each query sees: its sample's first or its window's. It sees all from there
    /// to itself.
    fn spans(&self, past: usize, attends: Attends) -> Spans {
        let [_, t] = self.dims();
        let is_packed = matches!(self.rows, Rows::Packed { .. });
        assert!(past == 0 || !is_packed, "packed rows cannot follow cached columns");
        let (_, starts) = self.starts();
        let first = |(index, start): (usize, usize)| {
            let query = past + index % t;
            let reached = match attends {
                Attends::Everything => 0,
                Attends::Nearby { window } => (query + 1).saturating_sub(window),
            };
            start.max(reached) as u32
        };
        Spans::new(starts.into_iter().enumerate().map(first).collect(), t, past + t)
    }
}

pub(crate) fn int_tensor<const D: usize>(
    ids: &[u32],
    shape: [usize; D],
    device: &Device,
) -> Tensor<D, Int> {
    let ids: Vec<i32> = ids.iter().map(|id| id.cast_signed()).collect();
    Tensor::from_data(TensorData::new(ids, shape), device)
}

#[cfg(test)]
mod tests;
