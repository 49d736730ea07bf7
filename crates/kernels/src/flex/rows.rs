//! One row, and the rows of a matrix.

use rayon::prelude::*;

use super::PIECE;
use super::vector::vectorised;

/// Rows whose sum one thread makes.
const ROWS: usize = 64;

/// Adds a row to every row of a matrix.
pub(crate) fn add_to_rows(matrix: &mut [f32], row: &[f32]) {
    let width = row.len().max(1);
    let lines = (PIECE / width).max(1);
    matrix.par_chunks_mut(lines * width).for_each(|lines| {
        lines.chunks_mut(width).for_each(|line| add(line, row));
    });
}

/// Each column's sum. Partial sums are added in their order: no thread decides the rounding.
pub(crate) fn sum_of_rows(matrix: &[f32], columns: usize) -> Vec<f32> {
    let of_rows = |rows: &[f32]| {
        let mut sums = vec![0.0; columns];
        rows.chunks(columns).for_each(|row| add(&mut sums, row));
        sums
    };
    let partial: Vec<Vec<f32>> = matrix.par_chunks(ROWS * columns).map(of_rows).collect();
    let mut sums = vec![0.0; columns];
    partial.iter().for_each(|part| add(&mut sums, part));
    sums
}

vectorised! {
    /// Adds a row to another.
    pub(crate) fn add(sums: &mut [f32], addends: &[f32]) {
        for (sum, addend) in sums.iter_mut().zip(addends) {
            *sum += addend;
        }
    }
}
