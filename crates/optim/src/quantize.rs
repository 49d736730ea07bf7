//! Block-wise dynamic quantisation to 8 bits (Dettmers et al. 2022,
//! <https://arxiv.org/abs/2110.02861>).
//!
//! Each block of [`BLOCK`] values is divided by its largest magnitude, and every quotient becomes
//! the number of the nearest of 256 values. Those are spread over seven decades, with more of them
//! in the higher decades: small values keep their order of magnitude, large ones two digits.

use std::sync::LazyLock;

/// Values that share one scale: 1 byte a value and 4 a block are 1.016 bytes a value.
pub(crate) const BLOCK: usize = 256;

/// Values whose quotients lie in [-1, 1]: first moments.
pub(crate) static SIGNED: LazyLock<DynamicMap> = LazyLock::new(|| DynamicMap::new(true));

/// Values whose quotients lie in [0, 1]: second moments.
pub(crate) static UNSIGNED: LazyLock<DynamicMap> = LazyLock::new(|| DynamicMap::new(false));

/// The 256 values of a map, in ascending order, with what finds the nearest quickly.
#[derive(Debug)]
pub(crate) struct DynamicMap {
    values: [f32; 256],
    /// Halfway between neighbours: above `midpoints[i]`, code `i + 1` is nearer than `i`.
    midpoints: Vec<f32>,
    /// For the upper 16 bits of an f32, the code of the least number that begins with them.
    first: Vec<u8>,
    /// Code of the least positive value.
    least_positive: u8,
    signed: bool,
}

impl DynamicMap {
    fn new(signed: bool) -> Self {
        let mut values = [0.0; 256];
        values.copy_from_slice(&table(signed));
        let midpoints: Vec<f32> =
            values.windows(2).map(|pair| pair.iter().sum::<f32>() / 2.0).collect();
        let code = |x: f32| midpoints.partition_point(|midpoint| *midpoint < x) as u8;
        // Of the numbers that share their upper bits, the least has zeros below, a negative one ones.
        let least =
            |upper: u32| f32::from_bits(upper << 16 | if upper >> 15 == 1 { 0xFFFF } else { 0 });
        let first = (0..=0xFFFF).map(|upper| code(least(upper))).collect();
        let least_positive = values.partition_point(|value| *value <= 0.0) as u8;
        Self { midpoints, first, least_positive, values, signed }
    }

    /// The code of the value nearest to `x`; of two equally near, the lower.
    fn nearest(&self, x: f32) -> u8 {
        let mut code = self.first.get((x.to_bits() >> 16) as usize).copied().unwrap_or(0);
        while self.midpoints.get(usize::from(code)).is_some_and(|midpoint| *midpoint < x) {
            code += 1;
        }
        code
    }

    /// The code of zero.
    pub(crate) fn zero(&self) -> u8 {
        self.least_positive - 1
    }

    /// Codes of one block of finite values; returns its scale.
    ///
    /// An unsigned map never takes a positive value for zero: a second moment of zero beside a
    /// first moment that is not would make a step of `1 / eps`.
    ///
    /// # Panics
    ///
    /// When there are more than [`BLOCK`] of them.
    pub(crate) fn encode(&self, block: &[f32], codes: &mut [u8]) -> f32 {
        let scale = largest(block);
        let inverse = if scale > 0.0 { 1.0 / f64::from(scale) } else { 0.0 };
        // All quotients before all codes: a compiler can make many of the former at once.
        let mut quotients = [0.0; BLOCK];
        let quotients = &mut quotients[..block.len()];
        for (quotient, x) in quotients.iter_mut().zip(block) {
            *quotient = (f64::from(*x) * inverse) as f32;
        }
        for (code, quotient) in codes.iter_mut().zip(&*quotients) {
            *code = self.nearest(*quotient);
        }
        if !self.signed {
            for (code, x) in codes.iter_mut().zip(block) {
                let least = if *x > 0.0 { self.least_positive } else { 0 };
                *code = (*code).max(least);
            }
        }
        scale
    }

    /// The values of one block.
    pub(crate) fn decode(&self, codes: &[u8], scale: f32, block: &mut [f32]) {
        for (x, code) in block.iter_mut().zip(codes) {
            *x = self.values[usize::from(*code)] * scale;
        }
    }
}

/// The largest magnitude.
fn largest(block: &[f32]) -> f32 {
    // Several at once, which change nothing: the largest is the same in any order.
    let mut lanes = [0.0_f32; 16];
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let (whole, rest) = block.as_chunks::<16>();
    for chunk in whole {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, x.abs());
        }
    }
    rest.iter().map(|x| x.abs()).chain(lanes).fold(0.0, larger)
}

/// Zero, one, and for each of the decades from 1e-7 to 1 the middles of equal parts of it, twice as
/// many as in the decade below: from 1 to 64, with a negative for each where signed; from 2 to 128
/// where not.
fn table(signed: bool) -> Vec<f32> {
    let mut values = vec![0.0, 1.0];
    for exponent in 0..7 {
        let parts = (if signed { 1 } else { 2 }) << exponent;
        for part in 0..parts {
            let middle = 0.1 + 0.9 * (f64::from(part) + 0.5) / f64::from(parts);
            let value = (middle * 10.0_f64.powi(exponent - 6)) as f32;
            values.push(value);
            if signed {
                values.push(-value);
            }
        }
    }
    values.sort_by(f32::total_cmp);
    values
}

#[cfg(test)]
mod tests;
