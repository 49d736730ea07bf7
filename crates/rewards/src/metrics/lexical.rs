//! Measures that look words up in lists which the user gives, and counts of plain features.
//!
//! They see words, not meaning: irony, quotation and negation are beyond them. What each was tried
//! on stands in its evidence; most were tried on nothing.

use crate::spec::registry::{RegisterError, Registry};

mod afinn;
mod bias;
mod domain_terms;
mod emotion;
pub(crate) mod fluency;
mod formality;
mod listed;
mod word_list;

#[cfg(test)]
mod tests;

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    afinn::register(registry)?;
    bias::register(registry)?;
    domain_terms::register(registry)?;
    emotion::register(registry)?;
    #[cfg(not(feature = "neural"))]
    fluency::register(registry)?;
    formality::register(registry)?;
    listed::register(registry)
}

/// 1 for a rate of 0, falling evenly to 0 at `1 / scale`.
fn fewer_is_better(rate: f64, scale: f64) -> f64 {
    (1.0 - scale * rate).clamp(0.0, 1.0)
}

/// `count / all`; 0 where there is nothing.
fn share(count: usize, all: usize) -> f64 {
    if all == 0 { 0.0 } else { count as f64 / all as f64 }
}
