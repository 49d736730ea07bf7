//! Texts as vectors of weighted terms: (1 + ln tf) · idf, of length 1.

use std::collections::{BTreeMap, HashMap};

use crate::language::content_stems;

/// How rare terms are: ln((1 + documents) / (1 + documents with the term)) + 1. Without documents
/// every term weighs 1.
#[derive(Debug, Clone, Default)]
pub(in crate::metrics) struct Rarity {
    documents: usize,
    with: HashMap<String, usize>,
}

impl Rarity {
    /// Counts the terms of `texts`.
    pub(super) fn of(texts: &[String]) -> Self {
        let mut with: HashMap<String, usize> = HashMap::new();
        for text in texts {
            let mut terms = content_stems(text);
            terms.sort_unstable();
            terms.dedup();
            for term in terms {
                *with.entry(term).or_default() += 1;
            }
        }
        Self { documents: texts.len(), with }
    }

    /// The weight of `term`.
    pub(super) fn idf(&self, term: &str) -> f64 {
        let with = self.with.get(term).copied().unwrap_or(0);
        ((1 + self.documents) as f64 / (1 + with) as f64).ln() + 1.0
    }

    /// The vector of `text`; its terms are stems of words that are no function words.
    pub(in crate::metrics) fn vector(&self, text: &str) -> Vector {
        let mut counts: BTreeMap<String, f64> = BTreeMap::new();
        for term in content_stems(text) {
            *counts.entry(term).or_default() += 1.0;
        }
        for (term, weight) in &mut counts {
            *weight = (1.0 + weight.ln()) * self.idf(term);
        }
        Vector(counts).normalized()
    }
}

/// A text's terms with their weights; of length 1, or empty.
#[derive(Debug, Clone, Default)]
pub(in crate::metrics) struct Vector(BTreeMap<String, f64>);

impl Vector {
    /// The mean direction of `vectors`.
    pub(super) fn centroid(vectors: impl Iterator<Item = Self>) -> Self {
        let mut sum: BTreeMap<String, f64> = BTreeMap::new();
        for vector in vectors {
            for (term, weight) in vector.0 {
                *sum.entry(term).or_default() += weight;
            }
        }
        Self(sum).normalized()
    }

    fn normalized(mut self) -> Self {
        let length = self.0.values().map(|weight| weight * weight).sum::<f64>().sqrt();
        if length > 0.0 {
            self.0.values_mut().for_each(|weight| *weight /= length);
        }
        self
    }

    /// The cosine of the angle, in [0, 1]; 0 where a text has no term.
    pub(in crate::metrics) fn cosine(&self, other: &Self) -> f64 {
        let (few, many) = if self.0.len() <= other.0.len() { (self, other) } else { (other, self) };
        let product =
            |(term, weight): (&String, &f64)| many.0.get(term).map_or(0.0, |other| weight * other);
        few.0.iter().map(product).sum::<f64>().clamp(0.0, 1.0)
    }
}
