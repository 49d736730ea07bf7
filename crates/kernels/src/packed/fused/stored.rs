//! How a line of a panel is stored: sixteen values of 32, 16 or 8 bits.

use std::fmt::Debug;

#[cfg(target_arch = "x86_64")]
use super::x86::Load;

/// Columns of a panel: one register of AVX-512, two of AVX2.
pub(super) const LANES: usize = 16;

/// The columns of one panel at one step, on one line of the cache.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Line(pub(super) [f32; LANES]);

/// The upper halves of sixteen `f32`: bfloat16.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
pub(super) struct HalfLine(pub(super) [u16; LANES]);

/// Sixteen multiples of the steps of their columns.
#[derive(Debug, Clone, Copy)]
#[repr(align(16))]
pub(super) struct ByteLine(pub(super) [i8; LANES]);

pub(super) const ZERO: Line = Line([0.0; LANES]);
const ONE: Line = Line([1.0; LANES]);

/// Other machines read lines by [`Stored::expand`] alone.
#[cfg(not(target_arch = "x86_64"))]
pub(super) trait Load {}

#[cfg(not(target_arch = "x86_64"))]
impl<T> Load for T {}

/// What the lines of a panel can be.
pub(super) trait Stored: Load + Copy + Debug + Send + Sync + 'static {
    /// A line of zeros.
    const ZERO: Self;

    /// Rounds the lines of a panel into `stored`. Returns what the sum of each column is multiplied by.
    fn store(panel: &[Line], stored: &mut [Self]) -> Line;

    /// The values of the line, before that factor.
    fn expand(&self) -> Line;
}

impl Stored for Line {
    const ZERO: Self = ZERO;

    fn store(panel: &[Line], stored: &mut [Self]) -> Line {
        stored.copy_from_slice(panel);
        ONE
    }

    fn expand(&self) -> Line {
        *self
    }
}

impl Stored for HalfLine {
    const ZERO: Self = Self([0; LANES]);

    fn store(panel: &[Line], stored: &mut [Self]) -> Line {
        for (line, stored) in panel.iter().zip(stored) {
            stored.0 = line.0.map(upper_half);
        }
        ONE
    }

    fn expand(&self) -> Line {
        Line(self.0.map(|half| f32::from_bits(u32::from(half) << 16)))
    }
}

/// The nearest bfloat16, ties to even.
fn upper_half(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7FFF + ((bits >> 16) & 1)) >> 16;
    // Rounding could carry a NaN's bits over its end.
    let quiet = (bits >> 16) | 0x40;
    (if value.is_nan() { quiet } else { rounded }) as u16
}

/// Steps from 0 to the largest value of a column.
const STEPS: f32 = 127.0;

/// Adding it leaves the nearest whole number, ties to even, in the low bits of the sum.
const ROUND: f32 = 12_582_912.0;

impl Stored for ByteLine {
    const ZERO: Self = Self([0; LANES]);

    fn store(panel: &[Line], stored: &mut [Self]) -> Line {
        let step = steps(panel);
        for (line, stored) in panel.iter().zip(stored) {
            let multiples = stored.0.iter_mut().zip(line.0.iter().zip(&step.0));
            for (multiple, (value, step)) in multiples {
                // Neither a column of zeros nor one without a step divides.
                let exact = if *step > 0.0 { value / step } else { 0.0 };
                *multiple = (exact.clamp(-STEPS, STEPS) + ROUND).to_bits() as i8;
            }
        }
        step
    }

    fn expand(&self) -> Line {
        Line(self.0.map(f32::from))
    }
}

/// The step of each column; NaN where a value is not finite.
fn steps(panel: &[Line]) -> Line {
    let (mut largest, mut nought) = (ZERO, ZERO);
    for line in panel {
        for (lane, value) in line.0.iter().enumerate() {
            largest.0[lane] = largest.0[lane].max(value.abs());
            // NaN for a value that is not finite.
            nought.0[lane] += value * 0.0;
        }
    }
    for (largest, nought) in largest.0.iter_mut().zip(&nought.0) {
        *largest = *largest / STEPS + nought;
    }
    largest
}
