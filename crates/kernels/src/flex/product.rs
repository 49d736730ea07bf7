//! Matrix products on slices: tiles of our own where AVX2 is the best a machine has, the `gemm` crate elsewhere.

#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod tiles;

use gemm::Parallelism;

/// A matrix over a slice, with any strides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// `rows · columns` values, row-major.
    pub(crate) fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// Rows and columns exchanged, without a copy.
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// One past the last index the strides reach.
    fn reach(&self) -> usize {
        if self.rows == 0 || self.columns == 0 {
            return 0;
        }
        (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride + 1
    }
}

/// Who shares the work of one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// The calling thread: for products inside a parallel loop.
    One,
    /// All of them.
    All,
}

/// What becomes of the values already in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    /// They are overwritten.
    Over,
    /// The product is added to them.
    Add,
}

/// Multiplications below which one thread is faster than several.
const WORTH_SHARING: usize = 128 * 128 * 128;

/// `out = scale · lhs · rhs`, or `out += …`; `out` is row-major.
///
/// # Panics
///
/// When the sizes do not fit together: a mistake in this crate.
pub(crate) fn product(
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    scale: f32,
    out: &mut [f32],
    write: Write,
    threads: Threads,
) {
    assert_eq!(out.len(), lhs.rows * rhs.columns, "size of a product");
    #[expect(unsafe_code, reason = "writes through a pointer")]
    // SAFETY: `out` has as many values as the product, and is borrowed mutably.
    unsafe {
        multiply(lhs, rhs, scale, out.as_mut_ptr(), write, threads);
    }
}

/// `scale · lhs · rhs` in a buffer of its own, row-major, which is not filled with zeros before.
///
/// # Panics
///
/// As [`product`].
pub(crate) fn new_product(
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    scale: f32,
    threads: Threads,
) -> Vec<f32> {
    let size = lhs.rows * rhs.columns;
    let mut out = Vec::with_capacity(size);
    #[expect(unsafe_code, reason = "values that are there once the product is")]
    // SAFETY: there is room for the product, all of which `multiply` writes before its length says so.
    unsafe {
        multiply(lhs, rhs, scale, out.as_mut_ptr(), Write::Over, threads);
        out.set_len(size);
    }
    out
}

/// The product to where `out` points, row-major. With [`Write::Over`] every value is written and none
/// is read.
///
/// # Safety
///
/// `out` points to room for `lhs.rows · rhs.columns` values that nothing else uses; with
/// [`Write::Add`], to as many values.
#[expect(unsafe_code, reason = "the interface of the matrix product")]
unsafe fn multiply(
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    scale: f32,
    out: *mut f32,
    write: Write,
    threads: Threads,
) {
    let (m, n, k) = (lhs.rows, rhs.columns, lhs.columns);
    assert_eq!(k, rhs.rows, "inner sizes of a product");
    assert!(lhs.reach() <= lhs.values.len() && rhs.reach() <= rhs.values.len());
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        if write == Write::Over {
            // SAFETY: there is room for so many values, and zeros are values.
            unsafe { out.write_bytes(0, m * n) };
        }
        return;
    }
    let is_shared = threads == Threads::All && m * n * k > WORTH_SHARING;
    #[cfg(target_arch = "x86_64")]
    if tiles::are_worth_it(&lhs, &rhs) && tiles::fit_this_machine() {
        // SAFETY: the machine fits; `out` is the caller's promise.
        unsafe { tiles::multiply(lhs, rhs, scale, out, write, is_shared) };
        return;
    }
    let parallelism = if is_shared { Parallelism::Rayon(0) } else { Parallelism::None };
    // SAFETY: every index that sizes and strides reach lies inside its slice (asserted above), and
    // `out` is the caller's promise.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out,
            1,
            n as isize,
            write == Write::Add,
            lhs.values.as_ptr(),
            lhs.column_stride as isize,
            lhs.row_stride as isize,
            rhs.values.as_ptr(),
            rhs.column_stride as isize,
            rhs.row_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}
