//! Named numbers of a step. `docs/metrics.md` defines each.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Metrics by name, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Sets a metric; a later value replaces an earlier one.
    pub fn set(&mut self, name: impl Into<String>, value: f64) {
        self.0.insert(name.into(), value);
    }

    /// The value of a metric, if the step has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Adds all metrics of another set.
    pub fn extend(&mut self, other: impl IntoIterator<Item = (String, f64)>) {
        self.0.extend(other);
    }

    /// Names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// As a JSON object; what is not finite is `null`.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        self.0.iter().map(|(name, value)| (name.clone(), Value::from(*value))).collect()
    }
}

impl IntoIterator for Metrics {
    type Item = (String, f64);
    type IntoIter = std::collections::btree_map::IntoIter<String, f64>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<(String, f64)> for Metrics {
    fn from_iter<I: IntoIterator<Item = (String, f64)>>(metrics: I) -> Self {
        Self(metrics.into_iter().collect())
    }
}

/// Mean of the given numbers, or NaN without any.
#[must_use]
pub fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    sum / count
}

/// Population standard deviation of the given numbers, or NaN without any.
#[must_use]
pub fn deviation(values: &[f64]) -> f64 {
    let center = mean(values.iter().copied());
    mean(values.iter().map(|value| (value - center).powi(2))).sqrt()
}

/// Share of distinct pairs of neighbouring tokens (distinct-2, Li et al. 2016, arXiv 1510.03055).
///
/// The share falls with the number of tokens, so it is taken over blocks of `block` tokens, in
/// order, and averaged: two sets of samples of any sizes compare. Tokens that do not fill a last
/// block are left out, unless there is no full one. A pair never spans two rows.
#[must_use]
pub fn distinct_2(rows: &[&[u32]], block: usize) -> f64 {
    let mut shares = Vec::new();
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    let mut tokens = 0;
    let share = |pairs: &mut Vec<(u32, u32)>| {
        let total = pairs.len() as f64;
        pairs.sort_unstable();
        pairs.dedup();
        let distinct = pairs.len() as f64;
        pairs.clear();
        distinct / total
    };
    for row in rows {
        for (index, token) in row.iter().enumerate() {
            if let Some(before) = index.checked_sub(1).and_then(|before| row.get(before)) {
                pairs.push((*before, *token));
            }
            tokens += 1;
            if tokens == block {
                shares.push(share(&mut pairs));
                tokens = 0;
            }
        }
    }
    if shares.is_empty() { share(&mut pairs) } else { mean(shares) }
}

#[cfg(test)]
mod tests;
