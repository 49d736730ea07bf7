//! Numbers of a rollout to a common scale.

/// What whitening does with the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whitening {
    /// Zero mean, unit variance: for advantages.
    ZeroMean,
    /// Unit variance, mean kept: for rewards, whose sign carries meaning.
    KeepMean,
}

/// By what a sum of squares is divided to make a variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variance {
    /// By the count: the variance of these numbers.
    Population,
    /// By the count less one (Bessel): the estimate of the variance they were drawn with.
    Sample,
}

/// Whitens the numbers of all rows together: `(x − mean) / √(variance + 1e-8)`, plus the mean where
/// it is kept.
///
/// Fewer than two numbers are left as they are: they have no spread, and a single advantage would
/// become 0.
pub fn whiten(rows: &mut [Vec<f64>], whitening: Whitening, variance: Variance) {
    let count = rows.iter().map(Vec::len).sum::<usize>();
    if count < 2 {
        return;
    }
    let (mean, spread) = mean_and_variance(rows.iter().flatten().copied(), variance);
    let kept = if whitening == Whitening::KeepMean { mean } else { 0.0 };
    let scale = 1.0 / (spread + 1e-8).sqrt();
    for value in rows.iter_mut().flatten() {
        *value = (*value - mean) * scale + kept;
    }
}

/// Mean and variance in two passes; both NaN of no numbers, the sample variance of one too.
pub(crate) fn mean_and_variance(
    values: impl Iterator<Item = f64> + Clone,
    variance: Variance,
) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
    let divisor = match variance {
        Variance::Population => count,
        Variance::Sample => count - 1.0,
    };
    (mean, squares / divisor)
}

#[cfg(test)]
mod tests;
