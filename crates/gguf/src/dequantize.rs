//! From stored blocks to `f32`, bit for bit as the reference implementation computes it.
//!
//! The order of the operations is part of the format: `(d * scale) * q` and `d * (scale * q)` round
//! differently. All arithmetic is in `f32`, without fused operations.

mod k_quants;

use half::{bf16, f16};
use rayon::prelude::*;

use crate::dtype::GgmlType;

/// Blocks a thread takes at least; below this, splitting costs more than it saves.
const MIN_BLOCKS_PER_THREAD: usize = 1 << 12;

/// Returns the numbers stored in `data`, or None for a type that cannot be dequantised.
///
/// Bytes after the last whole block are ignored.
#[must_use]
pub fn dequantize(dtype: GgmlType, data: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        GgmlType::F32 => blocks(data, |bytes, [out]| *out = f32::from_le_bytes(*bytes)),
        GgmlType::F16 => blocks(data, |bytes, [out]| *out = f16::from_le_bytes(*bytes).to_f32()),
        GgmlType::BF16 => blocks(data, |bytes, [out]| *out = bf16::from_le_bytes(*bytes).to_f32()),
        GgmlType::Q4_0 => blocks(data, q4_0),
        GgmlType::Q4_1 => blocks(data, q4_1),
        GgmlType::Q5_0 => blocks(data, q5_0),
        GgmlType::Q5_1 => blocks(data, q5_1),
        GgmlType::Q8_0 => blocks(data, q8_0),
        GgmlType::Q4K => blocks(data, k_quants::q4_k),
        GgmlType::Q5K => blocks(data, k_quants::q5_k),
        GgmlType::Q6K => blocks(data, k_quants::q6_k),
        GgmlType::Other(_) => return None,
    })
}

/// Applies `block` to each block of `BYTES` bytes, which holds `LEN` numbers.
fn blocks<const BYTES: usize, const LEN: usize>(
    data: &[u8],
    block: impl Fn(&[u8; BYTES], &mut [f32; LEN]) + Sync,
) -> Vec<f32> {
    let (sources, _) = data.as_chunks::<BYTES>();
    let mut numbers = vec![0.0; sources.len() * LEN];
    let (targets, _) = numbers.as_chunks_mut::<LEN>();
    sources
        .par_iter()
        .zip(targets)
        .with_min_len(MIN_BLOCKS_PER_THREAD)
        .for_each(|(source, target)| block(source, target));
    numbers
}

/// The f16 in two bytes.
fn half_at(low: u8, high: u8) -> f32 {
    f16::from_le_bytes([low, high]).to_f32()
}

fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let [d0, d1, quants @ ..] = block;
    let d = half_at(*d0, *d1);
    let (low, high) = out.split_at_mut(16);
    for ((byte, low), high) in quants.iter().zip(low).zip(high) {
        *low = d * (f32::from(byte & 15) - 8.0);
        *high = d * (f32::from(byte >> 4) - 8.0);
    }
}

fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let [d0, d1, m0, m1, quants @ ..] = block;
    let (d, m) = (half_at(*d0, *d1), half_at(*m0, *m1));
    let (low, high) = out.split_at_mut(16);
    for ((byte, low), high) in quants.iter().zip(low).zip(high) {
        *low = d * f32::from(byte & 15) + m;
        *high = d * f32::from(byte >> 4) + m;
    }
}

/// The 32 five-bit numbers of a block: four low bits two to a byte, the fifth bits in `high_bits`.
fn five_bits(high_bits: [u8; 4], quants: &[u8], mut each: impl FnMut(usize, u8)) {
    let high_bits = u32::from_le_bytes(high_bits);
    let fifth = |i: usize| (((high_bits >> i) & 1) as u8) << 4;
    for (i, byte) in quants.iter().enumerate() {
        each(i, (byte & 15) | fifth(i));
        each(i + 16, (byte >> 4) | fifth(i + 16));
    }
}

fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let [d0, d1, h0, h1, h2, h3, quants @ ..] = block;
    let d = half_at(*d0, *d1);
    five_bits([*h0, *h1, *h2, *h3], quants, |i, q| out[i] = d * (f32::from(q) - 16.0));
}

fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let [d0, d1, m0, m1, h0, h1, h2, h3, quants @ ..] = block;
    let (d, m) = (half_at(*d0, *d1), half_at(*m0, *m1));
    five_bits([*h0, *h1, *h2, *h3], quants, |i, q| out[i] = d * f32::from(q) + m);
}

fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let [d0, d1, quants @ ..] = block;
    let d = half_at(*d0, *d1);
    for (byte, out) in quants.iter().zip(out) {
        *out = f32::from(*byte as i8) * d;
    }
}

#[cfg(test)]
mod tests;
