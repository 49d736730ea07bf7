//! Text to a sparse vector: n-grams of words and of characters, (1 + ln tf) · idf, length 1.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::LinearError;
use crate::language::tokens;

/// A sparse vector: feature numbers in ascending order, with their values.
pub type Sparse = Vec<(usize, f64)>;

/// Which n-grams are features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureOptions {
    /// Words in the longest n-gram, 0 to 5; 0 takes no words. Words are in lower case. Default 2.
    pub words: usize,
    /// Characters in the longest n-gram, 0 to 8; the shortest has two, white space counting as one
    /// blank. 0 takes none. Default 0.
    pub chars: usize,
    /// Training rows that a feature must stand in, at least 1. Default 2.
    pub min_df: usize,
    /// The most features, at least 1; the most frequent are kept. Default 200,000.
    pub max_features: usize,
}

impl Default for FeatureOptions {
    fn default() -> Self {
        Self { words: 2, chars: 0, min_df: 2, max_features: 200_000 }
    }
}

impl FeatureOptions {
    pub(super) fn validate(&self) -> Result<(), LinearError> {
        let wrong = |key, reason: &str| Err(LinearError::Option { key, reason: reason.to_owned() });
        match *self {
            Self { words, .. } if words > 5 => wrong("words", "must be between 0 and 5"),
            Self { chars, .. } if chars > 8 => wrong("chars", "must be between 0 and 8"),
            Self { words: 0, chars: 0 | 1, .. } => {
                wrong("words", "and `chars` leave no feature; set one of them")
            }
            Self { min_df: 0, .. } => wrong("min_df", "is 0, must be at least 1"),
            Self { max_features: 0, .. } => wrong("max_features", "is 0, must be at least 1"),
            _ => Ok(()),
        }
    }

    /// How often each n-gram occurs. Words carry no mark, characters a leading tab.
    fn counts(&self, text: &str) -> HashMap<String, f64> {
        let mut counts: HashMap<String, f64> = HashMap::new();
        let words = tokens(text);
        for n in 1..=self.words {
            for gram in words.windows(n) {
                *counts.entry(gram.join(" ")).or_default() += 1.0;
            }
        }
        if self.chars >= 2 {
            let plain = text.to_lowercase();
            let plain: Vec<&str> = crate::text::words(&plain).collect();
            let chars: Vec<char> = plain.join(" ").chars().collect();
            for n in 2..=self.chars {
                for gram in chars.windows(n) {
                    let gram: String = std::iter::once('\t').chain(gram.iter().copied()).collect();
                    *counts.entry(gram).or_default() += 1.0;
                }
            }
        }
        counts
    }
}

/// The features of a model: n-grams in a fixed order with their idf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct Features {
    options: FeatureOptions,
    idf: Vec<f64>,
    numbers: HashMap<String, usize>,
}

/// [`Features`] as they stand in a file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    options: FeatureOptions,
    ngrams: Vec<(String, f64)>,
}

impl From<Saved> for Features {
    fn from(saved: Saved) -> Self {
        let idf = saved.ngrams.iter().map(|(_, idf)| *idf).collect();
        let numbers =
            saved.ngrams.into_iter().enumerate().map(|(number, (gram, _))| (gram, number));
        Self { options: saved.options, idf, numbers: numbers.collect() }
    }
}

impl From<Features> for Saved {
    fn from(features: Features) -> Self {
        let mut ngrams: Vec<(String, usize)> = features.numbers.into_iter().collect();
        ngrams.sort_unstable_by_key(|(_, number)| *number);
        let idf = |number: usize| features.idf.get(number).copied().unwrap_or(0.0);
        let ngrams = ngrams.into_iter().map(|(gram, number)| (gram, idf(number))).collect();
        Self { options: features.options, ngrams }
    }
}

impl Features {
    /// The features of the training texts, in alphabetical order; idf is
    /// ln((1 + rows) / (1 + rows with it)) + 1.
    pub(super) fn of(texts: &[&str], options: FeatureOptions) -> Result<Self, LinearError> {
        let mut with: BTreeMap<String, usize> = BTreeMap::new();
        // In parts, so that the counts of all texts never stand in memory together.
        for part in texts.chunks(4096) {
            let counted: Vec<HashMap<String, f64>> =
                part.par_iter().map(|text| options.counts(text)).collect();
            for gram in counted.into_iter().flat_map(HashMap::into_keys) {
                *with.entry(gram).or_default() += 1;
            }
        }
        with.retain(|_, rows| *rows >= options.min_df);
        if with.is_empty() {
            return Err(LinearError::NoFeature { min_df: options.min_df });
        }
        let mut kept: Vec<(String, usize)> = with.into_iter().collect();
        // Stable, so that of equally frequent ones the first in the alphabet stay.
        kept.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
        kept.truncate(options.max_features);
        kept.sort_unstable();
        let idf = |rows: usize| ((1 + texts.len()) as f64 / (1 + rows) as f64).ln() + 1.0;
        let ngrams = kept.into_iter().map(|(gram, rows)| (gram, idf(rows))).collect();
        Ok(Saved { options, ngrams }.into())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.idf.len()
    }

    /// Refuses what `of` would not have made.
    pub(super) fn check(&self) -> Result<(), String> {
        self.options.validate().map_err(|error| error.to_string())?;
        if self.numbers.len() != self.idf.len() {
            return Err("an n-gram stands in it twice".to_owned());
        }
        Ok(())
    }

    /// The vector of `text`; empty where it has no feature.
    pub(super) fn vector(&self, text: &str) -> Sparse {
        let counts = self.options.counts(text);
        let value = |(gram, count): (String, f64)| {
            let number = *self.numbers.get(&gram)?;
            Some((number, (1.0 + count.ln()) * self.idf.get(number)?))
        };
        let mut vector: Sparse = counts.into_iter().filter_map(value).collect();
        vector.sort_unstable_by_key(|(number, _)| *number);
        let length = vector.iter().map(|(_, value)| value * value).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|(_, value)| *value /= length);
        vector
    }
}
