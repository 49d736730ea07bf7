//! Rewards that look at text.
//!
//! Those that compare with targets score the best target. Read any of them alone.

use crate::reward::{Needs, RowMetric};
use crate::sample::Sample;
use crate::spec::registry::{RegisterError, Registry};

mod bleu;
mod chrf;
mod coherence;
mod command;
mod diversity;
mod error_rate;
mod exact_match;
mod field;
mod jaccard;
mod length;
mod levenshtein;
mod lexical;
mod linear;
mod ngrams;
mod porter;
mod regex;
mod relevance;
mod rouge;
mod sentiment;
mod structure;
mod ter;
mod token_f1;
mod tokenize;
pub mod vader;

#[cfg(test)]
mod tests;

/// A metric of a response and one target, where more is better.
pub(crate) trait PairMetric: Send + Sync {
    /// The score of the pair, or `None` where it has none.
    fn score_pair(&self, response: &str, target: &str) -> Option<f64>;
}

/// A [`PairMetric`] over several targets: the best score counts.
pub(crate) struct BestTarget<M>(pub(crate) M);

impl<M: PairMetric> RowMetric for BestTarget<M> {
    fn needs(&self) -> Needs {
        Needs::target()
    }

    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        let scores = sample.targets.iter().filter_map(|t| self.0.score_pair(sample.response, t));
        scores.reduce(f64::max)
    }
}

pub(crate) use self::porter::stem;

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    bleu::register(registry)?;
    chrf::register(registry)?;
    coherence::register(registry)?;
    command::register(registry)?;
    diversity::register(registry)?;
    error_rate::register(registry)?;
    exact_match::register(registry)?;
    field::register(registry)?;
    jaccard::register(registry)?;
    length::register(registry)?;
    levenshtein::register(registry)?;
    lexical::register(registry)?;
    linear::register(registry)?;
    regex::register(registry)?;
    relevance::register(registry)?;
    rouge::register(registry)?;
    sentiment::register(registry)?;
    structure::register(registry)?;
    ter::register(registry)?;
    token_f1::register(registry)
}
