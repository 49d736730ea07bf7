//! What a reward returns: one optional number a row, and the parts it was made of.

use std::time::Duration;

/// The scores of a batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Column {
    /// One entry a row, in the batch's order. `None` is "no score": never NaN, never a silent 0.
    pub value: Vec<Option<f64>>,
    /// The leaves below, each after its own post-processing and before its weight.
    pub parts: Vec<Part>,
    /// What a person should hear about this batch, one sentence each.
    pub notes: Vec<String>,
}

/// The scores of one leaf.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Part {
    /// The names from below the root to the leaf, joined by `/`.
    pub path: String,
    /// One entry a row.
    pub value: Vec<Option<f64>>,
    /// How many of the leaf's numbers were infinite or NaN and became `None`.
    pub nonfinite: usize,
    /// How long the leaf took, where the context had a clock.
    pub elapsed: Option<Duration>,
}

/// The numbers of one column in short.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Summary {
    /// Mean over the rows that have a score; `None` where none has.
    pub mean: Option<f64>,
    /// Standard deviation over the same rows, population form (divided by their number).
    pub std: Option<f64>,
    /// Smallest score.
    pub min: Option<f64>,
    /// Largest score.
    pub max: Option<f64>,
    /// Rows without a score.
    pub null: usize,
}

impl Column {
    /// A column without parts.
    pub fn of(value: Vec<Option<f64>>) -> Self {
        Self { value, ..Self::default() }
    }
}

impl Summary {
    /// Summarises `values`.
    pub fn of(values: &[Option<f64>]) -> Self {
        let known: Vec<f64> = values.iter().copied().flatten().collect();
        let null = values.len() - known.len();
        if known.is_empty() {
            return Self { null, ..Self::default() };
        }
        let (mean, variance) = mean_variance(&known, 0.0);
        Self {
            mean: Some(mean),
            std: Some(variance.sqrt()),
            min: known.iter().copied().reduce(f64::min),
            max: known.iter().copied().reduce(f64::max),
            null,
        }
    }
}

/// A column that comes batch by batch, in short: what [`Summary`] says, without the values.
///
/// Mean and squares are kept as Welford (1962) does, so that a million scores near 1e6 lose nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Running {
    known: u64,
    null: usize,
    mean: f64,
    squares: f64,
    bounds: Option<(f64, f64)>,
}

impl Running {
    /// Takes in the scores of a batch.
    pub fn extend(&mut self, values: &[Option<f64>]) {
        for value in values {
            let Some(value) = *value else {
                self.null += 1;
                continue;
            };
            self.known += 1;
            let before = value - self.mean;
            self.mean += before / self.known as f64;
            self.squares += before * (value - self.mean);
            let (low, high) = self.bounds.unwrap_or((value, value));
            self.bounds = Some((low.min(value), high.max(value)));
        }
    }

    /// The summary of everything taken in.
    pub fn summary(&self) -> Summary {
        let Some((low, high)) = self.bounds else {
            return Summary { null: self.null, ..Summary::default() };
        };
        Summary {
            mean: Some(self.mean),
            std: Some((self.squares / self.known as f64).max(0.0).sqrt()),
            min: Some(low),
            max: Some(high),
            null: self.null,
        }
    }
}

/// Mean of `values` and their variance divided by `len - lost`; both 0 where that is not positive
/// or nothing is there.
pub(crate) fn mean_variance(values: &[f64], lost: f64) -> (f64, f64) {
    let count = values.len() as f64;
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let mean = values.iter().sum::<f64>() / count;
    if count - lost <= 0.0 {
        return (mean, 0.0);
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, squares / (count - lost))
}

#[cfg(test)]
mod tests;
