//! The straight line nearest to times, and the tenths of a long series of them.

use crate::bench::summary::median;

/// Parts of a long series.
const PARTS: usize = 10;

/// Seconds by tokens: `intercept + slope × tokens`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    /// Seconds that no token takes.
    pub(super) intercept: f64,
    /// Seconds a token.
    pub(super) slope: f64,
}

impl Line {
    /// The line with the least sum of squares of what [`Self::departure`] says of points of tokens and
    /// seconds, taken against the seconds: `Σ ((y − a − b·x) / y)²`. So a short time counts as much as
    /// a long one.
    ///
    /// There is none where all points have the same tokens, or where a time is zero.
    pub(super) fn nearest(points: &[(f64, f64)]) -> Option<Self> {
        let sum = |term: fn(f64, f64) -> f64| -> f64 {
            points.iter().map(|&(x, y)| term(x, y) / (y * y)).sum()
        };
        let (ones, xs, ys) = (sum(|_, _| 1.0), sum(|x, _| x), sum(|_, y| y));
        let (squares, products) = (sum(|x, _| x * x), sum(|x, y| x * y));
        let determinant = ones * squares - xs * xs;
        let slope = (ones * products - xs * ys) / determinant;
        let line = Self { intercept: (ys - slope * xs) / ones, slope };
        (determinant > 1e-9 * ones * squares).then_some(line)
    }

    /// Seconds of so many tokens.
    pub(super) fn at(self, tokens: f64) -> f64 {
        self.intercept + self.slope * tokens
    }

    /// How far a point lies above the line, as a share of the line.
    pub(super) fn departure(self, (tokens, seconds): (f64, f64)) -> f64 {
        seconds / self.at(tokens) - 1.0
    }

    /// The largest share by which a point lies above or below.
    pub(super) fn largest_departure(self, points: &[(f64, f64)]) -> f64 {
        points.iter().map(|point| self.departure(*point).abs()).fold(0.0, f64::max)
    }
}

/// A tenth of a series of steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tenth {
    /// Its first step, counted from 1.
    pub(super) first: usize,
    /// Its last step.
    pub(super) last: usize,
    /// The median over its steps.
    pub(super) seconds: f64,
    /// The largest memory up to its end, where it is known.
    pub(super) peak_mb: Option<f64>,
}

/// The tenths of a series, each as long as the others or one step longer; of fewer than ten steps some
/// are empty and left out.
pub(super) fn tenths(seconds: &[f64], peaks_mb: &[f64]) -> Vec<Tenth> {
    let tenth = |part: usize| {
        let (start, end) = (part * seconds.len() / PARTS, (part + 1) * seconds.len() / PARTS);
        let middle = median(seconds.get(start..end)?.to_vec())?;
        let peak_mb = peaks_mb.get(end - 1).copied();
        Some(Tenth { first: start + 1, last: end, seconds: middle, peak_mb })
    };
    (0..PARTS).filter_map(tenth).collect()
}
