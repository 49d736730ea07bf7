//! The "k" types: 256 numbers to a block, cut into groups whose own scales are quantised too.

use super::half_at;

/// The 6-bit scale and minimum of group `j` of eight.
///
/// Twelve bytes hold both: the first four scales in the low bits of bytes 0 to 3, the first four
/// minimums in those of bytes 4 to 7; the last four of each have their low four bits in bytes 8 to
/// 11 (scale below, minimum above) and their high two in the high bits of bytes 0 to 7.
fn scale_and_min(packed: &[u8; 12], j: usize) -> (f32, f32) {
    let (scale, min) = if j < 4 {
        (packed[j] & 63, packed[j + 4] & 63)
    } else {
        let low = packed[j + 4];
        ((low & 15) | (packed[j - 4] >> 6 << 4), (low >> 4) | (packed[j] >> 6 << 4))
    };
    (f32::from(scale), f32::from(min))
}

/// d, dmin, 12 bytes of scales and minimums, 128 bytes of nibbles: 32 bytes to two groups of 32.
pub(super) fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let [d0, d1, m0, m1, rest @ ..] = block;
    let (d, dmin) = (half_at(*d0, *d1), half_at(*m0, *m1));
    let (packed, quants) = split::<12, 128, 140>(rest);
    let (pairs, _) = out.as_chunks_mut::<64>();
    for (pair, (bytes, out)) in quants.as_chunks::<32>().0.iter().zip(pairs).enumerate() {
        let (scale, min) = scale_and_min(packed, 2 * pair);
        let (low_scale, low_min) = (d * scale, dmin * min);
        let (scale, min) = scale_and_min(packed, 2 * pair + 1);
        let (high_scale, high_min) = (d * scale, dmin * min);
        let (low, high) = out.split_at_mut(32);
        for ((byte, low), high) in bytes.iter().zip(low).zip(high) {
            *low = low_scale * f32::from(byte & 15) - low_min;
            *high = high_scale * f32::from(byte >> 4) - high_min;
        }
    }
}

/// As `q4_k`, with 32 bytes of fifth bits before the nibbles: bit `j` of byte `i` is that of number
/// `i` of group `j`.
pub(super) fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let [d0, d1, m0, m1, rest @ ..] = block;
    let (d, dmin) = (half_at(*d0, *d1), half_at(*m0, *m1));
    let (packed, rest) = split::<12, 160, 172>(rest);
    let (fifths, quants) = split::<32, 128, 160>(rest);
    let (pairs, _) = out.as_chunks_mut::<64>();
    for (pair, (bytes, out)) in quants.as_chunks::<32>().0.iter().zip(pairs).enumerate() {
        let (scale, min) = scale_and_min(packed, 2 * pair);
        let (low_scale, low_min) = (d * scale, dmin * min);
        let (scale, min) = scale_and_min(packed, 2 * pair + 1);
        let (high_scale, high_min) = (d * scale, dmin * min);
        let (low, high) = out.split_at_mut(32);
        for (((byte, fifth), low), high) in bytes.iter().zip(fifths).zip(low).zip(high) {
            let fifth = fifth >> (2 * pair);
            *low = low_scale * f32::from((byte & 15) | ((fifth & 1) << 4)) - low_min;
            *high = high_scale * f32::from((byte >> 4) | ((fifth >> 1 & 1) << 4)) - high_min;
        }
    }
}

/// 128 bytes of low nibbles, 64 of high bit pairs, 16 signed scales, d.
///
/// Each half of 128 numbers takes 64 bytes of nibbles and 32 of bit pairs: its numbers `32 k + i`
/// have their nibble in byte `32 (k mod 2) + i`, below for `k < 2`, and bits `2 k` of byte `i`.
pub(super) fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let (low_bits, rest) = split::<128, 82, 210>(block);
    let (high_bits, rest) = split::<64, 18, 82>(rest);
    let (scales, d) = split::<16, 2, 18>(rest);
    let d = half_at(d[0], d[1]);
    for (half, out) in out.as_chunks_mut::<128>().0.iter_mut().enumerate() {
        for (k, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            let low = &low_bits[64 * half + 32 * (k % 2)..][..32];
            let high = &high_bits[32 * half..][..32];
            let scale = |group: usize| d * f32::from(scales[8 * half + 2 * k + group] as i8);
            let scales = [scale(0), scale(1)];
            for (i, ((low, high), out)) in low.iter().zip(high).zip(out).enumerate() {
                let q = (low >> (4 * (k / 2)) & 15) | ((high >> (2 * k) & 3) << 4);
                *out = scales[i / 16] * (f32::from(q) - 32.0);
            }
        }
    }
}

/// Cuts an array in two; the lengths are checked when the program is compiled.
fn split<const A: usize, const B: usize, const N: usize>(bytes: &[u8; N]) -> (&[u8; A], &[u8; B]) {
    const { assert!(A + B == N) };
    // Neither can fail, by the assertion above; the compiler drops the other branch.
    let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) else {
        return (&[0; A], &[0; B]);
    };
    (first, last)
}
