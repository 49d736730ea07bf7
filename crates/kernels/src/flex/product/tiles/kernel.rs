//! A tile's sums in registers, and the layout that it reads.
//!
//! Written with intrinsics: from plain loops the compiler keeps the sums in memory.

use std::arch::x86_64::{
    __m256, _MM_HINT_T0, _mm_load_ss, _mm_prefetch, _mm256_add_ps, _mm256_broadcastss_ps,
    _mm256_fmadd_ps, _mm256_load_ps, _mm256_loadu_ps, _mm256_mul_ps, _mm256_permute2f128_ps,
    _mm256_set1_ps, _mm256_setzero_ps, _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_unpackhi_ps,
    _mm256_unpacklo_ps,
};

use super::super::Matrix;

/// Columns of a strip: two registers.
pub(super) const LANES: usize = 16;
/// Rows of a band: with two sums each, and a strip's line, all that the registers hold.
pub(super) const ROWS: usize = 6;
/// Values of a register.
const HALF: usize = 8;

/// A strip's columns at one step.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Line([f32; LANES]);

impl Line {
    pub(super) const ZERO: Self = Self([0.0; LANES]);
}

/// Where a tile's sums go.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// At most [`ROWS`].
    pub(super) rows: usize,
    /// At most [`LANES`].
    pub(super) columns: usize,
    /// The first.
    pub(super) out: *mut f32,
    /// From one row to the next.
    pub(super) stride: usize,
    /// What the sums are multiplied by.
    pub(super) scale: f32,
    /// Whether they are added to what is there.
    pub(super) adds: bool,
}

/// Steps of a tile's loop that are written one after the other.
const UNROLLED: usize = 4;

/// A band that lies row by row, `stride` values each, against a strip.
///
/// # Safety
///
/// The tile's places may be written; the machine has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
#[expect(unsafe_code, reason = "writes through a pointer")]
pub(super) unsafe fn by_row(values: &[f32], stride: usize, strip: &[Line], tile: Tile) {
    assert!(values.len() >= (tile.rows - 1) * stride + strip.len());
    let values = values.as_ptr();
    // SAFETY: the band's values are there (asserted above); the tile is the caller's promise.
    unsafe {
        match tile.rows {
            1 => sums::<1, 1>(values, stride, strip, tile),
            2 => sums::<2, 1>(values, stride, strip, tile),
            3 => sums::<3, 1>(values, stride, strip, tile),
            4 => sums::<4, 1>(values, stride, strip, tile),
            5 => sums::<5, 1>(values, stride, strip, tile),
            _ => sums::<ROWS, 1>(values, stride, strip, tile),
        }
    }
}

/// A band that lies step by step, its last rows zeros where the tile has fewer, against a strip.
///
/// # Safety
///
/// As [`by_row`].
#[target_feature(enable = "avx2,fma")]
#[expect(unsafe_code, reason = "writes through a pointer")]
pub(super) unsafe fn by_step(band: &[[f32; ROWS]], strip: &[Line], tile: Tile) {
    assert!(band.len() >= strip.len());
    // SAFETY: as above.
    unsafe { sums::<ROWS, ROWS>(band.as_ptr().cast(), 1, strip, tile) };
}

/// Adds the terms of one step. A macro, because a function that must not be left as a call cannot be compiled
/// for a machine's features.
macro_rules! add_step {
    ($sums:ident, $values:expr, $stride:expr, $line:expr) => {{
        let (values, line): (*const f32, &Line) = ($values, $line);
        // SAFETY: a line is twice eight values, aligned to more than their size; each row has a value at
        // this step, by the caller's promise.
        unsafe {
            let low = _mm256_load_ps(line.0.as_ptr());
            let high = _mm256_load_ps(line.0.as_ptr().wrapping_add(HALF));
            for (row, sums) in $sums.iter_mut().enumerate() {
                // Through a pointer to the end: a reference would be checked at every step where
                // assertions are compiled in.
                let value = _mm_load_ss(values.wrapping_add(row * $stride));
                let value = _mm256_broadcastss_ps(value);
                sums[0] = _mm256_fmadd_ps(value, low, sums[0]);
                sums[1] = _mm256_fmadd_ps(value, high, sums[1]);
            }
        }
    }};
}

/// The sums of `R` rows, of which the tile's are written. A row's values are `STEP` apart, the rows `stride`,
/// or side by side where the values of a row are not.
///
/// # Safety
///
/// `values` has `R` rows and as many steps as the strip; the tile's places may be written.
#[target_feature(enable = "avx2,fma")]
#[inline]
#[expect(unsafe_code, reason = "reads and writes through pointers")]
unsafe fn sums<const R: usize, const STEP: usize>(
    mut values: *const f32,
    stride: usize,
    strip: &[Line],
    tile: Tile,
) {
    for row in 0..R {
        let out = tile.out.wrapping_add(row * tile.stride);
        _mm_prefetch::<_MM_HINT_T0>(out.cast());
        _mm_prefetch::<_MM_HINT_T0>(out.wrapping_add(LANES - 1).cast());
    }
    let stride = if STEP == 1 { stride } else { 1 };
    let mut sums = [[_mm256_setzero_ps(); 2]; R];
    let (blocks, rest) = strip.as_chunks::<UNROLLED>();
    for block in blocks {
        add_step!(sums, values, stride, &block[0]);
        add_step!(sums, values.wrapping_add(STEP), stride, &block[1]);
        add_step!(sums, values.wrapping_add(2 * STEP), stride, &block[2]);
        add_step!(sums, values.wrapping_add(3 * STEP), stride, &block[3]);
        values = values.wrapping_add(UNROLLED * STEP);
    }
    for line in rest {
        add_step!(sums, values, stride, line);
        values = values.wrapping_add(STEP);
    }
    let scale = _mm256_set1_ps(tile.scale);
    for (row, sums) in sums.into_iter().enumerate().take(tile.rows) {
        let sums = [_mm256_mul_ps(sums[0], scale), _mm256_mul_ps(sums[1], scale)];
        // SAFETY: the caller's promise: so many rows and columns may be written.
        unsafe {
            let out = tile.out.add(row * tile.stride);
            if tile.columns == LANES {
                write(sums, out, tile.adds);
            } else {
                let mut line = Line::ZERO;
                if tile.adds {
                    std::ptr::copy_nonoverlapping(out, line.0.as_mut_ptr(), tile.columns);
                }
                write(sums, line.0.as_mut_ptr(), tile.adds);
                std::ptr::copy_nonoverlapping(line.0.as_ptr(), out, tile.columns);
            }
        }
    }
}

/// Writes, or adds, sixteen values to where `out` points.
#[target_feature(enable = "avx2,fma")]
#[inline]
#[expect(unsafe_code, reason = "intrinsics that read and write through a pointer")]
unsafe fn write([low, high]: [__m256; 2], out: *mut f32, adds: bool) {
    // SAFETY: the caller's promise.
    unsafe {
        let second = out.add(HALF);
        let (low, high) = if adds {
            (_mm256_add_ps(low, _mm256_loadu_ps(out)), _mm256_add_ps(high, _mm256_loadu_ps(second)))
        } else {
            (low, high)
        };
        _mm256_storeu_ps(out, low);
        _mm256_storeu_ps(second, high);
    }
}

/// Lays `steps` rows from `from` of `width` columns from `first` out in strips, one below the other; what the
/// last strip lacks is 0.
///
/// # Safety
///
/// The machine has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
#[expect(unsafe_code, reason = "code for a detected machine")]
pub(super) unsafe fn strips(
    rhs: &Matrix<'_>,
    from: usize,
    steps: usize,
    first: usize,
    width: usize,
    lines: &mut [Line],
) {
    let (whole, rest) = (width / LANES, width % LANES);
    if rhs.column_stride == 1 {
        for step in 0..steps {
            let row = &rhs.values[(from + step) * rhs.row_stride + first..][..width];
            let (whole, rest) = row.as_chunks::<LANES>();
            let mut lines = lines.iter_mut().skip(step).step_by(steps);
            for (values, line) in whole.iter().zip(&mut lines) {
                line.0 = *values;
            }
            if let (Some(line), false) = (lines.next(), rest.is_empty()) {
                *line = Line::ZERO;
                line.0[..rest.len()].copy_from_slice(rest);
            }
        }
        return;
    }
    let column = |column: usize| &rhs.values[column * rhs.column_stride + from..][..steps];
    for (place, strip) in lines.chunks_exact_mut(steps).take(whole).enumerate() {
        for half in 0..LANES / HALF {
            let left = first + place * LANES + half * HALF;
            let columns: [&[f32]; HALF] = std::array::from_fn(|lane| column(left + lane));
            turned(&columns, half * HALF, strip);
        }
    }
    if rest > 0 {
        let strip = &mut lines[whole * steps..][..steps];
        strip.fill(Line::ZERO);
        for lane in 0..rest {
            for (line, value) in strip.iter_mut().zip(column(first + whole * LANES + lane)) {
                line.0[lane] = *value;
            }
        }
    }
}

/// Eight columns into the lanes of a strip from `lane`.
#[target_feature(enable = "avx2,fma")]
#[inline]
#[expect(unsafe_code, reason = "intrinsics that read and write through a pointer")]
fn turned(columns: &[&[f32]; HALF], lane: usize, strip: &mut [Line]) {
    let (blocks, rest) = strip.as_chunks_mut::<HALF>();
    let whole = blocks.len() * HALF;
    for (place, block) in blocks.iter_mut().enumerate() {
        let loaded: [__m256; HALF] = std::array::from_fn(|column| {
            let values = &columns[column][place * HALF..][..HALF];
            // SAFETY: eight values.
            unsafe { _mm256_loadu_ps(values.as_ptr()) }
        });
        for (line, values) in block.iter_mut().zip(transposed(loaded)) {
            let out = &mut line.0[lane..][..HALF];
            // SAFETY: room for eight values.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr(), values) };
        }
    }
    for (step, line) in rest.iter_mut().enumerate() {
        for (value, column) in line.0[lane..].iter_mut().zip(columns) {
            *value = column[whole + step];
        }
    }
}

/// Eight rows of eight values, rows and columns exchanged.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn transposed(rows: [__m256; HALF]) -> [__m256; HALF] {
    let pairs = |a: usize| {
        let (first, second) = (rows[a], rows[a + 1]);
        [_mm256_unpacklo_ps(first, second), _mm256_unpackhi_ps(first, second)]
    };
    let fours = |a: usize| {
        let [low, high] = pairs(a);
        let [next_low, next_high] = pairs(a + 2);
        [
            _mm256_shuffle_ps::<0x44>(low, next_low),
            _mm256_shuffle_ps::<0xEE>(low, next_low),
            _mm256_shuffle_ps::<0x44>(high, next_high),
            _mm256_shuffle_ps::<0xEE>(high, next_high),
        ]
    };
    let (upper, lower) = (fours(0), fours(4));
    std::array::from_fn(|row| {
        let (upper, lower) = (upper[row % 4], lower[row % 4]);
        if row < 4 {
            _mm256_permute2f128_ps::<0x20>(upper, lower)
        } else {
            _mm256_permute2f128_ps::<0x31>(upper, lower)
        }
    })
}
