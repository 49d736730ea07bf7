//! The product for AVX2, in tiles of 6 × 16 sums (Goto and van de Geijn 2008).
//!
//! Columns of the output are dealt to the threads in pieces. For a piece, a stretch of the inner size
//! at a time, the right side is laid out in strips of 16 columns that stay in the second cache; bands of 6
//! rows of the left side run past each strip. Left sides by rows are read where they lie, others are laid
//! out first, once, by all threads.
//!
//! Every sum adds the same terms in the same order, however many threads there are.

mod kernel;

use std::cell::RefCell;
use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{Matrix, Write};
use crate::flex::columns::Columns;
use kernel::{LANES, Line, ROWS, Tile};

/// Steps of the inner size at a time: a strip and a band of as many fit the first cache.
const STEPS: usize = 400;
/// Columns of a piece, about.
const COLUMNS: usize = 96;
/// Rows of the left side that stay in the second cache while the strips of a piece pass.
const RESIDENT: usize = 24 * ROWS;
/// Bands that one task lays out: what it reads of a row is whole lines of the cache.
const BANDS: usize = 16;
/// Steps of all these bands before the next: rows a power of two apart share few places of the cache.
const NEAR: usize = 8;

thread_local! {
    /// The strips of a piece.
    static STRIPS: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Whether this machine is what the tiles were made for. With AVX-512 the `gemm` crate is faster.
pub(super) fn fit_this_machine() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("fma")
        && !crate::flex::vector::has_avx512()
}

/// Whether what is laid out is read often enough: the right side once for every band, a left side that does not
/// lie row by row once for every strip.
pub(super) fn are_worth_it(lhs: &Matrix<'_>, rhs: &Matrix<'_>) -> bool {
    let (rows, columns, inner) = (lhs.rows, rhs.columns, lhs.columns);
    let is_by_row = lhs.column_stride == 1;
    rows >= 32
        && rows * columns * inner >= 64 * 64 * 64
        && (is_by_row || (columns >= 96 && inner >= 32))
}

/// The left side as bands of [`ROWS`] rows.
enum Bands<'a> {
    /// As it lies, row by row.
    ByRow(&'a [f32]),
    /// Band by band, step by step; the last is filled up with zeros.
    ByStep(Vec<[f32; ROWS]>),
}

/// A product in tiles.
struct Problem<'a> {
    rows: usize,
    inner: usize,
    bands: Bands<'a>,
    rhs: Matrix<'a>,
    scale: f32,
    write: Write,
    out: Columns,
}

/// `scale · lhs · rhs` to `out`, row-major, as [`super::multiply`]. All sizes are at least 1.
///
/// # Safety
///
/// [`fit_this_machine`], and `out` as there.
#[expect(unsafe_code, reason = "writes through a pointer, for a detected machine")]
pub(super) unsafe fn multiply(
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    scale: f32,
    out: *mut f32,
    write: Write,
    is_shared: bool,
) {
    let (rows, columns, inner) = (lhs.rows, rhs.columns, lhs.columns);
    let bands = if lhs.column_stride == 1 {
        Bands::ByRow(lhs.values)
    } else {
        Bands::ByStep(by_step(&lhs, is_shared))
    };
    let out = Columns::new(out, columns);
    let problem = Problem { rows, inner, bands, rhs, scale, write, out };
    let threads = if is_shared { rayon::current_num_threads() } else { 1 };
    // As many pieces for each thread, of whole strips.
    let pieces = columns.div_ceil(COLUMNS).next_multiple_of(threads);
    let width = columns.div_ceil(pieces).next_multiple_of(LANES);
    let piece = |first: usize| {
        // SAFETY: the caller's promise; no other piece has these columns.
        unsafe { problem.piece(first, width.min(columns - first)) };
    };
    if is_shared {
        let firsts = (0..columns.div_ceil(width)).into_par_iter().with_max_len(1);
        firsts.for_each(|place| piece(place * width));
    } else {
        (0..columns).step_by(width).for_each(piece);
    }
}

/// Bands of a left side that lies column by column.
fn by_step(lhs: &Matrix<'_>, is_shared: bool) -> Vec<[f32; ROWS]> {
    let (rows, inner) = (lhs.rows, lhs.columns);
    let size = rows.div_ceil(ROWS) * inner;
    let mut bands = Vec::with_capacity(size);
    let lay_out = |(group, bands): (usize, &mut [MaybeUninit<[f32; ROWS]>])| {
        for from in (0..inner).step_by(NEAR) {
            let to = inner.min(from + NEAR);
            for (place, band) in bands.chunks_exact_mut(inner).enumerate() {
                let first = (group * BANDS + place) * ROWS;
                let width = ROWS.min(rows - first);
                for (step, line) in (from..to).zip(&mut band[from..to]) {
                    let values = &lhs.values[step * lhs.column_stride + first..][..width];
                    let mut filled = [0.0; ROWS];
                    match values.try_into() {
                        Ok(whole) => filled = whole,
                        Err(_) => filled[..width].copy_from_slice(values),
                    }
                    line.write(filled);
                }
            }
        }
    };
    let room = &mut bands.spare_capacity_mut()[..size];
    if is_shared {
        room.par_chunks_mut(BANDS * inner).enumerate().for_each(lay_out);
    } else {
        room.chunks_mut(BANDS * inner).enumerate().for_each(lay_out);
    }
    #[expect(unsafe_code, reason = "values that were all written")]
    // SAFETY: every band wrote all of its lines.
    unsafe {
        bands.set_len(size);
    }
    bands
}

impl Problem<'_> {
    /// The output's columns from `first`, `width` of them.
    ///
    /// # Safety
    ///
    /// As [`multiply`], and nothing else writes these columns.
    #[expect(unsafe_code, reason = "writes through a pointer, for a detected machine")]
    unsafe fn piece(&self, first: usize, width: usize) {
        // Stretches of like length.
        let steps = self.inner.div_ceil(self.inner.div_ceil(STEPS));
        STRIPS.with_borrow_mut(|lines| {
            for from in (0..self.inner).step_by(steps) {
                let steps = steps.min(self.inner - from);
                lines.resize((width.div_ceil(LANES) * steps).max(lines.len()), Line::ZERO);
                // SAFETY: the caller's promise.
                unsafe {
                    kernel::strips(&self.rhs, from, steps, first, width, lines);
                    self.stretch(from, steps, first, width, lines);
                }
            }
        });
    }

    /// Adds the terms of a stretch of the inner size to a piece.
    ///
    /// # Safety
    ///
    /// As [`Self::piece`].
    #[expect(unsafe_code, reason = "writes through a pointer, for a detected machine")]
    unsafe fn stretch(
        &self,
        from: usize,
        steps: usize,
        first: usize,
        width: usize,
        lines: &[Line],
    ) {
        let adds = from > 0 || self.write == Write::Add;
        for top in (0..self.rows).step_by(RESIDENT) {
            let bottom = self.rows.min(top + RESIDENT);
            for (place, strip) in lines.chunks_exact(steps).take(width.div_ceil(LANES)).enumerate()
            {
                let left = place * LANES;
                for row in (top..bottom).step_by(ROWS) {
                    let tile = Tile {
                        rows: ROWS.min(bottom - row),
                        columns: LANES.min(width - left),
                        // SAFETY: a place of the output.
                        out: unsafe { self.out.at(row, first + left) },
                        stride: self.out.width(),
                        scale: self.scale,
                        adds,
                    };
                    // SAFETY: the tile lies within the output, in this piece's columns.
                    match &self.bands {
                        Bands::ByRow(values) => {
                            let values = &values[row * self.inner + from..];
                            unsafe { kernel::by_row(values, self.inner, strip, tile) };
                        }
                        Bands::ByStep(bands) => {
                            let band = &bands[row / ROWS * self.inner + from..][..steps];
                            unsafe { kernel::by_step(band, strip, tile) };
                        }
                    }
                }
            }
        }
    }
}
