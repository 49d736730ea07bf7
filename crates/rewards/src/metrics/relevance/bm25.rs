//! Okapi BM25 (Robertson and Walker 1994) over an inverted index.

use std::collections::HashMap;

use crate::language::content_stems;

/// The two constants of BM25.
#[derive(Debug, Clone, Copy)]
pub(super) struct Constants {
    /// How soon more of a term stops counting.
    pub(super) k1: f64,
    /// How much long documents are discounted, in [0, 1].
    pub(super) b: f64,
}

/// Documents by their terms.
#[derive(Debug)]
pub(super) struct Index {
    constants: Constants,
    /// The discount of each document's length.
    lengths: Vec<f64>,
    /// Of each term the documents that have it, and how often.
    postings: HashMap<String, Vec<(usize, f64)>>,
}

impl Index {
    pub(super) fn of(texts: &[String], constants: Constants) -> Self {
        let mut postings: HashMap<String, Vec<(usize, f64)>> = HashMap::new();
        let mut lengths = Vec::with_capacity(texts.len());
        for (document, text) in texts.iter().enumerate() {
            let terms = content_stems(text);
            lengths.push(terms.len() as f64);
            for term in terms {
                let documents = postings.entry(term).or_default();
                match documents.last_mut() {
                    Some((last, count)) if *last == document => *count += 1.0,
                    _ => documents.push((document, 1.0)),
                }
            }
        }
        let mean = lengths.iter().sum::<f64>() / lengths.len().max(1) as f64;
        let Constants { k1, b } = constants;
        let discount = |len: f64| k1 * (1.0 - b + b * len / mean.max(f64::MIN_POSITIVE));
        let lengths = lengths.into_iter().map(discount).collect();
        Self { constants, lengths, postings }
    }

    /// The best document's BM25 for `query` as a share of the most that any could reach, in [0, 1];
    /// 0 for a query without a term.
    pub(super) fn best(&self, query: &str) -> f64 {
        let mut terms = content_stems(query);
        terms.sort_unstable();
        terms.dedup();
        let mut scores: HashMap<usize, f64> = HashMap::new();
        let mut most = 0.0;
        for term in &terms {
            let documents = self.postings.get(term).map_or(&[][..], Vec::as_slice);
            let (all, with) = (self.lengths.len() as f64, documents.len() as f64);
            let idf = (1.0 + (all - with + 0.5) / (with + 0.5)).ln();
            most += idf * (self.constants.k1 + 1.0);
            for (document, count) in documents {
                let discount = self.lengths.get(*document).copied().unwrap_or(0.0);
                let gain = idf * count * (self.constants.k1 + 1.0) / (count + discount);
                *scores.entry(*document).or_default() += gain;
            }
        }
        let best = scores.into_values().fold(0.0, f64::max);
        if most > 0.0 { (best / most).min(1.0) } else { 0.0 }
    }
}
