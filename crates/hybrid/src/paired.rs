//! Before and after on the same prompts: the mean difference, how sure it is, and whether it could
//! be chance.

use statrs::distribution::{ContinuousCDF, StudentsT};

#[cfg(test)]
mod tests;

/// The paired comparison of two measurements of the same things (Student's paired t-test).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// How many things were measured twice; at least 2.
    pub count: usize,
    /// Mean of the first measurement.
    pub before: f64,
    /// Mean of the second.
    pub after: f64,
    /// Mean of the second minus the first.
    pub difference: f64,
    /// Ends of the 95 % confidence interval of the difference, from Student's t with `count - 1`
    /// degrees of freedom.
    pub interval: (f64, f64),
    /// Two-sided: how often a difference at least this far from 0 would come about if there were
    /// none, in [0, 1].
    pub p_value: f64,
}

/// Share of the intervals that hold the true difference.
const CONFIDENCE: f64 = 0.95;

/// Compares measurement by measurement. `None` where the lists are of unlike length, there are fewer
/// than two pairs, or a number is not finite: no interval can be given then.
///
/// Where all differences are equal the interval is a point, and the p-value 0, or 1 for a difference
/// of 0.
#[must_use]
pub fn compare(before: &[f64], after: &[f64]) -> Option<Paired> {
    let count = before.len();
    if count < 2 || after.len() != count {
        return None;
    }
    let n = count as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
    let differences: Vec<f64> =
        after.iter().zip(before).map(|(after, before)| after - before).collect();
    let difference = mean(&differences);
    let squares = differences.iter().map(|value| (value - difference).powi(2)).sum::<f64>();
    let error = (squares / (n - 1.0) / n).sqrt();
    if !(difference.is_finite() && error.is_finite()) {
        return None;
    }
    let student = StudentsT::new(0.0, 1.0, n - 1.0).ok()?;
    let reach = student.inverse_cdf(0.5 + CONFIDENCE / 2.0) * error;
    let p_value = match error > 0.0 {
        true => (2.0 * student.sf((difference / error).abs())).clamp(0.0, 1.0),
        false if difference == 0.0 => 1.0,
        false => 0.0,
    };
    Some(Paired {
        count,
        before: mean(before),
        after: mean(after),
        difference,
        interval: (difference - reach, difference + reach),
        p_value,
    })
}
