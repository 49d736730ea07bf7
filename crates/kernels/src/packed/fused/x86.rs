//! The kernel for AVX2 and AVX-512: as many rows as fit the registers, 16 columns, one step after the other.
//!
//! Written with intrinsics: from plain loops the compiler keeps the sums in memory, which is six times
//! slower.

use std::arch::x86_64::{
    __m256, __m512, _mm256_fmadd_ps, _mm256_load_ps, _mm256_set1_ps, _mm256_setzero_ps,
    _mm256_store_ps, _mm512_fmadd_ps, _mm512_load_ps, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_store_ps,
};

use super::Line;

/// Calls `$kernel` for as many rows as `$out` has lines.
macro_rules! by_rows {
    ($kernel:ident, $block:ident, $panel:ident, $out:ident, $($rows:literal)*) => {
        match $out.len() {
            $($rows => $kernel::<$rows>($block, $panel, $out),)*
            rows => debug_assert!(false, "a block of {rows} rows"),
        }
    };
}

/// A block of at most twelve rows, as many as `out` has lines.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
pub(super) fn wide(block: &[f32], panel: &[Line], out: &mut [Line]) {
    by_rows!(wide_rows, block, panel, out, 1 2 3 4 5 6 7 8 9 10 11 12);
}

/// A block of at most six rows, as many as `out` has lines.
#[target_feature(enable = "avx2,fma")]
pub(super) fn narrow(block: &[f32], panel: &[Line], out: &mut [Line]) {
    by_rows!(narrow_rows, block, panel, out, 1 2 3 4 5 6);
}

#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
fn wide_rows<const ROWS: usize>(block: &[f32], panel: &[Line], out: &mut [Line]) {
    let mut sums = [_mm512_setzero_ps(); ROWS];
    let (steps, _) = block.as_chunks::<ROWS>();
    for (line, values) in panel.iter().zip(steps) {
        let line = line.whole();
        for row in 0..ROWS {
            sums[row] = _mm512_fmadd_ps(_mm512_set1_ps(values[row]), line, sums[row]);
        }
    }
    for (line, sums) in out.iter_mut().zip(sums) {
        line.set_whole(sums);
    }
}

#[target_feature(enable = "avx2,fma")]
fn narrow_rows<const ROWS: usize>(block: &[f32], panel: &[Line], out: &mut [Line]) {
    let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
    let (steps, _) = block.as_chunks::<ROWS>();
    for (line, values) in panel.iter().zip(steps) {
        let [low, high] = line.halves();
        for row in 0..ROWS {
            let value = _mm256_set1_ps(values[row]);
            sums[row][0] = _mm256_fmadd_ps(value, low, sums[row][0]);
            sums[row][1] = _mm256_fmadd_ps(value, high, sums[row][1]);
        }
    }
    for (line, sums) in out.iter_mut().zip(sums) {
        line.set_halves(sums);
    }
}

impl Line {
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn whole(&self) -> __m512 {
        #[expect(unsafe_code, reason = "an intrinsic that reads through a pointer")]
        // SAFETY: a line is sixteen values, aligned to their size.
        unsafe {
            _mm512_load_ps(self.0.as_ptr())
        }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn set_whole(&mut self, values: __m512) {
        #[expect(unsafe_code, reason = "an intrinsic that writes through a pointer")]
        // SAFETY: a line is sixteen values, aligned to their size.
        unsafe {
            _mm512_store_ps(self.0.as_mut_ptr(), values);
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn halves(&self) -> [__m256; 2] {
        let (low, high) = self.0.split_at(8);
        #[expect(unsafe_code, reason = "intrinsics that read through a pointer")]
        // SAFETY: each half is eight values, aligned to their size because the line is to twice that.
        unsafe {
            [_mm256_load_ps(low.as_ptr()), _mm256_load_ps(high.as_ptr())]
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn set_halves(&mut self, [first, second]: [__m256; 2]) {
        let (low, high) = self.0.split_at_mut(8);
        #[expect(unsafe_code, reason = "intrinsics that write through a pointer")]
        // SAFETY: each half is eight values, aligned to their size because the line is to twice that.
        unsafe {
            _mm256_store_ps(low.as_mut_ptr(), first);
            _mm256_store_ps(high.as_mut_ptr(), second);
        }
    }
}
