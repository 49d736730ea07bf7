//! Numbers to places along an axis, and the round numbers that label it.

/// A span of numbers, its places and its labels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    /// The number at the axis' start.
    pub(super) low: f64,
    /// The number at its end; above `low`.
    pub(super) high: f64,
    /// Where labels stand, ascending, within the axis.
    pub(super) ticks: Vec<f64>,
    /// Whether equal distances are equal ratios.
    pub(super) is_log: bool,
}

/// Beyond this, differences overflow.
const LARGEST: f64 = 1e300;

/// Below this, round numbers lose their digits.
const SMALLEST: f64 = 1e-290;

impl Axis {
    /// An axis from a round number at or below `min` to one at or above `max`, with about `count`
    /// labels. Zero is taken in where it is near.
    pub(super) fn linear(min: f64, max: f64, count: usize) -> Self {
        let (mut min, mut max) = (min.clamp(-LARGEST, LARGEST), max.clamp(-LARGEST, LARGEST));
        if 0.0 < min && min < 0.5 * max {
            min = 0.0;
        } else if max < 0.0 && max > 0.5 * min {
            max = 0.0;
        }
        let size = min.abs().max(max.abs());
        if max - min <= (size * 1e-9).max(SMALLEST) {
            let margin = if size > SMALLEST { size * 0.1 } else { 1.0 };
            (min, max) = (min - margin, max + margin);
        }
        let step = round_step((max - min) / count.max(1) as f64);
        let (first, last) = ((min / step + 1e-6).floor(), (max / step - 1e-6).ceil());
        let ticks: Vec<f64> =
            (0..=(last - first) as usize).map(|index| (first + index as f64) * step).collect();
        Self { low: first * step, high: last * step, ticks, is_log: false }
    }

    /// An axis of whole decades around positive numbers, with at most about six labels.
    pub(super) fn logarithmic(min: f64, max: f64) -> Self {
        let (first, last) = (min.log10().floor(), max.log10().ceil());
        let decades = (last - first).max(1.0);
        let stride = (decades / 6.0).ceil();
        let ticks =
            (0..=(decades / stride) as usize).map(|i| 10f64.powf(first + i as f64 * stride));
        let ticks = ticks.collect();
        Self { low: 10f64.powf(first), high: 10f64.powf(first + decades), ticks, is_log: true }
    }

    /// The axis of a run's steps: no margins, labels at whole round numbers.
    pub(super) fn steps(first: u64, last: u64) -> Self {
        let (low, high) = (first as f64, last.max(first.saturating_add(1)) as f64);
        let step = round_step((high - low) / 5.0).max(1.0);
        let from = (low / step).ceil();
        let ticks = (0..=16).map(|index| (from + f64::from(index)) * step);
        Self { low, high, ticks: ticks.filter(|tick| *tick <= high).collect(), is_log: false }
    }

    /// Where `value` stands: 0 at the start, 1 at the end; never outside.
    pub(super) fn place(&self, value: f64) -> f64 {
        let share = if self.is_log {
            (value.max(f64::MIN_POSITIVE) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value.clamp(-LARGEST, LARGEST) - self.low) / (self.high - self.low)
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// The least of 1, 2, 5 times a power of ten that is not below `raw`.
fn round_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    let lead = raw / power;
    let round = [1.0, 2.0, 5.0].into_iter().find(|round| lead <= *round * 1.000_001);
    power * round.unwrap_or(10.0)
}

#[cfg(test)]
mod tests;
