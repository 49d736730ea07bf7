//! Rows of a table on the CPU backend.

use burn::tensor::{Int, Tensor};
use rayon::prelude::*;

use crate::flex::PIECE;
use crate::flex::table::Table;

pub(super) fn embedding(table: Tensor<2>, ids: Tensor<1, Int>) -> Option<Tensor<2>> {
    let ([rows, width], [n]) = (table.dims(), ids.dims());
    if rows * width * n == 0 {
        return None;
    }
    let table = Table::new(table)?;
    let ids: Vec<usize> =
        ids.into_data().iter::<i64>().map(|id| usize::try_from(id).unwrap_or(rows)).collect();
    // Left to the composed operation, which says so.
    if ids.iter().any(|id| *id >= rows) {
        return None;
    }
    let values = table.values();
    let mut output = vec![0.0; n * width];
    let lines = (PIECE / width).max(1);
    let pieces = output.par_chunks_mut(lines * width).zip(ids.par_chunks(lines));
    pieces.for_each(|(output, ids)| {
        for (row, id) in output.chunks_exact_mut(width).zip(ids) {
            row.copy_from_slice(&values[id * width..][..width]);
        }
    });
    Some(table.rows_taken(output, ids))
}
