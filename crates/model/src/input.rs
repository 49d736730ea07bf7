//! Token ids of one forward pass, with the positions and the attention pattern of its rows.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use crate::config::Attends;

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

    /// `[b, t]`.
    #[must_use]
    pub fn dims(&self) -> [usize; 2] {
        self.ids.dims()
    }

    /// Position of every token, `[rows, t]` row-major with one row when all rows are alike, after
    /// `past` cached columns. Padding gets position 0.
    pub(crate) fn positions(&self, past: usize) -> (usize, Vec<usize>) {
        let [b, t] = self.dims();
        match &self.rows {
            Rows::RightPadded => (1, (past..past + t).collect()),
            Rows::LeftPadded { pads } => {
                let row = |pad: &usize| {
                    let pad = *pad;
                    (past..past + t).map(move |column| column.saturating_sub(pad))
                };
                (b, pads.iter().flat_map(row).collect())
            }
            Rows::Packed { segments } => {
                let mut positions = Vec::with_capacity(b * t);
                for row in segments.chunks(t.max(1)) {
                    let mut start = 0;
                    for (column, segment) in row.iter().enumerate() {
                        if column > 0 && row[column - 1] != *segment {
                            start = column;
                        }
                        positions.push(column - start);
                    }
                }
                (b, positions)
            }
        }
    }

    /// Which keys each query may *not* see, `[b or 1, 1, t, past + t]`; `None` when all may be
    /// seen (one query, no padding, no window in reach).
    ///
    /// # Panics
    ///
    /// When packed rows follow cached columns, whose samples are not known: the caller's mistake.
    pub(crate) fn blocked(&self, past: usize, attends: Attends) -> Option<Tensor<4, Bool>> {
        let [b, t] = self.dims();
        let total = past + t;
        let packed = matches!(self.rows, Rows::Packed { .. });
        assert!(past == 0 || !packed, "packed rows cannot follow cached columns");
        let window = match attends {
            Attends::Everything => total,
            Attends::Nearby { window } => window,
        };
        let rows = if matches!(self.rows, Rows::RightPadded) { 1 } else { b };
        let padded = match &self.rows {
            Rows::LeftPadded { pads } => pads.iter().any(|pad| *pad > 0),
            Rows::Packed { .. } | Rows::RightPadded => packed,
        };
        if t == 1 && window >= total && !padded {
            return None;
        }
        let mut blocked = Vec::with_capacity(rows * t * total);
        for row in 0..rows {
            for query in past..total {
                let seen = |key: usize| {
                    key <= query && key + window > query && self.same_sample(row, query, key)
                };
                blocked.extend((0..total).map(|key| !seen(key)));
            }
        }
        let data = TensorData::new(blocked, [rows, 1, t, total]);
        Some(Tensor::from_data(data, &self.ids.device()))
    }

    fn same_sample(&self, row: usize, query: usize, key: usize) -> bool {
        match &self.rows {
            Rows::RightPadded => true,
            Rows::LeftPadded { pads } => key >= pads[row],
            Rows::Packed { segments } => {
                let [_, t] = self.dims();
                segments[row * t + query] == segments[row * t + key]
            }
        }
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
