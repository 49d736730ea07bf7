//! Passes over whole gradients: their sum, and the sum of their squares.
//!
//! Tensors come and go by value: on the CPU backend a tensor with one owner is changed where it
//! lies.

use burn::tensor::{ElementConversion, IndexingUpdateOp, Int, Tensor};

#[cfg(feature = "flex")]
use crate::host;

/// `sum + addend`, written into `sum`, and the result's [`sum_of_squares`] where that comes for
/// nothing: on the CPU backend, where the values pass through the processor anyway.
///
/// # Shapes
///
/// - `sum`, `addend`, output: `[n]`
///
/// # Panics
///
/// When the lengths differ.
#[must_use]
pub fn accumulate(sum: Tensor<1>, addend: Tensor<1>) -> (Tensor<1>, Option<f64>) {
    assert_eq!(sum.dims(), addend.dims(), "both must be [n]");
    #[cfg(feature = "flex")]
    if host::resident(&[&sum, &addend]) {
        return on_host::accumulate(sum, addend);
    }
    (sum + addend, None)
}

/// A table with row `i` of `addend` added to its row `rows[i]`, for each `i` in order, written into
/// `sum`. A row may be named more than once.
///
/// # Shapes
///
/// - `sum`, output: `[v · e]`, row-major; `rows`: `[n]`, each below `v`; `addend`: `[n, e]`
///
/// # Panics
///
/// When the numbers of rows differ, or one is not in the table.
#[must_use]
pub fn accumulate_rows(sum: Tensor<1>, rows: Tensor<1, Int>, addend: Tensor<2>) -> Tensor<1> {
    let ([size], [count, width]) = (sum.dims(), addend.dims());
    assert_eq!(rows.dims(), [count], "one place a row");
    if count * width == 0 {
        return sum;
    }
    #[cfg(feature = "flex")]
    {
        let flat: Tensor<1> = addend.clone().reshape([count * width]);
        if host::resident(&[&sum, &flat]) {
            return on_host::accumulate_rows(sum, rows, flat, width);
        }
    }
    let table: Tensor<2> = sum.reshape([size / width, width]);
    table.select_assign(0, rows, addend, IndexingUpdateOp::Add).reshape([size])
}

/// `Σ xᵢ²`, and the tensor back.
///
/// On the CPU backend every product and sum is an f64, in an order that depends on the length
/// alone: finite values never overflow, and the result is the same for any number of threads.
/// Elsewhere the device sums in its own type.
///
/// # Shapes
///
/// - `tensor`, output: `[n]`
#[must_use]
pub fn sum_of_squares(tensor: Tensor<1>) -> (f64, Tensor<1>) {
    #[cfg(feature = "flex")]
    if host::resident(&[&tensor]) {
        return on_host::sum_of_squares(tensor);
    }
    let sum = tensor.clone().square().sum().into_scalar::<f64>();
    (sum.elem(), tensor)
}

#[cfg(feature = "flex")]
mod on_host {
    use burn::tensor::{Int, Tensor};
    use rayon::prelude::*;

    use crate::host::{self, CHUNK};

    pub(super) fn accumulate(sum: Tensor<1>, addend: Tensor<1>) -> (Tensor<1>, Option<f64>) {
        let device = sum.device();
        let (mut sum, addend) = (host::take(sum), host::take(addend));
        let chunks = host::slice_mut(&mut sum).par_chunks_mut(CHUNK);
        let chunks = chunks.zip(host::slice(&addend).par_chunks(CHUNK));
        let partial: Vec<f64> = chunks
            .map(|(sum, addend)| {
                for (total, value) in sum.iter_mut().zip(addend) {
                    *total += value;
                }
                squares_of_chunk(sum)
            })
            .collect();
        (host::give(sum, &device), Some(partial.iter().sum()))
    }

    pub(super) fn accumulate_rows(
        sum: Tensor<1>,
        rows: Tensor<1, Int>,
        addend: Tensor<1>,
        width: usize,
    ) -> Tensor<1> {
        let device = sum.device();
        let (mut sum, addend) = (host::take(sum), host::take(addend));
        let table = host::slice_mut(&mut sum);
        // One after the other: rows that are named twice are added in their order.
        let rows = rows.into_data();
        for (row, addend) in rows.iter::<i64>().zip(host::slice(&addend).chunks(width)) {
            let row = usize::try_from(row).unwrap_or(usize::MAX);
            let place = table.chunks_mut(width).nth(row);
            assert!(place.is_some(), "row {row} is not in the table");
            for (total, value) in place.into_iter().flatten().zip(addend) {
                *total += value;
            }
        }
        host::give(sum, &device)
    }

    pub(super) fn sum_of_squares(tensor: Tensor<1>) -> (f64, Tensor<1>) {
        let device = tensor.device();
        let data = host::take(tensor);
        // Partial sums are collected in order and added in order: no thread decides the rounding.
        let partial: Vec<f64> =
            host::slice(&data).par_chunks(CHUNK).map(squares_of_chunk).collect();
        (partial.iter().sum(), host::give(data, &device))
    }

    /// Eight running sums, so that the additions do not wait for one another.
    fn squares_of_chunk(values: &[f32]) -> f64 {
        let (eights, rest) = values.as_chunks::<8>();
        let mut sums = [0.0_f64; 8];
        for eight in eights {
            for (sum, value) in sums.iter_mut().zip(eight) {
                *sum += f64::from(*value) * f64::from(*value);
            }
        }
        let rest = rest.iter().map(|value| f64::from(*value).powi(2));
        sums.iter().copied().chain(rest).sum()
    }
}

#[cfg(test)]
mod tests;
