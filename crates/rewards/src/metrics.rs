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
mod gleu;
mod grammar;
#[cfg(feature = "http")]
pub(crate) mod http;
mod jaccard;
mod lcs;
mod length;
mod levenshtein;
pub(crate) mod lexical;
mod linear;
mod meteor;
mod ngrams;
mod porter;
mod readability;
mod regex;
pub(crate) mod relevance;
mod repetition;
mod rouge;
mod sentiment;
mod spelling;
mod structure;
mod ter;
mod token_f1;
mod tokenize;
pub mod vader;
pub(crate) mod wire;

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

pub use self::bleu::corpus_bleu;
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
    gleu::register(registry)?;
    grammar::register(registry)?;
    #[cfg(feature = "http")]
    http::register(registry)?;
    jaccard::register(registry)?;
    lcs::register(registry)?;
    length::register(registry)?;
    levenshtein::register(registry)?;
    lexical::register(registry)?;
    linear::register(registry)?;
    meteor::register(registry)?;
    readability::register(registry)?;
    regex::register(registry)?;
    relevance::register(registry)?;
    repetition::register(registry)?;
    rouge::register(registry)?;
    sentiment::register(registry)?;
    spelling::register(registry)?;
    structure::register(registry)?;
    ter::register(registry)?;
    token_f1::register(registry)
}
