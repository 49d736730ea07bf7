//! The kernel for AVX2 and AVX-512: as many rows as fit the registers, 16 columns, one step after the other.
//! A stored line becomes `f32` in the register.
//!
//! Written with intrinsics: from plain loops the compiler keeps the sums in memory, which is six times
//! slower.

use std::arch::x86_64::{
    __m128i, __m256, __m512, _mm_load_si128, _mm_srli_si128, _mm256_castsi256_ps,
    _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps, _mm256_cvtepu16_epi32, _mm256_fmadd_ps,
    _mm256_load_ps, _mm256_load_si256, _mm256_set1_ps, _mm256_setzero_ps, _mm256_slli_epi32,
    _mm256_store_ps, _mm512_castsi512_ps, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps,
    _mm512_cvtepu16_epi32, _mm512_fmadd_ps, _mm512_load_ps, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_slli_epi32, _mm512_store_ps,
};

use super::stored::{ByteLine, HalfLine, Line, Stored};

/// Calls `$kernel` for as many rows as `$out` has lines.
macro_rules! by_rows {
    ($kernel:ident, $block:ident, $panel:ident, $out:ident, $($rows:literal)*) => {
        match $out.len() {
            $($rows => $kernel::<S, $rows>($block, $panel, $out),)*
            rows => debug_assert!(false, "a block of {rows} rows"),
        }
    };
}

/// A block of at most twelve rows, as many as `out` has lines.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
pub(super) fn wide<S: Stored>(block: &[f32], panel: &[S], out: &mut [Line]) {
    by_rows!(wide_rows, block, panel, out, 1 2 3 4 5 6 7 8 9 10 11 12);
}

/// A block of at most six rows, as many as `out` has lines.
#[target_feature(enable = "avx2,fma")]
pub(super) fn narrow<S: Stored>(block: &[f32], panel: &[S], out: &mut [Line]) {
    by_rows!(narrow_rows, block, panel, out, 1 2 3 4 5 6);
}

#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
fn wide_rows<S: Stored, const ROWS: usize>(block: &[f32], panel: &[S], out: &mut [Line]) {
    let mut sums = [_mm512_setzero_ps(); ROWS];
    let (steps, _) = block.as_chunks::<ROWS>();
    for (line, values) in panel.iter().zip(steps) {
        #[expect(unsafe_code, reason = "a call into code for a feature that this code has, too")]
        // SAFETY: this function is compiled for AVX-512.
        let line = unsafe { line.whole() };
        for row in 0..ROWS {
            sums[row] = _mm512_fmadd_ps(_mm512_set1_ps(values[row]), line, sums[row]);
        }
    }
    for (line, sums) in out.iter_mut().zip(sums) {
        line.set_whole(sums);
    }
}

#[target_feature(enable = "avx2,fma")]
fn narrow_rows<S: Stored, const ROWS: usize>(block: &[f32], panel: &[S], out: &mut [Line]) {
    let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
    let (steps, _) = block.as_chunks::<ROWS>();
    for (line, values) in panel.iter().zip(steps) {
        #[expect(unsafe_code, reason = "a call into code for a feature that this code has, too")]
        // SAFETY: this function is compiled for AVX2.
        let [low, high] = unsafe { line.halves() };
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

/// A line as the kernels read it: in `f32`.
#[expect(unsafe_code, reason = "methods of a trait that need what a machine may not have")]
pub(super) trait Load {
    /// Its sixteen values.
    ///
    /// # Safety
    ///
    /// The machine has AVX-512.
    unsafe fn whole(&self) -> __m512;

    /// The first eight of its values and the others.
    ///
    /// # Safety
    ///
    /// The machine has AVX2.
    unsafe fn halves(&self) -> [__m256; 2];
}

#[expect(unsafe_code, reason = "intrinsics that read through a pointer")]
impl Load for Line {
    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn whole(&self) -> __m512 {
        // SAFETY: a line is sixteen values, aligned to their size.
        unsafe { _mm512_load_ps(self.0.as_ptr()) }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn halves(&self) -> [__m256; 2] {
        let (low, high) = self.0.split_at(8);
        // SAFETY: each half is eight values, aligned to their size because the line is to twice that.
        unsafe { [_mm256_load_ps(low.as_ptr()), _mm256_load_ps(high.as_ptr())] }
    }
}

#[expect(unsafe_code, reason = "intrinsics that read through a pointer")]
impl Load for HalfLine {
    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn whole(&self) -> __m512 {
        // SAFETY: a line is sixteen halves, aligned to their size.
        let halves = unsafe { _mm256_load_si256(self.0.as_ptr().cast()) };
        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(halves)))
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn halves(&self) -> [__m256; 2] {
        let (low, high) = self.0.split_at(8);
        // SAFETY: each part is eight halves, aligned to their size because the line is to twice that.
        let (low, high) =
            unsafe { (_mm_load_si128(low.as_ptr().cast()), _mm_load_si128(high.as_ptr().cast())) };
        [of_halves(low), of_halves(high)]
    }
}

/// Eight `f32` from their upper halves.
#[target_feature(enable = "avx2")]
#[inline]
fn of_halves(halves: __m128i) -> __m256 {
    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(halves)))
}

#[expect(unsafe_code, reason = "intrinsics that read through a pointer")]
impl Load for ByteLine {
    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn whole(&self) -> __m512 {
        // SAFETY: a line is sixteen bytes, aligned to their number.
        let bytes = unsafe { _mm_load_si128(self.0.as_ptr().cast()) };
        _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn halves(&self) -> [__m256; 2] {
        // SAFETY: a line is sixteen bytes, aligned to their number.
        let bytes = unsafe { _mm_load_si128(self.0.as_ptr().cast()) };
        [of_bytes(bytes), of_bytes(_mm_srli_si128::<8>(bytes))]
    }
}

/// Eight `f32` from the lower eight bytes.
#[target_feature(enable = "avx2")]
#[inline]
fn of_bytes(bytes: __m128i) -> __m256 {
    _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))
}

impl Line {
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
